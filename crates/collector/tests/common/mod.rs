//! What the tests of requests share: a collector in a directory of its own, and bodies of the real wire format.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test file uses a part of it")]

pub mod process;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use beaconry_collector::{App, Config, JournalFiles, KEY_RATE, Limits, State, app};
use beaconry_core::{Identity, Range, StreamId, StreamLine, wire::write_batch_line};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

/// Ten in the morning of 2025-11-24.
pub const NOW: u64 = 1_763_978_400_000;
pub const ORIGIN: &str = "https://shop.example.com";

pub struct Collector {
    pub dir: TempDir,
    pub state: State,
    pub clock: Arc<AtomicU64>,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

pub fn config(dir: &Path, clock: &Arc<AtomicU64>) -> Config {
    let clock = clock.clone();
    Config {
        data: dir.to_owned(),
        apps: vec![App {
            name: "shop".into(),
            keys: vec!["key-1".into(), "key-2".into()],
            origins: vec![ORIGIN.into()],
            rate: KEY_RATE,
        }],
        own_origins: Vec::new(),
        www: None,
        max_body: 64 * 1024,
        limits: Limits::default(),
        journal: JournalFiles::default(),
        clock: Arc::new(move || clock.load(Ordering::SeqCst)),
    }
}

impl Collector {
    pub fn new() -> Collector {
        Collector::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut Config)) -> Collector {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicU64::new(NOW));
        let mut config = config(dir.path(), &clock);
        change(&mut config);
        let state = State::open(config).unwrap();
        Collector { dir, state, clock }
    }

    pub async fn call(&self, request: Request<Body>) -> Answer {
        let response = app(self.state.clone()).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 16 << 20).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Request::get(path).header("host", "127.0.0.1:4600").body(Body::empty()).unwrap()).await
    }

    /// As a browser's `fetch` or `sendBeacon` would.
    pub async fn post(&self, stream: StreamId, body: impl Into<Body>) -> Answer {
        self.call(post(&uri(stream, "key-1", self.clock.load(Ordering::SeqCst)), body)).await
    }

    /// All lines of all journal files, in order.
    pub fn journal(&self) -> Vec<Value> {
        self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub fn text(&self) -> String {
        journal_text(self.dir.path())
    }

    pub fn ids(&self) -> Vec<String> {
        self.journal().iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect()
    }

    pub async fn stats(&self) -> Value {
        self.get("/stats").await.json()
    }
}

/// Whatever is there, in order: by day, then by number, packed or not.
pub fn journal_text(dir: &Path) -> String {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter_map(|name| Some((order(&name)?, name))).collect();
    names.sort();
    // While one is being packed both are there; the plain one sorts first.
    names.dedup_by_key(|(order, _)| order.clone());
    let read = |name: &str| {
        let bytes = fs::read(dir.join(name)).unwrap();
        String::from_utf8(if name.ends_with(".zst") { zstd::decode_all(&bytes[..]).unwrap() } else { bytes })
            .unwrap()
    };
    names.iter().map(|(_, name)| read(name)).collect()
}

fn order(name: &str) -> Option<(String, u32)> {
    let rest = name.strip_prefix("events-")?;
    let rest = rest.strip_suffix(".zst").unwrap_or(rest).strip_suffix(".jsonl")?;
    let (day, number) = rest.split_once('.').unwrap_or((rest, "1"));
    Some((day.to_owned(), number.parse().unwrap()))
}

pub fn uri(stream: StreamId, key: &str, now: u64) -> String {
    format!("/v1/events?key={key}&stream={}&now={now}", stream.to_text().as_str())
}

pub fn post(uri: &str, body: impl Into<Body>) -> Request<Body> {
    let request =
        Request::post(uri).header("origin", ORIGIN).header("content-type", "text/plain;charset=UTF-8");
    request.body(body.into()).unwrap()
}

pub fn stream(n: u8) -> StreamId {
    StreamId::new(NOW - 60_000, [n; 10])
}

pub fn line(stream: StreamId, tracked: u32) -> StreamLine {
    let identity = Identity { release: Some("\"1.4.2\"".into()), ..Identity::default() };
    StreamLine { tracked, ..StreamLine::new(stream, identity) }
}

pub fn range(start: u32, end: u32) -> Range {
    Range::new(start, end).unwrap()
}

pub fn event(number: u32) -> String {
    format!(r#"{{"type":"log","ts":{},"data":{{"n":{number}}}}}"#, NOW - 1_000)
}

pub fn push_line(body: &mut Vec<u8>, line: &StreamLine) {
    line.encode(body);
}

pub fn push_batch(body: &mut Vec<u8>, range: Range) {
    write_batch_line(range.start(), range.len(), b"\"page\":\"/cart\"", body);
    for number in range.start()..range.end() {
        body.extend_from_slice(event(number).as_bytes());
        body.push(b'\n');
    }
}

/// A request of a stream of which all before `range.end()` was tracked.
pub fn body(stream: StreamId, batch: Range) -> Vec<u8> {
    let mut body = Vec::new();
    push_line(&mut body, &line(stream, batch.end()));
    push_batch(&mut body, batch);
    body
}
