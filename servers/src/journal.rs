//! Journals as the collector writes them.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;

/// A stream's id: 22 characters of base64url.
pub const STREAM: &str = "AZq0journalOfTheTestsA";

const KINDS: [(&str, &str); 5] = [
    ("log", r#"{"level":"warn","message":"cart is slow","items":40}"#),
    (
        "error",
        r#"{"message":"payment refused","name":"TypeError","stack":"at pay (cart.js:7:3)","handled":false}"#,
    ),
    ("metric", r#"{"name":"response_time","value":182,"unit":"ms"}"#),
    ("event", r#"{"name":"checkout","step":2}"#),
    ("vital", r#"{"name":"LCP","value":1840.5,"rating":"good"}"#),
];

/// Unix milliseconds now.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A time so long ago.
pub fn ago(time: Duration) -> u64 {
    now() - u64::try_from(time.as_millis()).unwrap_or(0)
}

/// The line of event `number`, of one of the five types, as the collector writes it.
pub fn line(app: &str, number: u32, ts: u64) -> String {
    let (kind, data) = KINDS[number as usize % KINDS.len()];
    of_kind(app, number, ts, kind, data)
}

/// The line of a given type.
pub fn of_kind(app: &str, number: u32, ts: u64, kind: &str, data: &str) -> String {
    let received = ts + 879;
    format!(
        r#"{{"id":"{STREAM}.{number}","ts":{ts},"received":{received},"app":"{app}","release":"1.4.2","env":"production","session":"s-1","page":"/cart","user":"u-4711","browser":"Firefox 153","os":"Linux","type":"{kind}","data":{data}}}"#
    )
}

/// Lines of the last seconds, a millisecond apart.
pub fn lines(app: &str, numbers: std::ops::Range<u32>) -> Vec<String> {
    let start = now() - 60_000;
    numbers.map(|number| line(app, number, start + u64::from(number))).collect()
}

/// A journal file of these lines.
pub fn write(path: &Path, lines: &[String]) -> Result<()> {
    Ok(fs::write(path, text(lines))?)
}

/// The file's text.
pub fn text(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}
