//! A journal line as a log record: body for people, attributes by the semantic conventions, the rest as it came.

use std::borrow::Cow;

use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};
use opentelemetry_proto::tonic::resource::v1;
use opentelemetry_semantic_conventions::attribute as names;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::value::{Members, any_value, key_value, string};
use crate::forward::entry::Entry;

const NANOS_PER_MS: u64 = 1_000_000;
/// The event of the conventions for browsers, whose crate does not have them yet.
const WEB_VITAL: &str = "browser.web_vital";
/// What no convention names.
const DATA: &str = "beaconry.data";
const TYPE: &str = "beaconry.type";
const CONTEXT: &str = "beaconry.context";
const CLIENT_TS: &str = "beaconry.client_ts";

/// What is observed: an app, in an environment, in a release.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Resource<'a> {
    app: Cow<'a, str>,
    env: Option<Cow<'a, str>>,
    release: Option<Cow<'a, str>>,
}

/// The members of a line that a record is made of.
#[derive(Debug, Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    ts: u64,
    client_ts: Option<i64>,
    received: Option<u64>,
    #[serde(borrow)]
    app: Cow<'a, str>,
    #[serde(borrow)]
    release: Option<Cow<'a, str>>,
    #[serde(borrow)]
    env: Option<Cow<'a, str>>,
    #[serde(borrow)]
    session: Option<Cow<'a, str>>,
    #[serde(borrow)]
    page: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user: Option<Cow<'a, str>>,
    #[serde(borrow)]
    context: Option<&'a RawValue>,
    #[serde(borrow)]
    browser: Option<Cow<'a, str>>,
    #[serde(borrow)]
    os: Option<Cow<'a, str>>,
    #[serde(borrow)]
    device: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    data: &'a RawValue,
}

impl Resource<'_> {
    pub(crate) fn encoded(&self) -> v1::Resource {
        let mut attributes = vec![key_value(names::SERVICE_NAME, string(self.app.as_ref()))];
        push(&mut attributes, names::DEPLOYMENT_ENVIRONMENT_NAME, self.env.as_deref());
        push(&mut attributes, names::SERVICE_VERSION, self.release.as_deref());
        v1::Resource { attributes, ..v1::Resource::default() }
    }
}

/// Where an entry belongs, and what it says.
pub(crate) fn record(entry: &Entry) -> (Resource<'_>, LogRecord) {
    let Ok(line) = serde_json::from_str::<Line<'_>>(&entry.line) else { return bare(entry) };
    let data = Members::of(line.data);
    let (severity, severity_text) = severity(entry.labels.level);
    let mut attributes = common(&line);
    let said = specific(&line.kind, &data, &mut attributes);
    attributes.extend(data.without(said).map(|rest| key_value(DATA, rest)));
    let record = LogRecord {
        time_unix_nano: line.ts.saturating_mul(NANOS_PER_MS),
        observed_time_unix_nano: line.received.unwrap_or(line.ts).saturating_mul(NANOS_PER_MS),
        severity_number: severity.into(),
        severity_text: severity_text.into(),
        body: Some(string(body(&line, &data))),
        event_name: event_name(&line.kind, &data),
        attributes,
        ..LogRecord::default()
    };
    (Resource { app: line.app, env: line.env, release: line.release }, record)
}

/// Of a line whose members are of other types than the journal's: nothing of it is lost.
fn bare(entry: &Entry) -> (Resource<'_>, LogRecord) {
    let (severity, severity_text) = severity(entry.labels.level);
    let record = LogRecord {
        time_unix_nano: entry.ts.saturating_mul(NANOS_PER_MS),
        observed_time_unix_nano: entry.ts.saturating_mul(NANOS_PER_MS),
        severity_number: severity.into(),
        severity_text: severity_text.into(),
        body: Some(string(entry.line.as_str())),
        attributes: vec![key_value(names::LOG_RECORD_UID, string(entry.id.as_str()))],
        ..LogRecord::default()
    };
    let env = entry.labels.env.as_deref().map(Cow::Borrowed);
    (Resource { app: entry.labels.app.as_str().into(), env, release: None }, record)
}

/// What all types have. Whoever gets the same `log.record.uid` twice may drop one.
fn common(line: &Line<'_>) -> Vec<KeyValue> {
    let mut out = vec![
        key_value(names::LOG_RECORD_UID, string(line.id.as_ref())),
        key_value(TYPE, string(line.kind.as_ref())),
    ];
    push(&mut out, names::SESSION_ID, line.session.as_deref());
    push(&mut out, names::USER_ID, line.user.as_deref());
    push(&mut out, names::URL_PATH, line.page.as_deref());
    let versioned = [
        (&line.browser, names::USER_AGENT_NAME, names::USER_AGENT_VERSION),
        (&line.os, names::USER_AGENT_OS_NAME, names::USER_AGENT_OS_VERSION),
    ];
    for (said, name, version) in versioned {
        let (said_name, said_version) = split_version(said.as_deref());
        push(&mut out, name, said_name);
        push(&mut out, version, said_version);
    }
    push(&mut out, names::DEVICE_MODEL_NAME, line.device.as_deref());
    out.extend(line.context.map(|context| key_value(CONTEXT, any_value(context))));
    out.extend(line.client_ts.map(|ts| key_value(CLIENT_TS, string(ts.to_string()))));
    out
}

/// What the conventions name of a type's data; returns the members that are said with it.
fn specific(kind: &str, data: &Members<'_>, out: &mut Vec<KeyValue>) -> &'static [&'static str] {
    match kind {
        "error" => {
            push(out, names::EXCEPTION_TYPE, data.text("name").as_deref());
            push(out, names::EXCEPTION_MESSAGE, data.text("message").as_deref());
            push(out, names::EXCEPTION_STACKTRACE, data.text("stack").as_deref());
            &["name", "message", "stack"]
        }
        "vital" => {
            // The conventions have the names in lower case: `lcp`.
            let name = data.text("name").map(|name| name.to_ascii_lowercase());
            push(out, "browser.web_vital.name", name.as_deref());
            for (member, name) in [
                ("value", "browser.web_vital.value"),
                ("delta", "browser.web_vital.delta"),
                ("id", "browser.web_vital.id"),
                ("rating", "browser.web_vital.rating"),
            ] {
                out.extend(data.get(member).map(|value| key_value(name, any_value(value))));
            }
            &["name", "value", "delta", "id", "rating"]
        }
        "log" => &["message"],
        _ => &[],
    }
}

fn event_name(kind: &str, data: &Members<'_>) -> String {
    match kind {
        "error" => "exception".into(),
        "vital" => WEB_VITAL.into(),
        "event" | "metric" => data.text("name").unwrap_or_default().into_owned(),
        _ => String::new(),
    }
}

/// One line for people.
fn body(line: &Line<'_>, data: &Members<'_>) -> String {
    let member = |name: &str| data.text(name).map(Cow::into_owned);
    let number = |name: &str| data.get(name).map(|value| value.get().to_owned());
    let words = match line.kind.as_ref() {
        "log" => [member("message"), None, None],
        "error" => match (member("name"), member("message")) {
            (Some(name), Some(message)) => [Some(format!("{name}: {message}")), None, None],
            (name, message) => [name.or(message), None, None],
        },
        "metric" | "vital" => [member("name"), number("value"), member("unit")],
        "event" => [member("name"), None, None],
        _ => [None, None, None],
    };
    let words: Vec<String> = words.into_iter().flatten().collect();
    if words.is_empty() { format!("{} {}", line.kind, line.data.get()) } else { words.join(" ") }
}

fn severity(level: &'static str) -> (SeverityNumber, &'static str) {
    let number = match level {
        "trace" => SeverityNumber::Trace,
        "debug" => SeverityNumber::Debug,
        "warn" => SeverityNumber::Warn,
        "error" => SeverityNumber::Error,
        "fatal" => SeverityNumber::Fatal,
        _ => SeverityNumber::Info,
    };
    (number, level)
}

/// `Mobile Safari 17` is a name and a version; `Linux` a name.
fn split_version(said: Option<&str>) -> (Option<&str>, Option<&str>) {
    match said.and_then(|said| said.rsplit_once(' ')) {
        Some((name, version)) if version.starts_with(|c: char| c.is_ascii_digit()) => {
            (Some(name), Some(version))
        }
        _ => (said, None),
    }
}

fn push(out: &mut Vec<KeyValue>, name: &str, value: Option<&str>) {
    out.extend(value.filter(|value| !value.is_empty()).map(|value| key_value(name, string(value))));
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;

    use super::*;
    use crate::user_agent::Agents;

    fn line(kind: &str, data: &str) -> Entry {
        let line = format!(
            r#"{{"id":"S.7","ts":1763877600123,"client_ts":-5,"received":1763877601002,"app":"shop","release":"1.4.2","env":"production","session":"s1","page":"/cart","user":"u-1","context":{{"tenant":"north"}},"browser":"Mobile Safari 17","os":"Linux","device":"iPhone","type":"{kind}","data":{data}}}"#
        );
        Entry::parse(line.as_bytes(), &Agents::default()).unwrap()
    }

    fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
        let value = &attributes.iter().find(|one| one.key == key)?.value;
        match value.as_ref()?.value.as_ref()? {
            Value::StringValue(text) => Some(text.clone()),
            other => Some(format!("{other:?}")),
        }
    }

    fn body_of(kind: &str, data: &str) -> String {
        match record(&line(kind, data)).1.body.and_then(|body| body.value) {
            Some(Value::StringValue(text)) => text,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn an_error_is_an_exception_of_its_app() {
        let entry =
            line("error", r#"{"message":"refused","name":"TypeError","stack":"at f","handled":false}"#);
        let (resource, record) = record(&entry);
        let resource = resource.encoded().attributes;
        let said = |name| text(&resource, name);
        assert_eq!(said("service.name").as_deref(), Some("shop"));
        assert_eq!(said("deployment.environment.name").as_deref(), Some("production"));
        assert_eq!(said("service.version").as_deref(), Some("1.4.2"));
        assert_eq!(record.event_name, "exception");
        assert_eq!((record.severity_number, record.severity_text.as_str()), (17, "error"));
        assert_eq!(record.time_unix_nano, 1_763_877_600_123_000_000);
        assert_eq!(record.observed_time_unix_nano, 1_763_877_601_002_000_000);
        for (name, value) in [
            ("log.record.uid", "S.7"),
            ("exception.type", "TypeError"),
            ("exception.message", "refused"),
            ("exception.stacktrace", "at f"),
            ("session.id", "s1"),
            ("user.id", "u-1"),
            ("url.path", "/cart"),
            ("user_agent.name", "Mobile Safari"),
            ("user_agent.version", "17"),
            ("user_agent.os.name", "Linux"),
            ("device.model.name", "iPhone"),
            ("beaconry.client_ts", "-5"),
        ] {
            assert_eq!(text(&record.attributes, name).as_deref(), Some(value), "{name}");
        }
        let rest = text(&record.attributes, DATA).unwrap();
        assert!(rest.contains("handled") && !rest.contains("refused"), "{rest}");
        assert!(text(&record.attributes, CONTEXT).unwrap().contains("north"));
    }

    #[test]
    fn a_vital_is_the_conventions_event() {
        let (_, record) = record(&line("vital", r#"{"name":"LCP","value":1840.5,"rating":"good"}"#));
        assert_eq!(record.event_name, "browser.web_vital");
        assert_eq!(text(&record.attributes, "browser.web_vital.name").as_deref(), Some("lcp"));
        assert!(text(&record.attributes, "browser.web_vital.value").unwrap().contains("1840.5"));
        assert_eq!(text(&record.attributes, DATA), None);
    }

    #[test]
    fn a_body_can_be_read() {
        assert_eq!(body_of("log", r#"{"level":"warn","message":"cart is slow"}"#), "cart is slow");
        assert_eq!(body_of("error", r#"{"name":"TypeError","message":"m"}"#), "TypeError: m");
        assert_eq!(
            body_of("metric", r#"{"name":"response_time","value":182,"unit":"ms"}"#),
            "response_time 182 ms"
        );
        assert_eq!(body_of("event", r#"{"name":"checkout","step":2}"#), "checkout");
        assert_eq!(body_of("delivery", r#"{"tracked":2}"#), r#"delivery {"tracked":2}"#);
    }

    #[test]
    fn a_line_of_other_types_goes_whole() {
        let odd = r#"{"id":"S.1","ts":5,"app":"a","session":7,"type":"log","data":{}}"#;
        let entry = Entry::parse(odd.as_bytes(), &Agents::default()).unwrap();
        let (_, record) = record(&entry);
        assert!(matches!(record.body.unwrap().value, Some(Value::StringValue(text)) if text == odd));
    }
}
