//! `beaconry rotate`: beside a running server and without one.
//!
//! Who wants a rotation puts a wish into the data directory, the server answers beside it: `rotate.json` `{"id":…}`, then
//! `rotated.json` `{"id":…,"report":…}`. Where nobody has the directory's lock, it is done on the spot. Files and locks work
//! across containers that share a volume; a signal would not.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{Pass, Policy, Report, consumers};
use crate::config::{Clock, JournalFiles};
use crate::disk::RealDisk;
use crate::recover::RecoverError;
use crate::store::{CommitError, Store};

/// Whoever writes to the directory holds it.
const LOCK: &str = "lock";
const WISH: &str = "rotate.json";
const ANSWER: &str = "rotated.json";
/// Who wishes holds it: one at a time.
const WISH_LOCK: &str = "rotate.lock";

/// How often the answer is looked for.
const POLL: Duration = Duration::from_millis(50);
/// A pass over a journal that was never packed takes minutes; a server that has not answered by then hangs.
const PATIENCE: Duration = Duration::from_secs(600);

/// A server that starts while `beaconry rotate` is at work without one waits so long for it to end.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// Why nothing was rotated, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// The directory.
    #[error("{path}: {error}. Name the directory that the server was given with --data")]
    Data {
        /// What was used.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The server has the directory, and is silent.
    #[error("the server that has {0} did not answer in ten minutes: see what it logs")]
    Silent(PathBuf),
    /// The journal cannot be read.
    #[error("{0}: {1}")]
    Recover(PathBuf, String),
    /// It was tried.
    #[error("rotated, but not all that follows was done: {0}. It is tried again with the next pass")]
    Incomplete(String),
    /// The journal could not be written.
    #[error("not rotated: {0}")]
    Failed(String),
}

/// One call of `beaconry rotate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wish {
    id: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    id: u64,
    report: Report,
}

/// The directory's lock for a server; `None` where another has it.
pub(crate) fn lock_of_server(data: &Path) -> io::Result<Option<File>> {
    let end = Instant::now() + START_PATIENCE;
    loop {
        // Asked before and after, for a rotation may end meanwhile.
        let was_rotating = is_held(&data.join(WISH_LOCK));
        let lock = take(&data.join(LOCK))?;
        let is_rotating = was_rotating || is_held(&data.join(WISH_LOCK));
        if lock.is_some() || !is_rotating || Instant::now() > end {
            return Ok(lock);
        }
        std::thread::sleep(POLL);
    }
}

/// The wish that a running server finds, if it is not the last one that it has answered.
pub(crate) fn wish(data: &Path, last: Option<Wish>) -> Option<Wish> {
    let text = fs::read(data.join(WISH)).ok()?;
    serde_json::from_slice(&text).ok().filter(|wish| Some(*wish) != last)
}

/// Tells who wished what was done.
pub(crate) fn answer(data: &Path, wish: Wish, report: Report) {
    let answered = put(data, ANSWER, &Answer { id: wish.id, report });
    let answered = answered.and_then(|()| remove(&data.join(WISH)));
    if let Err(error) = answered {
        tracing::error!(%error, "who wished for a rotation cannot be told that it is done");
    }
}

/// Has the journal of `data` rotated, by the server that has it or here.
pub(crate) fn run(data: &Path, files: &JournalFiles, clock: &Clock) -> Result<Report, RotateError> {
    let failed = |error| RotateError::Data { path: data.to_owned(), error };
    if !data.is_dir() {
        return Err(failed(ErrorKind::NotADirectory.into()));
    }
    let only_one = File::create(data.join(WISH_LOCK)).map_err(failed)?;
    only_one.lock().map_err(failed)?;
    let wish = Wish { id: fastrand::u64(..) };
    let mut is_told = false;
    let end = Instant::now() + PATIENCE;
    let report = loop {
        if let Some(lock) = take(&data.join(LOCK)).map_err(failed)? {
            break here(data, files, clock, lock)?;
        }
        if !is_told {
            put(data, WISH, &wish).map_err(failed)?;
            is_told = true;
        }
        if let Some(report) = answered(data, wish) {
            break report;
        }
        if Instant::now() > end {
            return Err(RotateError::Silent(data.to_owned()));
        }
        std::thread::sleep(POLL);
    };
    remove(&data.join(WISH)).and_then(|()| remove(&data.join(ANSWER))).map_err(failed)?;
    match (&report.closed, report.problems.first()) {
        (_, None) => Ok(report),
        (Some(_), Some(problem)) => Err(RotateError::Incomplete(problem.clone())),
        (None, Some(problem)) => Err(RotateError::Failed(problem.clone())),
    }
}

/// No server runs: this process is one for a moment.
fn here(data: &Path, files: &JournalFiles, clock: &Clock, _lock: File) -> Result<Report, RotateError> {
    let failed = |error| RotateError::Data { path: data.to_owned(), error };
    let recover = |error: RecoverError| RotateError::Recover(data.to_owned(), error.to_string());
    let commit = |error: CommitError| RotateError::Failed(error.to_string());
    let disk = RealDisk::open_dir(data).map_err(failed)?;
    let mut store = Store::open(disk.clone(), files.max_file).map_err(recover)?;
    let rotated = store.rotate(clock()).map_err(commit)?;
    store.checkpoint(clock()).map_err(commit)?;
    let newest = rotated.map(|rotated| rotated.position).or_else(|| store.newest());
    let Some(newest) = newest else { return Ok(Report::default()) };
    store.publish(&newest).map_err(failed)?;
    let closed_files = store.closed_files();
    let consumers = consumers::list(data).map_err(failed)?;
    let policy = Policy::of(files);
    let pass = Pass { disk: &disk, policy, closed_files: &closed_files, ends: &|| false };
    let report = pass.run(&consumers, newest.name, clock());
    Ok(Report { closed: rotated.map(|rotated| rotated.closed.to_string()), ..report })
}

/// The lock, if nobody has it.
fn take(path: &Path) -> io::Result<Option<File>> {
    let lock = File::create(path)?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Whether somebody has a lock. It may be the file of another user, which stops nobody from starting.
fn is_held(path: &Path) -> bool {
    File::open(path).is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
}

fn answered(data: &Path, wish: Wish) -> Option<Report> {
    let text = fs::read(data.join(ANSWER)).ok()?;
    let answer: Answer = serde_json::from_slice(&text).ok()?;
    (answer.id == wish.id).then_some(answer.report)
}

/// Whole at any moment. After a power cut nobody waits for it any more, so it is not synced.
fn put(data: &Path, name: &str, value: &impl Serialize) -> io::Result<()> {
    let new = data.join(format!("{name}.new"));
    File::create(&new)?.write_all(&serde_json::to_vec(value)?)?;
    fs::rename(new, data.join(name))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
