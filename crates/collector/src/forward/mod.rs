//! `beaconry forward`: brings the journal to Loki, each line once, byte for byte.
//!
//! [`reader`] reads on from the place in [`offsets`]; [`entry`] finds the labels; [`deliver`] pushes to a target ([`loki`])
//! until all is stored or refused; [`refused`] keeps what the target will not have. Only then is the new place stored: a
//! crash pushes the same bytes again, which Loki stores once.

mod deliver;
mod entry;
mod http;
mod loki;
mod offsets;
mod push;
mod reader;
mod refused;
mod stop;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use deliver::{Patience, deliver};
use entry::Entry;
use loki::Loki;
use offsets::{Confirmed, Offsets};
use push::Target;
use reader::Reader;
use refused::RefusedFile;
pub(crate) use stop::Stop;

pub use deliver::NotDelivered;
pub use http::BadEndpoint;

use crate::user_agent::Agents;

/// How often the journal is looked at: an event is in Loki within a second.
const POLL: Duration = Duration::from_millis(500);
/// A target that restarts is back by then; `--once` is waited for.
const ONCE_PATIENCE: Duration = Duration::from_secs(60);

/// The flags of `beaconry forward`.
#[derive(Debug, Args)]
pub(crate) struct Forward {
    /// Where to: `loki URL`, such as loki http://127.0.0.1:3100
    #[arg(long, num_args = 2, value_names = ["KIND", "URL"], required = true)]
    to: Vec<String>,
    /// Directory that the server was given
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Header of every request, such as 'X-Scope-OrgID: team'; repeatable
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// Name of the place kept in DIR/consumers; another one begins anew
    #[arg(long, value_name = "NAME", default_value = "loki", value_parser = name)]
    name: String,
    /// Forward what is there, then end; fail where the target is away for a minute
    #[arg(long)]
    once: bool,
}

/// Why forwarding ended.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// The kind of target is none.
    #[error("{0} is no target: name one with --to loki URL")]
    Kind(String),
    /// The address or a header.
    #[error(transparent)]
    Endpoint(#[from] BadEndpoint),
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
    let target = target(&args.to, &args.headers)?;
    let data = |error| ForwardError::Data { path: args.data.clone(), error };
    if !args.data.is_dir() {
        return Err(data(io::ErrorKind::NotADirectory.into()));
    }
    let offsets = Offsets::open(&args.data, &args.name).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => ForwardError::Taken(args.name.clone()),
        _ => data(error),
    })?;
    let confirmed = offsets.load().map_err(data)?;
    let refused = RefusedFile::new(&args.data, &args.name);
    refused.cut_to(confirmed.refused_bytes).map_err(data)?;
    // The place stands from the start, so that no file is packed or deleted before it was read.
    offsets.store(&confirmed).map_err(data)?;
    tracing::info!(
        url = target.url(),
        file = confirmed.place.file,
        offset = confirmed.place.offset,
        "forwarding"
    );
    let mut follower = Follower {
        reader: Reader::new(&args.data, confirmed.place.clone()),
        agents: Agents::default(),
        patience: if args.once { Patience::Until(ONCE_PATIENCE) } else { Patience::Forever },
        target,
        offsets,
        refused,
        confirmed,
    };
    loop {
        let lines = follower.reader.read().map_err(data)?;
        if lines.is_empty() {
            if args.once || stop.wait(POLL) {
                return Ok(());
            }
            continue;
        }
        match follower.bring(&lines, stop) {
            Err(Failed::Io(error)) => return Err(data(error)),
            // The place of the last success is stored; the next start reads on from there.
            Err(Failed::Delivery(NotDelivered::Stopped)) => return Ok(()),
            Err(Failed::Delivery(error)) => return Err(error.into()),
            Ok(()) if stop.is_set() => return Ok(()),
            Ok(()) => {}
        }
    }
}

struct Follower {
    reader: Reader,
    agents: Agents,
    patience: Patience,
    target: Box<dyn Target>,
    offsets: Offsets,
    refused: RefusedFile,
    confirmed: Confirmed,
}

enum Failed {
    Io(io::Error),
    Delivery(NotDelivered),
}

impl Follower {
    /// Brings lines to the target, sets the refused aside, then stores the place.
    fn bring(&mut self, lines: &[Vec<u8>], stop: &Stop) -> Result<(), Failed> {
        let (mut entries, mut aside) = (Vec::with_capacity(lines.len()), Vec::new());
        for line in lines {
            match Entry::parse(line, &self.agents) {
                Ok(entry) => entries.push(entry),
                Err(bad) => aside.push((bad.to_string(), String::from_utf8_lossy(line).into_owned())),
            }
        }
        let delivered =
            deliver(self.target.as_ref(), &entries, self.patience, stop).map_err(Failed::Delivery)?;
        for (at, reason) in delivered.refused {
            aside.extend(entries.get(at).map(|entry| (reason, entry.line.clone())));
        }
        if !aside.is_empty() {
            let file = self.refused.path().display();
            tracing::warn!(refused = aside.len(), reason = aside[0].0, %file, "refused for good and set aside");
            self.confirmed.refused_bytes = self.refused.append(&aside).map_err(Failed::Io)?;
        }
        self.confirmed.place = self.reader.place().clone();
        self.offsets.store(&self.confirmed).map_err(Failed::Io)?;
        tracing::debug!(entries = entries.len(), "delivered");
        Ok(())
    }
}

fn target(to: &[String], headers: &[String]) -> Result<Box<dyn Target>, ForwardError> {
    match to {
        [kind, url] if kind == "loki" => Ok(Box::new(Loki::new(url, headers)?)),
        other => Err(ForwardError::Kind(other.first().cloned().unwrap_or_default())),
    }
}

/// It becomes the name of files.
fn name(text: &str) -> Result<String, &'static str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !text.is_empty() && text.bytes().all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err("letters, digits, - and _ alone")
    }
}
