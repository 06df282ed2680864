//! The database's tables, and how it fails.

use std::io;

use redb::TableDefinition;

/// Stream → [`Record`](super::record::Record), as it is encoded.
pub(super) const STREAMS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("streams");
/// Day last heard of (since 1970) and stream: what the window lets go, in order.
pub(super) const HEARD: TableDefinition<'_, (u64, &str), ()> = TableDefinition::new("heard");
/// Journal file → bytes of it that this index knows.
pub(super) const FILES: TableDefinition<'_, &str, u64> = TableDefinition::new("files");
/// App and cell → count over all streams; changed with them, so that nobody has to count.
pub(super) const BOOKS: TableDefinition<'_, (&str, &str), u64> = TableDefinition::new("books");
/// The same of the streams that the window has let go of, which go on counting.
pub(super) const FORGOTTEN: TableDefinition<'_, (&str, &str), u64> = TableDefinition::new("forgotten");
/// Numbers by the names below.
pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
/// The index knows no stream that was born before (unix ms; 0: it knows all). Absent until it was brought up to the journal for
/// the first time.
pub(super) const SINCE: &str = "since";
/// Since when events that came twice have been counted (unix ms).
pub(super) const COUNTING_SINCE: &str = "counting_since";
/// Which cells [`BOOKS`] has; those of another version are counted anew.
pub(super) const BOOKS_VERSION: &str = "books";
pub(super) const CURRENT_BOOKS: u64 = 2;

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
