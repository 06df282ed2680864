//! The fault proxy in front of the collector: the network as it is at its worst, switched by the test.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What happens to a request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It is forwarded, and so is the answer.
    Pass,
    /// The connection ends before the collector hears of it.
    CutBefore,
    /// The collector has answered, and the connection ends before the browser hears of it.
    CutAfter,
    /// Nothing happens at all, until the next fault is chosen: then the connection ends.
    Hang,
    /// It is answered by the proxy; the collector does not hear of it.
    Answer(Answer),
}

/// An answer that is not the collector's.
#[derive(Clone, Debug)]
pub struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, String)>,
    body: &'static str,
}

impl Answer {
    fn new(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: "" }
    }

    /// A page of a captive portal: 200, and not ours.
    pub fn html() -> Self {
        let kind = (header::CONTENT_TYPE, "text/html".to_owned());
        let body = "<!doctype html><title>Welcome</title><p>Accept the terms to go on.";
        Self { headers: vec![kind], body, ..Self::new(StatusCode::OK) }
    }

    /// 503 of a balancer without a backend, and without Retry-After.
    pub fn unavailable() -> Self {
        Self { body: "no backend", ..Self::new(StatusCode::SERVICE_UNAVAILABLE) }
    }

    /// 413 of a proxy in front of the collector: not its JSON.
    pub fn too_large() -> Self {
        Self { body: "Request Entity Too Large", ..Self::new(StatusCode::PAYLOAD_TOO_LARGE) }
    }

    /// 413 of the collector itself.
    pub fn collectors_too_large() -> Self {
        Self {
            body: r#"{"error":"too_large","message":"over the limit"}"#,
            ..Self::new(StatusCode::PAYLOAD_TOO_LARGE)
        }
    }

    /// 401 of the collector itself, as it says it where a key is mistyped in its configuration.
    pub fn unknown_key() -> Self {
        Self { body: r#"{"error":"key","message":"no such key"}"#, ..Self::new(StatusCode::UNAUTHORIZED) }
    }

    /// 429 with Retry-After in seconds.
    pub fn throttled_for(seconds: u64) -> Self {
        let retry = (header::RETRY_AFTER, seconds.to_string());
        Self { headers: vec![retry], ..Self::new(StatusCode::TOO_MANY_REQUESTS) }
    }

    /// 429 with Retry-After as an HTTP date, which has whole seconds.
    pub fn throttled_until(date: SystemTime) -> Self {
        let retry = (header::RETRY_AFTER, httpdate::fmt_http_date(date));
        Self { headers: vec![retry], ..Self::new(StatusCode::TOO_MANY_REQUESTS) }
    }

    /// As the browser gets it: readable for the page, like the collector's own answers.
    fn to_response(&self, request: &HeaderMap) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        for (name, value) in &self.headers {
            headers.extend(HeaderValue::from_str(value).ok().map(|value| (name.clone(), value)));
        }
        // Retry-After may be a date, and only the answer's own Date says what that is by the client's clock.
        let now = httpdate::fmt_http_date(SystemTime::now());
        headers.extend(HeaderValue::from_str(&now).ok().map(|now| (header::DATE, now)));
        if let Some(origin) = request.get(header::ORIGIN) {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            let exposed = HeaderValue::from_static("Retry-After, Date");
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
        response
    }
}

/// A request that reached the proxy.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When its body was complete.
    pub at: Instant,
    /// Its method.
    pub method: Method,
    /// Its path with the query.
    pub target: String,
    /// Its body.
    pub body: String,
    /// Whether it asks for an answer that nobody will read, as `sendBeacon` does (Sec-Fetch-Mode: no-cors).
    pub is_beacon: bool,
    /// The status that the browser got; `None` where the connection was cut, or as long as it hangs.
    pub status: Option<StatusCode>,
}

impl Seen {
    /// Whether it brings events: a request without any only asks what is stored.
    pub fn has_batches(&self) -> bool {
        self.method == Method::POST && self.body.contains("\n{\"batch\":")
    }
}

/// A running proxy. Dropped, it ends with all its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    upstream: SocketAddr,
    fault: watch::Sender<Fault>,
    seen: Mutex<Vec<Seen>>,
}

impl Proxy {
    /// Starts one that passes everything on to `upstream`, whether anything listens there or not.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(upstream: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no port is free")?;
        let address = listener.local_addr()?;
        let state =
            Arc::new(State { upstream, fault: watch::Sender::new(Fault::Pass), seen: Mutex::default() });
        let task = tokio::spawn(accept(listener, Arc::clone(&state)));
        Ok(Self { address, state, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What happens to requests from now on; those that hang are cut.
    pub fn set(&self, fault: Fault) {
        self.state.fault.send_replace(fault);
    }

    /// Every request so far, in the order of their arrival.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen().clone()
    }

    /// The requests so far that satisfy a condition.
    pub fn count(&self, is_meant: impl Fn(&Seen) -> bool) -> usize {
        self.state.seen().iter().filter(|seen| is_meant(seen)).count()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, request: &Request<Bytes>) -> usize {
        let mut seen = self.seen();
        seen.push(Seen {
            at: Instant::now(),
            method: request.method().clone(),
            target: request.uri().to_string(),
            body: String::from_utf8_lossy(request.body()).into_owned(),
            is_beacon: request.headers().get("sec-fetch-mode").is_some_and(|mode| mode == "no-cors"),
            status: None,
        });
        seen.len() - 1
    }
}

/// Ends a connection without an answer, where it is returned for one.
#[derive(Debug)]
struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("cut by the test")
    }
}

impl std::error::Error for Cut {}

async fn accept(listener: TcpListener, state: Arc<State>) {
    // Owns the connections: they end with this task.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        connections.spawn(async move {
            let service = service_fn(|request| serve(&state, request));
            // An error is a cut, ours or the browser's: both are what is being tested.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
            Ok::<_, Infallible>(())
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(state: &State, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Cut> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let request = Request::from_parts(parts, body);
    let fault = state.fault.borrow().clone();
    let index = state.record(&request);
    let response = match fault {
        Fault::Pass => forward(state.upstream, request).await?,
        Fault::CutBefore => return Err(Cut),
        Fault::CutAfter => {
            forward(state.upstream, request).await?;
            return Err(Cut);
        }
        Fault::Hang => {
            hang(state).await;
            return Err(Cut);
        }
        Fault::Answer(answer) => answer.to_response(request.headers()),
    };
    if let Some(seen) = state.seen().get_mut(index) {
        seen.status = Some(response.status());
    }
    Ok(response)
}

/// Until another fault is chosen.
async fn hang(state: &State) {
    let mut fault = state.fault.subscribe();
    let _ = fault.wait_for(|fault| !matches!(fault, Fault::Hang)).await;
}

/// Sends it to the collector over a connection of its own. Where nobody listens, the browser's connection is cut.
async fn forward(upstream: SocketAddr, request: Request<Bytes>) -> Result<Response<Full<Bytes>>, Cut> {
    let stream = TcpStream::connect(upstream).await.map_err(|_| Cut)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|_| Cut)?;
    let connection = tokio::spawn(connection);
    let answer = sender.send_request(request.map(Full::new)).await;
    let response = match answer {
        Ok(response) => {
            let (parts, body) = response.into_parts();
            body.collect().await.map(|body| Response::from_parts(parts, Full::new(body.to_bytes())))
        }
        Err(error) => Err(error),
    };
    connection.abort();
    response.map_err(|_| Cut)
}

/// How long after `since` the first request of a kind came.
pub fn delay(seen: &[Seen], since: Instant, is_meant: impl Fn(&Seen) -> bool) -> Option<Duration> {
    seen.iter().filter(|seen| seen.at > since && is_meant(seen)).map(|seen| seen.at - since).min()
}
