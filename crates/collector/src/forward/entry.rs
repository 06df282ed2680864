//! A journal line as a target sees it: the bytes as they are, and the few members that say where they belong.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::user_agent::Agents;

/// Levels that become a label. A label's values must be few: any other word of an app is `info`.
const LEVELS: [&str; 6] = ["trace", "debug", "info", "warn", "error", "fatal"];

/// One event on its way to a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// `<stream>.<number>`.
    pub(crate) id: String,
    /// When it happened, unix ms.
    pub(crate) ts: u64,
    pub(crate) labels: Labels,
    /// The line without its newline, byte for byte.
    pub(crate) line: String,
}

/// What entries are grouped by: few values each, so that a target keeps few streams.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Labels {
    pub(crate) app: String,
    /// Where the client named none: absent.
    pub(crate) env: Option<String>,
    pub(crate) kind: String,
    pub(crate) level: &'static str,
}

/// Why a line is no entry. It is set aside with these words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadLine {
    /// Bytes that no target takes as text.
    #[error("the line is not UTF-8")]
    Utf8,
    /// No JSON object with id, ts, type and data, such as half a line.
    #[error("the line is no event of a journal")]
    Shape,
    /// An id that names no stream or no number.
    #[error("the id is none of an event")]
    Id,
    /// Far beyond what a collector writes; its start is kept.
    #[error("the line is too long for an event; this is its start")]
    TooLong,
}

#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    ts: u64,
    #[serde(borrow)]
    app: Cow<'a, str>,
    #[serde(borrow)]
    env: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    data: &'a RawValue,
    /// The User-Agent as it came, in journals of the PHP drop-in.
    #[serde(borrow)]
    ua: Option<&'a RawValue>,
}

impl Entry {
    /// Of a line without its newline. What a PHP drop-in left of the User-Agent is parsed in passing.
    pub(crate) fn parse(line: &[u8], agents: &Agents) -> Result<Entry, BadLine> {
        let text = str::from_utf8(line).map_err(|_| BadLine::Utf8)?;
        let shape: Shape<'_> = serde_json::from_str(text).map_err(|_| BadLine::Shape)?;
        if !text.starts_with('{') || !shape.data.get().starts_with('{') {
            return Err(BadLine::Shape);
        }
        Ok(Entry {
            id: shape.id.as_ref().to_owned(),
            ts: shape.ts,
            labels: Labels {
                app: shape.app.as_ref().to_owned(),
                env: shape.env.as_deref().filter(|env| !env.is_empty()).map(str::to_owned),
                kind: shape.kind.as_ref().to_owned(),
                level: level(&shape.kind, shape.data.get()),
            },
            line: match shape.ua {
                Some(ua) => with_agent(text, ua, agents),
                None => text.to_owned(),
            },
        })
    }
}

/// An error's is `error`, a log says its own, all else is `info`.
fn level(kind: &str, data: &str) -> &'static str {
    #[derive(Deserialize)]
    struct Data<'a> {
        #[serde(borrow)]
        level: Cow<'a, str>,
    }
    match kind {
        "error" => "error",
        "log" => {
            let said = serde_json::from_str::<Data<'_>>(data).ok();
            let known = |said: Data<'_>| LEVELS.into_iter().find(|level| *level == said.level);
            said.and_then(known).unwrap_or("info")
        }
        _ => "info",
    }
}

/// The line with `browser`, `os` and `device` where `ua` stood, as the collector writes it.
fn with_agent(line: &str, ua: &RawValue, agents: &Agents) -> String {
    const NAME: &str = ",\"ua\":";
    let token = ua.get();
    let start = (token.as_ptr() as usize).saturating_sub(line.as_ptr() as usize);
    let (before, after) = (line.get(..start), line.get(start + token.len()..));
    let (Some(before), Some(after)) = (before.and_then(|before| before.strip_suffix(NAME)), after) else {
        return line.to_owned();
    };
    let header: String = serde_json::from_str(token).unwrap_or_default();
    let agent = agents.look_up(&header);
    let mut out = before.to_owned();
    for (name, value) in [("browser", &agent.browser), ("os", &agent.os), ("device", &agent.device)] {
        if let Some(value) = value {
            out.push_str(&format!(",\"{name}\":{}", serde_json::Value::from(value.as_str())));
        }
    }
    out.push_str(after);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Entry, BadLine> {
        Entry::parse(line.as_bytes(), &Agents::default())
    }

    #[test]
    fn labels_are_app_env_type_and_a_known_level() {
        let line = |kind: &str, data: &str| {
            format!(
                r#"{{"id":"S.1","ts":7,"received":9,"app":"shop","env":"prod","type":"{kind}","data":{data}}}"#
            )
        };
        let level = |kind: &str, data: &str| parse(&line(kind, data)).unwrap().labels.level;
        assert_eq!(level("log", r#"{"level":"warn","message":"m"}"#), "warn");
        assert_eq!(level("log", r#"{"level":"user-4711"}"#), "info");
        assert_eq!(level("log", r#"{"level":3}"#), "info");
        assert_eq!(level("error", r#"{"level":"info"}"#), "error");
        assert_eq!(level("vital", "{}"), "info");
        let entry = parse(&line("log", "{}")).unwrap();
        assert_eq!((entry.id.as_str(), entry.ts, entry.labels.env.as_deref()), ("S.1", 7, Some("prod")));
        assert_eq!(entry.line, line("log", "{}"));
    }

    #[test]
    fn what_is_no_event_is_told() {
        assert_eq!(Entry::parse(b"{\"id\":\"\xff\"}", &Agents::default()), Err(BadLine::Utf8));
        for bad in [
            "",
            "{",
            "[]",
            r#"{"id":"S.1","ts":1}"#,
            r#"{"id":"S.1","ts":1,"app":"a","type":"log","data":[]}"#,
        ] {
            assert_eq!(parse(bad), Err(BadLine::Shape), "{bad}");
        }
    }

    #[test]
    fn a_line_of_the_php_drop_in_becomes_the_collectors() {
        let php = r#"{"id":"S.1","ts":7,"received":9,"app":"shop","page":"/","ua":"Mozilla\/5.0 (X11; Linux x86_64; rv:153.0) Gecko\/20100101 Firefox\/153.0","type":"log","data":{"ua":"x"}}"#;
        let collector = r#"{"id":"S.1","ts":7,"received":9,"app":"shop","page":"/","browser":"Firefox 153","os":"Linux","type":"log","data":{"ua":"x"}}"#;
        assert_eq!(parse(php).unwrap().line, collector);
        let unknown = r#"{"id":"S.1","ts":7,"app":"shop","ua":null,"type":"log","data":{}}"#;
        assert!(!parse(unknown).unwrap().line.contains("browser"));
    }
}
