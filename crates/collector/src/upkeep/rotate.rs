//! `beaconry rotate`: beside a running server and without one.
//!
//! Who wants a rotation wishes for it ([`wish`]), and the server that has the directory does it. Where nobody has the
//! directory's lock, it is done on the spot.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::consumers;
use super::pass::{Pass, Policy, Report};
use crate::config::{Clock, JournalFiles};
use crate::disk::RealDisk;
use crate::recover::RecoverError;
use crate::store::{CommitError, Store};
use crate::wish::{self, Channel, LOCK, NoAnswer, POLL};

/// The wish for a rotation; the answer is a [`Report`].
pub(crate) const ROTATE: Channel =
    Channel { lock: "rotate.lock", wish: "rotate.json", answer: "rotated.json" };

/// A server that starts while a command is at work without one waits so long for it to end.
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

impl RotateError {
    fn of(path: &Path, error: NoAnswer) -> RotateError {
        match error {
            NoAnswer::Io(error) => RotateError::Data { path: path.to_owned(), error },
            NoAnswer::Silent => RotateError::Silent(path.to_owned()),
        }
    }
}

/// The directory's lock for a server; `None` where another has it.
pub(crate) fn lock_of_server(data: &Path) -> io::Result<Option<File>> {
    let end = Instant::now() + START_PATIENCE;
    loop {
        // Asked before and after, for a rotation may end meanwhile. Who only reads has a share of the lock.
        let was_rotating = ROTATE.is_busy(data);
        let lock = wish::take(&data.join(LOCK))?;
        let is_short = || {
            was_rotating || ROTATE.is_busy(data) || wish::share(&data.join(LOCK)).is_ok_and(|it| it.is_some())
        };
        if lock.is_some() || !is_short() || Instant::now() > end {
            return Ok(lock);
        }
        std::thread::sleep(POLL);
    }
}

/// Has the journal of `data` rotated, by the server that has it or here.
pub(crate) fn run(data: &Path, files: &JournalFiles, clock: &Clock) -> Result<Report, RotateError> {
    let failed = |error| RotateError::Data { path: data.to_owned(), error };
    if !data.is_dir() {
        return Err(failed(ErrorKind::NotADirectory.into()));
    }
    let here = || match wish::take(&data.join(LOCK)).map_err(failed)? {
        Some(lock) => here(data, files, clock, lock).map(Some),
        None => Ok(None),
    };
    let report: Report = ROTATE.ask(data, (), here, |error| RotateError::of(data, error))?;
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
    let mut store = Store::open(disk.clone(), files.max_file, clock()).map_err(recover)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_waits_for_who_only_reads_and_not_for_another_server() {
        let dir = tempfile::tempdir().unwrap();
        let server = lock_of_server(dir.path()).unwrap().unwrap();
        assert!(wish::share(&dir.path().join(LOCK)).unwrap().is_none(), "a server has it alone");
        assert!(lock_of_server(dir.path()).unwrap().is_none());
        drop(server);
        let reads = wish::share(&dir.path().join(LOCK)).unwrap().unwrap();
        let also = wish::share(&dir.path().join(LOCK)).unwrap();
        assert!(also.is_some(), "two may read");
        drop(also);
        let path = dir.path().to_owned();
        let starts = std::thread::spawn(move || lock_of_server(&path).unwrap().is_some());
        drop(reads);
        assert!(starts.join().unwrap());
    }
}
