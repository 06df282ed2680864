//! Routes, and the way of a request: limits, key and origin, body, writer, answer. Statuses are chosen here alone.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::extract::{Query, State as Shared};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower_http::services::ServeDir;

use crate::config::{BUDGET_PIECE, State};
use crate::cors;
use crate::phase::Phase;
use crate::receive::{self, Arrival, BadBody, Decoded};
use crate::stats::METRICS_TYPE;
use crate::store::Verdict;
use crate::tail;
use crate::writer::NotStored;

/// A body takes at most so long. 128 KiB over slow 3G take 3 s; a client that needs longer times out itself.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Of a body that is too large, so much more is read before the answer: a browser that is cut off while it sends
/// reports a broken network, and would send the same again.
const DISCARD_BYTES: usize = 8 * 1024 * 1024;

/// The routes of a collector.
pub fn app(state: State) -> Router {
    let events = Router::new()
        .route("/v1/events", post(events))
        .method_not_allowed_fallback(wrong_method)
        .layer(cors::layer(&state))
        .layer(middleware::from_fn_with_state(state.clone(), cors::guard));
    let mut app = Router::new()
        .merge(events)
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .route("/stats", get(stats));
    app = match state.0.config.www.clone() {
        Some(www) => {
            let unknown = axum::routing::any(unknown_path).with_state(state.clone());
            let files = ServeDir::new(www).call_fallback_on_method_not_allowed(true).fallback(unknown);
            let files = Router::new().fallback_service(files).layer(middleware::map_response(revalidated));
            app.route("/v1/tail", get(journal_tail)).fallback_service(files)
        }
        None => app.fallback(unknown_path),
    };
    app.method_not_allowed_fallback(wrong_method).with_state(state)
}

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
            Refusal::Key => (S::UNAUTHORIZED, "key", "no such key: compare the client's `key` with --key"),
            Refusal::Origin => (S::FORBIDDEN, "origin", "pages of this origin may not send: see --origin"),
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
            Refusal::Busy | Refusal::NotStored(NotStored::Failed) => Some(HeaderValue::from_static("2")),
            Refusal::NotStored(NotStored::Full | NotStored::Stopped) => Some(HeaderValue::from_static("30")),
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
        self.0.stats.refused(error);
        let phase = (refusal == Refusal::Off).then_some(Phase::Disabled);
        let mut response = json(status, &Told { error, message, phase });
        if let Some(seconds) = refusal.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

#[derive(Deserialize)]
struct Params {
    key: Option<String>,
    stream: Option<String>,
    now: Option<String>,
}

async fn events(Shared(state): Shared<State>, uri: Uri, headers: HeaderMap, body: Body) -> Response {
    state.0.stats.request();
    match take(&state, &uri, &headers, body).await {
        Ok(response) => response,
        Err(refusal) => state.refuse(refusal),
    }
}

async fn take(state: &State, uri: &Uri, headers: &HeaderMap, body: Body) -> Result<Response, Refusal> {
    let Query(params) = Query::<Params>::try_from_uri(uri).map_err(|_| Refusal::Query)?;
    let key = params.key.filter(|key| state.0.knows_key(key)).ok_or(Refusal::Key)?;
    let mut share = Share::new(state)?;
    let body = read(body, state.0.config.max_body, &mut share).await?;
    let arrival = Arrival {
        stream: params.stream.ok_or(Refusal::Query)?,
        // Without the client's clock nothing can be corrected, but all can be stored.
        now: params.now.and_then(|now| now.parse().ok()),
        received: state.0.now(),
        agent: headers
            .get(header::USER_AGENT)
            .and_then(|agent| agent.to_str().ok())
            .unwrap_or_default()
            .to_owned(),
    };
    // A task of its own: from here on a client that goes away cancels nothing.
    let state = state.clone();
    let task = tokio::spawn(async move {
        let answer = store(&state, &key, &arrival, &body, &mut share).await;
        drop((share, body));
        answer
    });
    task.await.unwrap_or(Err(Refusal::NotStored(NotStored::Stopped)))
}

async fn store(
    state: &State,
    key: &str,
    arrival: &Arrival,
    body: &[u8],
    share: &mut Share,
) -> Result<Response, Refusal> {
    let inner = &state.0;
    let agent = inner.agents.look_up(&arrival.agent);
    let decoded = receive::decode(arrival, &inner.config.app, agent, body);
    let Decoded { request, rejected, unnamed, torn } = decoded.map_err(|error| match error {
        BadBody::Query => Refusal::Query,
        BadBody::TooLarge => Refusal::TooLarge,
        BadBody::Shredded => Refusal::Shredded,
        BadBody::StreamLine(reason) => Refusal::StreamLine(reason),
    })?;
    let off = inner.phases.of(key) == Phase::Disabled;
    let only_asks = request.events.is_empty() && rejected.is_empty() && unnamed == 0 && !torn;
    if off && !only_asks {
        return Err(Refusal::Off);
    }
    share.hold(body.len() + request.lines.len())?;
    let verdict = inner.writer.store(request).await.map_err(Refusal::NotStored)?;
    for reason in rejected.iter().map(|(_, reason)| *reason).chain(torn.then_some("torn")) {
        inner.stats.rejected(reason);
    }
    match verdict {
        // The last line of a client that switches off is recorded; it is told once more that it is off.
        _ if off => Err(Refusal::Off),
        Verdict::Shredded => Err(Refusal::Shredded),
        Verdict::Stale => {
            inner.stats.stale();
            Ok(([(header::CONTENT_TYPE, "application/json")], receive::STALE).into_response())
        }
        Verdict::Accounted { stored, new, known } => {
            inner.stats.stored(new, known);
            if unnamed > 0 {
                // Sent alone, the batch that no rejection can name is the one that is refused.
                return Err(Refusal::BatchLine);
            }
            Ok(([(header::CONTENT_TYPE, "application/json")], receive::answer(&stored, &rejected))
                .into_response())
        }
    }
}

/// A request's share of the memory for bodies and what becomes of them. It grows with what has arrived: what is only
/// announced may never come, and keeps nobody else out.
struct Share {
    budget: Arc<Semaphore>,
    held: OwnedSemaphorePermit,
}

impl Share {
    fn new(state: &State) -> Result<Share, Refusal> {
        let budget = state.0.budget.clone();
        let held = budget.clone().try_acquire_owned().map_err(|_| Refusal::Busy)?;
        Ok(Share { budget, held })
    }

    /// Sees to it that `bytes` are covered.
    fn hold(&mut self, bytes: usize) -> Result<(), Refusal> {
        let missing = (bytes / BUDGET_PIECE + 1).saturating_sub(self.held.num_permits());
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        let more = self.budget.clone().try_acquire_many_owned(missing).map_err(|_| Refusal::Busy)?;
        self.held.merge(more);
        Ok(())
    }
}

async fn read(body: Body, max: usize, share: &mut Share) -> Result<Vec<u8>, Refusal> {
    let reading = tokio::time::timeout(BODY_TIMEOUT, read_all(body.into_data_stream(), max, share));
    reading.await.unwrap_or(Err(Refusal::Torn))
}

async fn read_all(mut body: BodyDataStream, max: usize, share: &mut Share) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    let mut len = 0;
    while let Some(frame) = body.frame().await {
        let data = frame.map_err(|_| Refusal::Torn)?.into_data().unwrap_or_default();
        len += data.len();
        if len <= max {
            share.hold(len)?;
            bytes.extend_from_slice(&data);
        } else if len > max + DISCARD_BYTES {
            break;
        } else {
            bytes = Vec::new();
        }
    }
    if len > max { Err(Refusal::TooLarge) } else { Ok(bytes) }
}

async fn health(Shared(state): Shared<State>) -> Response {
    #[derive(Serialize)]
    struct Health {
        status: &'static str,
    }
    match state.0.writer.is_well() {
        true => json(StatusCode::OK, &Health { status: "ok" }),
        false => json(StatusCode::SERVICE_UNAVAILABLE, &Health { status: "stopped" }),
    }
}

async fn metrics(Shared(state): Shared<State>) -> Response {
    ([(header::CONTENT_TYPE, METRICS_TYPE)], state.0.stats.metrics()).into_response()
}

async fn stats(Shared(state): Shared<State>) -> Response {
    json(StatusCode::OK, &state.0.stats.snapshot())
}

#[derive(Deserialize)]
struct After {
    after: Option<u64>,
}

/// Journal lines are personal data: only for pages that this collector serves itself, never for a foreign name that
/// was pointed at it.
async fn journal_tail(Shared(state): Shared<State>, uri: Uri, headers: HeaderMap) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    if !host.is_some_and(|host| state.0.allows_origin(&format!("http://{host}"))) {
        return state.refuse(Refusal::Origin);
    }
    let Ok(Query(After { after })) = Query::try_from_uri(&uri) else { return state.refuse(Refusal::Query) };
    let Some(synced) = state.0.synced() else { return json(StatusCode::OK, &tail::Tail::default()) };
    let dir = state.0.config.data.clone();
    match tokio::task::spawn_blocking(move || tail::read(&dir, &synced, after)).await {
        Ok(Ok(tail)) => json(StatusCode::OK, &tail),
        failed => {
            tracing::error!(?failed, "the journal's tail cannot be read");
            state.refuse(Refusal::NotStored(NotStored::Failed))
        }
    }
}

/// A demo that was built again is shown as it is now: without a word, browsers keep files as long as they think right.
async fn revalidated(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

async fn unknown_path(Shared(state): Shared<State>) -> Response {
    state.refuse(Refusal::Path)
}

async fn wrong_method(Shared(state): Shared<State>, _: Method) -> Response {
    state.refuse(Refusal::Method)
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let body = serde_json::to_vec(value).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
