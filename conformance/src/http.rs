//! Requests byte for byte, and answers as they are.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

/// Longer than any server thinks about a request.
const TIMEOUT: Duration = Duration::from_secs(60);
const MAX_HEADERS: usize = 64;

/// What a server said.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body, which is always text.
    pub body: String,
}

impl Answer {
    /// A header, its value in small letters: their case means nothing.
    pub fn header(&self, name: &str) -> Option<String> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.to_ascii_lowercase())
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// Sends a request and reads its answer to the end of the connection.
///
/// # Errors
/// Where the connection breaks or what comes is no HTTP.
pub fn send(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(String, String)],
    body: &[u8],
) -> Result<Answer> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if method == "POST" {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    exchange(address, &[head.as_bytes(), b"\r\n", body].concat())
}

/// Sends bytes as they are, and reads what comes.
///
/// # Errors
/// As [`send`].
pub fn exchange(address: SocketAddr, request: &[u8]) -> Result<Answer> {
    let mut socket = connect(address)?;
    // A server that has said no already may not read on; its answer is there all the same.
    let sent = socket.write_all(request);
    let bytes = read(&mut socket);
    if bytes.is_empty() {
        sent?;
    }
    parse(&bytes)
}

/// Sends bytes and says that no more will come. Whether a server still answers is up to it.
///
/// # Errors
/// Where there is no connection.
pub fn break_off(address: SocketAddr, request: &[u8]) -> Result<Option<Answer>> {
    let mut socket = connect(address)?;
    socket.write_all(request)?;
    socket.shutdown(Shutdown::Write)?;
    Ok(parse(&read(&mut socket)).ok())
}

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(TIMEOUT))?;
    Ok(socket)
}

/// To the end of the connection, however that comes.
fn read(socket: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = socket.read_to_end(&mut bytes);
    bytes
}

fn parse(bytes: &[u8]) -> Result<Answer> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(start) = response.parse(bytes)? else {
        bail!("half an answer: {}", String::from_utf8_lossy(bytes));
    };
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers: Vec<_> =
        response.headers.iter().map(|header| (header.name.to_owned(), text(header.value))).collect();
    let answer = Answer {
        status: response.code.context("an answer without a status")?,
        headers,
        body: text(bytes.get(start..).unwrap_or_default()),
    };
    ensure!(answer.header("transfer-encoding").is_none(), "answers have a length: {answer:?}");
    if let Some(length) = answer.header("content-length") {
        ensure!(length == (bytes.len() - start).to_string(), "a body of another length: {answer:?}");
    }
    Ok(answer)
}
