//! Routes, and the way of a request: limits, key and origin, body, writer, answer.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Once};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Query, Request, State as Shared};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use serde::{Deserialize, Serialize};
use tower_http::services::ServeDir;

use crate::body::{self, Share};
use crate::cors;
use crate::gauges::{self, Observed};
use crate::limits;
use crate::phase::Phase;
use crate::receive::{self, Arrival, BadBody, Decoded};
use crate::refusal::{Refusal, json};
use crate::state::State;
use crate::stats::METRICS_TYPE;
use crate::store::Verdict;
use crate::tail;
use crate::writer::NotStored;

/// The other end of a request's connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

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

#[derive(Deserialize)]
struct Params {
    key: Option<String>,
    stream: Option<String>,
    now: Option<String>,
}

async fn events(Shared(state): Shared<State>, request: Request) -> Response {
    state.0.stats.request();
    let (head, body) = request.into_parts();
    let admitted = admit(&state, &head);
    let read = body::read(&state, body, admitted.as_ref().err().copied()).await;
    let answer = match (admitted, read) {
        (Err(refusal), _) | (_, Err(refusal)) => Err(refusal),
        (Ok(admitted), Ok((body, share))) => take(&state, admitted, body, share).await,
    };
    answer.unwrap_or_else(|refusal| state.refuse(refusal))
}

/// Who sends what, as far as it is known before the body.
struct Admitted {
    key: String,
    app: Arc<str>,
    arrival: Arrival,
}

fn admit(state: &State, head: &Parts) -> Result<Admitted, Refusal> {
    let address = client_address(state, head).map(limits::network);
    let seconds = |wait: Duration| wait.as_secs() + 1;
    if let Some(address) = address {
        let taken = state.0.addresses.take(address).map_err(|wait| Refusal::AddressRate(seconds(wait)));
        taken.inspect_err(|_| {
            static TOLD: Once = Once::new();
            TOLD.call_once(|| tracing::warn!(%address, "an address is told to come back; if it is a proxy's, name the header in which it tells its clients': limits.address_header"));
        })?;
    }
    let Query(params) = Query::<Params>::try_from_uri(&head.uri).map_err(|_| Refusal::Query)?;
    let key = params.key.unwrap_or_default();
    let (app, rate) = state.0.app_of(&key).ok_or(Refusal::Key)?;
    let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::ORIGIN).is_some_and(|origin| !state.0.allows_origin_of(app, origin)) {
        return Err(Refusal::Origin);
    }
    rate.take(&key).map_err(|wait| Refusal::KeyRate(seconds(wait)))?;
    let arrival = Arrival {
        stream: params.stream.ok_or(Refusal::Query)?,
        // Without the client's clock nothing can be corrected, but all can be stored.
        now: params.now.and_then(|now| now.parse().ok()),
        received: state.0.now(),
        agent: text(header::USER_AGENT).unwrap_or_default().to_owned(),
    };
    Ok(Admitted { key, app: app.name.clone(), arrival })
}

/// Where a request comes from, as far as that tells one client from another.
fn client_address(state: &State, head: &Parts) -> Option<IpAddr> {
    let header = state.0.config.limits.address_header.as_deref();
    let last = header.and_then(|name| head.headers.get_all(name).iter().next_back()?.to_str().ok());
    // The proxy adds the address that it has seen behind whatever the client wrote there.
    let told = last.and_then(|line| {
        let last = line.rsplit(',').next()?.trim();
        last.parse().ok().or_else(|| last.parse::<SocketAddr>().ok().map(|address| address.ip()))
    });
    let peer = || head.extensions.get::<Peer>().map(|Peer(address)| *address);
    told.or_else(|| peer().filter(|address| limits::is_public(*address)))
}

async fn take(
    state: &State,
    admitted: Admitted,
    body: Vec<u8>,
    mut share: Share,
) -> Result<Response, Refusal> {
    // A task of its own: from here on a client that goes away cancels nothing.
    let state = state.clone();
    let task = tokio::spawn(async move {
        let answer = store(&state, &admitted, &body, &mut share).await;
        drop((share, body));
        answer
    });
    task.await.unwrap_or(Err(Refusal::NotStored(NotStored::Stopped)))
}

async fn store(
    state: &State,
    Admitted { key, app, arrival }: &Admitted,
    body: &[u8],
    share: &mut Share,
) -> Result<Response, Refusal> {
    let inner = &state.0;
    let agent = inner.agents.look_up(&arrival.agent);
    let decoded = receive::decode(arrival, app, agent, body);
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
        inner.stats.rejected(app, reason);
    }
    let answer = |body: Vec<u8>| ([(header::CONTENT_TYPE, "application/json")], body).into_response();
    match verdict {
        // The last line of a client that switches off is recorded; it is told once more that it is off.
        _ if off => Err(Refusal::Off),
        Verdict::Shredded => Err(Refusal::Shredded),
        Verdict::Stale => {
            inner.stats.stale(app);
            Ok(answer(receive::STALE.into()))
        }
        Verdict::Accounted { stored, tally } => {
            inner.stats.stored(app, &tally);
            if unnamed > 0 {
                // Sent alone, the batch that no rejection can name is the one that is refused.
                return Err(Refusal::BatchLine);
            }
            Ok(answer(receive::answer(&stored, &rejected)))
        }
    }
}

/// Room for the usual request and what the index writes of it: with less, the next may find none.
const ENOUGH_BYTES: u64 = 1024 * 1024;

async fn health(Shared(state): Shared<State>) -> Response {
    #[derive(Serialize)]
    struct Health {
        status: &'static str,
    }
    // Once there is room it is well again, though nothing was tried since.
    let is_full = || {
        let free = gauges::space(&state.0.config.data).map_or(0, |space| space.free);
        state.0.writer.was_full() && free < ENOUGH_BYTES
    };
    let (code, status) = match state.0.writer.is_well() {
        true if is_full() => (StatusCode::SERVICE_UNAVAILABLE, "full"),
        true => (StatusCode::OK, "ok"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "stopped"),
    };
    json(code, &Health { status })
}

async fn metrics(Shared(state): Shared<State>) -> Response {
    let text = tokio::task::spawn_blocking(move || {
        let mut observed = Observed::of(&state.0.config.data, state.0.synced()).unwrap_or_else(|error| {
            tracing::error!(%error, "the data directory cannot be looked at");
            Observed::default()
        });
        observed.full = state.0.writer.was_full();
        (observed.streams, observed.books) = state.0.writer.books();
        state.0.stats.metrics(&observed)
    });
    match text.await {
        Ok(text) => ([(header::CONTENT_TYPE, METRICS_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
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
    if !host.is_some_and(|host| state.0.is_own_origin(&format!("http://{host}"))) {
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

async fn unknown_path(Shared(state): Shared<State>, body: Body) -> Response {
    body::refuse(&state, body, Refusal::Path).await
}

async fn wrong_method(Shared(state): Shared<State>, _: Method, body: Body) -> Response {
    body::refuse(&state, body, Refusal::Method).await
}
