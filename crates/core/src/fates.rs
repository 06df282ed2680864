//! What became of every number of a stream, as runs: most streams have two or three.

use crate::{Number, Range, Reason};
use alloc::vec::Vec;

/// What became of a number.
#[derive(Clone, Copy, Debug, Eq)]
pub enum Fate {
    /// In memory, or in the storage and ours to send.
    Held,
    /// Shown as stored by an answer.
    Delivered,
    /// Given out before this pipeline began, and not offered to it yet.
    Past,
    /// Left in the storage for whoever adopts it.
    Left,
    /// Lost. Turns into `Delivered` should it be stored after all: stored wins over dropped.
    Dropped(Reason),
}

impl Fate {
    /// How many fates there are.
    pub const COUNT: usize = 4 + Reason::ALL.len();

    /// Its place among all fates: held, delivered, past, left, and the reasons in the order of [`Reason::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Held => 0,
            Self::Delivered => 1,
            Self::Past => 2,
            Self::Left => 3,
            Self::Dropped(reason) => reason as usize,
        }
    }
}

/// What would be derived compares reasons apart, and is several times as long.
impl PartialEq for Fate {
    fn eq(&self, other: &Self) -> bool {
        self.index() == other.index()
    }
}

/// Numbers in a row with one fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// They begin where the run before ends, the first one at 0.
    pub end: Number,
    /// Of all of them.
    pub fate: Fate,
}

/// The fates of all numbers that were given out: a number has just one, and none is left out.
#[derive(Clone, Debug, Default)]
pub struct Fates(Vec<Run>);

impl Fates {
    /// The next number: all below it have been given out.
    #[must_use]
    #[inline(never)]
    pub fn tracked(&self) -> Number {
        self.0.last().map_or(0, |run| run.end)
    }

    /// The runs, neighbours of different fates.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.0
    }

    /// Each run's numbers, with their fate.
    pub fn iter(&self) -> impl Iterator<Item = (Range, Fate)> + '_ {
        let mut start = 0;
        self.0.iter().filter_map(move |run| {
            let numbers = Range::new(core::mem::replace(&mut start, run.end), run.end);
            numbers.map(|numbers| (numbers, run.fate))
        })
    }

    /// The first numbers of `range` in a row whose fate `is` tells.
    #[inline(never)]
    pub(crate) fn first(&self, range: Range, is: fn(Fate) -> bool) -> Option<Range> {
        let mut start = range.start();
        for run in &self.0 {
            let end = run.end.min(range.end());
            if start < end {
                if is(run.fate) {
                    return Range::new(start, end);
                }
                start = end;
            }
        }
        None
    }

    /// Numbers up to `end` exist, the new ones with this fate.
    #[inline(never)]
    pub(crate) fn extend(&mut self, end: Number, fate: Fate) {
        if end <= self.tracked() {
            return;
        }
        match self.0.last_mut() {
            Some(last) if last.fate == fate => last.end = end,
            _ => self.0.push(Run { end, fate }),
        }
    }

    /// Gives those numbers of `range` another fate whose present one `is` tells.
    #[inline(never)]
    pub(crate) fn turn(&mut self, range: Range, is: fn(Fate) -> bool, fate: Fate) {
        let mut start = 0;
        for run in core::mem::take(&mut self.0) {
            let (from, to) = (start.max(range.start()), run.end.min(range.end()));
            if from < to && is(run.fate) {
                self.extend(from, run.fate);
                self.extend(to, fate);
            }
            self.extend(run.end, run.fate);
            start = run.end;
        }
    }
}
