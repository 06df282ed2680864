//! Goes on where the facade stopped. What it hands over has the form of a request's body: its stream line, and the batches
//! that no storage has.

use crate::driver::Driver;
use beaconry_core::{Body, Part, Slot};

impl Driver {
    /// Takes what the facade has written and what it could not write; what it dropped stays dropped.
    pub(crate) fn take_over(&self, handover: Body<'_>) {
        let stream = handover.line.stream;
        for (first, _) in self.host.batches(stream) {
            let batch = self.host.read(Slot { stream, part: Part::Batch(first) });
            self.own_bytes.set(self.own_bytes.get() + batch.len());
            self.input(|core, now| core.offer(now, stream, batch.as_bytes()).is_ok());
        }
        self.input(|core, now| {
            for (reason, numbers) in handover.line.dropped.iter() {
                for range in numbers.iter() {
                    core.count_dropped(now, stream, reason, range);
                }
            }
            for batch in handover {
                let _ = core.offer(now, stream, batch.text);
            }
        });
    }
}
