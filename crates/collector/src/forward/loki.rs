//! Loki's push API: protobuf in snappy, as its own agents send it (`POST /loki/api/v1/push`).
//!
//! Loki takes the same labels, time and line for the same entry: a repeated push stores nothing twice. So labels and line
//! come from the journal alone, and nothing that varies between two pushes is sent along.

use std::collections::BTreeMap;

use prost::Message;

use crate::forward::entry::{Entry, Labels};
use crate::forward::http::{BadEndpoint, Endpoint};
use crate::forward::push::{Later, Outcome, Target, failure};

const PATH: &str = "/loki/api/v1/push";

/// What a Loki says (422) of a push without streams; older ones take it.
const NO_STREAMS: &str = "at least one valid stream is required";

/// A Loki.
#[derive(Debug)]
pub(crate) struct Loki {
    endpoint: Endpoint,
}

/// `logproto.PushRequest` of Loki's `pkg/push/push.proto`, as far as it is used.
#[derive(Clone, PartialEq, Message)]
struct PushRequest {
    #[prost(message, repeated, tag = "1")]
    streams: Vec<Stream>,
}

#[derive(Clone, PartialEq, Message)]
struct Stream {
    /// As in a query: `{app="shop", level="info"}`.
    #[prost(string, tag = "1")]
    labels: String,
    #[prost(message, repeated, tag = "2")]
    entries: Vec<Logged>,
}

#[derive(Clone, PartialEq, Message)]
struct Logged {
    #[prost(message, optional, tag = "1")]
    timestamp: Option<Timestamp>,
    #[prost(string, tag = "2")]
    line: String,
}

/// `google.protobuf.Timestamp`.
#[derive(Clone, PartialEq, Message)]
struct Timestamp {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

impl Loki {
    pub(crate) fn new(url: &str, headers: &[String]) -> Result<Loki, BadEndpoint> {
        Ok(Loki { endpoint: Endpoint::new(url, PATH, headers)? })
    }
}

impl Target for Loki {
    fn push(&self, entries: &[Entry]) -> Outcome {
        let body = request(entries).encode_to_vec();
        let body = match snap::raw::Encoder::new().compress_vec(&body) {
            Ok(body) => body,
            // Beyond 4 GiB, which no batch is.
            Err(error) => return Outcome::Refused(error.to_string()),
        };
        match self.endpoint.post(&body, None) {
            Ok(answer) if answer.status == 204 => Outcome::Stored,
            Ok(answer) => failure(&answer),
            Err(why) => Outcome::Later(Later::away(why)),
        }
    }

    /// A push of nothing: gateways that let nothing but pushes through answer it too.
    fn probe(&self) -> Option<Later> {
        match self.push(&[]) {
            Outcome::Refused(reason) if reason.contains(NO_STREAMS) => None,
            Outcome::Refused(reason) => Some(Later::wrong(format!("it refuses a push of nothing: {reason}"))),
            Outcome::Later(later) => Some(later),
            Outcome::Stored | Outcome::StoredBut { .. } => None,
        }
    }

    fn url(&self) -> &str {
        self.endpoint.url()
    }
}

fn request(entries: &[Entry]) -> PushRequest {
    let mut streams: BTreeMap<&Labels, Vec<Logged>> = BTreeMap::new();
    for entry in entries {
        let timestamp = Timestamp {
            seconds: i64::try_from(entry.ts / 1_000).unwrap_or(i64::MAX),
            nanos: i32::try_from(entry.ts % 1_000 * 1_000_000).unwrap_or(0),
        };
        let logged = Logged { timestamp: Some(timestamp), line: entry.line.clone() };
        streams.entry(&entry.labels).or_default().push(logged);
    }
    let stream = |(labels, entries)| Stream { labels: rendered(labels), entries };
    PushRequest { streams: streams.into_iter().map(stream).collect() }
}

/// In the order of the alphabet, as Loki keeps them.
fn rendered(labels: &Labels) -> String {
    let mut out = format!("{{app={}", quoted(&labels.app));
    if let Some(env) = &labels.env {
        out.push_str(&format!(", env={}", quoted(env)));
    }
    out.push_str(&format!(", level={}, type={}}}", quoted(labels.level), quoted(&labels.kind)));
    out
}

/// A string literal of Go, which is what Loki parses.
fn quoted(value: &str) -> String {
    let mut out = String::from("\"");
    for char in value.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            char if char.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(char))),
            char => out.push(char),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user_agent::Agents;

    #[test]
    fn entries_of_the_same_labels_are_one_stream_with_untouched_lines() {
        let line = |id: &str, kind: &str| {
            format!(r#"{{"id":"{id}","ts":1500,"app":"sh\"op","type":"{kind}","data":{{"m":"é\u0000"}}}}"#)
        };
        let lines = [line("S.1", "log"), line("S.2", "vital"), line("S.3", "log")];
        let entries = lines.iter().map(|line| Entry::parse(line.as_bytes(), &Agents::default()).unwrap());
        let request = request(&entries.collect::<Vec<_>>());
        let labels: Vec<&str> = request.streams.iter().map(|stream| stream.labels.as_str()).collect();
        let expected =
            [r#"{app="sh\"op", level="info", type="log"}"#, r#"{app="sh\"op", level="info", type="vital"}"#];
        assert_eq!(labels, expected);
        let logs = &request.streams[0].entries;
        assert_eq!((logs[0].line.as_str(), logs[1].line.as_str()), (lines[0].as_str(), lines[2].as_str()));
        assert_eq!(logs[0].timestamp, Some(Timestamp { seconds: 1, nanos: 500_000_000 }));
    }

    #[test]
    fn a_label_is_quoted_as_go_reads_it() {
        assert_eq!(quoted("a\\b\n\u{85}é"), "\"a\\\\b\\u000a\\u0085é\"");
    }
}
