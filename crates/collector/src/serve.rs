//! Accepts connections until it is told to stop, then drains.

use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};

use crate::http::{Peer, app};
use crate::state::State;
use crate::user_agent::Agents;

/// Connections that are still busy so long after the shutdown are cut. Service managers kill after 10 s (Docker) or
/// later; what was taken is stored all the same.
const DRAIN: Duration = Duration::from_secs(8);

/// A request's head takes at most so long, and a connection idles at most so long: browsers open new ones.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of a request's head, and of what is read ahead. Browsers send under 4 KiB; hyper's own limit is 400 KiB, which
/// ten thousand idle connections could each fill.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// When no connection can be accepted (no file descriptors are left), the next try comes so much later.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `shutdown` is done; then answers what was accepted, makes everything durable and returns.
pub async fn run(
    listener: TcpListener,
    state: State,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    Agents::warm_up();
    let app = app(state.clone());
    let connections = GracefulShutdown::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => spawn(socket, Peer(peer.ip()), app.clone(), &connections),
                Err(error) => {
                    tracing::warn!(%error, "no connection can be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = &mut shutdown => break,
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, connections.shutdown()).await.is_err() {
        tracing::warn!("connections were cut because they did not end");
    }
    state.close().await;
    Ok(())
}

fn spawn(socket: TcpStream, peer: Peer, app: Router, connections: &GracefulShutdown) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(MAX_HEAD_BYTES);
    // Who closes its side after the last byte, as a page on its way out may, has still sent a whole request.
    http.half_close(true);
    let app = TowerToHyperService::new(app);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        app.call(request)
    });
    let connection = http.serve_connection(TokioIo::new(socket), service);
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection ended");
        }
    });
}
