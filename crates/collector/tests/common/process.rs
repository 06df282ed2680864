//! The real program as a process, and a client of it that is one connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use beaconry_core::StreamId;

/// A running `beaconry serve`; killed when it is dropped.
pub struct Server {
    child: Child,
    pub address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn beaconry() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_beaconry"));
    command.env("RUST_LOG", "error");
    command
}

impl Server {
    /// With the key `k` of the app `shop`, on `dir/data`.
    pub fn start(dir: &Path) -> Server {
        Server::start_with(dir, &[])
    }

    pub fn start_with(dir: &Path, flags: &[&str]) -> Server {
        Server::start_as(dir, |command| {
            command.args(["--listen", "127.0.0.1:0", "--key", "k", "--app", "shop"]).args(flags);
        })
    }

    pub fn start_as(dir: &Path, change: impl FnOnce(&mut Command)) -> Server {
        let port = dir.join("port");
        let _ = std::fs::remove_file(&port);
        let mut command = beaconry();
        command.arg("serve").arg("--data").arg(dir.join("data")).arg("--port-file").arg(&port);
        change(&mut command);
        let mut child = command.stderr(Stdio::inherit()).spawn().unwrap();
        loop {
            match std::fs::read_to_string(&port) {
                Ok(address) if !address.is_empty() => return Server { child, address },
                _ => assert!(child.try_wait().unwrap().is_none(), "the collector ended"),
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub fn connect(&self) -> BufReader<TcpStream> {
        BufReader::new(TcpStream::connect(&self.address).unwrap())
    }

    /// One request on a connection of its own; the body of a 200.
    pub fn post(&self, stream: StreamId, body: &[u8]) -> Option<String> {
        send(&mut self.connect(), "k", stream, body)
    }

    /// The whole answer to a GET.
    pub fn get(&self, path: &str) -> String {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        write!(socket, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    }

    pub fn signal(&self, name: &str) {
        let signal = format!("-{name}");
        assert!(
            Command::new("kill").args([&signal, &self.child.id().to_string()]).status().unwrap().success()
        );
    }

    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// As a service manager ends it.
    pub fn terminate(mut self) {
        self.signal("TERM");
        assert!(self.wait().success());
    }
}

/// One request; the body of a 200.
pub fn send(socket: &mut BufReader<TcpStream>, key: &str, stream: StreamId, body: &[u8]) -> Option<String> {
    let (status, _, body) = exchange(socket, key, stream, body)?;
    (status == 200).then_some(body)
}

/// One request; status, head and body of the answer.
pub fn exchange(
    socket: &mut BufReader<TcpStream>,
    key: &str,
    stream: StreamId,
    body: &[u8],
) -> Option<(u16, String, String)> {
    let id = stream.to_text();
    let head = format!(
        "POST /v1/events?key={key}&stream={}&now={} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
        id.as_str(),
        now(),
        body.len()
    );
    socket.get_mut().write_all(&[head.as_bytes(), body].concat()).ok()?;
    answer(socket)
}

/// Reads an answer; nothing where the connection ends before it.
pub fn answer(socket: &mut BufReader<TcpStream>) -> Option<(u16, String, String)> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let start = head.len();
        if socket.read_line(&mut head).ok()? == 0 {
            return None;
        }
        match head[start..].trim_end().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().ok()?,
            _ if &head[start..] == "\r\n" => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    socket.read_exact(&mut body).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, head, String::from_utf8(body).ok()?))
}

pub fn now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}
