//! The journal: append-only JSON Lines, one file a UTC day. What `append` returned `Ok` for is on disk.

use std::io;

use crate::disk::{Disk, DiskFile, write_all_at};

/// `DIR/events-YYYY-MM-DD.jsonl`.
pub(crate) fn file_name(day: &str) -> String {
    format!("events-{day}.jsonl")
}

/// The day of a journal file's name; `None` for any other file.
pub(crate) fn day_of(name: &str) -> Option<&str> {
    let day = name.strip_prefix("events-")?.strip_suffix(".jsonl")?;
    day.parse::<jiff::civil::Date>().ok().map(|_| day)
}

/// The first moment of a day in unix ms; 0 for what is no day.
pub(crate) fn start_of(day: &str) -> u64 {
    let date = day.parse::<jiff::civil::Date>().ok();
    let start = date.and_then(|date| jiff::tz::TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok());
    start.and_then(|start| u64::try_from(start.as_millisecond()).ok()).unwrap_or(0)
}

/// The UTC day of a time in unix ms, `YYYY-MM-DD`.
pub(crate) fn day_at(unix_ms: u64) -> String {
    let time = i64::try_from(unix_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.unwrap_or(jiff::Timestamp::MAX).strftime("%Y-%m-%d").to_string()
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
    stopped: bool,
}

#[derive(Debug)]
struct Current<F> {
    name: String,
    file: F,
    /// Everything before this is synced; nothing after it counts.
    good: u64,
}

/// Where the journal stands after an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) name: String,
    /// Bytes of it that are synced.
    pub(crate) good: u64,
}

impl<F: DiskFile> Journal<F> {
    pub(crate) fn new() -> Journal<F> {
        Journal { current: None, stopped: false }
    }

    /// Whether nothing can be appended before a restart.
    pub(crate) fn stopped(&self) -> bool {
        self.stopped
    }

    /// Appends whole lines to the file of `day` and syncs them.
    pub(crate) fn append<D>(&mut self, disk: &D, day: &str, lines: &[u8]) -> Result<Position, AppendError>
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
                Ok(Position { name: current.name.clone(), good: current.good })
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

    fn file_of<D>(&mut self, disk: &D, day: &str) -> io::Result<&mut Current<F>>
    where
        D: Disk<File = F>,
    {
        let name = file_name(day);
        let current = match self.current.take().filter(|current| current.name == name) {
            Some(current) => current,
            None => {
                let file = disk.open(&name)?;
                // Without its name a synced file is not there after a power cut.
                disk.sync_dir()?;
                let good = file.len()?;
                Current { name, file, good }
            }
        };
        Ok(self.current.insert(current))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_utc() {
        assert_eq!(day_at(0), "1970-01-01");
        assert_eq!(day_at(1_763_942_399_999), "2025-11-23");
        assert_eq!(day_at(1_763_942_400_000), "2025-11-24");
        assert_eq!((start_of("2025-11-24"), start_of("x")), (1_763_942_400_000, 0));
    }

    #[test]
    fn only_journal_files_have_a_day() {
        assert_eq!(day_of("events-2025-11-24.jsonl"), Some("2025-11-24"));
        for name in [
            "events-2025-11-24.torn",
            "events-2025-13-24.jsonl",
            "events-.jsonl",
            "index.redb",
            "events-2025-11-24.jsonl.tmp",
        ] {
            assert_eq!(day_of(name), None, "{name}");
        }
    }
}
