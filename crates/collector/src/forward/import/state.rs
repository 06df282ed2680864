//! Which events were brought to one target: an embedded database, `DIR/NAME.redb`, of a few bytes a stream.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use beaconry_core::{Range, Ranges};
use redb::{Database, DatabaseError, ReadableDatabase, TableDefinition, TableError};

/// Stream (with `~` behind it: its delivery lines) → numbers brought, as ranges in JSON.
const BROUGHT: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("brought");
/// Bad lines that were set aside: their first bytes, and their length.
const BAD: TableDefinition<'_, (&[u8], u64), ()> = TableDefinition::new("bad");
/// `refused_bytes`: length of the file of the refused that goes with this state.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const REFUSED_BYTES: &str = "refused_bytes";

/// Bytes of a bad line that tell it from others.
const BAD_BYTES: usize = 1024;
/// Pages in memory; redb's own default is 1 GiB.
const CACHE_BYTES: usize = 32 * 1024 * 1024;

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    /// Another process has it open.
    #[error("another import runs")]
    Taken,
    /// The directory or the file of the refused.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The database is damaged or its file system fails.
    #[error("{0}")]
    Database(#[from] redb::Error),
    /// An entry that this program did not write.
    #[error("the state has an entry that cannot be read")]
    Entry,
}

/// The open state. What is taken counts once it is committed.
#[derive(Debug)]
pub(crate) struct State {
    database: Database,
    refused_bytes: u64,
    taken: BTreeMap<String, Ranges>,
    bad: BTreeSet<(Vec<u8>, u64)>,
}

impl State {
    pub(crate) fn open(dir: &Path, name: &str) -> Result<State, StateError> {
        fs::create_dir_all(dir)?;
        let opened = Database::builder().set_cache_size(CACHE_BYTES).create(dir.join(format!("{name}.redb")));
        let database = opened.map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => StateError::Taken,
            other => StateError::Database(other.into()),
        })?;
        let mut state = State { database, refused_bytes: 0, taken: BTreeMap::new(), bad: BTreeSet::new() };
        state.refused_bytes = state.read(META, REFUSED_BYTES, |bytes| bytes)?.unwrap_or(0);
        Ok(state)
    }

    /// Length of the file of the refused at the last commit.
    pub(crate) fn refused_bytes(&self) -> u64 {
        self.refused_bytes
    }

    /// Whether an event is new; it is taken then. `None` where the id is none.
    pub(crate) fn take(&mut self, id: &str) -> Result<Option<bool>, StateError> {
        let Some((key, number)) = parts(id) else { return Ok(None) };
        if !self.taken.contains_key(&key) {
            let stored = self.read(BROUGHT, key.as_str(), Ranges::parse)?;
            let ranges = stored.transpose().map_err(|_| StateError::Entry)?.unwrap_or_default();
            self.taken.insert(key.clone(), ranges);
        }
        let ranges = self.taken.entry(key).or_default();
        let is_new = !ranges.contains(number.start());
        ranges.insert(number);
        Ok(Some(is_new))
    }

    /// Whether a bad line is new; it is taken then.
    pub(crate) fn take_bad(&mut self, line: &[u8]) -> Result<bool, StateError> {
        let start = line.get(..BAD_BYTES).unwrap_or(line);
        let key = (start.to_vec(), line.len() as u64);
        let is_known = self.bad.contains(&key) || self.read(BAD, (start, key.1), |()| ())?.is_some();
        self.bad.insert(key);
        Ok(!is_known)
    }

    /// Remembers what was taken, on disk when it returns.
    pub(crate) fn commit(&mut self, refused_bytes: u64) -> Result<(), StateError> {
        self.write(refused_bytes)?;
        self.refused_bytes = refused_bytes;
        self.taken.clear();
        self.bad.clear();
        Ok(())
    }

    fn write(&self, refused_bytes: u64) -> Result<(), redb::Error> {
        let transaction = self.database.begin_write()?;
        {
            let mut brought = transaction.open_table(BROUGHT)?;
            for (key, ranges) in &self.taken {
                let mut value = Vec::new();
                ranges.encode(&mut value);
                brought.insert(key.as_str(), value.as_slice())?;
            }
            let mut bad = transaction.open_table(BAD)?;
            for (start, length) in &self.bad {
                bad.insert((start.as_slice(), *length), ())?;
            }
            transaction.open_table(META)?.insert(REFUSED_BYTES, refused_bytes)?;
        }
        Ok(transaction.commit()?)
    }

    fn read<K, V, T>(
        &self,
        table: TableDefinition<'_, K, V>,
        key: K::SelfType<'_>,
        made: impl FnOnce(V::SelfType<'_>) -> T,
    ) -> Result<Option<T>, StateError>
    where
        K: redb::Key + 'static,
        V: redb::Value + 'static,
    {
        let transaction = self.database.begin_read().map_err(redb::Error::from)?;
        let table = match transaction.open_table(table) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            opened => opened.map_err(redb::Error::from)?,
        };
        let found = table.get(key).map_err(redb::Error::from)?;
        Ok(found.map(|value| made(value.value())))
    }
}

/// Under what an id is kept, and its number: `S.7` is an event of the stream, `S.~7` one of its delivery lines.
fn parts(id: &str) -> Option<(String, Range)> {
    let (stream, number) = id.rsplit_once('.').filter(|(stream, _)| !stream.is_empty())?;
    let (key, number) = match number.strip_prefix('~') {
        Some(number) => (format!("{stream}~"), number),
        None => (stream.to_owned(), number),
    };
    Some((key, Range::one(number.parse().ok()?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_new_once_over_all_runs() {
        let dir = tempfile::tempdir().unwrap();
        let mut state = State::open(dir.path(), "t").unwrap();
        assert!(matches!(State::open(dir.path(), "t"), Err(StateError::Taken)));
        let taken = |state: &mut State, id: &str| state.take(id).unwrap().unwrap();
        assert!(taken(&mut state, "S.1") && !taken(&mut state, "S.1"));
        assert!(taken(&mut state, "S.~1") && taken(&mut state, "T.1"));
        assert!(state.take_bad(b"{half").unwrap() && !state.take_bad(b"{half").unwrap());
        state.commit(17).unwrap();
        assert!(taken(&mut state, "S.2"));
        // Not committed: it comes again.
        drop(state);
        let mut state = State::open(dir.path(), "t").unwrap();
        assert_eq!(state.refused_bytes(), 17);
        assert!(taken(&mut state, "S.2") && !taken(&mut state, "S.1") && !taken(&mut state, "S.~1"));
        assert!(!state.take_bad(b"{half").unwrap() && state.take_bad(b"{hal").unwrap());
    }

    #[test]
    fn what_is_no_id_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let mut state = State::open(dir.path(), "t").unwrap();
        for bad in ["", "S", ".1", "S.", "S.-1", "S.x", "S.~", "S.4294967295", "S.99999999999"] {
            assert_eq!(state.take(bad).unwrap(), None, "{bad}");
        }
    }
}
