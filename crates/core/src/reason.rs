//! Why events are dropped, and which.

use crate::{MAX_RANGES, Range, Ranges, json::Scanner};
use alloc::vec::Vec;

/// Why an event was dropped. Each is counted under exactly one.
///
/// The numbers below are left to the other [fates](crate::Fate): so a fate is one byte, and that byte is its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reason {
    /// Memory was full and no storage had the batch.
    Full = 4,
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

    /// Its place in [`ALL`](Self::ALL).
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize - Self::Full as usize
    }

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
pub struct Dropped(
    /// Only reasons that have numbers, in the order of [`Reason::ALL`]: most streams have none at all.
    Vec<(Reason, Ranges)>,
);

impl Dropped {
    /// What was dropped for `reason`.
    #[must_use]
    pub fn get(&self, reason: Reason) -> &Ranges {
        const NONE: &Ranges = &Ranges::new();
        self.0.iter().find(|(it, _)| *it == reason).map_or(NONE, |(_, numbers)| numbers)
    }

    /// Counts `numbers` under `reason`.
    pub fn insert(&mut self, reason: Reason, numbers: Range) {
        let mut at = 0;
        while let Some((other, set)) = self.0.get_mut(at).filter(|(other, _)| *other <= reason) {
            if *other == reason {
                return set.insert(numbers);
            }
            at += 1;
        }
        self.0.insert(at, (reason, Ranges::from(numbers)));
    }

    /// Takes `numbers` out of every reason: they turned out to be stored.
    pub fn remove(&mut self, numbers: Range) {
        self.0.retain_mut(|(_, set)| {
            set.remove(numbers);
            !set.is_empty()
        });
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: &Self) {
        for (reason, more) in other.iter() {
            for range in more.iter() {
                self.insert(reason, range);
            }
        }
    }

    /// Removes from `numbers` whatever is dropped.
    pub fn subtract_from(&self, numbers: &mut Ranges) {
        for (_, set) in &self.0 {
            numbers.subtract(set);
        }
    }

    /// Each reason that has numbers, with them.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, &Ranges)> {
        self.0.iter().map(|(reason, numbers)| (*reason, numbers))
    }

    /// How many numbers, over all reasons.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(_, numbers)| numbers.count()).sum()
    }

    /// The first number after all that were dropped.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.0.iter().map(|(_, numbers)| numbers.end()).max().unwrap_or(0)
    }

    /// Whether nothing was dropped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Appends a JSON object: `{"full":[[117,120]]}`.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let mut before: &[u8] = b"{\"";
        for (reason, numbers) in &self.0 {
            out.extend_from_slice(before);
            out.extend_from_slice(reason.as_str().as_bytes());
            out.extend_from_slice(b"\":");
            numbers.encode(out);
            before = b",\"";
        }
        out.extend_from_slice(if self.is_empty() { b"{}" } else { b"}" });
    }

    /// Reads the object; a reason of a later version is refused with the line, for an unknown loss must not vanish.
    pub(crate) fn scan(scanner: &mut Scanner<'_>) -> Option<Self> {
        let mut dropped = Self::default();
        scanner.enter(b'{')?;
        while let Some(name) = scanner.member()? {
            let reason = Reason::parse(name)?;
            for range in Ranges::scan(scanner)?.iter() {
                dropped.insert(reason, range);
            }
            // A name may come twice; what was written of the union must still be readable.
            if dropped.get(reason).pieces() > MAX_RANGES {
                return None;
            }
        }
        Some(dropped)
    }
}
