//! What became of the events of all streams, per app: each that was numbered is stored, outstanding, lost, or dropped by its
//! client for a reason.

use std::collections::BTreeMap;
use std::sync::Arc;

use beaconry_core::{Ranges, Reason};

use super::record::Record;

/// How many streams there are; of the cells, this and the next two are no fates.
pub(crate) const STREAMS: &str = "streams";
/// Events that clients have numbered: the sum of all fates.
pub(crate) const TRACKED: &str = "tracked";
/// Events that came again and were stored already. They are not in the journal, so a lost index forgets them.
pub(crate) const TWICE_REFUSED: &str = "twice_refused";
/// In the journal.
pub(crate) const STORED: &str = "stored";
/// Numbered, and neither stored nor dropped; its client may still have it.
pub(crate) const OUTSTANDING: &str = "outstanding";
/// As outstanding, of a stream that is closed and holds it no more, or that was not heard of for the whole window.
pub(crate) const LOST: &str = "lost";

/// Counts by app and cell: one of those above, or the name of a reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Books(BTreeMap<(Arc<str>, &'static str), i64>);

impl Books {
    /// Notes that a stream is now as `after` says, and no more as `before` did.
    pub(crate) fn change(&mut self, before: Option<&Record>, after: Option<&Record>) {
        for (record, sign) in [(before, -1), (after, 1)] {
            let Some(record) = record else { continue };
            for (cell, count) in cells(record) {
                self.count(&record.app, cell, sign * signed(count));
            }
        }
        self.0.retain(|_, count| *count != 0);
    }

    /// Notes what a stream goes on counting for once the window has let go of it: nobody brings what is outstanding any more.
    pub(crate) fn keep(&mut self, record: &Record) {
        for (cell, count) in cells(record) {
            let cell = if cell == OUTSTANDING { LOST } else { cell };
            self.count(&record.app, cell, signed(count));
        }
    }

    /// Adds what a database has under these names; `false` for a name that no version of this program wrote.
    pub(crate) fn add(&mut self, app: &str, cell: &str, count: u64) -> bool {
        let known = [STREAMS, TRACKED, TWICE_REFUSED, STORED, OUTSTANDING, LOST];
        let reasons = Reason::ALL.into_iter().map(Reason::as_str);
        let Some(cell) = known.into_iter().chain(reasons).find(|it| *it == cell) else { return false };
        self.count(&app.into(), cell, signed(count));
        true
    }

    /// App, cell and count of all.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &'static str, i64)> {
        self.0.iter().map(|((app, cell), count)| (app, *cell, *count))
    }

    fn count(&mut self, app: &Arc<str>, cell: &'static str, change: i64) {
        if change != 0 {
            *self.0.entry((app.clone(), cell)).or_default() += change;
        }
    }
}

/// What one stream counts for.
pub(crate) fn cells(record: &Record) -> impl Iterator<Item = (&'static str, u64)> {
    let dropped: Vec<_> = dropped(record).collect();
    let mut missing = record.line.missing(&record.stored);
    if record.is_partial {
        // Nobody can tell, and nothing is called lost that may be stored.
        missing = Ranges::new();
    }
    let accounted = record.stored.count() + dropped.iter().map(|(_, count)| count).sum::<u64>();
    let mut lost = missing.clone();
    lost.subtract(&record.line.holds);
    let lost = if record.line.closed { lost.count() } else { 0 };
    let others = [
        (STREAMS, 1),
        (TRACKED, accounted + missing.count()),
        (TWICE_REFUSED, record.twice_refused),
        (STORED, record.stored.count()),
        (OUTSTANDING, missing.count() - lost),
        (LOST, lost),
    ];
    others.into_iter().chain(dropped)
}

/// What is shown as dropped, by reason. Stored wins over dropped, and of two reasons the first: each event has one fate.
fn dropped(record: &Record) -> impl Iterator<Item = (&'static str, u64)> {
    let mut counted: Ranges = record.stored.clone();
    record.line.dropped.iter().map(move |(reason, numbers)| {
        let mut shown = numbers.clone();
        shown.subtract(&counted);
        counted.extend(numbers);
        (reason.as_str(), shown.count())
    })
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use beaconry_core::{Range, StreamId, StreamLine};

    use super::*;

    fn counts(books: &Books) -> Vec<(&str, i64)> {
        books.iter().map(|(_, cell, count)| (cell, count)).collect()
    }

    fn range(start: u32, end: u32) -> Range {
        Range::new(start, end).unwrap()
    }

    #[test]
    fn each_event_has_one_fate_and_it_changes_with_its_stream() {
        let mut before = Record::new(StreamId::new(0, [1; 10]), 1, "shop".into());
        before.store(range(0, 5));
        before.line.tracked = 10;
        before.line.dropped.insert(Reason::Full, range(4, 7));
        let mut books = Books::default();
        books.change(None, Some(&before));
        let expected = [("full", 2), (OUTSTANDING, 3), (STORED, 5), (STREAMS, 1), (TRACKED, 10)];
        assert_eq!(counts(&books), expected);

        let mut after = before.clone();
        after.line.closed = true;
        after.line.holds.insert(range(8, 9));
        after.store(range(5, 6));
        after.twice_refused = 4;
        books.change(Some(&before), Some(&after));
        let common = [(STREAMS, 1), (TRACKED, 10), (TWICE_REFUSED, 4)];
        let fates = [("full", 1), (LOST, 2), (OUTSTANDING, 1), (STORED, 6)];
        assert_eq!(counts(&books), [&fates[..], &common].concat());

        let mut kept = Books::default();
        kept.keep(&after);
        assert_eq!(counts(&kept), [&[("full", 1), (LOST, 3), (STORED, 6)][..], &common].concat());
        books.change(Some(&after), None);
        assert_eq!(books, Books::default());
    }

    #[test]
    fn a_number_under_two_reasons_or_beyond_what_was_tracked_is_counted_once() {
        let id = StreamId::new(0, [1; 10]);
        let mut told = StreamLine::new(id, beaconry_core::Identity::default());
        told.dropped.insert(Reason::Age, range(2, 6));
        told.dropped.insert(Reason::Full, range(4, 9));
        let mut record = Record::new(id, 1, "shop".into());
        record.store(range(0, 3));
        record.merge(&told);
        let mut books = Books::default();
        books.change(None, Some(&record));
        let expected = [("age", 1), ("full", 5), (STORED, 3), (STREAMS, 1), (TRACKED, 9)];
        assert_eq!(counts(&books), expected);
    }

    #[test]
    fn a_name_that_nobody_writes_is_not_taken() {
        let mut books = Books::default();
        assert!(books.add("shop", "full", 2) && books.add("shop", LOST, 1) && !books.add("shop", "eaten", 1));
        assert_eq!(counts(&books), [("full", 2), (LOST, 1)]);
    }
}
