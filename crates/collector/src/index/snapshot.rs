//! The index at one moment: it can be read while the writer goes on.

use redb::{ReadTransaction, ReadableTable, TableDefinition};

use super::books::Books;
use super::record::Record;
use super::tables::{COUNTING_SINCE, FORGOTTEN, IndexError, META, SINCE, STREAMS};

/// The index at one moment.
pub(crate) struct Snapshot {
    transaction: ReadTransaction,
}

impl Snapshot {
    pub(crate) fn new(transaction: ReadTransaction) -> Snapshot {
        Snapshot { transaction }
    }

    /// Each stream that is known.
    pub(crate) fn streams(&self) -> Result<impl Iterator<Item = Result<Record, IndexError>>, IndexError> {
        fn rows(
            transaction: &ReadTransaction,
        ) -> Result<redb::Range<'static, &'static str, &'static [u8]>, redb::Error> {
            Ok(transaction.open_table(STREAMS)?.range::<&str>(..)?)
        }
        let rows = rows(&self.transaction)?;
        Ok(rows.map(|row| Record::decode(row.map_err(redb::Error::from)?.1.value())))
    }

    /// What those count for that the window has let go of.
    pub(crate) fn forgotten(&self) -> Result<Books, IndexError> {
        let mut books = Books::default();
        add_books(&self.transaction, FORGOTTEN, &mut books)?;
        Ok(books)
    }

    /// No stream born before this is known (unix ms); `None`: all are.
    pub(crate) fn since(&self) -> Result<Option<u64>, IndexError> {
        Ok(self.number(SINCE)?.filter(|since| *since > 0))
    }

    /// Since when events that came twice have been counted (unix ms), if they have.
    pub(crate) fn counting_since(&self) -> Result<Option<u64>, IndexError> {
        self.number(COUNTING_SINCE)
    }

    fn number(&self, name: &str) -> Result<Option<u64>, IndexError> {
        fn read(transaction: &ReadTransaction, name: &str) -> Result<Option<u64>, redb::Error> {
            Ok(transaction.open_table(META)?.get(name)?.map(|it| it.value()))
        }
        Ok(read(&self.transaction, name)?)
    }
}

/// Adds what a table of books has.
pub(super) fn add_books(
    transaction: &ReadTransaction,
    table: TableDefinition<'_, (&'static str, &'static str), u64>,
    books: &mut Books,
) -> Result<(), redb::Error> {
    for row in transaction.open_table(table)?.iter()? {
        let (key, count) = row?;
        let (app, cell) = key.value();
        books.add(app, cell, count.value());
    }
    Ok(())
}
