//! Beacons: what may not wait for an answer, because the page may end.

use crate::{
    Duration, Instant, Output, Page, Pipeline, Priority, Range, Via,
    batch::{Batch, Saved},
    outbox::Role,
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
        let mut boarded: Vec<(usize, Range)> = Vec::new();
        for class in CLASSES {
            for index in 0..self.streams.len() {
                self.board_class(class, boarding, index, &mut budget, &mut boarded);
            }
        }
        for index in 0..self.streams.len() {
            let mut carried = Vec::new();
            for (stream, range) in &boarded {
                if *stream == index {
                    carried.push(*range);
                }
            }
            if carried.is_empty() {
                self.send_closing(index, &mut budget);
            } else if let Some(request) = self.request(index, carried, Via::Beacon) {
                self.out.after.push(request);
            }
        }
    }

    fn board_class(
        &mut self,
        class: Class,
        boarding: Boarding,
        index: usize,
        budget: &mut usize,
        boarded: &mut Vec<(usize, Range)>,
    ) {
        let open = self.open_range(index);
        let Some(outbox) = self.streams.at_mut(index) else { return };
        let has_line = boarded.iter().any(|(stream, _)| *stream == index);
        let mut line = if has_line { 0 } else { outbox.encode_line(open).len() };
        for batch in &mut outbox.batches {
            if class_of(outbox.role, batch) != class || !may_board(outbox.role, batch, boarding) {
                continue;
            }
            // What does not fit had its chance: it goes by fetch, or with the next exit.
            batch.tried = true;
            let cost = line + batch.bytes.len();
            if cost <= *budget {
                *budget -= cost;
                line = 0;
                batch.handed = Some(self.now);
                boarded.push((index, batch.range));
            }
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
        let Some(Output::Send(request)) = self.request(index, Vec::new(), Via::Beacon) else { return };
        *budget = budget.saturating_sub(request.body.len());
        self.out.after.push(Output::Send(request));
    }

    /// The page is seen again: ask soon what became of the beacons.
    pub(crate) fn ask_soon(&mut self) {
        let soon = self.now + self.config.beacon_ask_after;
        for index in 0..self.streams.len() {
            if let Some(outbox) = self.streams.at_mut(index)
                && outbox.ask_at != Instant::NEVER
            {
                outbox.ask_at = outbox.ask_at.min(soon);
            }
        }
    }

    /// How long an answer to a beacon's fate can wait.
    pub(crate) fn ask_after(&self) -> Duration {
        if self.page == Page::Visible { self.config.beacon_ask_after } else { self.config.hidden_ask_after }
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
