//! What is dropped as `full`: over the memory budget, which is for what no storage has, and out of a full storage.

use crate::{
    Pipeline, Priority, Range, Reason, StreamKey,
    batch::Batch,
    outbox::{LineSaved, find},
};

impl Pipeline {
    /// Bytes that only memory has. The open batch counts as full, so that no `track` within it has to ask.
    pub(crate) fn used_bytes(&self) -> u32 {
        let mut used = 0;
        for outbox in &self.streams {
            for (at, batch) in outbox.batches.iter().enumerate() {
                if at >= outbox.sealed() {
                    used += batch.bytes.max(outbox.open_limit(&self.config));
                } else if !batch.is_saved() {
                    used += batch.bytes;
                }
            }
        }
        used
    }

    /// Makes room for what no storage has.
    pub(crate) fn make_room(&mut self, need: u32, priority: Priority) -> bool {
        while self.used_bytes() + need > self.config.memory_bytes {
            if self.drop_least(priority, false) == 0 {
                return false;
            }
        }
        true
    }

    /// The storage has refused a batch, and it cannot be sent instead: others that are stored go for it, one after each refusal, until more than its bytes are
    /// gone (the line has grown too), and only while the line that tells of it can be written. Where the storage refuses for another
    /// reason, all the rest would go in vain.
    #[inline(never)]
    pub(crate) fn evict(&mut self, stream: StreamKey, range: Range) {
        let refused = find(&mut self.streams, stream)
            .and_then(|outbox| outbox.batches.iter().find(|batch| batch.range.start() == range.start()));
        if let Some(Batch { bytes, priority, .. }) = refused.copied()
            && !self.gate.is_open(self.now)
            && self.evicted <= bytes
        {
            self.evicted += self.drop_least(priority, true);
        }
    }

    /// Drops the lowest priority first, then the oldest, never what is in flight, and never anything that matters more: of what
    /// the storage has and is ours to erase, or of what only memory has. Returns its bytes.
    fn drop_least(&mut self, mut lowest: Priority, is_stored: bool) -> u32 {
        let mut found = None;
        let is_first = self.evicted == 0;
        // The last one found is taken. Of equals a later stream's is the older: the own one, at 0, is the youngest.
        for outbox in self.streams.iter().filter(|outbox| !outbox.may_fly_unnamed()) {
            for at in (0..outbox.sealed()).rev() {
                let batch = outbox.batches.get(at);
                let batch = batch.filter(|batch| !batch.is_flying() && batch.is_saved() == is_stored);
                if let Some(batch) = batch.filter(|batch| batch.priority <= lowest)
                    && (!is_stored || outbox.locked && (is_first || outbox.line_saved != LineSaved::Refused))
                {
                    lowest = batch.priority;
                    found = Some((outbox.key, at, batch.bytes));
                }
            }
        }
        let Some((stream, at, bytes)) = found else { return 0 };
        if let Some(outbox) = find(&mut self.streams, stream) {
            outbox.drop_batch(at, Reason::Full, &mut self.out);
        }
        bytes
    }
}
