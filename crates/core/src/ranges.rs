//! Sets of event numbers as half-open ranges: what was stored, dropped, held.

use crate::json::Scanner;
use alloc::vec::Vec;

/// The number of an event in its stream. 32 bits: a stream is a page load or a day of it, and four thousand million events
/// are 49,000 a second for a day.
pub type Number = u32;

/// Ranges that one set may have on the wire. 4,096: a stream where every other batch of a full storage was lost has
/// some hundreds; what is longer is an attack, or a line that could not be merged.
pub const MAX_RANGES: usize = 4096;

/// Numbers from `start` up to, but without, `end`. Never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Range {
    start: Number,
    end: Number,
}

impl Range {
    /// `None` where the range would be empty.
    #[must_use]
    pub const fn new(start: Number, end: Number) -> Option<Self> {
        if start < end { Some(Self { start, end }) } else { None }
    }

    /// One number alone; `None` for the greatest, which no half-open range can hold.
    #[must_use]
    pub const fn one(number: Number) -> Option<Self> {
        Self::new(number, number.saturating_add(1))
    }

    /// With the number after it; at the greatest it stays as it is.
    pub(crate) const fn longer_by_one(self) -> Self {
        Self { start: self.start, end: self.end.saturating_add(1) }
    }

    /// The first number.
    #[must_use]
    pub const fn start(self) -> Number {
        self.start
    }

    /// The first number after the range.
    #[must_use]
    pub const fn end(self) -> Number {
        self.end
    }

    /// How many numbers; at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub const fn len(self) -> u32 {
        self.end - self.start
    }

    /// Whether `number` lies inside.
    #[must_use]
    pub const fn contains(self, number: Number) -> bool {
        self.start <= number && number < self.end
    }

    /// Whether all of `other` lies inside.
    #[must_use]
    pub const fn contains_range(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    fn scan(scanner: &mut Scanner<'_>) -> Option<Self> {
        scanner.enter(b'[')?;
        let start = scanner.item()?.then(|| scanner.number())??;
        let end = scanner.item()?.then(|| scanner.number())??;
        if scanner.item()? { None } else { Self::new(start, end) }
    }

    /// What both have.
    #[must_use]
    pub fn intersection(self, other: Self) -> Option<Self> {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }
}

/// A set of numbers: ranges in ascending order that neither overlap nor touch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ranges(Vec<Range>);

/// What [`Ranges::parse`] refuses: no array of `[start, end]` pairs with start < end, or more than [`MAX_RANGES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadRanges;

impl Ranges {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds `range`. At the end, where events arrive, in constant time.
    pub fn insert(&mut self, range: Range) {
        match self.0.last_mut() {
            Some(last) if range.start >= last.start && range.start <= last.end => {
                last.end = last.end.max(range.end);
            }
            Some(last) if range.start <= last.end => self.insert_inside(range),
            _ => self.0.push(range),
        }
    }

    fn insert_inside(&mut self, range: Range) {
        let mut merged = range;
        // One that ends where this begins is joined too.
        let at = self.first_after(range.start.saturating_sub(1));
        while let Some(r) = self.0.get(at).copied().filter(|r| r.start <= range.end) {
            merged.start = merged.start.min(r.start);
            merged.end = merged.end.max(r.end);
            self.0.remove(at);
        }
        self.0.insert(at, merged);
    }

    /// Removes `range`.
    pub fn remove(&mut self, range: Range) {
        let mut at = self.first_after(range.start);
        while let Some(r) = self.0.get(at).copied().filter(|r| r.start < range.end) {
            self.0.remove(at);
            if let Some(right) = Range::new(range.end, r.end) {
                self.0.insert(at, right);
            }
            if let Some(left) = Range::new(r.start, range.start) {
                self.0.insert(at, left);
                at += 1;
            }
        }
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: &Self) {
        for &range in &other.0 {
            self.insert(range);
        }
    }

    /// Removes all of `other`.
    pub fn subtract(&mut self, other: &Self) {
        for &range in &other.0 {
            self.remove(range);
        }
    }

    /// Whether `number` is in the set.
    #[must_use]
    pub fn contains(&self, number: Number) -> bool {
        self.around(number).is_some()
    }

    /// Whether all of `range` is in the set.
    #[must_use]
    pub fn contains_range(&self, range: Range) -> bool {
        self.around(range.start).is_some_and(|r| range.end <= r.end)
    }

    /// Whether any number of `range` is in the set.
    #[must_use]
    pub fn intersects(&self, range: Range) -> bool {
        let at = self.first_after(range.start);
        self.0.get(at).is_some_and(|r| r.start < range.end)
    }

    /// The parts of `range` that the set has.
    pub fn within(&self, range: Range) -> impl Iterator<Item = Range> + '_ {
        let at = self.first_after(range.start);
        self.0.iter().skip(at).map_while(move |r| r.intersection(range))
    }

    /// The parts of `range` that the set lacks.
    #[must_use]
    pub fn gaps(&self, range: Range) -> Self {
        let mut gaps = Self(Vec::from([range]));
        for inside in self.within(range) {
            gaps.remove(inside);
        }
        gaps
    }

    /// How many numbers.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().map(|r| u64::from(r.len())).sum()
    }

    /// The first number after all ranges; 0 for the empty set.
    #[must_use]
    pub fn end(&self) -> Number {
        self.0.last().map_or(0, |r| r.end)
    }

    /// Whether there is no number in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many ranges, which is what the set weighs on the wire.
    #[must_use]
    pub fn pieces(&self) -> usize {
        self.0.len()
    }

    /// The ranges, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Range> + '_ {
        self.0.iter().copied()
    }

    /// Appends the set as JSON: `[[0,117],[120,140]]`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        for (i, range) in self.0.iter().enumerate() {
            out.extend_from_slice(if i == 0 { b"[" } else { b",[" });
            write_number(range.start, out);
            out.push(b',');
            write_number(range.end, out);
            out.push(b']');
        }
        out.push(b']');
    }

    /// Reads a set from JSON, whatever the order of its ranges.
    ///
    /// # Errors
    /// [`BadRanges`], for a bad shape, an empty range, or more than [`MAX_RANGES`].
    pub fn parse(json: &[u8]) -> Result<Self, BadRanges> {
        let mut scanner = Scanner::new(json);
        let set = Self::scan(&mut scanner).ok_or(BadRanges)?;
        if scanner.at_end() { Ok(set) } else { Err(BadRanges) }
    }

    pub(crate) fn scan(scanner: &mut Scanner<'_>) -> Option<Self> {
        let mut set = Self::new();
        let mut pieces = 0;
        scanner.enter(b'[')?;
        while scanner.item()? {
            pieces += 1;
            set.insert(Range::scan(scanner).filter(|_| pieces <= MAX_RANGES)?);
        }
        Some(set)
    }

    /// Where the first range stands that ends after `number`.
    fn first_after(&self, number: Number) -> usize {
        self.0.partition_point(|r| r.end <= number)
    }

    fn around(&self, number: Number) -> Option<Range> {
        let at = self.first_after(number);
        self.0.get(at).copied().filter(|r| r.start <= number)
    }
}

impl FromIterator<Range> for Ranges {
    fn from_iter<I: IntoIterator<Item = Range>>(ranges: I) -> Self {
        let mut set = Self::new();
        for range in ranges {
            set.insert(range);
        }
        set
    }
}

impl From<Range> for Ranges {
    fn from(range: Range) -> Self {
        Self(Vec::from([range]))
    }
}

/// Appends `number` in decimal, without the weight of `core::fmt`.
pub(crate) fn write_number(mut number: Number, out: &mut Vec<u8>) {
    let start = out.len();
    loop {
        out.push(b'0' + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    if let Some(digits) = out.get_mut(start..) {
        digits.reverse();
    }
}
