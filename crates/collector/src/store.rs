//! The heart of the writer: look up, append what is new, fsync, index. No task, no clock, no network.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::ops::Range as Bytes;
use std::sync::{Arc, Mutex, PoisonError};

use beaconry_core::{MAX_RANGES, Number, Range, Ranges, StreamId, StreamLine};

use crate::disk::{Disk, write_all_at};
use crate::event_line::{self, Source};
use crate::files::{Name, SYNCED_FILE};
use crate::index::books::Books;
use crate::index::record::Record;
use crate::index::snapshot::Snapshot;
use crate::index::{Change, DAY_MS, Index, IndexError, WINDOW_MS};
use crate::journal::{self, AppendError, Journal, Position, Rotated};
use crate::recover::{RecoverError, recover};
use crate::user_agent::Agent;

/// A request, decoded, checked and rendered: all that is left is to see what of it is new.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) line: StreamLine,
    /// Our clock at receipt (unix ms).
    pub(crate) received: u64,
    /// The stream's age by the client's own clock (ms).
    pub(crate) age: u64,
    pub(crate) agent: Arc<Agent>,
    /// The app that its key stands for, written into lines that the store itself makes.
    pub(crate) app: Arc<str>,
    /// The journal lines of all its events.
    pub(crate) lines: Vec<u8>,
    /// Which bytes of `lines` are which event, and of which type.
    pub(crate) events: Vec<(Number, Bytes<usize>, &'static str)>,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// It is on disk. `stored` has all of the stream's numbers.
    Accounted { stored: Ranges, tally: Tally },
    /// An unknown stream from before the index's window. Nothing of it is recorded.
    Stale,
    /// The stream's numbers are in more pieces than a client makes. Nothing of it is recorded.
    Shredded,
}

/// What a request added to what was known, for the counters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Events that are stored now, by type.
    pub(crate) new: BTreeMap<&'static str, u64>,
    /// Events that were stored already.
    pub(crate) known: u64,
    /// Events that the client says it dropped, by reason, and that were neither stored nor told as dropped before.
    pub(crate) dropped: BTreeMap<&'static str, u64>,
}

/// Why a group was not taken. Nothing of it counts as stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommitError {
    #[error(transparent)]
    Journal(#[from] AppendError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error(transparent)]
    Recover(#[from] RecoverError),
}

impl CommitError {
    /// Whether it is space that is missing.
    pub(crate) fn is_full(&self) -> bool {
        let kind = match self {
            CommitError::Journal(AppendError::Failed(error)) => error.kind(),
            CommitError::Index(IndexError::Database(redb::Error::Io(error)) | IndexError::Io(error)) => {
                error.kind()
            }
            CommitError::Recover(RecoverError::Io { error, .. }) => error.kind(),
            _ => return false,
        };
        matches!(
            kind,
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        )
    }
}

/// Journal and index of one directory.
#[derive(Debug)]
pub(crate) struct Store<D: Disk> {
    disk: D,
    journal: Journal<D::File>,
    /// `None` after it failed, until it can be opened and brought up to the journal again.
    index: Option<Index>,
    opened: u64,
    pruned_on: u64,
    closed_files: ClosedFiles,
}

/// Held while closed files are replaced or deleted, and while all of them are read.
pub(crate) type ClosedFiles = Arc<Mutex<()>>;

impl<D: Disk> Store<D> {
    /// Mends the journal and brings the index up to it. `max_file` is what a file grows to (bytes), `now` our clock (unix ms).
    pub(crate) fn open(disk: D, max_file: u64, now: u64) -> Result<Store<D>, RecoverError> {
        let index = Some(recover(&disk, now)?);
        let journal = Journal::new(max_file);
        let closed_files = ClosedFiles::default();
        Ok(Store { disk, journal, index, opened: now, pruned_on: 0, closed_files })
    }

    /// The newest journal file, all of which is synced.
    pub(crate) fn newest(&mut self) -> Option<Position> {
        let files = self.index().ok()?.files().ok()?;
        let files = files.iter().filter_map(|(name, good)| Name::parse(name).map(|name| (name, *good)));
        files.max().map(|(name, good)| Position { name, good })
    }

    /// Tells other processes how far they may read: `DIR/synced`, one line of a length that never shrinks, written over in
    /// place. It need not be synced itself: an older one only holds them back until the next.
    pub(crate) fn publish(&self, position: &Position) -> io::Result<()> {
        let Position { name, good } = *position;
        let line = format!("{{\"file\":\"{name}\",\"offset\":{good:>20}}}\n");
        write_all_at(&mut self.disk.open(SYNCED_FILE)?, line.as_bytes(), 0)
    }

    /// Closes the current file of the journal; `None` where nothing was written since the last time.
    pub(crate) fn rotate(&mut self, now: u64) -> Result<Option<Rotated>, CommitError> {
        if self.journal.stopped() {
            return Err(AppendError::Stopped.into());
        }
        Ok(self.journal.rotate(&self.disk, journal::day_at(now)).map_err(AppendError::Failed)?)
    }

    /// What keeps closed files as they are.
    pub(crate) fn closed_files(&self) -> ClosedFiles {
        self.closed_files.clone()
    }

    /// Whether nothing can be stored before a restart.
    pub(crate) fn stopped(&self) -> bool {
        self.journal.stopped()
    }

    /// Stores a group of requests that were received on one UTC day. `Ok` means that it is on disk.
    pub(crate) fn commit(
        &mut self,
        requests: &[Request],
    ) -> Result<(Vec<Verdict>, Option<Position>), CommitError> {
        if self.journal.stopped() {
            return Err(AppendError::Stopped.into());
        }
        let mut group = Group::default();
        let index = self.index()?;
        let taken = requests.iter().map(|request| group.take(index, request)).collect::<Result<Vec<_>, _>>();
        let taken = taken.inspect_err(|_| self.index = None)?;
        let position = match requests.first() {
            Some(first) if !group.lines.is_empty() => {
                Some(self.journal.append(&self.disk, journal::day_at(first.received), &group.lines)?)
            }
            _ => None,
        };
        self.put(&group, position)?;
        let verdicts = requests.iter().zip(taken).map(|(request, taken)| group.verdict(request, taken));
        Ok((verdicts.collect(), position))
    }

    /// Makes the index durable, and once a day lets go of what is older than its window.
    pub(crate) fn checkpoint(&mut self, now: u64) -> Result<(), CommitError> {
        let today = now / DAY_MS;
        let prune = self.pruned_on != today;
        let index = self.index()?;
        let mut work = || {
            if prune {
                index.count_from(now)?;
            }
            let gone = if prune { index.prune(now)? } else { 0 };
            index.sync().map(|()| gone)
        };
        let gone = work().inspect_err(|_| self.index = None)?;
        self.pruned_on = today;
        if gone > 0 {
            tracing::info!(streams = gone, "the index let go of streams that are older than its window");
        }
        Ok(())
    }

    /// How many streams the index knows, and what became of their events.
    pub(crate) fn books(&mut self) -> Result<(u64, Books), CommitError> {
        let books = self.index()?.books();
        Ok(books?)
    }

    /// The index as it is now, without what has left its window.
    pub(crate) fn look(&mut self, now: u64) -> Result<Snapshot, CommitError> {
        let index = self.index()?;
        index.prune(now)?;
        Ok(index.snapshot()?)
    }

    /// The disk, for who tests with one that forgets.
    #[cfg(test)]
    pub(crate) fn record(&mut self, stream: StreamId) -> Option<Record> {
        self.index().ok()?.get(stream).ok()?
    }

    fn index(&mut self) -> Result<&mut Index, CommitError> {
        let index = match self.index.take() {
            Some(index) => index,
            None => {
                if self.journal.stopped() {
                    return Err(AppendError::Stopped.into());
                }
                // It may mend the file that is open.
                self.journal = self.journal.reopened();
                let _closed_files = self.closed_files.lock().unwrap_or_else(PoisonError::into_inner);
                recover(&self.disk, self.opened)?
            }
        };
        Ok(self.index.insert(index))
    }

    /// The lines are on disk already; an index that fails here is made from them.
    fn put(&mut self, group: &Group, position: Option<Position>) -> Result<(), CommitError> {
        let file = position.map(|position| (position.name.to_string(), position.good));
        let change = || Change {
            records: group
                .records
                .iter()
                .filter(|(_, entry)| entry.changed)
                .map(|(id, entry)| (*id, &entry.record))
                .collect(),
            file: file.as_ref().map(|(name, good)| (name.as_str(), *good)),
        };
        let Err(error) = self.index()?.put(&change()) else { return Ok(()) };
        tracing::warn!(%error, "the index failed and is opened again");
        self.index = None;
        let again = self.index()?.put(&change());
        again.inspect_err(|_| self.index = None)?;
        Ok(())
    }
}

/// A group of requests on its way: the streams it touches as they will be, and the lines it adds.
#[derive(Debug, Default)]
struct Group {
    records: HashMap<StreamId, Touched>,
    lines: Vec<u8>,
}

#[derive(Debug)]
struct Touched {
    record: Record,
    /// Whether any request of the group was taken.
    changed: bool,
}

#[derive(Debug, Clone)]
enum Taken {
    New(Tally),
    Stale,
    Shredded,
}

impl Group {
    fn take(&mut self, index: &Index, request: &Request) -> Result<Taken, IndexError> {
        let stream = request.line.stream;
        let touched = match self.records.entry(stream) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let is_young = request.age <= WINDOW_MS;
                let record = match index.get(stream)? {
                    // Also of one that is known in part.
                    _ if is_before(request, index.since()) => return Ok(Taken::Stale),
                    Some(record) => record,
                    None if !is_young => return Ok(Taken::Stale),
                    None => Record::new(stream, request.received, request.app.clone()),
                };
                entry.insert(Touched { record, changed: false })
            }
        };
        // On a copy: what turns out to be too much leaves no trace.
        let mut record = touched.record.clone();
        if record.app.is_empty() {
            // Of an index from before records had one.
            record.app = request.app.clone();
        }
        let mark = self.lines.len();
        record.last = record.last.max(request.received);
        let mut tally = Tally::default();
        for (number, bytes, kind) in &request.events {
            let missing = Range::one(*number).filter(|_| !record.stored.contains(*number));
            if let Some(range) = missing {
                self.lines.extend_from_slice(request.lines.get(bytes.clone()).unwrap_or_default());
                record.store(range);
                *tally.new.entry(kind).or_default() += 1;
                // Told apart early: each piece costs the next one time.
                if record.stored.pieces() > MAX_RANGES {
                    break;
                }
            }
        }
        tally.known = request.events.len() as u64 - tally.new.values().sum::<u64>();
        record.twice_refused += tally.known;
        tally.dropped = newly_dropped(&record, &request.line);
        record.see_browser(request.agent.browser.as_deref());
        // What is new, and on each later day all of it again: the files of earlier days may be deleted before the index is lost.
        let is_another_day = record.deliveries > 0 && record.told / DAY_MS < request.received / DAY_MS;
        if record.merge(&request.line) || is_another_day {
            record.deliveries += 1;
            record.told = request.received;
            record.write_delivery(&mut self.lines, request);
        }
        if record.is_shredded() {
            self.lines.truncate(mark);
            return Ok(Taken::Shredded);
        }
        *touched = Touched { record, changed: true };
        Ok(Taken::New(tally))
    }

    fn verdict(&self, request: &Request, taken: Taken) -> Verdict {
        match taken {
            Taken::Stale => Verdict::Stale,
            Taken::Shredded => Verdict::Shredded,
            Taken::New(tally) => {
                let stored =
                    self.records.get(&request.line.stream).map(|touched| touched.record.stored.clone());
                Verdict::Accounted { stored: stored.unwrap_or_default(), tally }
            }
        }
    }
}

fn newly_dropped(record: &Record, line: &StreamLine) -> BTreeMap<&'static str, u64> {
    let dropped = line.dropped.iter().map(|(reason, numbers)| {
        let mut new = numbers.clone();
        new.subtract(&record.stored);
        new.subtract(record.line.dropped.get(reason));
        (reason.as_str(), new.count())
    });
    dropped.filter(|(_, count)| *count > 0).collect()
}

/// Whether its stream was born before an index that was made again can know, by the client's own clock: a wrong one makes no
/// stream old.
fn is_before(request: &Request, since: u64) -> bool {
    request.received.saturating_sub(request.age) < since
}

impl Record {
    fn write_delivery(&self, out: &mut Vec<u8>, request: &Request) {
        let mut line = Vec::new();
        self.line.encode(&mut line);
        let identity = &self.line.identity;
        let tokens = [
            ("release", identity.release.as_deref().map(str::as_bytes)),
            ("env", identity.env.as_deref().map(str::as_bytes)),
            ("session", identity.session.as_deref().map(str::as_bytes)),
            ("page", None),
            ("user", None),
            ("context", None),
        ];
        let stream = self.line.stream.to_text();
        let source = Source {
            stream: stream.as_str(),
            received: request.received,
            app: &request.app,
            tokens,
            agent: &request.agent,
        };
        event_line::write_delivery(out, &source, self.deliveries, line.trim_ascii_end());
    }
}
