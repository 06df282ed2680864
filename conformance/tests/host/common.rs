//! What the tests share: plain requests.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use beaconry_conformance::http::Answer;
use beaconry_conformance::target::{ORIGIN, Target};
use beaconry_core::StreamId;
use serde_json::Value;

/// What must never be seen.
pub(crate) const SECRET: &str = "s3cret-of-a-user";

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

/// The same for the same number, at any time.
pub(crate) fn stream(n: u8) -> String {
    static BORN: OnceLock<u64> = OnceLock::new();
    StreamId::new(*BORN.get_or_init(|| now() - 60_000), [n; 10]).to_text().as_str().to_owned()
}

/// A request of events that hold the secret.
pub(crate) fn body(stream: &str, first: u32, n: u32) -> String {
    let events: String = (first..first + n)
        .map(|number| {
            format!("{{\"type\":\"log\",\"ts\":1,\"data\":{{\"n\":{number},\"m\":\"{SECRET} <?php echo '{SECRET}';\"}}}}\n")
        })
        .collect();
    let end = first + n;
    format!(
        "{{\"stream\":\"{stream}\",\"v\":1,\"session\":\"{SECRET}\",\"tracked\":{end}}}\n{{\"batch\":{first},\"n\":{n}}}\n{events}"
    )
}

/// Sends events as a page does, and expects that all of the stream's numbers below the last are stored.
pub(crate) fn store(target: &Target, stream: &str, first: u32, n: u32) {
    let answer = post(target, stream, first, n);
    let all = format!("{{\"stored\":[[0,{}]],\"rejected\":[]}}", first + n);
    assert_eq!((answer.status, answer.body), (200, all));
}

pub(crate) fn post(target: &Target, stream: &str, first: u32, n: u32) -> Answer {
    let query = format!("?key=key-1&stream={stream}&now={}", now());
    let headers = [("origin".to_owned(), ORIGIN.to_owned())];
    target.send("POST", &query, &headers, body(stream, first, n).as_bytes()).unwrap()
}

/// The ids in the journal, in order.
pub(crate) fn ids(target: &Target) -> Vec<String> {
    let id = |line: &String| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned();
    target.journal().unwrap().iter().map(id).collect()
}

/// The ids of a stream's first `n` events.
pub(crate) fn first_ids(stream: &str, n: u32) -> Vec<String> {
    (0..n).map(|number| format!("{stream}.{number}")).collect()
}

/// What a person sees who opens the address in a browser.
pub(crate) fn page(target: &Target) -> Answer {
    target.send("GET", "", &[("accept".to_owned(), "text/html,*/*".to_owned())], b"").unwrap()
}

const DAY_MS: u64 = 86_400_000;

/// `YYYY-MM-DD`, so many days ago; taken from what the system's own `date` says.
pub(crate) fn day(ago: u64) -> String {
    let seconds = (now() - ago * DAY_MS) / 1_000;
    let output = std::process::Command::new("date")
        .args(["-u", "+%F", "-d", &format!("@{seconds}")])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
