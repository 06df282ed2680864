//! The real program, killed again and again under load: nothing acknowledged is missing, nothing is stored twice.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests fail by panics"
)]

mod common;

use std::collections::BTreeSet;
use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use beaconry_core::{Ranges, StreamId};
use common::process::{Server, answer, beaconry, now, send};
use common::{body, range};
use serde_json::Value;
use tempfile::TempDir;

const KILLS: usize = 12;
const CONNECTIONS: u8 = 4;
/// Requests answered between two kills: enough that the kill falls into a busy writer.
const BETWEEN: u64 = 40;

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
        while let Some(answer) = send(&mut socket, "k", stream, &body(stream, range(next, next + 5))) {
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

/// Clients that send all the time, while the server comes and goes.
struct Load {
    dir: TempDir,
    flags: &'static [&'static str],
    address: Arc<Mutex<String>>,
    answered: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    clients: Vec<(StreamId, JoinHandle<Ranges>)>,
}

impl Load {
    fn start(flags: &'static [&'static str]) -> (Load, Server) {
        let dir = tempfile::tempdir().unwrap();
        let server = Server::start_with(dir.path(), flags);
        let address = Arc::new(Mutex::new(server.address.clone()));
        let (answered, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let clients = (0..CONNECTIONS).map(|n| {
            let stream = StreamId::new(now(), [n; 10]);
            let (address, answered, stop) = (address.clone(), answered.clone(), stop.clone());
            (stream, std::thread::spawn(move || load(stream, &address, &answered, &stop)))
        });
        let clients = clients.collect();
        (Load { dir, flags, address, answered, stop, clients }, server)
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Waits until so many more requests were answered.
    fn goes_on(&self, requests: u64) {
        let goal = self.answered.load(Ordering::Relaxed) + requests;
        while self.answered.load(Ordering::Relaxed) < goal {
            assert!(!self.clients.iter().any(|(_, client)| client.is_finished()), "a connection gave up");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn kill_and_start(&self, server: Server) -> Server {
        drop(server);
        let server = Server::start_with(self.dir.path(), self.flags);
        *self.address.lock().unwrap() = server.address.clone();
        server
    }

    /// What was acknowledged is there, and nothing is there twice.
    fn check(self, server: Server) {
        self.stop.store(true, Ordering::Relaxed);
        let data = self.data();
        let clients = self.clients.into_iter();
        let acknowledged: Vec<_> = clients.map(|(stream, client)| (stream, client.join().unwrap())).collect();
        drop(server);
        // What the last kill tore is mended by the next start, as by any.
        drop(Server::start(self.dir.path()));
        let mut ids = BTreeSet::new();
        for line in common::journal_text(&data).lines() {
            let line: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            let id = line["id"].as_str().unwrap().to_owned();
            assert!(id.ends_with(&format!(".{}", line["data"]["n"])), "{line}");
            assert!(ids.insert(id), "stored twice: {line}");
        }
        for (stream, acknowledged) in &acknowledged {
            assert!(acknowledged.count() > 0);
            for number in acknowledged.iter().flat_map(|range| range.start()..range.end()) {
                let id = format!("{}.{number}", stream.to_text().as_str());
                assert!(ids.contains(&id), "{number} is missing");
            }
        }
    }
}

#[test]
fn nothing_acknowledged_is_missing_and_nothing_is_stored_twice_after_any_number_of_kills() {
    let (load, mut server) = Load::start(&[]);
    for kill in 0..KILLS {
        load.goes_on(BETWEEN + kill as u64);
        server = load.kill_and_start(server);
    }
    load.check(server);
}

#[test]
fn kills_around_rotation_and_packing_lose_and_repeat_nothing() {
    let (load, mut server) = Load::start(&["--compress", "--max-file", "40KiB"]);
    for kill in 0..KILLS {
        load.goes_on(BETWEEN);
        let data = load.data();
        let mut rotation = beaconry().arg("rotate").arg("--data").arg(&data).spawn().unwrap();
        let has = |end: &str| {
            let names = std::fs::read_dir(&data).unwrap();
            names.into_iter().any(|entry| entry.unwrap().file_name().to_string_lossy().ends_with(end))
        };
        // At the wish, while a file is being packed, when it has its name, or when all is told.
        let stage = ["rotate.json", ".zst.new", ".zst", "no such file"][kill % 4];
        while !has(stage) && rotation.try_wait().unwrap().is_none() {}
        server = load.kill_and_start(server);
        assert!(rotation.wait().unwrap().success(), "the next server, or nobody, heard the wish");
    }
    let names = std::fs::read_dir(load.data()).unwrap();
    let packed =
        names.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|it| it == "zst"));
    assert!(packed.count() > 2);
    load.check(server);
}

#[test]
fn sigterm_drains_and_ends_well_and_a_second_collector_is_told_why_not() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let second = Command::new(env!("CARGO_BIN_EXE_beaconry"))
        .args(["serve", "--listen", "127.0.0.1:0", "--key", "k", "--app", "shop", "--data"])
        .arg(dir.path().join("data"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success() && told.contains("in use by another collector"), "{told}");
    let taken = Command::new(env!("CARGO_BIN_EXE_beaconry"))
        .args(["serve", "--listen", &server.address, "--key", "k", "--app", "shop", "--data"])
        .arg(dir.path().join("other"))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&taken.stderr).into_owned();
    assert!(!taken.status.success() && told.contains("Name another address with --listen"), "{told}");

    let stream = StreamId::new(now(), [1; 10]);
    let mut socket = server.connect();
    assert!(send(&mut socket, "k", stream, &body(stream, range(0, 3))).is_some());
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
        send(&mut socket, "k", stream, &body(stream, range(3, 4))).is_none(),
        "off at once, without a restart"
    );
    phase("ENABLED");
    assert!(send(&mut socket, "k", stream, &body(stream, range(3, 4))).is_some());
    server.terminate();
}

#[test]
fn sigterm_waits_for_who_is_sending_and_cuts_who_does_not_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(dir.path());
    let (slow, stalled) = (StreamId::new(now(), [1; 10]), StreamId::new(now(), [2; 10]));
    let begin = |stream: StreamId| {
        let sent = body(stream, range(0, 3));
        let uri = format!("/v1/events?key=k&stream={}&now={}", stream.to_text().as_str(), now());
        let head = format!("POST {uri} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", sent.len());
        let (first, rest) = sent.split_at(sent.len() / 2);
        let mut socket = server.connect();
        socket.get_mut().write_all(&[head.as_bytes(), first].concat()).unwrap();
        (socket, rest.to_vec())
    };
    let (mut slow_socket, rest) = begin(slow);
    let (mut stalled_socket, _) = begin(stalled);
    while !server.get("/stats").contains("\"requests\":2") {}
    server.signal("TERM");
    while TcpStream::connect(&server.address).is_ok() {}
    slow_socket.get_mut().write_all(&rest).unwrap();
    let (status, _, told) = answer(&mut slow_socket).unwrap();
    assert!(status == 200 && told.contains("[[0,3]]"), "{status} {told}");
    assert_eq!(answer(&mut stalled_socket), None, "cut without an answer: the client keeps all");
    assert!(server.wait().success());
    let journal = common::journal_text(&dir.path().join("data"));
    assert_eq!(journal.lines().count(), 3);
    assert!(journal.lines().all(|line| line.contains(slow.to_text().as_str())));
}
