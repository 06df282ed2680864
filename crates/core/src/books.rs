//! The books: how many numbers met which fate.

use crate::{Fate, Fates, Range, Reason, outbox::Outbox};

/// Counts of events over all streams that a pipeline had, settled ones included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals([u32; Fate::COUNT]);

impl Totals {
    pub(crate) const ZERO: Self = Self([0; Fate::COUNT]);

    /// In the order of [`Fate::index`].
    pub fn counts(&self) -> &[u32] {
        &self.0
    }

    /// How many met this fate.
    pub fn of(&self, fate: Fate) -> u32 {
        self.0.get(fate.index()).copied().unwrap_or(0)
    }

    /// In memory, or in the storage and ours to send.
    pub fn held(&self) -> u32 {
        self.of(Fate::Held)
    }

    /// Shown as stored by an answer.
    pub fn delivered(&self) -> u32 {
        self.of(Fate::Delivered)
    }

    /// Not this pipeline's to account for: numbered before it began, or left in the storage for an adopter.
    pub fn released(&self) -> u32 {
        self.of(Fate::Past) + self.of(Fate::Left)
    }

    /// Lost, over all reasons.
    pub fn dropped(&self) -> u32 {
        Reason::ALL.into_iter().map(|reason| self.of(Fate::Dropped(reason))).sum()
    }

    /// Everything that was ever handed in, but for what is released.
    pub fn tracked(&self) -> u32 {
        self.held() + self.delivered() + self.dropped()
    }

    pub(crate) fn add(&mut self, fates: &Fates) {
        let mut start = 0;
        for run in fates.runs() {
            if let Some(count) = self.0.get_mut(run.fate.index()) {
                *count += run.end - start;
            }
            start = run.end;
        }
    }
}

/// What is held is in a batch, and what a batch has is held or delivered. That each number has one fate alone, and none is
/// left out, is the form of [`Fates`].
pub(crate) fn balances(outbox: &Outbox) -> bool {
    let tracked = outbox.fates.tracked();
    let is_kept = |range: Range| {
        range.end() <= tracked
            && outbox.fates.first(range, |fate| !matches!(fate, Fate::Held | Fate::Delivered)).is_none()
    };
    let is_in_batches = |range: Range| {
        let mut start = range.start();
        for batch in &outbox.batches {
            if batch.range.contains(start) {
                start = batch.range.end();
            }
        }
        start >= range.end()
    };
    outbox.batches.iter().all(|batch| is_kept(batch.range))
        && outbox.fates.iter().all(|(range, fate)| fate != Fate::Held || is_in_batches(range))
}
