//! What became of the events of all streams that the index knows, per app: each is stored, outstanding, lost, or dropped by
//! its client for a reason.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::index::Record;

/// In the journal.
const STORED: &str = "stored";
/// Numbered, and neither stored nor dropped; its client may still have it.
const OUTSTANDING: &str = "outstanding";
/// As outstanding, of a stream that is closed and holds it no more.
const LOST: &str = "lost";

/// Events by app and fate: one of the three above, or the name of a reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Books(BTreeMap<(Arc<str>, &'static str), i64>);

impl Books {
    /// Notes that a stream is now as `after` says, and no more as `before` did.
    pub(crate) fn change(&mut self, before: Option<&Record>, after: Option<&Record>) {
        for (record, sign) in [(before, -1), (after, 1)] {
            let Some(record) = record else { continue };
            for (fate, count) in fates(record) {
                if count > 0 {
                    let count = i64::try_from(count).unwrap_or(i64::MAX);
                    *self.0.entry((record.app.clone(), fate)).or_default() += sign * count;
                }
            }
        }
        self.0.retain(|_, count| *count != 0);
    }

    /// Adds what a database has under these names; `false` for a name that no version of this program wrote.
    pub(crate) fn add(&mut self, app: &str, fate: &str, count: u64) -> bool {
        let reasons = beaconry_core::Reason::ALL.into_iter().map(beaconry_core::Reason::as_str);
        let Some(fate) = [STORED, OUTSTANDING, LOST].into_iter().chain(reasons).find(|it| *it == fate) else {
            return false;
        };
        *self.0.entry((app.into(), fate)).or_default() += i64::try_from(count).unwrap_or(i64::MAX);
        true
    }

    /// App, fate and count of all.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &'static str, i64)> {
        self.0.iter().map(|((app, fate), count)| (app, *fate, *count))
    }
}

fn fates(record: &Record) -> impl Iterator<Item = (&'static str, u64)> {
    let missing = record.line.missing(&record.stored);
    let mut lost = missing.clone();
    if record.line.closed {
        lost.subtract(&record.line.holds);
    }
    let lost = if record.line.closed { lost.count() } else { 0 };
    let dropped = record.line.dropped.iter().map(|(reason, numbers)| {
        let mut shown = numbers.clone();
        // Stored wins over dropped.
        shown.subtract(&record.stored);
        (reason.as_str(), shown.count())
    });
    let others =
        [(STORED, record.stored.count()), (OUTSTANDING, missing.count() - lost), (LOST, lost)].into_iter();
    others.chain(dropped)
}

#[cfg(test)]
mod tests {
    use beaconry_core::{Range, Reason, StreamId};

    use super::*;

    fn counts(books: &Books) -> Vec<(&str, i64)> {
        books.iter().map(|(_, fate, count)| (fate, count)).collect()
    }

    #[test]
    fn each_event_has_one_fate_and_it_changes_with_its_stream() {
        let range = |start, end| Range::new(start, end).unwrap();
        let mut before = Record::new(StreamId::new(0, [1; 10]), 1, "shop".into());
        before.store(range(0, 5));
        before.line.tracked = 10;
        before.line.dropped.insert(Reason::Full, range(4, 7));
        let mut books = Books::default();
        books.change(None, Some(&before));
        assert_eq!(counts(&books), [("full", 2), (OUTSTANDING, 3), (STORED, 5)]);

        let mut after = before.clone();
        after.line.closed = true;
        after.line.holds.insert(range(8, 9));
        after.store(range(5, 6));
        books.change(Some(&before), Some(&after));
        assert_eq!(counts(&books), [("full", 1), (LOST, 2), (OUTSTANDING, 1), (STORED, 6)]);
        books.change(Some(&after), None);
        assert_eq!(books, Books::default());
    }

    #[test]
    fn a_name_that_nobody_writes_is_not_taken() {
        let mut books = Books::default();
        assert!(books.add("shop", "full", 2) && books.add("shop", LOST, 1) && !books.add("shop", "eaten", 1));
        assert_eq!(counts(&books), [("full", 2), (LOST, 1)]);
    }
}
