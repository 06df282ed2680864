//! The command line: `beaconry serve`, `phase`, `forward` and `import`.

use std::fs;
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{Config, MAX_BODY_BYTES, OpenError, State, own_origins, system_clock};
use crate::forward::{self, Forward, ForwardError, Import, ImportError, Progress, Stop};
use crate::phase::{Phase, PhaseError, set_phase};

/// Receives Beaconry's events, writes them to append-only JSON Lines, and only then says yes.
#[derive(Debug, Parser)]
#[command(name = "beaconry", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Receive events and write them to DIR/events-YYYY-MM-DD.jsonl
    Serve(Serve),
    /// Switch the clients of a key off or on, also while a server runs
    Phase(SetPhase),
    /// Follow the journal and bring each line to Loki, or to whoever takes OTLP
    Forward(Forward),
    /// Bring downloaded journal files there, each event once
    Import(Import),
}

#[derive(Debug, Args)]
struct Serve {
    /// Directory of journal, index and phases; made where it is missing
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:4600")]
    listen: SocketAddr,
    /// Key that clients must name; repeat it while an old key is being replaced
    #[arg(long = "key", value_name = "KEY", required = true, value_parser = not_empty)]
    keys: Vec<String>,
    /// App that the key stands for, written into each line
    #[arg(long, value_name = "APP", value_parser = not_empty)]
    app: String,
    /// Origin whose pages may send, such as https://shop.example.com; repeatable
    #[arg(long = "origin", value_name = "ORIGIN", value_parser = origin)]
    origins: Vec<String>,
    /// Folder to serve at /, with the journal's tail at /v1/tail: for the demo
    #[arg(long, value_name = "DIR")]
    www: Option<PathBuf>,
    /// Largest request body taken
    #[arg(long, value_name = "BYTES", default_value_t = MAX_BODY_BYTES)]
    max_body: usize,
    /// File to write the bound address to, once requests are taken
    #[arg(long, value_name = "FILE")]
    port_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct SetPhase {
    /// Key whose clients are meant
    #[arg(value_name = "KEY", value_parser = not_empty)]
    key: String,
    /// What they are told
    phase: Phase,
    /// Directory that the server was given
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

/// Why a command failed, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The phase cannot be set.
    #[error(transparent)]
    Phase(#[from] PhaseError),
    /// The journal cannot be forwarded.
    #[error(transparent)]
    Forward(#[from] ForwardError),
    /// The files cannot be imported.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// `phase` was given a directory that is none.
    #[error("{0} is no directory: name the one that the server was given with --data")]
    NoData(PathBuf),
    /// The folder to serve is none.
    #[error("{0} is no directory: name the folder of the demo page with --www")]
    NoWww(PathBuf),
    /// The folder to serve has the journal in it.
    #[error("{data} lies in {www}, which --www shows to everyone: name another directory with --data")]
    Exposed {
        /// As given.
        data: PathBuf,
        /// As given.
        www: PathBuf,
    },
    /// The address is taken or not ours.
    #[error(
        "cannot listen on {address}: {error}. Is another server running there? Name another address with --listen"
    )]
    Listen {
        /// As given.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// The port file cannot be written.
    #[error("{path} cannot be written: {error}. Name another file with --port-file")]
    PortFile {
        /// As given.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The system refuses something basic.
    #[error("the server cannot run: {0}")]
    Io(#[from] io::Error),
}

/// Carries a command out.
pub fn main(cli: Cli) -> Result<(), CliError> {
    match cli.command {
        Command::Serve(args) => {
            log_to(io::stderr);
            tokio::runtime::Runtime::new()?.block_on(serve(args))
        }
        Command::Phase(args) => {
            if !args.data.is_dir() {
                return Err(CliError::NoData(args.data));
            }
            set_phase(&args.data, &args.key, args.phase)?;
            println!("{}", told(&args.key, args.phase));
            Ok(())
        }
        Command::Forward(args) => {
            log_to(io::stderr);
            until_signalled(|stop| Ok(forward::run(&args, stop)?))
        }
        Command::Import(args) => {
            let progress = Progress::new();
            log_to(progress.log());
            until_signalled(|stop| Ok(forward::import(&args, &progress, stop)?))
        }
    }
}

/// The work blocks; a thread of its own hears the signals.
fn until_signalled(work: impl FnOnce(&Stop) -> Result<(), CliError>) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let signalled = runtime.block_on(async { signalled() })?;
    let stop = Stop::default();
    let heard = stop.clone();
    std::thread::spawn(move || {
        runtime.block_on(signalled);
        heard.set();
    });
    work(&stop)
}

async fn serve(args: Serve) -> Result<(), CliError> {
    if let Some(www) = args.www.as_ref().filter(|www| !www.is_dir()) {
        return Err(CliError::NoWww(www.clone()));
    }
    let shutdown = signalled()?;
    let listening = |error| CliError::Listen { address: args.listen, error };
    let listener = TcpListener::bind(args.listen).await.map_err(listening)?;
    let address = listener.local_addr().map_err(listening)?;
    let mut origins = args.origins;
    origins.extend(own_origins(address));
    let (data, www) = (args.data.clone(), args.www.clone());
    let config = Config {
        data: args.data,
        keys: args.keys,
        app: args.app,
        origins,
        www: args.www,
        max_body: args.max_body,
        clock: system_clock(),
    };
    tracing::info!(data = %config.data.display(), app = config.app, origins = ?config.origins, "opening");
    let opened = tokio::task::spawn_blocking(move || State::open(config)).await;
    let state = opened.map_err(io::Error::other)??;
    if let Some(www) = www {
        refuse_exposed(data, www)?;
    }
    if let Some(path) = args.port_file {
        fs::write(&path, address.to_string()).map_err(|error| CliError::PortFile { path, error })?;
    }
    tracing::info!(%address, "listening");
    Ok(crate::run(listener, state, shutdown).await?)
}

/// What a phase changes, for whoever set it.
fn told(key: &str, phase: Phase) -> String {
    match phase {
        Phase::Disabled => {
            format!("{key}: DISABLED; its clients switch off with their next request, for a day")
        }
        Phase::Enabled => {
            format!("{key}: ENABLED; clients that were told to switch off come back within a day")
        }
    }
}

/// Journal lines are personal data; the demo's folder is shown to whoever asks, as it is.
fn refuse_exposed(data: PathBuf, www: PathBuf) -> Result<(), CliError> {
    let is_inside = fs::canonicalize(&data)?.starts_with(fs::canonicalize(&www)?);
    if is_inside { Err(CliError::Exposed { data, www }) } else { Ok(()) }
}

/// SIGTERM or SIGINT. The handlers stand when this returns, so that no early signal kills without a drain.
fn signalled() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM, draining"),
            _ = interrupt.recv() => tracing::info!("SIGINT, draining"),
        }
    })
}

/// Text for people at a terminal, JSON for machines; `RUST_LOG` chooses what.
fn log_to(writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env();
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    // A subscriber is set once; whoever embeds this may have set another.
    let _ = if io::stderr().is_terminal() { builder.try_init() } else { builder.json().try_init() };
}

fn not_empty(text: &str) -> Result<String, &'static str> {
    if text.trim().is_empty() { Err("it is empty") } else { Ok(text.to_owned()) }
}

/// An origin is scheme and authority; browsers send it without a slash at the end.
fn origin(text: &str) -> Result<String, &'static str> {
    let text = text.trim_end_matches('/');
    let authority = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match authority {
        Some(authority) if !authority.is_empty() && !authority.contains(['/', '?', '#', '*']) => {
            Ok(text.to_ascii_lowercase())
        }
        _ => {
            Err("an origin is a scheme and a host, such as https://shop.example.com or http://127.0.0.1:8080")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn what_is_missing_is_named() {
        let error =
            Cli::try_parse_from(["beaconry", "serve", "--data", "d", "--app", "a"]).unwrap_err().to_string();
        assert!(error.contains("--key <KEY>"), "{error}");
        let error =
            Cli::try_parse_from(["beaconry", "phase", "k", "OFF", "--data", "d"]).unwrap_err().to_string();
        assert!(error.contains("DISABLED, ENABLED"), "{error}");
    }

    #[test]
    fn a_journal_that_www_would_show_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (www, data) = (dir.path().join("www"), dir.path().join("www/data"));
        fs::create_dir_all(&data).unwrap();
        let error = refuse_exposed(data.clone(), www.clone()).unwrap_err().to_string();
        assert!(error.contains("name another directory with --data"), "{error}");
        assert!(refuse_exposed(www.clone(), www.clone()).is_err());
        assert!(refuse_exposed(www, data).is_ok(), "a folder of the data's own shows no journal");
    }

    #[test]
    fn an_origin_is_scheme_and_host() {
        assert_eq!(origin("https://Shop.example.com/").unwrap(), "https://shop.example.com");
        for bad in ["shop.example.com", "https://", "https://a/b", "*", "https://*.a"] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }
}
