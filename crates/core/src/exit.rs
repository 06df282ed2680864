//! Beacons: what may not wait for an answer, because the page may end.

use crate::{
    Duration, Instant, Output, Page, Pipeline, Priority, Range, Via,
    batch::{Batch, Saved},
    outbox::{Outbox, Role},
    outputs,
};
use alloc::vec::Vec;

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

/// Who may board.
#[derive(Clone, Copy)]
struct Boarding {
    /// Everything, also what a fetch still carries or a beacon failed to; else only what no request has carried yet.
    everything: bool,
    /// A Retry-After holds: only what no storage has.
    throttled: bool,
}

impl Pipeline {
    /// After an announced exit: whole batches into its budget. While hidden: what is new, at the end of every drain.
    pub(crate) fn board_beacons(&mut self) -> Option<Output> {
        let throttled = self.gate.is_throttled(self.now);
        if let Some(budget) = self.exit.take() {
            self.board(budget, Boarding { everything: true, throttled });
        } else if self.page != Page::Visible {
            let boarding = Boarding { everything: false, throttled };
            let is_kept = throttled && self.batcher.is_saved();
            if !is_kept {
                self.seal();
            }
            self.board(self.config.max_beacon_bytes, boarding);
        }
        outputs::pop(&mut self.out.after)
    }

    fn board(&mut self, mut budget: usize, boarding: Boarding) {
        let count = self.streams.len();
        let mut lists: Vec<(Vec<u8>, Vec<Range>)> = Vec::new();
        lists.resize_with(count, Default::default);
        for class in CLASSES {
            for (index, (line, carried)) in lists.iter_mut().enumerate() {
                let open = self.open_range(index);
                if let Some(outbox) = self.streams.at_mut(index) {
                    outbox.board(class, boarding, open, self.now, &mut budget, line, carried);
                }
            }
        }
        for (index, (mut body, carried)) in lists.into_iter().enumerate() {
            if carried.is_empty() {
                self.send_closing(index, &mut budget);
                continue;
            }
            if let Some(outbox) = self.streams.at(index) {
                outbox.append_bytes(&carried, &mut body);
            }
            let request = self.request(index, body, carried, Via::Beacon);
            self.out.after.push(request);
        }
    }

    /// Nothing is held, but nobody has heard yet that the stream is closed.
    fn send_closing(&mut self, index: usize, budget: &mut usize) {
        let throttled = self.gate.is_throttled(self.now);
        let Some(outbox) = self.streams.at_mut(index).filter(|outbox| outbox.role != Role::Adopted) else {
            return;
        };
        let is_news = outbox.line.closed && outbox.has_news() && outbox.handed != outbox.version;
        if !is_news || throttled || outbox.book.tracked == 0 || !outbox.batches.is_empty() {
            return;
        }
        let Some(Output::Send(request)) = self.line_alone(index, true) else { return };
        *budget = budget.saturating_sub(request.body.len());
        self.out.after.push(Output::Send(request));
    }

    /// The page is seen again: ask soon what became of the beacons.
    pub(crate) fn ask_soon(&mut self) {
        let soon = self.now + self.config.beacon_ask_after;
        for index in 0..self.streams.len() {
            if let Some(outbox) = self.streams.at_mut(index) {
                if outbox.ask_at != Instant::NEVER {
                    outbox.ask_at = outbox.ask_at.min(soon);
                }
            }
        }
    }

    /// How long an answer to a beacon's fate can wait.
    pub(crate) fn ask_after(&self) -> Duration {
        if self.page == Page::Visible { self.config.beacon_ask_after } else { self.config.hidden_ask_after }
    }
}

impl Outbox {
    #[allow(clippy::too_many_arguments, reason = "one loop's state; a struct of it would have one use")]
    fn board(
        &mut self,
        class: Class,
        boarding: Boarding,
        open: Option<Range>,
        now: Instant,
        budget: &mut usize,
        line: &mut Vec<u8>,
        carried: &mut Vec<Range>,
    ) {
        let role = self.role;
        for at in 0..self.batches.len() {
            let Some(batch) = self.batches.get(at) else { break };
            if class_of(role, batch) != class || !may_board(role, batch, boarding) {
                continue;
            }
            let bytes = batch.bytes.len();
            if line.is_empty() {
                *line = self.encode_line(open);
            }
            let cost = if carried.is_empty() { bytes + line.len() } else { bytes };
            let fits = cost <= *budget;
            let Some(batch) = self.batches.get_mut(at) else { break };
            // What does not fit had its chance: it goes by fetch, or with the next exit.
            batch.tried = true;
            if fits {
                *budget -= cost;
                batch.handed = Some(now);
                carried.push(batch.range);
            }
        }
    }
}

fn class_of(role: Role, batch: &Batch) -> Class {
    match (role, batch.priority, batch.saved) {
        (Role::Adopted, ..) => Class::Adopted,
        (_, Priority::High, _) => Class::Errors,
        (_, _, Saved::Yes) => Class::Rest,
        _ => Class::Unsaved,
    }
}

fn may_board(role: Role, batch: &Batch, boarding: Boarding) -> bool {
    let is_new = role != Role::Adopted && !batch.flying && !batch.tried;
    batch.is_loaded()
        && batch.handed.is_none()
        && (boarding.everything || is_new)
        && !(boarding.throttled && batch.saved == Saved::Yes)
}
