//! The collector of Beaconry: receives events, writes them to append-only JSON Lines, and only then says yes.
//!
//! A request's way: [`http`] (limits, key, origin) → [`receive`] (decode, check, render) → [`writer`] (groups what
//! waits) → [`store`] (look up, append, fsync, index) → the answer, with all numbers of the stream that are stored.
//!
//! - [`journal`] writes the files, [`recover`] mends and reads them on start, [`index`] knows what is in them; [`disk`] is
//!   the file system below, so that a simulated one can forget what was not synced.
//! - [`event_line`] makes a journal line of an event; [`skew`] corrects its time, [`user_agent`] names its browser.
//! - [`cors`] says which pages may send, [`phase`] which keys are off; [`stats`] counts, [`tail`] shows the journal.
//!
//! What it does not do: it queries nothing, deletes no journal file, terminates no TLS, and knows no user.

mod config;
mod cors;
mod disk;
mod event_line;
mod http;
mod index;
mod journal;
mod phase;
mod receive;
mod recover;
#[cfg(test)]
mod sim;
mod skew;
mod stats;
mod store;
mod tail;
mod user_agent;
mod writer;

/// The command line.
pub mod cli;

pub use config::{Clock, Config, MAX_BODY_BYTES, OpenError, State, own_origins, system_clock};
pub use http::app;
pub use phase::{Phase, PhaseError, set_phase};

use std::io;
use std::time::Duration;

use tokio::net::TcpListener;

/// Connections that are still busy so long after the shutdown are cut. Service managers kill after 10 s (Docker) or
/// later; what was taken is stored all the same.
const DRAIN: Duration = Duration::from_secs(8);

/// Serves until `shutdown` is done; then answers what was accepted, makes everything durable and returns.
pub async fn run(
    listener: TcpListener,
    state: State,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    user_agent::Agents::warm_up();
    let (draining, drain) = tokio::sync::oneshot::channel();
    let shutdown = async move {
        shutdown.await;
        let _ = draining.send(());
    };
    let server = axum::serve(listener, app(state.clone())).with_graceful_shutdown(shutdown);
    let too_long = async {
        match drain.await {
            Ok(()) => tokio::time::sleep(DRAIN).await,
            // The server failed before any shutdown.
            Err(_) => std::future::pending().await,
        }
    };
    let served = tokio::select! {
        served = server => served,
        () = too_long => {
            tracing::warn!("connections were cut because they did not end");
            Ok(())
        }
    };
    state.close().await;
    served
}
