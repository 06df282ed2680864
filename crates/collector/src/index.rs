//! What is stored of every stream: made from the journal, kept in an embedded database beside it.
//!
//! The index may lag behind the journal (it is synced once a second, the journal with every group) but never runs
//! ahead of it: an entry is put after the fsync of the lines that it tells of. What it lags is read again on start.

use std::collections::BTreeMap;
use std::io;

use beaconry_core::{Ranges, StreamId, StreamLine};
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::books::Fates;
use crate::disk::Disk;

/// The database's file.
pub(crate) const FILE: &str = "index.redb";

/// Streams are kept this long after they were last heard of, and refused when they are older and unknown: twice the
/// client's maximum age (14 days) and a week.
pub(crate) const WINDOW_MS: u64 = 35 * DAY_MS;

pub(crate) const DAY_MS: u64 = 86_400_000;

/// Pages in memory. The streams of the last minutes are what is asked for; redb's own default is 1 GiB.
const CACHE_BYTES: usize = 32 * 1024 * 1024;

/// Stream → [`Stored`].
const STREAMS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("streams");
/// Day last heard of (since 1970) and stream: what the window lets go, in order.
const HEARD: TableDefinition<'_, (u64, &str), ()> = TableDefinition::new("heard");
/// Journal file → bytes of it that this index knows.
const FILES: TableDefinition<'_, &str, u64> = TableDefinition::new("files");
/// `since`: the index knows no stream that was born before (unix ms; 0: it knows all). Absent until it was brought up to
/// the journal for the first time.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// The index cannot be read or written. What it knew is in the journal.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IndexError {
    /// The database's file system fails.
    #[error("the index cannot be opened: {0}")]
    Io(#[from] io::Error),
    /// The database is damaged or its file system fails.
    #[error("the index fails: {0}")]
    Database(#[from] redb::Error),
    /// An entry that this program did not write.
    #[error("the index has an entry that cannot be read")]
    Entry,
}

/// What is known of one stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    /// The numbers that are in the journal.
    pub(crate) stored: Ranges,
    /// All its stream lines, merged; `tracked` is at least the end of what is stored.
    pub(crate) line: StreamLine,
    /// Lines of type `delivery` so far.
    pub(crate) deliveries: u32,
    /// First and last receipt (unix ms).
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// A [`Record`] as the database has it.
#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    #[serde(borrow)]
    stored: &'a RawValue,
    #[serde(borrow)]
    line: &'a RawValue,
    deliveries: u32,
    first: u64,
    last: u64,
}

impl Record {
    fn encode(&self) -> Result<Vec<u8>, IndexError> {
        let (mut line, mut stored) = (Vec::new(), Vec::new());
        self.line.encode(&mut line);
        self.stored.encode(&mut stored);
        let line = serde_json::from_slice(line.trim_ascii_end()).map_err(|_| IndexError::Entry)?;
        let stored = serde_json::from_slice(&stored).map_err(|_| IndexError::Entry)?;
        let Record { deliveries, first, last, .. } = *self;
        serde_json::to_vec(&Stored { stored, line, deliveries, first, last }).map_err(|_| IndexError::Entry)
    }

    fn decode(bytes: &[u8]) -> Result<Record, IndexError> {
        let entry: Stored<'_> = serde_json::from_slice(bytes).map_err(|_| IndexError::Entry)?;
        let line = StreamLine::decode(entry.line.get().as_bytes()).map_err(|_| IndexError::Entry)?;
        let stored = Ranges::parse(entry.stored.get().as_bytes()).map_err(|_| IndexError::Entry)?;
        Ok(Record { stored, line, deliveries: entry.deliveries, first: entry.first, last: entry.last })
    }
}

/// The open database.
#[derive(Debug)]
pub(crate) struct Index {
    database: Database,
    since: Option<u64>,
    /// Of all its streams.
    fates: Fates,
}

/// What one group of requests, or one stretch of the journal, changes.
#[derive(Debug, Default)]
pub(crate) struct Change<'a> {
    pub(crate) records: Vec<(StreamId, &'a Record)>,
    /// How far the index knows a journal file after this.
    pub(crate) file: Option<(&'a str, u64)>,
}

impl Index {
    /// Opens the database, and makes it where it is missing.
    pub(crate) fn open<D: Disk>(disk: &D) -> Result<Index, IndexError> {
        let backend = disk.open_backend(FILE)?;
        disk.sync_dir()?;
        let database = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .create_with_backend(backend)
            .map_err(redb::Error::from)?;
        let since = prepare(&database)?;
        let fates = add_up(&database)?;
        Ok(Index { database, since, fates })
    }

    /// No stream born before this is known (unix ms).
    pub(crate) fn since(&self) -> u64 {
        self.since.unwrap_or(0)
    }

    /// What became of the events of all its streams.
    pub(crate) fn fates(&self) -> Fates {
        self.fates
    }

    /// Whether it was never brought up to the journal.
    pub(crate) fn is_new(&self) -> bool {
        self.since.is_none()
    }

    /// How far each journal file is known.
    pub(crate) fn files(&self) -> Result<BTreeMap<String, u64>, IndexError> {
        fn read(database: &Database) -> Result<BTreeMap<String, u64>, redb::Error> {
            let table = database.begin_read()?.open_table(FILES)?;
            let rows =
                table.iter()?.map(|row| row.map(|(name, known)| (name.value().to_owned(), known.value())));
            Ok(rows.collect::<Result<_, _>>()?)
        }
        Ok(read(&self.database)?)
    }

    /// What is known of a stream.
    pub(crate) fn get(&self, stream: StreamId) -> Result<Option<Record>, IndexError> {
        fn read(database: &Database, stream: &str) -> Result<Option<Vec<u8>>, redb::Error> {
            let table = database.begin_read()?.open_table(STREAMS)?;
            Ok(table.get(stream)?.map(|value| value.value().to_owned()))
        }
        let text = stream.to_text();
        read(&self.database, text.as_str())?.as_deref().map(Record::decode).transpose()
    }

    /// Puts a change; it is on disk after the next [`Index::sync`].
    pub(crate) fn put(&mut self, change: &Change<'_>) -> Result<(), IndexError> {
        let transaction = self.begin(Durability::None)?;
        let mut fates = self.fates;
        for (stream, record) in &change.records {
            if let Some(before) = put_record(&transaction, *stream, record)? {
                fates -= Fates::of(&before);
            }
            fates += Fates::of(record);
        }
        if let Some((name, known)) = change.file {
            put_file(&transaction, name, known).map_err(IndexError::Database)?;
        }
        transaction.commit().map_err(redb::Error::from)?;
        self.fates = fates;
        Ok(())
    }

    /// Makes everything that was put durable.
    pub(crate) fn sync(&mut self) -> Result<(), IndexError> {
        Ok(self.begin(Durability::Immediate)?.commit().map_err(redb::Error::from)?)
    }

    /// Says that the index is brought up to the journal, and knows no stream born before `since`.
    pub(crate) fn set_since(&mut self, since: u64) -> Result<(), IndexError> {
        let transaction = self.begin(Durability::Immediate)?;
        put_since(&transaction, since).map_err(IndexError::Database)?;
        transaction.commit().map_err(redb::Error::from)?;
        self.since = Some(since);
        Ok(())
    }

    /// Forgets journal files that are gone; one that comes back by that name is another.
    pub(crate) fn forget_files<'a>(
        &mut self,
        names: impl Iterator<Item = &'a String>,
    ) -> Result<(), IndexError> {
        let transaction = self.begin(Durability::None)?;
        for name in names {
            forget_file(&transaction, name).map_err(IndexError::Database)?;
        }
        Ok(transaction.commit().map_err(redb::Error::from)?)
    }

    /// Lets go of the streams that were last heard of before the window; gives how many.
    pub(crate) fn prune(&mut self, now: u64) -> Result<u64, IndexError> {
        let transaction = self.begin(Durability::None)?;
        let first_kept = now.saturating_sub(WINDOW_MS) / DAY_MS;
        let (gone, fates) = prune(&transaction, first_kept).map_err(IndexError::Database)?;
        transaction.commit().map_err(redb::Error::from)?;
        self.fates -= fates;
        Ok(gone)
    }

    fn begin(&self, durability: Durability) -> Result<WriteTransaction, IndexError> {
        let mut transaction = self.database.begin_write().map_err(redb::Error::from)?;
        transaction.set_durability(durability).map_err(redb::Error::from)?;
        Ok(transaction)
    }
}

/// Makes the tables, so that reads find them; gives `since`.
fn prepare(database: &Database) -> Result<Option<u64>, redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(STREAMS)?;
    transaction.open_table(HEARD)?;
    transaction.open_table(FILES)?;
    let since = transaction.open_table(META)?.get("since")?.map(|since| since.value());
    transaction.commit()?;
    Ok(since)
}

/// Puts a record, and gives the one that was in its place.
fn put_record(
    transaction: &WriteTransaction,
    stream: StreamId,
    record: &Record,
) -> Result<Option<Record>, IndexError> {
    fn put(
        transaction: &WriteTransaction,
        stream: &str,
        value: &[u8],
    ) -> Result<Option<Vec<u8>>, redb::Error> {
        let mut streams = transaction.open_table(STREAMS)?;
        let before = streams.insert(stream, value)?;
        Ok(before.map(|before| before.value().to_owned()))
    }
    fn note_day(
        transaction: &WriteTransaction,
        stream: &str,
        before: Option<u64>,
        day: u64,
    ) -> Result<(), redb::Error> {
        let mut heard = transaction.open_table(HEARD)?;
        if let Some(before) = before {
            heard.remove((before, stream))?;
        }
        heard.insert((day, stream), ())?;
        Ok(())
    }
    let text = stream.to_text();
    let before = put(transaction, text.as_str(), &record.encode()?)?;
    let before = before.and_then(|bytes| Record::decode(&bytes).ok());
    let (day, day_before) = (record.last / DAY_MS, before.as_ref().map(|before| before.last / DAY_MS));
    if day_before != Some(day) {
        note_day(transaction, text.as_str(), day_before, day)?;
    }
    Ok(before)
}

fn put_file(transaction: &WriteTransaction, name: &str, known: u64) -> Result<(), redb::Error> {
    transaction.open_table(FILES)?.insert(name, known)?;
    Ok(())
}

fn forget_file(transaction: &WriteTransaction, name: &str) -> Result<(), redb::Error> {
    transaction.open_table(FILES)?.remove(name)?;
    Ok(())
}

fn put_since(transaction: &WriteTransaction, since: u64) -> Result<(), redb::Error> {
    transaction.open_table(META)?.insert("since", since)?;
    Ok(())
}

/// How many streams are gone, and what had become of their events.
fn prune(transaction: &WriteTransaction, first_kept: u64) -> Result<(u64, Fates), redb::Error> {
    let mut heard = transaction.open_table(HEARD)?;
    let mut streams = transaction.open_table(STREAMS)?;
    let (mut gone, mut fates) = (0, Fates::default());
    for row in heard.extract_from_if(..(first_kept, ""), |_, ()| true)? {
        if let Some(record) = streams.remove(row?.0.value().1)? {
            fates += fates_of(record.value());
        }
        gone += 1;
    }
    Ok((gone, fates))
}

/// Some microseconds a stream, once a start.
fn add_up(database: &Database) -> Result<Fates, redb::Error> {
    let mut fates = Fates::default();
    for row in database.begin_read()?.open_table(STREAMS)?.iter()? {
        fates += fates_of(row?.1.value());
    }
    Ok(fates)
}

/// Who asks for an entry that cannot be read is told so; here it counts for nothing.
fn fates_of(bytes: &[u8]) -> Fates {
    Record::decode(bytes).map(|record| Fates::of(&record)).unwrap_or_default()
}
