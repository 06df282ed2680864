//! The memory budget: open, sealed and in flight together.

use crate::{Pipeline, Priority, Reason};

impl Pipeline {
    /// Bytes in memory. The open batch counts as full, so that no `track` within it has to ask.
    pub(crate) fn used_bytes(&self) -> usize {
        let open =
            if self.batcher.is_empty() { 0 } else { self.batcher.bytes().max(self.config.max_batch_bytes) };
        self.streams.loaded() + open
    }

    /// Makes room by forgetting what storage has, to be loaded later: no loss.
    pub(crate) fn forget(&mut self, need: usize) -> bool {
        let mut over = (self.used_bytes() + need).saturating_sub(self.config.memory_bytes);
        for index in (0..self.streams.len()).rev() {
            if let Some(outbox) = self.streams.at_mut(index) {
                over = outbox.forget(over);
            }
        }
        over == 0
    }

    /// Makes room for an event: first forgets; then drops what no storage has, the lowest priority first, then the
    /// oldest, never what is in flight, and never anything that matters more than the event.
    pub(crate) fn make_room(&mut self, need: usize, priority: Priority) -> bool {
        while !self.forget(need) {
            if !self.drop_one(priority) {
                return false;
            }
        }
        true
    }

    fn drop_one(&mut self, at_most: Priority) -> bool {
        let mut found: Option<(Priority, usize, usize)> = None;
        // Of equals a later stream replaces an earlier one: the own one, at 0, is the youngest.
        for index in 0..self.streams.len() {
            let Some(outbox) = self.streams.at(index) else { continue };
            for (at, batch) in outbox.batches.iter().enumerate().filter(|(_, batch)| batch.is_droppable()) {
                let better = found.is_none_or(|(lowest, stream, _)| {
                    batch.priority < lowest || (batch.priority == lowest && stream != index)
                });
                if batch.priority <= at_most && better {
                    found = Some((batch.priority, index, at));
                }
            }
        }
        let Some((_, index, at)) = found else { return false };
        if let Some(outbox) = self.streams.at_mut(index) {
            outbox.drop_batch(at, Reason::Full, &mut self.out);
        }
        true
    }

    /// Whether one more batch may be loaded, beside those that are on their way. Their size is known only then.
    pub(crate) fn has_room_to_load(&self) -> bool {
        let largest = self.config.largest_batch();
        let loading: usize =
            self.streams.others.iter().fold(self.streams.own.loading(), |sum, it| sum + it.loading());
        self.used_bytes() + (loading + 1) * largest <= self.config.memory_bytes
    }
}
