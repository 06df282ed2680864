//! One journal line of one event: bytes are checked, then spliced; nothing is parsed to be built again.

use std::borrow::Cow;
use std::io::Write;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::skew::Skew;
use crate::user_agent::Agent;

/// Longest event line taken, twice what the client sends (32 KiB), so that one with another limit is still heard.
pub(crate) const MAX_EVENT_BYTES: usize = 64 * 1024;

/// The types an event can have.
pub(crate) const TYPES: [&str; 5] = ["log", "error", "metric", "event", "vital"];

/// Why an event line is not taken; the batch goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadEvent {
    /// Not UTF-8.
    Utf8,
    /// No JSON object of this shape.
    Json,
    /// A type that is none of the five.
    Type,
    /// More than [`MAX_EVENT_BYTES`].
    TooLarge,
}

impl BadEvent {
    /// The reason of a rejection.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            BadEvent::Utf8 => "utf8",
            BadEvent::Json => "json",
            BadEvent::Type => "type",
            BadEvent::TooLarge => "too_large",
        }
    }
}

/// An event line that is whole: `data` is an object, byte for byte as it came.
#[derive(Debug)]
pub(crate) struct Event<'a> {
    kind: &'static str,
    ts: i64,
    data: &'a str,
}

impl<'a> Event<'a> {
    /// Checks a line as it came, without its newline.
    pub(crate) fn parse(line: &'a [u8]) -> Result<Event<'a>, BadEvent> {
        #[derive(Deserialize)]
        struct Shape<'a> {
            #[serde(borrow, rename = "type")]
            kind: Cow<'a, str>,
            ts: i64,
            #[serde(borrow)]
            data: &'a RawValue,
        }
        if line.len() > MAX_EVENT_BYTES {
            return Err(BadEvent::TooLarge);
        }
        let line = str::from_utf8(line).map_err(|_| BadEvent::Utf8)?;
        let shape: Shape<'a> = serde_json::from_str(line).map_err(|_| BadEvent::Json)?;
        if !line.trim_start().starts_with('{') || !is_object(shape.data) {
            return Err(BadEvent::Json);
        }
        let kind = TYPES.into_iter().find(|kind| *kind == shape.kind).ok_or(BadEvent::Type)?;
        Ok(Event { kind, ts: shape.ts, data: shape.data.get() })
    }
}

impl Event<'_> {
    /// One of the five types.
    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }
}

/// What all events of one batch share, rendered once.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    stream: &'a str,
    skew: Skew,
    /// From `"received"` to `"device"`.
    shared: Vec<u8>,
}

/// Where the members of a [`Frame`] come from. The tokens are JSON already.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) stream: &'a str,
    pub(crate) received: u64,
    pub(crate) app: &'a str,
    /// Members of the stream line and of the batch line: a name and its token, where it was sent.
    pub(crate) tokens: [(&'static str, Option<&'a [u8]>); 6],
    pub(crate) agent: &'a Agent,
}

impl<'a> Frame<'a> {
    pub(crate) fn new(source: &Source<'a>, skew: Skew) -> Frame<'a> {
        let mut shared = Vec::with_capacity(256);
        push(&mut shared, format_args!(",\"received\":{}", source.received));
        member(&mut shared, "app", Some(source.app));
        for (name, token) in source.tokens {
            if let Some(token) = token {
                push(&mut shared, format_args!(",\"{name}\":"));
                shared.extend_from_slice(token);
            }
        }
        member(&mut shared, "browser", source.agent.browser.as_deref());
        member(&mut shared, "os", source.agent.os.as_deref());
        member(&mut shared, "device", source.agent.device.as_deref());
        Frame { stream: source.stream, skew, shared }
    }

    /// Bytes that each line has besides its event, at most.
    pub(crate) fn len(&self) -> usize {
        self.shared.len() + 128
    }

    /// Writes the line of event `number`, newline included.
    pub(crate) fn write(&self, out: &mut Vec<u8>, number: u32, event: &Event<'_>) {
        let ts = self.skew.correct(event.ts);
        push(out, format_args!("{{\"id\":\"{}.{number}\",\"ts\":{ts}", self.stream));
        if ts != event.ts {
            push(out, format_args!(",\"client_ts\":{}", event.ts));
        }
        out.extend_from_slice(&self.shared);
        push(out, format_args!(",\"type\":\"{}\",\"data\":{}}}\n", event.kind, event.data));
    }
}

/// Writes a line of type `delivery`: what the stream's books say; of this stream the `count`th.
pub(crate) fn write_delivery(out: &mut Vec<u8>, source: &Source<'_>, count: u32, stream_line: &[u8]) {
    push(out, format_args!("{{\"id\":\"{}.~{count}\",\"ts\":{}", source.stream, source.received));
    out.extend_from_slice(&Frame::new(source, Skew::measure(None, source.received, true)).shared);
    out.extend_from_slice(b",\"type\":\"delivery\",\"data\":");
    out.extend_from_slice(stream_line);
    out.extend_from_slice(b"}\n");
}

/// Whether these bytes are one JSON string.
pub(crate) fn is_string_token(token: &[u8]) -> bool {
    is_token(token, b'"')
}

/// Whether these bytes are one JSON object.
pub(crate) fn is_object_token(token: &[u8]) -> bool {
    is_token(token, b'{')
}

fn is_token(token: &[u8], first: u8) -> bool {
    let text = str::from_utf8(token).ok().filter(|_| token.first() == Some(&first));
    text.is_some_and(|text| serde_json::from_str::<&RawValue>(text).is_ok())
}

fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

fn member(out: &mut Vec<u8>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        push(out, format_args!(",\"{name}\":{}", serde_json::Value::from(value)));
    }
}

fn push(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // A vector takes whatever it is given.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECEIVED: u64 = 1_763_877_601_002;

    fn line(event: &str, now: Option<u64>) -> String {
        let agent = Agent { browser: Some("Chrome 156".into()), os: Some("Linux".into()), device: None };
        let tokens = [
            ("release", Some(&b"\"1.4.2\""[..])),
            ("env", None),
            ("session", None),
            ("page", Some(b"\"/cart\"")),
            ("user", None),
            ("context", Some(b"{\"a\":[1]}")),
        ];
        let source = Source { stream: "S", received: RECEIVED, app: "sh\"op", tokens, agent: &agent };
        let mut out = Vec::new();
        Frame::new(&source, Skew::measure(now, RECEIVED, false)).write(
            &mut out,
            120,
            &Event::parse(event.as_bytes()).unwrap(),
        );
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_members_stand_in_the_order_of_the_protocol() {
        assert_eq!(
            line(r#"{"type":"log","ts":1763877600123,"data":{"m":"\ud800é"}}"#, None),
            concat!(
                r#"{"id":"S.120","ts":1763877600123,"received":1763877601002,"app":"sh\"op","release":"1.4.2","page":"/cart","#,
                r#""context":{"a":[1]},"browser":"Chrome 156","os":"Linux","type":"log","data":{"m":"\ud800é"}}"#,
                "\n"
            )
        );
    }

    #[test]
    fn a_corrected_time_stands_beside_the_clients_own() {
        let line = line(r#"{"type":"log","ts":1000,"data":{}}"#, Some(2_000));
        assert!(
            line.starts_with(
                r#"{"id":"S.120","ts":1763877600002,"client_ts":1000,"received":1763877601002,"#
            ),
            "{line}"
        );
    }

    #[test]
    fn what_is_no_event_has_a_reason() {
        let reason = |line: &[u8]| Event::parse(line).unwrap_err();
        assert_eq!(reason(b"{\"type\":\"log\",\"ts\":1,\"data\":{\"m\":\"\xff\"}}"), BadEvent::Utf8);
        for bad in [
            "",
            "{",
            "[]",
            "[\"log\",1,{}]",
            r#"{"type":"log","ts":1,"data":[]}"#,
            r#"{"type":"log","ts":1.5,"data":{}}"#,
            r#"{"type":"log","data":{}}"#,
            r#"{"type":"log","ts":1,"data":{}}x"#,
            r#"{"type":"log","ts":1,"data":{"a":}}"#,
        ] {
            assert_eq!(reason(bad.as_bytes()), BadEvent::Json, "{bad}");
        }
        assert_eq!(reason(br#"{"type":"delivery","ts":1,"data":{}}"#), BadEvent::Type);
        assert_eq!(reason(&[b'x'; MAX_EVENT_BYTES + 1]), BadEvent::TooLarge);
    }

    #[test]
    fn depth_and_huge_numbers_are_taken_as_they_are() {
        let deep =
            format!(r#"{{"type":"event","ts":1,"data":{{"a":{}{}}}}}"#, "[".repeat(5_000), "]".repeat(5_000));
        assert!(Event::parse(deep.as_bytes()).is_ok());
        assert!(Event::parse(br#"{"type":"metric","ts":1,"data":{"value":1e999}}"#).is_ok());
    }

    #[test]
    fn tokens_are_whole_or_nothing() {
        assert!(is_string_token(br#""a\"b""#) && is_object_token(b"{}"));
        for bad in [&b"\"a"[..], b"\"a\"b\"", b"1", b"", b"\"\xff\"", b"{}", b"\"a\n\""] {
            assert!(!is_string_token(bad));
        }
    }
}
