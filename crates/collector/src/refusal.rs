//! Why a request is refused, and what it is told. Statuses are chosen here, and where events are taken.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::phase::Phase;
use crate::state::State;
use crate::writer::NotStored;

/// Seconds until what passes by itself has passed: a burst, a hiccup of the disk.
const SOON: u64 = 2;
/// Seconds until somebody may have done something: made room, or restarted the collector.
const LATER: u64 = 30;

/// Why a request was answered without its batches being looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The key is missing or unknown.
    Key,
    /// The page's origin is not among those that may send.
    Origin,
    /// The parameters of the URL cannot be read, or name another stream than the body.
    Query,
    /// The key is switched off.
    Off,
    /// The first line is no stream line.
    StreamLine(&'static str),
    /// A line that should begin a batch has no number to reject it by. The other batches are stored.
    BatchLine,
    /// The stream is in more pieces than a client makes.
    Shredded,
    /// The body is over the limit.
    TooLarge,
    /// The body ended early or took too long.
    Torn,
    /// Too many bodies are in memory.
    Busy,
    /// The key is used more often than its rate allows; seconds until it is not.
    KeyRate(u64),
    /// The address sends more often than its rate allows; seconds until it does not.
    AddressRate(u64),
    /// The writer could not store it.
    NotStored(NotStored),
    /// Nothing is here.
    Path,
    /// Something is here, but not for this method.
    Method,
}

impl Refusal {
    /// Status, the reason for machines, and what a person should know.
    fn tell(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Refusal::Key => {
                (S::UNAUTHORIZED, "key", "no such key: compare the client's `key` with the collector's keys")
            }
            Refusal::Origin => {
                (S::FORBIDDEN, "origin", "pages of this origin may not send: see the app's origins")
            }
            Refusal::Query => {
                (S::BAD_REQUEST, "query", "the URL needs key, stream and now; stream as in the body")
            }
            Refusal::Off => (S::GONE, "off", "this key is switched off"),
            Refusal::StreamLine(reason) => {
                (S::BAD_REQUEST, reason, "the first line is no stream line of version 1")
            }
            Refusal::BatchLine => {
                (S::BAD_REQUEST, "batch", "a batch line cannot be read; the other batches are stored")
            }
            Refusal::Shredded => (S::BAD_REQUEST, "ranges", "the stream's numbers are in too many pieces"),
            Refusal::TooLarge => (
                S::PAYLOAD_TOO_LARGE,
                "too_large",
                "the body, or its lines in the journal, are over the limit",
            ),
            Refusal::Torn => (S::REQUEST_TIMEOUT, "torn", "the body ended early or took too long"),
            Refusal::Busy => (S::SERVICE_UNAVAILABLE, "busy", "too much is in flight, come again"),
            Refusal::KeyRate(_) => (
                S::TOO_MANY_REQUESTS,
                "key_rate",
                "too many requests under this key: see limits.key_per_second",
            ),
            Refusal::AddressRate(_) => (
                S::TOO_MANY_REQUESTS,
                "address_rate",
                "too many requests from this address: see limits.address_per_second",
            ),
            Refusal::NotStored(NotStored::Full) => {
                (S::SERVICE_UNAVAILABLE, "full", "the collector's disk is full")
            }
            Refusal::NotStored(NotStored::Failed) => {
                (S::SERVICE_UNAVAILABLE, "disk", "the write failed, come again")
            }
            Refusal::NotStored(NotStored::Stopped) => {
                (S::SERVICE_UNAVAILABLE, "stopped", "the collector must be restarted")
            }
            Refusal::Path => (S::NOT_FOUND, "path", "events go to POST /v1/events"),
            Refusal::Method => (S::METHOD_NOT_ALLOWED, "method", "events go to POST /v1/events"),
        }
    }

    /// Seconds after which a client should come again, where it is up to us.
    fn retry_after(self) -> Option<HeaderValue> {
        match self {
            Refusal::Busy | Refusal::NotStored(NotStored::Failed) => Some(SOON.into()),
            Refusal::NotStored(NotStored::Full | NotStored::Stopped) => Some(LATER.into()),
            Refusal::KeyRate(seconds) | Refusal::AddressRate(seconds) => Some(seconds.into()),
            _ => None,
        }
    }
}

impl State {
    /// The answer to a refused request, counted.
    pub(crate) fn refuse(&self, refusal: Refusal) -> Response {
        #[derive(Serialize)]
        struct Told {
            error: &'static str,
            message: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            phase: Option<Phase>,
        }
        let (status, error, message) = refusal.tell();
        self.0.stats.refused(status.as_u16(), error);
        let phase = (refusal == Refusal::Off).then_some(Phase::Disabled);
        let mut response = json(status, &Told { error, message, phase });
        if let Some(seconds) = refusal.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

/// An answer in JSON.
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
