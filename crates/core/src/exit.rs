//! Beacons: what may not wait for an answer, because the page may end.

use crate::{Duration, Instant, Page, Pipeline, Priority, RequestId, Via, batch::Batch, outbox::Role};

/// What boards first. Compared in UTF-8 bytes with what is left of the 64 KiB (Fetch, 4.6: "http-network-or-cache
/// fetch" counts the bytes of all keepalive bodies in flight).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Errors,
    /// What no storage holds.
    Unsaved,
    Rest,
    /// Adopted: safe in the storage.
    Adopted,
}

const CLASSES: [Class; 4] = [Class::Errors, Class::Unsaved, Class::Rest, Class::Adopted];

impl Pipeline {
    /// After an announced exit: whole batches into its budget, also what a fetch still carries. While hidden: what is new,
    /// at the end of every drain.
    /// Whether it has queued any.
    pub(crate) fn board_beacons(&mut self) -> bool {
        if let Some(budget) = self.exit.take() {
            self.board(budget, true);
        } else if self.page != Page::Visible {
            self.board(self.config.max_beacon_bytes, false);
        }
        !self.out.is_empty()
    }

    /// `everything`, or only what no request has carried yet. While a Retry-After holds, only what no storage has.
    fn board(&mut self, mut budget: u32, everything: bool) {
        let now = self.now;
        let throttled = self.gate.is_throttled(now);
        for class in &CLASSES {
            let mut id = self.last_request;
            for outbox in &mut self.streams {
                id += 1;
                let mut line = self.config.line_bytes + outbox.ranges_bytes();
                let role = outbox.role;
                for batch in outbox.batches.iter_mut().filter(|batch| class_of(role, batch) == *class) {
                    let is_new = role != Role::Adopted && !batch.is_flying() && !batch.tried;
                    if !(batch.handed == Instant::NEVER
                        && (everything || is_new)
                        && !(throttled && batch.is_saved()))
                    {
                        continue;
                    }
                    // What does not fit had its chance: it goes by fetch, or with the next exit.
                    batch.tried = true;
                    if outbox.boarded > 0 {
                        line = 0;
                    }
                    let cost = line + batch.bytes;
                    if cost <= budget {
                        budget -= cost;
                        outbox.boarded += batch.bytes;
                        batch.handed = now;
                        batch.beacon = RequestId(id);
                        outbox.is_open &= batch.range.end() != outbox.fates.tracked();
                    }
                }
            }
        }
        for index in 0..self.streams.len() {
            let Some(outbox) = self.streams.get_mut(index) else { return };
            let bytes = core::mem::take(&mut outbox.boarded);
            if bytes > 0 || (!throttled && outbox.is_to_close()) {
                self.request(index, Via::Beacon, bytes);
            } else {
                self.last_request += 1; // its number is not given to another
            }
        }
    }

    /// The page is seen again: ask soon what became of the beacons.
    pub(crate) fn ask_soon(&mut self) {
        let soon = self.now + self.config.beacon_ask_after;
        for outbox in self.streams.iter_mut().filter(|outbox| outbox.ask_at != Instant::NEVER) {
            outbox.ask_at = outbox.ask_at.min(soon);
        }
    }

    /// How long an answer to a beacon's fate can wait.
    pub(crate) fn ask_after(&self) -> Duration {
        if self.page == Page::Visible { self.config.beacon_ask_after } else { self.config.hidden_ask_after }
    }
}

impl crate::outbox::Outbox {
    /// Nothing is held, but nobody has heard yet that the stream is closed.
    fn is_to_close(&self) -> bool {
        self.role != Role::Adopted
            && self.is_closed
            && self.has_news()
            && self.handed != self.version
            && self.fates.tracked() > 0
            && self.batches.is_empty()
    }
}

fn class_of(role: Role, batch: &Batch) -> Class {
    match (role, batch.priority) {
        (Role::Adopted, _) => Class::Adopted,
        (_, Priority::High) => Class::Errors,
        _ if batch.is_saved() => Class::Rest,
        _ => Class::Unsaved,
    }
}
