//! The real program, killed again and again under load: nothing acknowledged is missing, nothing is stored twice.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests fail by panics"
)]

mod common;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use beaconry_core::{Ranges, StreamId};
use common::{body, range};
use serde_json::Value;

const KILLS: usize = 12;
const CONNECTIONS: u8 = 4;
/// Requests answered between two kills: enough that the kill falls into a busy writer.
const BETWEEN: u64 = 40;

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(dir: &Path) -> (Server, String) {
    let port = dir.join("port");
    let _ = std::fs::remove_file(&port);
    let child = Command::new(env!("CARGO_BIN_EXE_beaconry"))
        .args(["serve", "--listen", "127.0.0.1:0", "--key", "k", "--app", "shop", "--data"])
        .arg(dir.join("data"))
        .arg("--port-file")
        .arg(&port)
        .env("RUST_LOG", "error")
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut server = Server(child);
    loop {
        match std::fs::read_to_string(&port) {
            Ok(address) if !address.is_empty() => return (server, address),
            _ => assert!(server.0.try_wait().unwrap().is_none(), "the collector ended"),
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// One request; the body of a 200.
fn send(socket: &mut BufReader<TcpStream>, stream: StreamId, body: &[u8]) -> Option<String> {
    let id = stream.to_text();
    let head = format!(
        "POST /v1/events?key=k&stream={}&now={} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
        id.as_str(),
        now(),
        body.len()
    );
    socket.get_mut().write_all(&[head.as_bytes(), body].concat()).ok()?;
    let (mut line, mut length, mut ok) = (String::new(), 0, false);
    loop {
        line.clear();
        if socket.read_line(&mut line).ok()? == 0 {
            return None;
        }
        ok |= line.starts_with("HTTP/1.1 200");
        match line.trim_end().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().ok()?,
            _ if line == "\r\n" => break,
            _ => {}
        }
    }
    let mut answer = vec![0; length];
    socket.read_exact(&mut answer).ok()?;
    String::from_utf8(answer).ok().filter(|_| ok)
}

fn now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

fn stored(answer: &str) -> Ranges {
    let answer: Value = serde_json::from_str(answer).unwrap();
    Ranges::parse(answer["stored"].to_string().as_bytes()).unwrap()
}

/// Sends batch after batch of one stream, each until it is acknowledged; gives what was acknowledged.
fn load(stream: StreamId, address: &Mutex<String>, answered: &AtomicU64, stop: &AtomicBool) -> Ranges {
    let mut acknowledged = Ranges::new();
    let mut next = 0;
    while !stop.load(Ordering::Relaxed) {
        let address = address.lock().unwrap().clone();
        let Ok(socket) = TcpStream::connect(&address) else {
            std::thread::sleep(Duration::from_millis(2));
            continue;
        };
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut socket = BufReader::new(socket);
        while let Some(answer) = send(&mut socket, stream, &body(stream, range(next, next + 5))) {
            let stored = stored(&answer);
            assert!(stored.contains_range(range(next, next + 5)) && stored.end() == next + 5, "{answer}");
            acknowledged.extend(&stored);
            answered.fetch_add(1, Ordering::Relaxed);
            next += 5;
            if stop.load(Ordering::Relaxed) {
                break;
            }
        }
    }
    acknowledged
}

#[test]
fn nothing_acknowledged_is_missing_and_nothing_is_stored_twice_after_any_number_of_kills() {
    let dir = tempfile::tempdir().unwrap();
    let (mut server, address) = start(dir.path());
    let address = Arc::new(Mutex::new(address));
    let (answered, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let streams: Vec<StreamId> = (0..CONNECTIONS).map(|n| StreamId::new(now(), [n; 10])).collect();
    let loads = streams.iter().map(|stream| {
        let (stream, address, answered, stop) = (*stream, address.clone(), answered.clone(), stop.clone());
        std::thread::spawn(move || load(stream, &address, &answered, &stop))
    });
    let loads: Vec<_> = loads.collect();
    for kill in 0..KILLS {
        let goal = answered.load(Ordering::Relaxed) + BETWEEN + kill as u64;
        while answered.load(Ordering::Relaxed) < goal {
            assert!(!loads.iter().any(std::thread::JoinHandle::is_finished), "a connection gave up");
            std::thread::sleep(Duration::from_millis(1));
        }
        server.0.kill().unwrap();
        drop(server);
        let (again, new_address) = start(dir.path());
        *address.lock().unwrap() = new_address;
        server = again;
    }
    stop.store(true, Ordering::Relaxed);
    let acknowledged: Vec<Ranges> = loads.into_iter().map(|load| load.join().unwrap()).collect();
    drop(server);
    // What the last kill tore is mended by the next start, as by any.
    drop(start(dir.path()));

    let mut ids = BTreeSet::new();
    for line in common::journal_text(&dir.path().join("data")).lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let id = line["id"].as_str().unwrap().to_owned();
        assert!(id.ends_with(&format!(".{}", line["data"]["n"])), "{line}");
        assert!(ids.insert(id), "stored twice: {line}");
    }
    for (stream, acknowledged) in streams.iter().zip(&acknowledged) {
        assert!(acknowledged.count() > 0);
        for number in acknowledged.iter().flat_map(|range| range.start()..range.end()) {
            assert!(ids.contains(&format!("{}.{number}", stream.to_text().as_str())), "{number} is missing");
        }
    }
}

#[test]
fn sigterm_drains_and_ends_well_and_a_second_collector_is_told_why_not() {
    let dir = tempfile::tempdir().unwrap();
    let (mut server, address) = start(dir.path());
    let second = Command::new(env!("CARGO_BIN_EXE_beaconry"))
        .args(["serve", "--listen", "127.0.0.1:0", "--key", "k", "--app", "shop", "--data"])
        .arg(dir.path().join("data"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success() && told.contains("in use by another collector"), "{told}");
    let taken = Command::new(env!("CARGO_BIN_EXE_beaconry"))
        .args(["serve", "--listen", &address, "--key", "k", "--app", "shop", "--data"])
        .arg(dir.path().join("other"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&taken.stderr).into_owned();
    assert!(!taken.status.success() && told.contains("Name another address with --listen"), "{told}");

    let stream = StreamId::new(now(), [1; 10]);
    let mut socket = BufReader::new(TcpStream::connect(&address).unwrap());
    assert!(send(&mut socket, stream, &body(stream, range(0, 3))).is_some());
    let phase = |phase: &str| {
        let data = dir.path().join("data");
        let done = Command::new(env!("CARGO_BIN_EXE_beaconry"))
            .args(["phase", "k", phase, "--data"])
            .arg(data)
            .status();
        assert!(done.unwrap().success());
    };
    phase("DISABLED");
    assert!(
        send(&mut socket, stream, &body(stream, range(3, 4))).is_none(),
        "off at once, without a restart"
    );
    phase("ENABLED");
    assert!(send(&mut socket, stream, &body(stream, range(3, 4))).is_some());
    let terminated = Command::new("kill").args(["-TERM", &server.0.id().to_string()]).status().unwrap();
    assert!(terminated.success() && server.0.wait().unwrap().success());
}
