//! Serves the pages of the bench, cross-origin isolated, and answers the peers.

use std::path::Path;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower_http::services::ServeDir;

/// What makes the page cross-origin isolated: only there does the clock tick every 5 µs, elsewhere every 100.
const ISOLATION: [(HeaderName, HeaderValue); 3] = [
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-embedder-policy"), HeaderValue::from_static("require-corp")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// A site of the machine, served until it is dropped.
#[derive(Debug)]
pub(crate) struct Site {
    origin: String,
    task: JoinHandle<()>,
}

impl Site {
    /// Starts it on a free port.
    pub(crate) async fn start(pages: &Path) -> Result<Self> {
        let app = Router::new()
            .route("/sink", post(sink))
            .fallback_service(ServeDir::new(pages))
            .layer(middleware::from_fn(isolate));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no port is free")?;
        let origin = format!("http://{}", listener.local_addr()?);
        let task = tokio::spawn(async move {
            // Serving ends with the site; an error of a single connection ends only that.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { origin, task })
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Where the peers send to: of the page's own origin, which spares them the preflight of their JSON.
    pub(crate) fn sink(&self) -> String {
        format!("{}/sink", self.origin)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads a request to its end and keeps nothing: OTLP's answer to a full success is an empty object.
async fn sink(body: Body) -> Response {
    // A body that breaks off is answered like any other: nobody waits for it.
    let _ = axum::body::to_bytes(body, usize::MAX).await;
    ([(header::CONTENT_TYPE, "application/json")], "{}").into_response()
}

async fn isolate(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().extend(ISOLATION);
    response
}
