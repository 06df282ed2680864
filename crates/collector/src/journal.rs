//! The journal: append-only JSON Lines, files by UTC day and size. What `append` returned `Ok` for is on disk.
//!
//! It never goes back: once a file has a later one behind it, it is closed, and nothing is appended to it again, whatever
//! the clock says. So who reads in order misses nothing, and closed files may be packed.

use std::io;

use jiff::civil::Date;

use crate::disk::{Disk, DiskFile, write_all_at};
use crate::files::{self, Name, Packing};

/// A file that has grown so large (bytes) is closed with its next group. Small enough to be packed in passing, to be copied
/// and opened by people; at some 500 bytes an event it has half a million of them.
pub(crate) const MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// The first moment of a UTC day in unix ms; 0 before 1970.
pub(crate) fn start_of(day: Date) -> u64 {
    let start = jiff::tz::TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0));
    start.ok().and_then(|start| u64::try_from(start.as_millisecond()).ok()).unwrap_or(0)
}

/// The UTC day of a time in unix ms.
pub(crate) fn day_at(unix_ms: u64) -> Date {
    let time = i64::try_from(unix_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    jiff::tz::Offset::UTC.to_datetime(time.unwrap_or(jiff::Timestamp::MAX)).date()
}

/// Why nothing was appended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AppendError {
    /// The write or the sync failed; the file is as it was before.
    #[error("the journal cannot be written: {0}")]
    Failed(#[source] io::Error),
    /// A failed write could not be undone either. Only a restart reads what is really there.
    #[error("the journal is stopped until a restart, because a failed write could not be undone")]
    Stopped,
}

/// The one place that writes to journal files. It expects them to end with a whole line (see `recover`).
#[derive(Debug)]
pub(crate) struct Journal<F> {
    current: Option<Current<F>>,
    /// What a file grows to.
    max_file: u64,
    stopped: bool,
}

#[derive(Debug)]
struct Current<F> {
    name: Name,
    file: F,
    /// Everything before this is synced; nothing after it counts.
    good: u64,
}

/// Where the journal stands after an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) name: Name,
    /// Bytes of it that are synced.
    pub(crate) good: u64,
}

/// What a rotation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rotated {
    /// The file that nothing is appended to any more.
    pub(crate) closed: Name,
    /// Where the journal goes on.
    pub(crate) position: Position,
}

impl<F: DiskFile> Journal<F> {
    pub(crate) fn new(max_file: u64) -> Journal<F> {
        Journal { current: None, max_file, stopped: false }
    }

    /// As it was opened, with nothing open.
    pub(crate) fn reopened(&self) -> Journal<F> {
        Journal::new(self.max_file)
    }

    /// Whether nothing can be appended before a restart.
    pub(crate) fn stopped(&self) -> bool {
        self.stopped
    }

    /// Appends whole lines that were received on `day` and syncs them.
    pub(crate) fn append<D>(&mut self, disk: &D, day: Date, lines: &[u8]) -> Result<Position, AppendError>
    where
        D: Disk<File = F>,
    {
        if self.stopped {
            return Err(AppendError::Stopped);
        }
        let current = self.file_of(disk, day).map_err(AppendError::Failed)?;
        let written = write_all_at(&mut current.file, lines, current.good).and_then(|()| current.file.sync());
        match written {
            Ok(()) => {
                current.good += lines.len() as u64;
                Ok(Position { name: current.name, good: current.good })
            }
            Err(error) => {
                // The kernel may have thrown away what it failed to write and call it clean from now on, so a
                // second sync proves nothing: only what is cut off and written again is known to be there.
                let undone = current.file.set_len(current.good).and_then(|()| current.file.sync());
                self.stopped =
                    undone.inspect_err(|error| tracing::error!(%error, "journal stopped")).is_err();
                Err(AppendError::Failed(error))
            }
        }
    }

    /// Closes the current file: what comes from now on goes into the next one, which is there when this returns. `None` where
    /// nothing was written since the last time.
    pub(crate) fn rotate<D>(&mut self, disk: &D, day: Date) -> io::Result<Option<Rotated>>
    where
        D: Disk<File = F>,
    {
        if self.current.is_none() {
            self.current = newest(disk)?.map(|name| open(disk, name)).transpose()?;
        }
        let Some(closed) = self.current.as_ref().filter(|current| current.good > 0) else { return Ok(None) };
        let closed = closed.name;
        let Current { name, good, .. } = *self.current.insert(open(disk, after(closed, day))?);
        Ok(Some(Rotated { closed, position: Position { name, good } }))
    }

    fn file_of<D>(&mut self, disk: &D, day: Date) -> io::Result<&mut Current<F>>
    where
        D: Disk<File = F>,
    {
        let current = match self.current.take() {
            Some(current) => current,
            None => open(disk, newest(disk)?.unwrap_or(Name::first_of(day)))?,
        };
        let is_closed = current.name.day() < day || current.good >= self.max_file;
        let current = if is_closed { open(disk, after(current.name, day))? } else { current };
        Ok(self.current.insert(current))
    }
}

/// The file that comes after one that is closed.
fn after(closed: Name, day: Date) -> Name {
    if closed.day() < day { Name::first_of(day) } else { closed.next() }
}

/// The file that may be appended to, where the directory has one.
fn newest<D: Disk>(disk: &D) -> io::Result<Option<Name>> {
    let newest = files::journal_files(disk.list()?).pop();
    Ok(newest.map(|(name, packing)| if packing == Packing::Plain { name } else { name.next() }))
}

/// Opens a file of which everything is synced.
fn open<D: Disk>(disk: &D, name: Name) -> io::Result<Current<D::File>> {
    let file = disk.open(&name.to_string())?;
    // Without its name a synced file is not there after a power cut.
    disk.sync_dir()?;
    let good = file.len()?;
    Ok(Current { name, file, good })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_utc() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        assert_eq!(day_at(0), day("1970-01-01"));
        assert_eq!(day_at(1_763_942_399_999), day("2025-11-23"));
        assert_eq!(day_at(1_763_942_400_000), day("2025-11-24"));
        assert_eq!(start_of(day("2025-11-24")), 1_763_942_400_000);
    }
}
