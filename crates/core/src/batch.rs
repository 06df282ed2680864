//! One batch: a range of numbers whose text the driver keeps. Once sealed, it never changes again.

use crate::{Instant, Number, Priority, Range, RequestId};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch {
    pub(crate) range: Range,
    /// Bytes of its text.
    pub(crate) bytes: u32,
    pub(crate) priority: Priority,
    pub(crate) expires: Instant,
    /// The storage has the lines below this under the batch's key; none where it is the batch's start.
    pub(crate) saved: Number,
    /// A write was refused: written again once something was erased.
    pub(crate) refused: bool,
    /// The fetch that carries it.
    pub(crate) flight: RequestId,
    /// The beacon that took it last.
    pub(crate) beacon: RequestId,
    /// When that was, as long as no answer has told; or `NEVER`.
    pub(crate) handed: Instant,
    /// A beacon took it once, or could have: from then on it goes by fetch, or again on exit.
    pub(crate) tried: bool,
}

impl Batch {
    pub(crate) fn new(range: Range, bytes: u32, priority: Priority, expires: Instant) -> Self {
        Self {
            range,
            bytes,
            priority,
            expires,
            saved: range.start(),
            refused: false,
            flight: RequestId::NONE,
            beacon: RequestId::NONE,
            handed: Instant::NEVER,
            tried: false,
        }
    }

    /// One more line, with its line break. The storage may take the longer text where it refused the shorter.
    pub(crate) fn grow(&mut self, bytes: u32, priority: Priority) {
        self.range = self.range.longer_by_one();
        self.bytes += bytes;
        self.priority = self.priority.max(priority);
        self.refused = false;
    }

    /// The storage has every line of it.
    pub(crate) fn is_saved(&self) -> bool {
        self.saved == self.range.end()
    }

    /// Some value, if only a shorter one, is under its key.
    pub(crate) fn has_key(&self) -> bool {
        self.saved > self.range.start()
    }

    pub(crate) fn is_flying(&self) -> bool {
        self.flight != RequestId::NONE
    }

    /// Wants a fetch: nothing carries it, and no beacon may still do so.
    pub(crate) fn is_pending(&self) -> bool {
        !self.is_flying() && self.handed == Instant::NEVER
    }
}
