//! What is stored of every stream: made from the journal, kept in an embedded database beside it.
//!
//! The index may lag behind the journal (it is synced once a second, the journal with every group) but never runs
//! ahead of it: an entry is put after the fsync of the lines that it tells of. What it lags is read again on start.

pub(crate) mod books;
pub(crate) mod record;
pub(crate) mod snapshot;
mod tables;

use std::collections::BTreeMap;

use beaconry_core::StreamId;
use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition,
    WriteTransaction,
};

use crate::disk::Disk;
use books::Books;
use record::Record;
use snapshot::{Snapshot, add_books};
pub(crate) use tables::IndexError;
use tables::{
    BOOKS, BOOKS_VERSION, COUNTING_SINCE, CURRENT_BOOKS, FILES, FORGOTTEN, HEARD, META, SINCE, STREAMS,
};

/// The database's file.
pub(crate) const FILE: &str = "index.redb";

/// Streams are kept this long after they were last heard of, and refused when they are older and unknown: twice the
/// client's maximum age (14 days) and a week.
pub(crate) const WINDOW_MS: u64 = 35 * DAY_MS;

pub(crate) const DAY_MS: u64 = 86_400_000;

/// Pages in memory. The streams of the last minutes are what is asked for; redb's own default is 1 GiB.
const CACHE_BYTES: usize = 32 * 1024 * 1024;

/// The open database.
#[derive(Debug)]
pub(crate) struct Index {
    database: Database,
    since: Option<u64>,
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
        Ok(Index { database, since })
    }

    /// No stream born before this is known (unix ms).
    pub(crate) fn since(&self) -> u64 {
        self.since.unwrap_or(0)
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

    /// How many streams are known, and what became of the events of these and of those that were let go of.
    pub(crate) fn books(&self) -> Result<(u64, Books), IndexError> {
        fn read(database: &Database) -> Result<(u64, Books), redb::Error> {
            let transaction = database.begin_read()?;
            let mut books = Books::default();
            for table in [BOOKS, FORGOTTEN] {
                add_books(&transaction, table, &mut books)?;
            }
            Ok((transaction.open_table(STREAMS)?.len()?, books))
        }
        Ok(read(&self.database)?)
    }

    /// All of it as it is now, to be read while it changes.
    pub(crate) fn snapshot(&self) -> Result<Snapshot, IndexError> {
        let transaction = self.database.begin_read().map_err(redb::Error::from)?;
        Ok(Snapshot::new(transaction))
    }

    /// Notes that events which come twice are counted from now on, unless they have been already.
    pub(crate) fn count_from(&mut self, now: u64) -> Result<(), IndexError> {
        let transaction = self.begin(Durability::None)?;
        put_once(&transaction, COUNTING_SINCE, now).map_err(IndexError::Database)?;
        Ok(transaction.commit().map_err(redb::Error::from)?)
    }

    /// Puts a change; it is on disk after the next [`Index::sync`].
    pub(crate) fn put(&mut self, change: &Change<'_>) -> Result<(), IndexError> {
        let transaction = self.begin(Durability::None)?;
        let mut books = Books::default();
        for (stream, record) in &change.records {
            put_record(&transaction, *stream, record, &mut books)?;
        }
        put_books(&transaction, BOOKS, &books).map_err(IndexError::Database)?;
        if let Some((name, known)) = change.file {
            put_file(&transaction, name, known).map_err(IndexError::Database)?;
        }
        Ok(transaction.commit().map_err(redb::Error::from)?)
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

    /// Lets go of the streams that were last heard of before the window; gives how many. Their events go on counting.
    pub(crate) fn prune(&mut self, now: u64) -> Result<u64, IndexError> {
        let transaction = self.begin(Durability::None)?;
        let first_kept = now.saturating_sub(WINDOW_MS) / DAY_MS;
        let (mut books, mut forgotten) = (Books::default(), Books::default());
        let gone =
            prune(&transaction, first_kept, &mut books, &mut forgotten).map_err(IndexError::Database)?;
        for (table, changes) in [(BOOKS, &books), (FORGOTTEN, &forgotten)] {
            put_books(&transaction, table, changes).map_err(IndexError::Database)?;
        }
        transaction.commit().map_err(redb::Error::from)?;
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
    transaction.open_table(FORGOTTEN)?;
    let number = |name| Ok::<_, redb::Error>(transaction.open_table(META)?.get(name)?.map(|it| it.value()));
    if number(BOOKS_VERSION)? != Some(CURRENT_BOOKS) {
        transaction.delete_table(BOOKS)?;
        put_books(&transaction, BOOKS, &count(&transaction)?)?;
        transaction.open_table(META)?.insert(BOOKS_VERSION, CURRENT_BOOKS)?;
    }
    let since = number(SINCE)?;
    transaction.commit()?;
    Ok(since)
}

fn put_record(
    transaction: &WriteTransaction,
    stream: StreamId,
    record: &Record,
    books: &mut Books,
) -> Result<(), IndexError> {
    fn put(
        transaction: &WriteTransaction,
        stream: &str,
        value: &[u8],
        day: u64,
    ) -> Result<Option<Record>, redb::Error> {
        let mut streams = transaction.open_table(STREAMS)?;
        let old = streams.insert(stream, value)?.and_then(|old| Record::decode(old.value()).ok());
        let old_day = old.as_ref().map(|old| old.last / DAY_MS);
        if old_day != Some(day) {
            let mut heard = transaction.open_table(HEARD)?;
            if let Some(old_day) = old_day {
                heard.remove((old_day, stream))?;
            }
            heard.insert((day, stream), ())?;
        }
        Ok(old)
    }
    let text = stream.to_text();
    let old = put(transaction, text.as_str(), &record.encode()?, record.last / DAY_MS)?;
    books.change(old.as_ref(), Some(record));
    Ok(())
}

/// The books of an index from before there were these.
fn count(transaction: &WriteTransaction) -> Result<Books, redb::Error> {
    let mut books = Books::default();
    for row in transaction.open_table(STREAMS)?.iter()? {
        books.change(None, Record::decode(row?.1.value()).ok().as_ref());
    }
    Ok(books)
}

fn put_books(
    transaction: &WriteTransaction,
    table: TableDefinition<'_, (&'static str, &'static str), u64>,
    changes: &Books,
) -> Result<(), redb::Error> {
    let mut books = transaction.open_table(table)?;
    for (app, fate, change) in changes.iter() {
        let key = (&**app, fate);
        let count = books.get(key)?.map_or(0, |count| count.value()).saturating_add_signed(change);
        books.insert(key, count)?;
    }
    Ok(())
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
    transaction.open_table(META)?.insert(SINCE, since)?;
    Ok(())
}

fn put_once(transaction: &WriteTransaction, name: &str, value: u64) -> Result<(), redb::Error> {
    let mut meta = transaction.open_table(META)?;
    if meta.get(name)?.is_none() {
        meta.insert(name, value)?;
    }
    Ok(())
}

fn prune(
    transaction: &WriteTransaction,
    first_kept: u64,
    books: &mut Books,
    forgotten: &mut Books,
) -> Result<u64, redb::Error> {
    let mut heard = transaction.open_table(HEARD)?;
    let mut streams = transaction.open_table(STREAMS)?;
    let mut gone = 0;
    for row in heard.extract_from_if(..(first_kept, ""), |_, ()| true)? {
        let old = streams.remove(row?.0.value().1)?;
        let old = old.and_then(|old| Record::decode(old.value()).ok());
        if let Some(old) = old {
            books.change(Some(&old), None);
            forgotten.keep(&old);
        }
        gone += 1;
    }
    Ok(gone)
}
