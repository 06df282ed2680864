//! `beaconry import`: brings downloaded journal files to a target, each id once, over all files and runs.
//!
//! [`lines`] reads a file whole lines at a time, [`state`] knows which ids were brought, [`progress`] shows how far it is. The
//! order of a batch is: push, set the refused aside, remember. A run that is killed pushes at most one batch again.

mod lines;
mod progress;
mod state;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use super::entry::{BadLine, Entry};
use super::push::Target;
use super::queue::{NotDelivered, ONCE_PATIENCE, Patience, Queue, check};
use super::refused::{Refused, RefusedFile};
use super::stop::Stop;
use super::target::{BadTarget, To};
use crate::files;
use crate::user_agent::Agents;
use lines::{Lines, Read};
use progress::Counts;
pub(crate) use progress::Progress;
use state::{State, StateError};

/// Lines at a file's start of which one must be an event: a journal with that many bad ones would be none.
const PEEKED_LINES: usize = 100;

/// The flags of `beaconry import`.
#[derive(Debug, Args)]
pub(crate) struct Import {
    #[command(flatten)]
    to: To,
    /// Directory that remembers which events were brought, and keeps what was refused; made where it is missing
    #[arg(long, value_name = "DIR", default_value = "beaconry-import")]
    state: PathBuf,
    /// Journal files, plain or packed with gzip or zstd, or folders of them
    #[arg(required = true, value_name = "FILES")]
    files: Vec<PathBuf>,
}

/// Why an import ended early. What was brought is remembered: the same command goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The flags that name the target.
    #[error(transparent)]
    Target(#[from] BadTarget),
    /// The target.
    #[error("{0}\nWhat was brought is remembered: the same command goes on from there")]
    NotDelivered(#[from] NotDelivered),
    /// A file is missing or cannot be read.
    #[error("{path}: {error}")]
    File {
        /// As given.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A folder without journal files.
    #[error(
        "{0} has no journal files: they are named events-YYYY-MM-DD.jsonl, with .zst or .gz where they are packed, and .php where the \
         drop-in wrote them"
    )]
    NoFiles(PathBuf),
    /// Not one of the first lines is an event.
    #[error("{0} is no journal: none of its first lines is an event. Nothing of it was brought")]
    NotJournal(PathBuf),
    /// Another process has the state.
    #[error("another import runs with the state in {0}: wait for it, or name another directory with --state")]
    Taken(PathBuf),
    /// The state cannot be read or written.
    #[error("{path}: {why}. Name a directory that can be written with --state")]
    State {
        /// As given.
        path: PathBuf,
        /// What the system or the database says.
        why: String,
    },
    /// Some files ended early.
    #[error(
        "not read to the end: {0}. Download again, then run the same command: what was brought is remembered"
    )]
    Unfinished(String),
}

/// Brings all files, then says what became of them.
pub(crate) fn run(args: &Import, progress: &Progress, stop: &Stop) -> Result<(), ImportError> {
    let target = args.to.target()?;
    let inputs = inputs(&args.files)?;
    let agents = Agents::default();
    for (path, _) in &inputs {
        refuse_other_files(path, &agents)?;
    }
    let mut importer = Importer::new(args, target.as_ref(), &agents, progress, stop)?;
    check(target.as_ref(), Patience::Until(ONCE_PATIENCE), stop)?;
    progress.begin(inputs.iter().map(|(_, bytes)| bytes).sum());
    let mut unfinished = Vec::new();
    for (path, _) in &inputs {
        if let Some(error) = importer.bring(path)? {
            tracing::warn!(file = %path.display(), %error, "the file ends early; what came before is brought");
            unfinished.push(format!("{} ({error})", path.display()));
        }
    }
    progress.end();
    println!("{}", importer.counts.summary(target.url()));
    if importer.counts.refused + importer.counts.bad > 0 {
        println!("set aside, each with its reason: {}", importer.refused.path().display());
    }
    if unfinished.is_empty() { Ok(()) } else { Err(ImportError::Unfinished(unfinished.join(", "))) }
}

/// The files with their lengths, those of a folder in the journal's order.
fn inputs(paths: &[PathBuf]) -> Result<Vec<(PathBuf, u64)>, ImportError> {
    let mut all = Vec::new();
    for path in paths {
        let failed = |error| ImportError::File { path: path.clone(), error };
        if path.is_dir() {
            let listed = files::list_downloads(path).map_err(failed)?;
            if listed.is_empty() {
                return Err(ImportError::NoFiles(path.clone()));
            }
            all.extend(listed);
        } else {
            all.push(path.clone());
        }
    }
    let length = |path: PathBuf| match fs::metadata(&path) {
        Ok(metadata) => Ok((path, metadata.len())),
        Err(error) => Err(ImportError::File { path, error }),
    };
    all.into_iter().map(length).collect()
}

/// A wrong file would move into the file of the refused as a whole.
fn refuse_other_files(path: &Path, agents: &Agents) -> Result<(), ImportError> {
    let failed = |error| ImportError::File { path: path.to_owned(), error };
    let mut lines = Lines::of(fs::File::open(path).map_err(failed)?).map_err(failed)?;
    let mut peeked = 0;
    while peeked < PEEKED_LINES {
        match lines.read_line() {
            Ok(Read::Line(line)) if Entry::parse(&line, agents).is_ok() => return Ok(()),
            Ok(Read::Line(_) | Read::TooLong(_)) => peeked += 1,
            // Whatever breaks off there is told when it is brought.
            Ok(Read::Torn(_) | Read::End) | Err(_) => break,
        }
    }
    if peeked == 0 { Ok(()) } else { Err(ImportError::NotJournal(path.to_owned())) }
}

struct Importer<'a> {
    queue: Queue<'a>,
    agents: &'a Agents,
    progress: &'a Progress,
    stop: &'a Stop,
    dir: &'a Path,
    state: State,
    refused: RefusedFile,
    counts: Counts,
}

impl<'a> Importer<'a> {
    fn new(
        args: &'a Import,
        target: &'a dyn Target,
        agents: &'a Agents,
        progress: &'a Progress,
        stop: &'a Stop,
    ) -> Result<Importer<'a>, ImportError> {
        let (dir, name) = (args.state.as_path(), args.to.name());
        let state = State::open(dir, &name).map_err(|error| state_error(dir, error))?;
        let refused = RefusedFile::new(dir, &name);
        refused.cut_to(state.refused_bytes()).map_err(|error| state_error(dir, error.into()))?;
        let queue = Queue::new(target, Patience::Until(ONCE_PATIENCE), stop);
        Ok(Importer { queue, agents, progress, stop, dir, state, refused, counts: Counts::default() })
    }

    /// Brings one file; gives why it ended early, if it did.
    fn bring(&mut self, path: &Path) -> Result<Option<io::Error>, ImportError> {
        self.progress.file(path);
        let opened = fs::File::open(path).and_then(|file| Lines::of(self.progress.reading(file)));
        let mut lines = match opened {
            Ok(lines) => lines,
            Err(error) => return Ok(Some(error)),
        };
        loop {
            let batch = lines.read_batch();
            let is_last = batch.is_last;
            self.bring_batch(batch.lines).map_err(|error| match error {
                Failed::Delivery(error) => error.into(),
                Failed::State(error) => state_error(self.dir, error),
            })?;
            self.progress.say(&self.counts);
            if is_last {
                return Ok(batch.error);
            }
            if self.stop.is_set() {
                return Err(NotDelivered::Stopped.into());
            }
        }
    }

    fn bring_batch(&mut self, lines: Vec<Read>) -> Result<(), Failed> {
        let (mut entries, mut aside) = (Vec::new(), Vec::new());
        for read in lines {
            match self.sorted(read)? {
                Sorted::New(entry) => entries.push(entry),
                Sorted::Bad(refused) => aside.push(refused),
                Sorted::Known | Sorted::Torn => {}
            }
        }
        self.queue.add(entries);
        self.queue.run().map_err(Failed::Delivery)?;
        let settled = self.queue.take_settled();
        self.counts.brought += settled.stored;
        self.counts.refused += settled.refused;
        self.counts.bad += aside.len();
        aside.extend(settled.aside);
        let refused_bytes = match aside.is_empty() {
            true => self.state.refused_bytes(),
            false => self.refused.append(&aside).map_err(StateError::from)?,
        };
        Ok(self.state.commit(refused_bytes)?)
    }

    fn sorted(&mut self, read: Read) -> Result<Sorted, StateError> {
        let (line, why) = match read {
            Read::Line(line) => match Entry::parse(&line, self.agents) {
                Ok(entry) => return self.known_or_new(entry),
                Err(why) => (line, why),
            },
            // Complete but for its newline, or half of it.
            Read::Torn(line) => match Entry::parse(&line, self.agents) {
                Ok(entry) => return self.known_or_new(entry),
                Err(_) => {
                    self.counts.torn += 1;
                    return Ok(Sorted::Torn);
                }
            },
            Read::TooLong(start) => (start, BadLine::TooLong),
            Read::End => return Ok(Sorted::Known),
        };
        self.bad(&line, why)
    }

    fn known_or_new(&mut self, entry: Entry) -> Result<Sorted, StateError> {
        match self.state.take(&entry.id)? {
            Some(true) => Ok(Sorted::New(entry)),
            Some(false) => {
                self.counts.known += 1;
                Ok(Sorted::Known)
            }
            None => self.bad(entry.line.as_bytes(), BadLine::Id),
        }
    }

    fn bad(&mut self, line: &[u8], why: BadLine) -> Result<Sorted, StateError> {
        if self.state.take_bad(line)? {
            return Ok(Sorted::Bad(Refused::of(line, &why)));
        }
        self.counts.known += 1;
        Ok(Sorted::Known)
    }
}

/// What becomes of a line.
enum Sorted {
    New(Entry),
    /// Its id was brought before, or it was set aside before.
    Known,
    Bad(Refused),
    /// Half a line at a file's end: it comes whole with the next download, or was never acknowledged.
    Torn,
}

enum Failed {
    Delivery(NotDelivered),
    State(StateError),
}

impl From<StateError> for Failed {
    fn from(error: StateError) -> Failed {
        Failed::State(error)
    }
}

fn state_error(dir: &Path, error: StateError) -> ImportError {
    match error {
        StateError::Taken => ImportError::Taken(dir.to_owned()),
        other => ImportError::State { path: dir.to_owned(), why: other.to_string() },
    }
}
