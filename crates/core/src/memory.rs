//! The memory budget: what no storage has.

use crate::{Pipeline, Priority, Reason};

impl Pipeline {
    /// Bytes that only memory has. The open batch counts as full, so that no `track` within it has to ask.
    pub(crate) fn used_bytes(&self) -> u32 {
        let mut used = 0;
        for outbox in &self.streams {
            for (at, batch) in outbox.batches.iter().enumerate() {
                if at >= outbox.sealed() {
                    used += batch.bytes.max(self.config.max_batch_bytes);
                } else if !batch.is_saved() {
                    used += batch.bytes;
                }
            }
        }
        used
    }

    /// Makes room for what no storage has: drops the lowest priority first, then the oldest, never what is in flight, and never
    /// anything that matters more.
    pub(crate) fn make_room(&mut self, need: u32, priority: Priority) -> bool {
        while self.used_bytes() + need > self.config.memory_bytes {
            let mut found = None;
            let mut lowest = priority;
            // The last one found is taken. Of equals a later stream's is the older: the own one, at 0, is the youngest.
            for (index, outbox) in self.streams.iter().enumerate() {
                for at in (0..outbox.sealed()).rev() {
                    let batch =
                        outbox.batches.get(at).filter(|batch| !batch.is_flying() && !batch.is_saved());
                    if let Some(batch) = batch.filter(|batch| batch.priority <= lowest) {
                        lowest = batch.priority;
                        found = Some((index, at));
                    }
                }
            }
            let Some((index, at)) = found else { return false };
            if let Some(outbox) = self.streams.get_mut(index) {
                outbox.drop_batch(at, Reason::Full, &mut self.out);
            }
        }
        true
    }
}
