//! Serves the test pages and the packed package, and writes down what was asked for.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use anyhow::{Context as _, Result, bail};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path as UrlPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, post};
use hyper::body::{Bytes, Frame};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower_http::services::ServeDir;

use crate::collector::artifact;
use crate::trap::{self, Trap};

/// Below the package.
const WASM: &str = "wasm/beaconry_bg.wasm";

/// A site with an origin of its own: `page.html` and its like, the package under `/beaconry/`, the library that it uses under
/// `/web-vitals/`, `/status/503` and its like, which answer so, and `/hang`, which never does.
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
    /// The Content-Security-Policy of everything.
    policy: Mutex<Option<HeaderValue>>,
    /// What becomes of the WebAssembly.
    wasm: watch::Sender<Wasm>,
}

/// What becomes of requests for the package's WebAssembly.
#[derive(Clone, Debug, Default)]
enum Wasm {
    #[default]
    AsItIs,
    Withheld(Missing),
    /// These bytes in its place.
    Changed(Vec<u8>),
}

/// How something does not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// 404.
    NotFound,
    /// The connection ends in the midst of the answer.
    Cut,
    /// Nothing happens, until it is served again.
    Never,
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
            .route("/hang", any(std::future::pending::<StatusCode>))
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

    /// From now on the WebAssembly does not arrive.
    pub fn withhold(&self, how: Missing) {
        self.log.wasm.send_replace(Wasm::Withheld(how));
    }

    /// From now on the WebAssembly has a trap in it.
    ///
    /// # Errors
    /// When it cannot be changed.
    pub fn trap(&self, trap: Trap) -> Result<()> {
        let wasm = std::fs::read(package()?.join(WASM))?;
        self.log.wasm.send_replace(Wasm::Changed(trap::set(&wasm, trap)?));
        Ok(())
    }

    /// From now on everything has this Content-Security-Policy.
    pub fn set_policy(&self, policy: &'static str) {
        let mut set = self.log.policy.lock().unwrap_or_else(PoisonError::into_inner);
        *set = Some(HeaderValue::from_static(policy));
    }

    /// Serves everything again, as it is.
    pub fn restore(&self) {
        self.log.missing.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.log.wasm.send_replace(Wasm::AsItIs);
        *self.log.policy.lock().unwrap_or_else(PoisonError::into_inner) = None;
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
    let mut response =
        if path.ends_with(WASM) { wasm(&log, request, next).await } else { next.run(request).await };
    if let Some(policy) = log.policy.lock().unwrap_or_else(PoisonError::into_inner).clone() {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    // Asked for anew on every visit, so that the log tells what a page has loaded.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

async fn wasm(log: &Log, request: Request, next: Next) -> Response {
    let mut is = log.wasm.subscribe();
    let never = |is: &Wasm| matches!(is, Wasm::Withheld(Missing::Never));
    let Ok(is) = is.wait_for(|is| !never(is)).await.map(|is| is.clone()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match is {
        Wasm::AsItIs => next.run(request).await,
        Wasm::Withheld(Missing::Cut) => Body::new(Torn).into_response(),
        Wasm::Withheld(_) => StatusCode::NOT_FOUND.into_response(),
        Wasm::Changed(bytes) => ([(header::CONTENT_TYPE, "application/wasm")], bytes).into_response(),
    }
}

/// A body that ends in an error, on which the server ends the connection.
struct Torn;

impl hyper::body::Body for Torn {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionAborted.into())))
    }
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
    for file in ["index.js", WASM] {
        if !package.join(file).is_file() {
            bail!("{} has no {file}: run `cargo xtask package`", package.display());
        }
    }
    Ok(package)
}
