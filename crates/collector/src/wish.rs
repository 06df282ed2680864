//! How a command asks the server that has the directory, and gets its answer: by files in it.
//!
//! Who asks puts a wish into the data directory, the server answers beside it: `rotate.json` `{"id":…}`, then `rotated.json`
//! `{"id":…,"answer":…}`. Files and locks work across containers that share a volume; a signal or a socket would not.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Whoever writes to the directory holds it.
pub(crate) const LOCK: &str = "lock";

/// How often the answer is looked for.
pub(crate) const POLL: Duration = Duration::from_millis(50);
/// A pass over a journal that was never packed takes minutes; a server that has not answered by then hangs.
const PATIENCE: Duration = Duration::from_secs(600);

/// The files of one kind of wish.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Channel {
    /// Who wishes holds it: one at a time.
    pub(crate) lock: &'static str,
    pub(crate) wish: &'static str,
    pub(crate) answer: &'static str,
}

/// One call of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wish<Q> {
    id: u64,
    /// What exactly is wished for.
    pub(crate) what: Q,
}

#[derive(Debug, Serialize, Deserialize)]
struct Answer<A> {
    id: u64,
    answer: A,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// The directory cannot be written to.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A server has the directory, and is silent.
    #[error("the server did not answer")]
    Silent,
}

impl Channel {
    /// Asks the server that has `data`. `alone` is tried again and again, for as long as none answers: it gives the answer where
    /// no server has the directory.
    pub(crate) fn ask<A, E>(
        &self,
        data: &Path,
        what: impl Serialize,
        mut alone: impl FnMut() -> Result<Option<A>, E>,
        no_answer: impl Fn(NoAnswer) -> E,
    ) -> Result<A, E>
    where
        A: DeserializeOwned,
    {
        let failed = |error| no_answer(NoAnswer::Io(error));
        let only_one = open_lock(&data.join(self.lock)).map_err(failed)?;
        only_one.lock().map_err(failed)?;
        let wish = Wish { id: fastrand::u64(..), what };
        let mut is_told = false;
        let end = Instant::now() + PATIENCE;
        let answer = loop {
            if let Some(answer) = alone()? {
                break answer;
            }
            if !is_told {
                put(data, self.wish, &wish).map_err(failed)?;
                is_told = true;
            }
            if let Some(answer) = self.answered(data, wish.id) {
                break answer;
            }
            if Instant::now() > end {
                return Err(no_answer(NoAnswer::Silent));
            }
            std::thread::sleep(POLL);
        };
        remove(&data.join(self.wish)).and_then(|()| remove(&data.join(self.answer))).map_err(failed)?;
        Ok(answer)
    }

    /// The wish that a running server finds, if it is not the one that it has answered last.
    pub(crate) fn heard<Q: DeserializeOwned>(&self, data: &Path, last: Option<u64>) -> Option<Wish<Q>> {
        let text = fs::read(data.join(self.wish)).ok()?;
        serde_json::from_slice(&text).ok().filter(|wish: &Wish<Q>| Some(wish.id) != last)
    }

    /// Tells who wished what came of it; gives the wish's number.
    pub(crate) fn tell<Q>(&self, data: &Path, wish: &Wish<Q>, answer: impl Serialize) -> u64 {
        let told = put(data, self.answer, &Answer { id: wish.id, answer });
        if let Err(error) = told.and_then(|()| remove(&data.join(self.wish))) {
            tracing::error!(%error, wish = self.wish, "who asked cannot be told the answer");
        }
        wish.id
    }

    /// Whether somebody asks now.
    pub(crate) fn is_busy(&self, data: &Path) -> bool {
        is_held(&data.join(self.lock))
    }

    fn answered<A: DeserializeOwned>(&self, data: &Path, id: u64) -> Option<A> {
        let text = fs::read(data.join(self.answer)).ok()?;
        let answer: Answer<A> = serde_json::from_slice(&text).ok()?;
        (answer.id == id).then_some(answer.answer)
    }
}

/// The lock, if nobody has it.
pub(crate) fn take(path: &Path) -> io::Result<Option<File>> {
    got(open_lock(path)?, File::try_lock)
}

/// A share of the lock, if nobody has it alone; for who only reads.
pub(crate) fn share(path: &Path) -> io::Result<Option<File>> {
    got(File::open(path)?, File::try_lock_shared)
}

/// Whether somebody has a lock alone. It may be the file of another user, which stops nobody from starting.
fn is_held(path: &Path) -> bool {
    File::open(path).is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
}

fn got(lock: File, attempt: impl FnOnce(&File) -> Result<(), TryLockError>) -> io::Result<Option<File>> {
    match attempt(&lock) {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Opened to be written to, as network file systems demand of who wants it alone; elsewhere one of another user serves too.
fn open_lock(path: &Path) -> io::Result<File> {
    match File::options().write(true).create(true).truncate(false).open(path) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => File::open(path).map_err(|_| error),
        opened => opened,
    }
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
