//! Serves the test pages and the packed package, and writes down what was asked for.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};
use axum::Router;
use axum::extract::{Path as UrlPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, post};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower_http::services::ServeDir;

use crate::collector::artifact;

/// A site with an origin of its own: `page.html` and its like, the package under `/beaconry/`, the library that it uses under
/// `/web-vitals/`, and `/status/503` and its like, which answer so.
#[derive(Debug)]
pub struct Site {
    origin: String,
    log: Arc<Log>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Log {
    asked: Mutex<Vec<String>>,
    thrown: Mutex<Vec<String>>,
    missing: Mutex<HashSet<String>>,
}

impl Site {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// When the package is not built, or no port is free.
    pub async fn start() -> Result<Self> {
        let package = package()?;
        let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("pages");
        let log = Arc::<Log>::default();
        let app = Router::new()
            .nest_service("/beaconry", ServeDir::new(package))
            .nest_service("/web-vitals", ServeDir::new(web_vitals()?))
            .route("/status/{code}", any(status))
            .route("/thrown", post(thrown).with_state(Arc::clone(&log)))
            .fallback_service(ServeDir::new(pages))
            .layer(middleware::from_fn_with_state(Arc::clone(&log), record));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no port is free")?;
        let origin = format!("http://{}", listener.local_addr()?);
        let task = tokio::spawn(async move {
            // Serving ends with the site; an error of a single connection ends only that.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self { origin, log, task })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// From now on answers 404 for paths that contain `part`.
    pub fn remove(&self, part: &str) {
        self.log.missing.lock().unwrap_or_else(PoisonError::into_inner).insert(part.to_owned());
    }

    /// Serves everything again.
    pub fn restore(&self) {
        self.log.missing.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// What any of its pages has thrown and nobody has caught, in order.
    pub fn thrown(&self) -> Vec<String> {
        self.log.thrown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every path that was asked for, in order.
    pub fn asked(&self) -> Vec<String> {
        self.log.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn record(State(log): State<Arc<Log>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    log.asked.lock().unwrap_or_else(PoisonError::into_inner).push(path.clone());
    let is_missing = {
        let missing = log.missing.lock().unwrap_or_else(PoisonError::into_inner);
        missing.iter().any(|part| path.contains(part))
    };
    if is_missing {
        return StatusCode::NOT_FOUND.into_response();
    }
    let mut response = next.run(request).await;
    // Asked for anew on every visit, so that the log tells what a page has loaded.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// A page tells of an exception: it may be gone when the test looks.
async fn thrown(State(log): State<Arc<Log>>, message: String) {
    log.thrown.lock().unwrap_or_else(PoisonError::into_inner).push(message);
}

/// Answers with the status that the path names.
async fn status(UrlPath(code): UrlPath<u16>) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::NOT_FOUND)
}

/// The library as the checkout's lock file has it.
fn web_vitals() -> Result<PathBuf> {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../node_modules/web-vitals/dist");
    if !dist.is_dir() {
        bail!("{} is missing: run `cargo xtask setup node-packages`", dist.display());
    }
    Ok(dist)
}

/// The unpacked tarball.
fn package() -> Result<PathBuf> {
    let package = artifact("BEACONRY_PACKAGE", "package", "cargo xtask package")?;
    for file in ["index.js", "wasm/beaconry_bg.wasm"] {
        if !package.join(file).is_file() {
            bail!("{} has no {file}: run `cargo xtask package`", package.display());
        }
    }
    Ok(package)
}
