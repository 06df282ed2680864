//! One sealed batch: a range of numbers and the bytes that never change again.

use crate::{Instant, Priority, Range};
use alloc::vec::Vec;

/// What the storage has of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Saved {
    /// Not all of it; the next drain writes it.
    No,
    /// Not all of it, and a write was refused: written again once something was erased.
    Refused,
    /// All of it.
    Yes,
}

#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) range: Range,
    /// As on the wire. Empty when forgotten: then the storage has it, and a Load brings it back.
    pub(crate) bytes: Vec<u8>,
    pub(crate) priority: Priority,
    pub(crate) expires: Instant,
    pub(crate) saved: Saved,
    /// Some value, if only a shorter one, is under its key: to be erased with it.
    pub(crate) has_key: bool,
    /// A Load is out.
    pub(crate) loading: bool,
    /// A fetch carries it.
    pub(crate) flying: bool,
    /// A beacon took it then, and no answer has told yet.
    pub(crate) handed: Option<Instant>,
    /// A beacon took it once: from then on it goes by fetch, or again on exit.
    pub(crate) tried: bool,
    /// It was part of a request that was too large or unreadable: to be sent alone.
    pub(crate) alone: bool,
}

impl Batch {
    pub(crate) fn new(range: Range, bytes: Vec<u8>, priority: Priority, expires: Instant) -> Self {
        Self {
            range,
            bytes,
            priority,
            expires,
            saved: Saved::No,
            has_key: false,
            loading: false,
            flying: false,
            handed: None,
            tried: false,
            alone: false,
        }
    }

    /// What an adopter finds: stored, not yet read.
    pub(crate) fn in_storage(range: Range, expires: Instant) -> Self {
        let batch = Self::new(range, Vec::new(), Priority::Normal, expires);
        Self { saved: Saved::Yes, has_key: true, ..batch }
    }

    pub(crate) fn is_loaded(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// Wants a fetch: nothing carries it, and no beacon may still do so.
    pub(crate) fn is_pending(&self) -> bool {
        !self.flying && self.handed.is_none()
    }

    /// May leave memory without a loss.
    pub(crate) fn is_forgettable(&self) -> bool {
        self.is_loaded() && self.saved == Saved::Yes && !self.flying
    }

    /// May be dropped for want of memory: never what is in flight or what a beacon has just taken.
    pub(crate) fn is_droppable(&self) -> bool {
        self.is_loaded() && self.saved != Saved::Yes && !self.flying
    }
}
