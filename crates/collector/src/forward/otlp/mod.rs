//! OTLP over HTTP: protobuf in gzip (`POST /v1/logs`), as the OpenTelemetry Collector, Loki (`/otlp`) and others take it.
//!
//! What a record says comes from its journal line alone, the time of observation too: a push repeated says the same again.
//! Source: the OTLP specification 1.9, and the semantic conventions of `opentelemetry-semantic-conventions`.

mod record;
mod value;

use std::collections::BTreeMap;
use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use prost::Message;

use crate::forward::entry::Entry;
use crate::forward::http::{Answer, BadEndpoint, Endpoint, PROTOBUF};
use crate::forward::push::{Later, Outcome, Target, failure};
use record::{Resource, record};

const PATH: &str = "/v1/logs";
/// Who says so. Without a version: a program that is newer after a restart would say the same event differently.
const SCOPE: &str = "beaconry";
/// What Loki says (422) of an export of nothing.
const NO_STREAMS: &str = "at least one valid stream is required";

/// Whoever takes OTLP over HTTP.
#[derive(Debug)]
pub(crate) struct Otlp {
    endpoint: Endpoint,
}

impl Otlp {
    pub(crate) fn new(url: &str, headers: &[String]) -> Result<Otlp, BadEndpoint> {
        Ok(Otlp { endpoint: Endpoint::new(url, PATH, headers)? })
    }
}

impl Target for Otlp {
    fn push(&self, entries: &[Entry]) -> Outcome {
        let packed = match gzip(&request(entries).encode_to_vec()) {
            Ok(packed) => packed,
            Err(error) => return Outcome::Refused(error.to_string()),
        };
        match self.endpoint.post(&packed, Some("gzip")) {
            Ok(answer) => outcome(&answer),
            Err(why) => Outcome::Later(Later::away(why)),
        }
    }

    /// An export of nothing, which the specification has answered like any other.
    fn probe(&self) -> Option<Later> {
        match self.push(&[]) {
            Outcome::Refused(reason) if reason.contains(NO_STREAMS) => None,
            Outcome::Refused(reason) => {
                Some(Later::wrong(format!("it refuses an export of nothing: {reason}")))
            }
            Outcome::Later(later) => Some(later),
            Outcome::Stored | Outcome::StoredBut { .. } => None,
        }
    }

    fn url(&self) -> &str {
        self.endpoint.url()
    }
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes)?;
    packer.finish()
}

/// What is observed of one app, environment and release is one resource.
fn request(entries: &[Entry]) -> ExportLogsServiceRequest {
    let mut resources: BTreeMap<Resource<'_>, Vec<LogRecord>> = BTreeMap::new();
    for entry in entries {
        let (resource, record) = record(entry);
        resources.entry(resource).or_default().push(record);
    }
    let resource_logs = |(resource, log_records): (Resource<'_>, _)| ResourceLogs {
        resource: Some(resource.encoded()),
        scope_logs: vec![ScopeLogs {
            scope: Some(InstrumentationScope { name: SCOPE.into(), ..InstrumentationScope::default() }),
            log_records,
            schema_url: String::new(),
        }],
        schema_url: opentelemetry_semantic_conventions::SCHEMA_URL.into(),
    };
    ExportLogsServiceRequest { resource_logs: resources.into_iter().map(resource_logs).collect() }
}

/// A 200 that is no answer of OTLP is one of a wrong server; Loki answers 204, without a body.
fn outcome(answer: &Answer) -> Outcome {
    if !matches!(answer.status, 200 | 202 | 204) {
        return failure(answer);
    }
    let response = match answer.kind.as_str() {
        _ if answer.body.is_empty() => Ok(ExportLogsServiceResponse::default()),
        PROTOBUF => ExportLogsServiceResponse::decode(answer.body.as_slice()),
        kind => {
            return Outcome::Later(Later::wrong(format!("{} with {kind}, which is no OTLP", answer.status)));
        }
    };
    match response.map(|response| response.partial_success.unwrap_or_default()) {
        Ok(partial) => match usize::try_from(partial.rejected_log_records) {
            Ok(refused) if refused > 0 => Outcome::StoredBut { refused, reason: partial.error_message },
            _ => Outcome::Stored,
        },
        Err(error) => Outcome::Later(Later::wrong(format!("{}, but {error}", answer.status))),
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsPartialSuccess;

    use super::*;
    use crate::forward::push::Trouble;
    use crate::user_agent::Agents;

    fn answer(status: u16, kind: &str, body: Vec<u8>) -> Answer {
        Answer { status, retry_after: None, kind: kind.into(), body }
    }

    #[test]
    fn a_partial_success_is_counted_as_the_server_says() {
        let partial = |rejected_log_records| {
            let partial = ExportLogsPartialSuccess { rejected_log_records, error_message: "too old".into() };
            ExportLogsServiceResponse { partial_success: Some(partial) }.encode_to_vec()
        };
        let refused = Outcome::StoredBut { refused: 3, reason: "too old".into() };
        assert_eq!(outcome(&answer(200, PROTOBUF, partial(3))), refused);
        // A warning without a refusal.
        assert_eq!(outcome(&answer(200, PROTOBUF, partial(0))), Outcome::Stored);
        assert_eq!(outcome(&answer(204, "", Vec::new())), Outcome::Stored);
    }

    #[test]
    fn a_page_that_says_200_is_a_wrong_server() {
        let is_wrong = |answer: &Answer| {
            matches!(outcome(answer), Outcome::Later(Later { trouble: Trouble::Wrong, .. }))
        };
        assert!(is_wrong(&answer(200, "text/html", b"<html>".to_vec())));
        assert!(is_wrong(&answer(200, PROTOBUF, b"\xff\xff".to_vec())));
        assert!(is_wrong(&answer(404, "text/plain", b"404 page not found".to_vec())));
    }

    #[test]
    fn records_of_one_release_are_one_resource() {
        let line = |id: u32, release: &str| {
            format!(r#"{{"id":"S.{id}","ts":1,"app":"shop","release":"{release}","type":"log","data":{{}}}}"#)
        };
        let lines = [line(1, "1.0"), line(2, "1.1"), line(3, "1.0")];
        let entries = lines.map(|line| Entry::parse(line.as_bytes(), &Agents::default()).unwrap());
        let request = request(&entries);
        let counts = request.resource_logs.iter().map(|logs| logs.scope_logs[0].log_records.len());
        assert_eq!(counts.collect::<Vec<_>>(), [2, 1]);
    }
}
