//! The command line: `beaconry serve`, `config check`, `rotate`, `delivery`, `phase`, `forward` and `import`.

use std::fs;
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{Config, own_origins, system_clock};
use crate::delivery::{self, Delivery, DeliveryError};
use crate::forward::{self, Forward, ForwardError, Import, ImportError, Progress, Stop};
use crate::phase::{Phase, PhaseError, set_phase};
use crate::settings::{self, Given, GivenJournal, Settings, SettingsError, check};
use crate::state::{OpenError, State};
use crate::upkeep::pass::Report;
use crate::upkeep::rotate::{self, RotateError};

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
    /// Say what `serve` would be told by these flags, the environment and the file, and whether it could start
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Close the current journal file, then pack and delete what is due: for a cron job, beside a running server or without one
    ///
    /// A running server does it by its own configuration: the wish for it is put into DIR/rotate.json, and the answer is
    /// waited for. Where no server has DIR, it is done here, by these flags, variables and file. Run it as the user of the
    /// server, who has to write what it makes. Where nothing was written since the last time, nothing is closed.
    Rotate(Rotate),
    /// Tell what became of every event: stored, dropped and why, outstanding, lost
    ///
    /// A running server counts, and has to be asked by a user who may write to DIR. Where no server has DIR it is counted here, from
    /// index and journal, or from the journal alone, and nothing is written.
    Delivery(Delivery),
    /// Switch the clients of a key off or on, also while a server runs
    Phase(SetPhase),
    /// Follow the journal and bring each line to Loki, or to whoever takes OTLP
    Forward(Forward),
    /// Bring downloaded journal files there, each event once
    Import(Import),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print each value and where it comes from; fail where a server could not start
    Check(Check),
}

#[derive(Debug, Args)]
struct Serve {
    #[command(flatten)]
    said: Said,
    /// File to write the bound address to, once requests are taken
    #[arg(long, value_name = "FILE")]
    port_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct Check {
    #[command(flatten)]
    said: Said,
}

/// Flags come before variables, variables before the file.
#[derive(Debug, Args)]
struct Said {
    /// File of what is not said by a flag or a variable (TOML); its keys are the flags' names, see the README
    #[arg(long, value_name = "FILE", env = "BEACONRY_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    given: Given,
}

#[derive(Debug, Args)]
struct Rotate {
    /// File that the server was given
    #[arg(long, value_name = "FILE", env = "BEACONRY_CONFIG")]
    config: Option<PathBuf>,
    /// Directory that the server was given
    #[arg(long, value_name = "DIR", env = "BEACONRY_DATA")]
    data: Option<PathBuf>,
    #[command(flatten)]
    journal: GivenJournal,
}

#[derive(Debug, Args)]
struct SetPhase {
    /// Key whose clients are meant
    #[arg(value_name = "KEY", value_parser = not_empty)]
    key: String,
    /// What they are told
    phase: Phase,
    /// Directory that the server was given
    #[arg(long, value_name = "DIR", env = "BEACONRY_DATA")]
    data: PathBuf,
}

/// Why a command failed, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The configuration.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// `config check` found what it names above.
    #[error("a server could not start so: see above")]
    Unfit,
    /// Nothing was rotated.
    #[error(transparent)]
    Rotate(#[from] RotateError),
    /// Nothing was counted.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
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

/// The command line, as clap knows it.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Carries out what `matches`, of [`command`], say.
pub fn main(matches: &ArgMatches) -> Result<(), CliError> {
    let cli = Cli::from_arg_matches(matches).unwrap_or_else(|error| error.exit());
    let matches = innermost(matches);
    match cli.command {
        Command::Serve(Serve { said, port_file }) => {
            log_to(io::stderr);
            let settings = Settings::resolve(said.given, said.config.as_deref(), matches)?;
            tokio::runtime::Runtime::new()?.block_on(serve(settings, port_file))
        }
        Command::Config(ConfigCommand::Check(Check { said })) => {
            let settings = Settings::resolve(said.given, said.config.as_deref(), matches)?;
            check_settings(&settings)
        }
        Command::Rotate(args) => {
            log_to(io::stderr);
            let config = args.config.as_deref();
            let (data, files) = settings::resolve_journal(args.data, &args.journal, config, matches)?;
            println!("{}", rotated(&rotate::run(&data, &files, &system_clock())?));
            Ok(())
        }
        Command::Delivery(args) => {
            println!("{}", delivery::run(&args, &system_clock())?);
            Ok(())
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

/// The matches of the command that is meant: sources of values are asked there.
fn innermost(mut matches: &ArgMatches) -> &ArgMatches {
    while let Some((_, inner)) = matches.subcommand() {
        matches = inner;
    }
    matches
}

async fn serve(settings: Settings, port_file: Option<PathBuf>) -> Result<(), CliError> {
    if let Some(www) = settings.www.as_ref().filter(|www| !www.is_dir()) {
        return Err(CliError::NoWww(www.clone()));
    }
    let shutdown = signalled()?;
    let listening = |error| CliError::Listen { address: settings.listen, error };
    let listener = TcpListener::bind(settings.listen).await.map_err(listening)?;
    let address = listener.local_addr().map_err(listening)?;
    let (data, www) = (settings.data.clone(), settings.www.clone());
    let config = Config {
        data: settings.data,
        apps: settings.apps,
        own_origins: own_origins(address),
        www: settings.www,
        max_body: settings.max_body,
        limits: settings.limits,
        journal: settings.journal,
        clock: system_clock(),
    };
    tracing::info!(data = %config.data.display(), apps = ?config.apps, journal = ?config.journal, "opening");
    let opened = tokio::task::spawn_blocking(move || State::open(config)).await;
    let state = opened.map_err(io::Error::other)??;
    if let Some(www) = www {
        refuse_exposed(data, www)?;
    }
    if let Some(path) = port_file {
        fs::write(&path, address.to_string()).map_err(|error| CliError::PortFile { path, error })?;
    }
    tracing::info!(%address, "listening");
    Ok(crate::run(listener, state, shutdown).await?)
}

fn check_settings(settings: &Settings) -> Result<(), CliError> {
    print!("{}", check::table(settings));
    let variables: Vec<String> =
        std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
    let serve = command().find_subcommand("serve").cloned().unwrap_or_default();
    let is_known = |name: &str| serve.get_arguments().any(|arg| arg.get_env().is_some_and(|it| it == name));
    for note in check::notes(settings, &variables, is_known) {
        println!("note: {note}");
    }
    let problems = check::problems(settings);
    for problem in &problems {
        println!("problem: {problem}");
    }
    if problems.is_empty() { Ok(()) } else { Err(CliError::Unfit) }
}

/// What was done, for a cron job's mail.
fn rotated(report: &Report) -> String {
    let closed = match &report.closed {
        Some(closed) => format!("closed {closed}"),
        None => "nothing to close: nothing was written since the last time".into(),
    };
    let packed = report.packed.iter().map(|name| format!("packed {name}"));
    let deleted = report.deleted.iter().map(|deleted| format!("deleted {} ({})", deleted.name, deleted.why));
    std::iter::once(closed).chain(packed).chain(deleted).collect::<Vec<_>>().join("\n")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn what_is_missing_is_named() {
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
}
