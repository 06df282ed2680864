//! The books: what became of every number. For each stream, at any time, the numbers below `tracked` are the disjoint
//! union of held, delivered, dropped by reason, and released.

use crate::{Dropped, Number, Range, Ranges, Reason, StreamId, outbox::Outbox, streams::Streams};

/// One stream's account.
#[derive(Clone, Debug, Default)]
pub struct Book {
    pub(crate) tracked: Number,
    pub(crate) delivered: Ranges,
    pub(crate) dropped: Dropped,
    pub(crate) released: Ranges,
}

impl Book {
    /// The next number: all below it have been given out.
    pub fn tracked(&self) -> Number {
        self.tracked
    }

    /// What this pipeline held and an answer showed as stored.
    pub fn delivered(&self) -> &Ranges {
        &self.delivered
    }

    /// What was lost, by reason. A number that turns out to be stored leaves this: stored wins over dropped.
    pub fn dropped(&self) -> &Dropped {
        &self.dropped
    }

    /// What is not this pipeline's to account for: numbered before it began, or left in the storage for an adopter.
    pub fn released(&self) -> &Ranges {
        &self.released
    }

    /// Counts `numbers` as lost, and leaves in them those that are so only now: what is delivered or was lost before
    /// keeps its fate.
    pub(crate) fn lose(&mut self, numbers: &mut Ranges, reason: Reason) {
        numbers.subtract(&self.delivered);
        self.dropped.subtract_from(numbers);
        self.released.subtract(numbers);
        for range in numbers.iter() {
            self.dropped.insert(reason, range);
        }
    }

    /// How many are held: what is neither delivered nor dropped nor released.
    pub fn held(&self) -> u64 {
        let fated = self.delivered.count() + self.dropped.count() + self.released.count();
        u64::from(self.tracked).saturating_sub(fated)
    }
}

/// A view of all books.
#[derive(Clone, Copy, Debug)]
pub struct Books<'a> {
    streams: &'a Streams,
    settled: &'a Totals,
}

/// Counts of events over all streams that this pipeline had, settled ones included. Released numbers are in none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// In memory, or in the storage and ours to send.
    pub held: u64,
    /// Shown as stored by an answer.
    pub delivered: u64,
    /// In the order of [`Reason::ALL`].
    pub dropped: [u64; Reason::ALL.len()],
}

impl Totals {
    /// Everything that was ever handed in.
    pub fn tracked(&self) -> u64 {
        self.held + self.delivered + self.all_dropped()
    }

    /// Over all reasons.
    pub fn all_dropped(&self) -> u64 {
        self.dropped.iter().sum()
    }

    pub(crate) fn add(&mut self, book: &Book) {
        self.held += book.held();
        self.delivered += book.delivered.count();
        for (reason, numbers) in book.dropped.iter() {
            if let Some(sum) = self.dropped.get_mut(reason as usize) {
                *sum += numbers.count();
            }
        }
    }
}

impl<'a> Books<'a> {
    pub(crate) fn new(streams: &'a Streams, settled: &'a Totals) -> Self {
        Self { streams, settled }
    }

    /// The own stream's first, then those that were left or adopted.
    pub fn iter(&self) -> impl Iterator<Item = (StreamId, &'a Book)> + use<'a> {
        let streams = self.streams;
        (0..streams.len()).filter_map(|index| streams.at(index)).map(|outbox| (outbox.id, &outbox.book))
    }

    /// None once it is settled or released.
    pub fn stream(&self, id: StreamId) -> Option<&'a Book> {
        self.iter().find(|(stream, _)| *stream == id).map(|(_, book)| book)
    }

    /// See [`Totals`].
    pub fn totals(&self) -> Totals {
        let mut totals = self.settled.clone();
        for (_, book) in self.iter() {
            totals.add(book);
        }
        totals
    }
}

/// The invariant, by sets: no number has two fates, none below `tracked` has none, none above has one.
pub(crate) fn balances(outbox: &Outbox, open: Option<Range>) -> bool {
    let book = &outbox.book;
    let mut held = outbox.holds(open);
    held.subtract(&book.delivered);
    let mut all = held.clone();
    let mut count = held.count();
    for numbers in [&book.delivered, &book.released].into_iter().chain(book.dropped.iter().map(|(_, it)| it))
    {
        count += numbers.count();
        all.extend(numbers);
    }
    // As many as in the union: disjoint. The union is one range from 0: complete.
    let complete = Range::new(0, book.tracked).map_or(all.is_empty(), |range| all.contains_range(range));
    complete && all.end() <= book.tracked && all.count() == count && held.count() == book.held()
}
