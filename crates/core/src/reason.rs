//! Why events are dropped, and which.

use crate::{MAX_RANGES, Range, Ranges, json::Scanner};
use alloc::vec::Vec;

/// Why an event was dropped. Each is counted under exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reason {
    /// Memory was full and no storage had the batch.
    Full,
    /// Older than the age limit before any collector took it.
    Age,
    /// The event is larger than 32 KiB, or the collector or a proxy found its batch too large.
    TooLarge,
    /// `track` was given what is no event.
    Invalid,
    /// The collector refused its batch.
    Rejected,
    /// The collector no longer knows streams that old.
    Stale,
    /// The collector switched telemetry off while it was held.
    Off,
    /// The storage lost it, or gave it back unreadable.
    Storage,
    /// Lost when the WebAssembly trapped.
    Trap,
    /// Its batch trapped the core when it was offered.
    Poison,
}

impl Reason {
    /// All of them, in the order in which they are written.
    pub const ALL: [Self; 10] = [
        Self::Full,
        Self::Age,
        Self::TooLarge,
        Self::Invalid,
        Self::Rejected,
        Self::Stale,
        Self::Off,
        Self::Storage,
        Self::Trap,
        Self::Poison,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Age => "age",
            Self::TooLarge => "too_large",
            Self::Invalid => "invalid",
            Self::Rejected => "rejected",
            Self::Stale => "stale",
            Self::Off => "off",
            Self::Storage => "storage",
            Self::Trap => "trap",
            Self::Poison => "poison",
        }
    }

    /// The reason of that name.
    #[must_use]
    pub fn parse(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str().as_bytes() == name)
    }
}

/// The dropped numbers of one stream, by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dropped([Ranges; Reason::ALL.len()]);

impl Dropped {
    /// What was dropped for `reason`.
    #[must_use]
    pub fn get(&self, reason: Reason) -> &Ranges {
        const NONE: &Ranges = &Ranges::new();
        self.0.get(reason as usize).unwrap_or(NONE)
    }

    /// Counts `numbers` under `reason`.
    pub fn insert(&mut self, reason: Reason, numbers: Range) {
        if let Some(set) = self.0.get_mut(reason as usize) {
            set.insert(numbers);
        }
    }

    /// Takes `numbers` out of every reason: they turned out to be stored.
    pub fn remove(&mut self, numbers: Range) {
        for set in &mut self.0 {
            set.remove(numbers);
        }
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: &Self) {
        for (set, more) in self.0.iter_mut().zip(&other.0) {
            set.extend(more);
        }
    }

    /// Removes from `numbers` whatever is dropped.
    pub fn subtract_from(&self, numbers: &mut Ranges) {
        for set in &self.0 {
            numbers.subtract(set);
        }
    }

    /// Each reason with its numbers, also the empty ones.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, &Ranges)> {
        Reason::ALL.into_iter().zip(&self.0)
    }

    /// Each reason with its numbers, also the empty ones.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Reason, &mut Ranges)> {
        Reason::ALL.into_iter().zip(&mut self.0)
    }

    /// How many numbers, over all reasons.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().map(Ranges::count).sum()
    }

    /// The first number after all that were dropped.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.0.iter().map(Ranges::end).max().unwrap_or(0)
    }

    /// Whether nothing was dropped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Ranges::is_empty)
    }

    /// Appends a JSON object: `{"full":[[117,120]]}`.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        let mut first = true;
        for (reason, numbers) in self.iter().filter(|(_, numbers)| !numbers.is_empty()) {
            out.extend_from_slice(if first { b"\"" } else { b",\"" });
            out.extend_from_slice(reason.as_str().as_bytes());
            out.extend_from_slice(b"\":");
            numbers.encode(out);
            first = false;
        }
        out.push(b'}');
    }

    /// Reads the object; a reason of a later version is refused with the line, for an unknown loss must not vanish.
    pub(crate) fn scan(scanner: &mut Scanner<'_>) -> Option<Self> {
        let mut dropped = Self::default();
        scanner.object(|scanner, name| {
            let reason = Reason::parse(name)?;
            let numbers = Ranges::scan(scanner)?;
            let set = dropped.0.get_mut(reason as usize)?;
            set.extend(&numbers);
            // A name may come twice; what was written of the union must still be readable.
            (set.pieces() <= MAX_RANGES).then_some(())
        })?;
        Some(dropped)
    }
}
