//! Which pages may send, and what browsers need to hear to let them.
//!
//! Beacons always carry credentials, so the origin is echoed and credentials are allowed; cookies are never read.

use std::time::Duration;

use axum::extract::{Request, State as Shared};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::body;
use crate::refusal::Refusal;
use crate::state::State;

/// A day; browsers cap it (Chromium at 2 h). Requests of the client are simple ones and ask nothing ahead.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(86_400);

/// Answers preflights and adds the headers.
pub(crate) fn layer(state: &State) -> CorsLayer {
    let state = state.clone();
    let allowed = move |origin: &HeaderValue, _: &axum::http::request::Parts| {
        origin.to_str().is_ok_and(|origin| state.0.allows_origin(origin))
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(allowed))
        .allow_credentials(true)
        .allow_methods([Method::POST])
        .allow_headers([header::CONTENT_TYPE])
        .expose_headers([header::RETRY_AFTER, header::DATE])
        .max_age(PREFLIGHT_MAX_AGE)
}

/// Refuses pages of other origins. Who sends no `Origin` is no browser, or asks from its own page: the key decides.
pub(crate) async fn guard(Shared(state): Shared<State>, request: Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN);
    let foreign =
        origin.is_some_and(|origin| !origin.to_str().is_ok_and(|origin| state.0.allows_origin(origin)));
    if foreign {
        return body::refuse(&state, request.into_body(), Refusal::Origin).await;
    }
    next.run(request).await
}
