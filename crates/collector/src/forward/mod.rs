//! `beaconry forward` follows the journal and brings each line to a target; `beaconry import` does it with downloaded files.
//!
//! [`reader`] reads on from the place in [`offsets`], [`import`] reads files; [`entry`] finds the labels; [`queue`] pushes to a
//! target ([`loki`], [`otlp`]) until all is stored or refused; [`refused`] keeps what the target will not have. Only then is the new
//! place stored: a crash pushes the same bytes again.

mod entry;
mod http;
mod import;
mod loki;
mod offsets;
mod otlp;
mod push;
mod queue;
mod reader;
mod refused;
mod stop;
mod target;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use entry::Entry;
use offsets::{Confirmed, Offsets};
use push::Target;
use queue::{ONCE_PATIENCE, Patience, Queue, check};
use reader::Reader;
use refused::{Refused, RefusedFile};
use target::To;

pub(crate) use import::{Import, Progress};
pub(crate) use stop::Stop;

pub use http::BadEndpoint;
pub use import::ImportError;
pub use queue::NotDelivered;
pub use target::BadTarget;

use crate::user_agent::Agents;

/// How often the journal is looked at: an event is in Loki within a second.
const POLL: Duration = Duration::from_millis(500);

/// The flags of `beaconry forward`.
#[derive(Debug, Args)]
pub(crate) struct Forward {
    #[command(flatten)]
    to: To,
    /// Directory that the server was given
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Forward what is there, then end; fail where the target is away for a minute
    #[arg(long)]
    once: bool,
}

/// Why forwarding ended.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// The flags that name the target.
    #[error(transparent)]
    Target(#[from] BadTarget),
    /// The target.
    #[error(transparent)]
    NotDelivered(#[from] NotDelivered),
    /// Another process has the place.
    #[error("another forwarder runs under the name {0}: end it, or name this one with --name")]
    Taken(String),
    /// The directory.
    #[error("{path}: {error}. Name the directory that the server was given with --data")]
    Data {
        /// As given.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// Follows the journal until the end is wished, or until its end with `--once`.
pub(crate) fn run(args: &Forward, stop: &Stop) -> Result<(), ForwardError> {
    let target = args.to.target()?;
    let followed = follow(args, target.as_ref(), stop);
    match followed {
        // The place of the last success is stored; the next start reads on from there.
        Err(ForwardError::NotDelivered(NotDelivered::Stopped)) => Ok(()),
        other => other,
    }
}

fn follow(args: &Forward, target: &dyn Target, stop: &Stop) -> Result<(), ForwardError> {
    let data = |error| ForwardError::Data { path: args.data.clone(), error };
    if !args.data.is_dir() {
        return Err(data(io::ErrorKind::NotADirectory.into()));
    }
    let name = args.to.name();
    let offsets = Offsets::open(&args.data, &name).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => ForwardError::Taken(name.clone()),
        _ => data(error),
    })?;
    let confirmed = offsets.load().map_err(data)?;
    let refused = RefusedFile::new(&args.data, &name);
    refused.cut_to(confirmed.refused_bytes).map_err(data)?;
    // The place stands from the start, so that no file is packed or deleted before it was read.
    offsets.store(&confirmed).map_err(data)?;
    let (url, file, offset) = (target.url(), confirmed.place.file.as_str(), confirmed.place.offset);
    tracing::info!(url, name, file, offset, "forwarding");
    let patience = if args.once { Patience::Until(ONCE_PATIENCE) } else { Patience::Forever };
    let mut reader = Reader::new(&args.data, confirmed.place.clone());
    let mut follower = Follower { agents: Agents::default(), offsets, refused, confirmed, aside: Vec::new() };
    let mut queue = Queue::new(target, patience, stop);
    check(target, patience, stop)?;
    loop {
        let lines = reader.read().map_err(data)?;
        if lines.is_empty() && queue.is_empty() {
            if args.once || stop.wait(POLL) {
                follower.tell();
                return Ok(());
            }
            continue;
        }
        queue.add(follower.parse(&lines));
        queue.run()?;
        follower.settle(&mut queue, &reader).map_err(data)?;
        if stop.is_set() {
            return Ok(());
        }
    }
}

/// Brings files.
pub(crate) fn import(args: &Import, progress: &Progress, stop: &Stop) -> Result<(), ImportError> {
    import::run(args, progress, stop)
}

struct Follower {
    agents: Agents,
    offsets: Offsets,
    refused: RefusedFile,
    confirmed: Confirmed,
    /// What is to be set aside with the next place.
    aside: Vec<Refused>,
}

impl Follower {
    fn parse(&mut self, lines: &[Vec<u8>]) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(lines.len());
        for line in lines {
            match Entry::parse(line, &self.agents) {
                Ok(entry) => entries.push(entry),
                Err(bad) => {
                    self.aside.push(Refused::of(line, &bad));
                    self.confirmed.refused += 1;
                }
            }
        }
        entries
    }

    /// Sets the refused aside, then stores the place, once nothing before it is open.
    fn settle(&mut self, queue: &mut Queue<'_>, reader: &Reader) -> io::Result<()> {
        let settled = queue.take_settled();
        self.confirmed.stored += settled.stored as u64;
        self.confirmed.refused += settled.refused as u64;
        self.aside.extend(settled.aside);
        if !queue.is_empty() {
            return Ok(());
        }
        if let Some(first) = self.aside.first() {
            let (refused, file) = (self.aside.len(), self.refused.path().display());
            tracing::warn!(refused, reason = first.reason, %file, "refused for good and set aside");
            self.confirmed.refused_bytes = self.refused.append(&self.aside)?;
            self.aside.clear();
        }
        self.confirmed.place = reader.place().clone();
        self.offsets.store(&self.confirmed)
    }

    fn tell(&self) {
        let Confirmed { stored, refused, .. } = self.confirmed;
        tracing::info!(stored, refused, "all is delivered; the counts are of all runs");
    }
}
