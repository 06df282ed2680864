//! The streams at hand: the own one, and those that were left or adopted.

use crate::{StreamId, outbox::Outbox};
use alloc::vec::Vec;

#[derive(Debug)]
pub(crate) struct Streams {
    pub(crate) own: Outbox,
    /// As many as the driver holds locks for, and the few that were left.
    pub(crate) others: Vec<Outbox>,
}

impl Streams {
    pub(crate) fn len(&self) -> usize {
        self.others.len() + 1
    }

    // Not inlined: some thirty callers, and the module is measured in bytes.
    /// The own stream is at 0.
    #[inline(never)]
    pub(crate) fn at(&self, index: usize) -> Option<&Outbox> {
        match index.checked_sub(1) {
            None => Some(&self.own),
            Some(other) => self.others.get(other),
        }
    }

    #[inline(never)]
    pub(crate) fn at_mut(&mut self, index: usize) -> Option<&mut Outbox> {
        match index.checked_sub(1) {
            None => Some(&mut self.own),
            Some(other) => self.others.get_mut(other),
        }
    }

    #[inline(never)]
    pub(crate) fn position(&self, id: StreamId) -> Option<usize> {
        (0..self.len()).find(|index| self.at(*index).is_some_and(|outbox| outbox.id == id))
    }

    #[inline(never)]
    pub(crate) fn find(&mut self, id: StreamId) -> Option<&mut Outbox> {
        let index = self.position(id)?;
        self.at_mut(index)
    }

    /// Bytes of all sealed batches in memory.
    pub(crate) fn loaded(&self) -> usize {
        self.others.iter().fold(self.own.loaded(), |sum, outbox| sum + outbox.loaded())
    }

    /// Whether a stream that is not the own one has a fetch in the air: one at a time.
    pub(crate) fn others_are_busy(&self) -> bool {
        self.others.iter().any(|outbox| outbox.flight.is_some())
    }
}
