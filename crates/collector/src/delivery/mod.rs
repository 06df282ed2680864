//! `beaconry delivery`: what became of every event that clients have numbered.
//!
//! [`report`] counts, from a snapshot of the index; [`table`] shows it to people. A running server is asked ([`answer`]); where none
//! has the directory, a start is tried in memory ([`crate::overlay`]) and nothing is written, so that whoever may read the files
//! may ask.

mod answer;
mod question;
mod report;
mod table;

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use clap::Args;

pub(crate) use answer::Answering;
use question::{DELIVERY, Question};
use report::{Counted, Report, Source};

use crate::config::Clock;
use crate::disk::Disk as _;
use crate::files;
use crate::index;
use crate::journal::MAX_FILE_BYTES;
use crate::overlay::Overlay;
use crate::store::Store;
use crate::wish::{self, LOCK, NoAnswer};

/// The flags of `beaconry delivery`.
#[derive(Debug, Args)]
pub(crate) struct Delivery {
    /// Directory that the server was given, or one of journal files alone
    #[arg(long, value_name = "DIR", env = "BEACONRY_DATA")]
    data: PathBuf,
    #[command(flatten)]
    question: Question,
    /// Print JSON, as docs/delivery.md has it
    #[arg(long)]
    json: bool,
}

/// Why nothing was counted, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// Not there, or no directory.
    #[error("{0} is no directory: name the one that the server was given with --data")]
    NoData(PathBuf),
    /// Nothing of a collector is in it.
    #[error(
        "{0} has neither an index nor a journal: name the directory that the server was given with --data"
    )]
    Nothing(PathBuf),
    /// The files cannot be read.
    #[error("{path}: {error}. Run it as a user who may read all of it")]
    Unreadable {
        /// As given.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A server has the directory, and only who may write there can ask it.
    #[error("{path}: the server that has it cannot be asked: {error}. Run it as the server's user")]
    CannotAsk {
        /// As given.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The server has the directory, and is silent.
    #[error(
        "the server that has {0} did not answer in ten minutes: see what it logs, and whether it is as new as this program"
    )]
    Silent(PathBuf),
    /// Journal or index are not in order.
    #[error("{path}: {message}")]
    Damaged {
        /// As given.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

/// What is to be printed.
pub(crate) fn run(args: &Delivery, clock: &Clock) -> Result<String, DeliveryError> {
    let report = report(&args.data, &args.question, clock)?;
    Ok(if args.json {
        let damaged = |error: serde_json::Error| damaged(&args.data, &error);
        serde_json::to_string_pretty(&report).map_err(damaged)?
    } else {
        table::table(&report)
    })
}

fn report(data: &Path, question: &Question, clock: &Clock) -> Result<Report, DeliveryError> {
    if !data.is_dir() {
        return Err(DeliveryError::NoData(data.to_owned()));
    }
    // Without a server nothing has to be written.
    let answer = match alone(data, question, clock)? {
        Some(report) => Ok(report),
        None => {
            let alone = || Ok(alone(data, question, clock)?.map(Ok));
            DELIVERY.ask(data, question, alone, |error| match error {
                NoAnswer::Io(error) => DeliveryError::CannotAsk { path: data.to_owned(), error },
                NoAnswer::Silent => DeliveryError::Silent(data.to_owned()),
            })?
        }
    };
    answer.map_err(|message: String| DeliveryError::Damaged { path: data.to_owned(), message })
}

/// Counts here; `None` where a server has the directory.
fn alone(data: &Path, question: &Question, clock: &Clock) -> Result<Option<Report>, DeliveryError> {
    let unreadable = |error| DeliveryError::Unreadable { path: data.to_owned(), error };
    let _lock: Option<File> = match wish::share(&data.join(LOCK)) {
        Ok(None) => return Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        lock => lock.map_err(unreadable)?,
    };
    let overlay = Overlay::of(data).map_err(unreadable)?;
    let names = overlay.list().map_err(unreadable)?;
    let has_index = names.iter().any(|name| name == index::FILE);
    if !has_index && files::journal_files(names).is_empty() {
        return Err(DeliveryError::Nothing(data.to_owned()));
    }
    let now = clock();
    let mut store = Store::open(overlay, MAX_FILE_BYTES, now).map_err(|error| damaged(data, &error))?;
    let snapshot = store.look(now).map_err(|error| damaged(data, &error))?;
    let counted = Counted::of(data, now, Source::Files).map_err(unreadable)?;
    let report = Report::of(&snapshot, question, counted, || false);
    report.map(Some).map_err(|error| damaged(data, &error))
}

fn damaged(data: &Path, error: &impl ToString) -> DeliveryError {
    DeliveryError::Damaged { path: data.to_owned(), message: error.to_string() }
}
