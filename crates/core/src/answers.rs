//! What an answer changes. Answers may come twice, late, or for a stream that is gone: then they change nothing.

use crate::{
    Answer, Duration, Instant, Number, Output, Pipeline, Range, Reason, RequestId,
    batch::Batch,
    outbox::{Flight, LineSaved, Outbox, Role},
};
use alloc::vec::Vec;

impl Pipeline {
    /// What became of a request. A request without any answer for too long is the driver's to time out, as
    /// [`Answer::Unreachable`].
    pub fn handle_answer(&mut self, now: Instant, request: RequestId, answer: Answer<'_>) {
        self.advance(now);
        for index in 0..self.streams.len() {
            let Some(outbox) = self.streams.get_mut(index) else { return };
            if outbox.fetch.id == request {
                let flight = core::mem::replace(&mut outbox.fetch, Flight::NONE);
                self.fetched(index, &flight, answer);
                return self.land(request);
            }
            let (beacon, bytes) = outbox.beacon;
            if beacon == request {
                outbox.beacon = (RequestId::NONE, 0);
                return self.handed(index, request, bytes, matches!(answer, Answer::HandedOff));
            }
        }
    }

    fn fetched(&mut self, index: usize, flight: &Flight, answer: Answer<'_>) {
        self.size_requests(flight, matches!(answer, Answer::Accounted { .. }));
        match answer {
            Answer::Accounted { stored, rejected } => self.accounted(index, flight, stored, rejected),
            Answer::Stale => self.stale(index),
            Answer::Throttled { until } => {
                let until = self.gate.throttle(self.now, until);
                self.out.push(Output::Gate(until.since(self.now)));
                self.failed(index);
            }
            Answer::TooLarge => self.refused(index, flight, Reason::TooLarge),
            Answer::Unreadable => self.refused(index, flight, Reason::Rejected),
            Answer::Denied => {
                self.gate.denied(self.now, &self.config, &mut self.rng);
                self.keep(index);
            }
            Answer::SwitchedOff => self.switch_off(self.now),
            Answer::Unreachable | Answer::HandedOff | Answer::NotSent => self.failed(index),
        }
    }

    /// What the request carried flies no more, if it is still here.
    fn land(&mut self, request: RequestId) {
        for outbox in &mut self.streams {
            for batch in outbox.batches.iter_mut().filter(|batch| batch.flight == request) {
                batch.flight = RequestId::NONE;
            }
        }
    }

    /// 200 from a collector: erase what is stored, drop what is rejected; whatever it does not account for is kept.
    fn accounted(&mut self, index: usize, flight: &Flight, stored: &[Range], rejected: &[Number]) {
        let now = self.now;
        let ask_after = self.ask_after();
        let Some(outbox) = self.streams.get_mut(index) else { return };
        outbox.acknowledge(stored, &mut self.out);
        // What is neither stored nor held died with whoever had it.
        outbox.lose_past(Reason::Trap, &mut self.out);
        let is_rejected = |batch: &Batch| {
            batch.flight == flight.id && rejected.iter().any(|first| *first == batch.range.start())
        };
        outbox.drop_where(&is_rejected, Reason::Rejected, &mut self.out);
        outbox.told = flight.version;
        outbox.asked = true;
        outbox.beacons_answered(flight.sent, now, self.config.beacon_ask_after, ask_after);
        if outbox.batches.is_empty() {
            outbox.one_by_one = false;
        } else {
            outbox.want(now);
        }
        if outbox.batches.iter().any(|batch| batch.flight == flight.id) {
            return self.failed(index);
        }
        self.gate.succeeded(now);
        self.settle(index, false);
    }

    /// Nobody knows the stream any more: what it holds cannot be stored.
    fn stale(&mut self, index: usize) {
        self.gate.succeeded(self.now);
        if index == 0 {
            self.seal();
        }
        let Some(outbox) = self.streams.get_mut(index) else { return };
        outbox.drop_where(&|_| true, Reason::Stale, &mut self.out);
        outbox.lose_past(Reason::Stale, &mut self.out);
        // Nothing of such a stream is recorded, its drops neither.
        outbox.told = outbox.version;
        outbox.asked = true;
        outbox.ask_at = Instant::NEVER;
        self.settle(index, false);
    }

    /// A beacon was queued: its fate is unknown until an answer covers it. Or it was refused, and nothing was sent: half of it
    /// may fit, at once; no backoff, the network had no part in it.
    #[inline(never)]
    fn handed(&mut self, index: usize, request: RequestId, bytes: u32, is_taken: bool) {
        let ask_at = self.now + self.ask_after();
        let Some(outbox) = self.streams.get_mut(index) else { return };
        if is_taken {
            outbox.ask_at = outbox.ask_at.min(ask_at);
            return;
        }
        // A stream line alone is not offered again at once: where every beacon is refused that never ends.
        if bytes > 0 {
            outbox.handed = outbox.told;
            for batch in outbox.batches.iter_mut().filter(|batch| batch.beacon == request) {
                batch.handed = Instant::NEVER;
            }
            let half = bytes >> 1;
            self.exit = Some(self.exit.map_or(half, |budget| budget.min(half)));
        }
        self.keep(index);
    }

    /// No answer, or none that counts: keep all, back off.
    fn failed(&mut self, index: usize) {
        self.gate.failed(self.now, &self.config, &mut self.rng);
        self.keep(index);
    }

    /// What the request carried wants to be sent again, once the gate opens; another stream may go first.
    fn keep(&mut self, index: usize) {
        self.turn += usize::from(index > 0);
        let now = self.now;
        if let Some(outbox) = self.streams.get_mut(index) {
            outbox.failed = true;
            outbox.want(now);
        }
    }

    /// Too large or unreadable: find out which batch it is, and drop that one alone.
    fn refused(&mut self, index: usize, flight: &Flight, reason: Reason) {
        let now = self.now;
        let Some(outbox) = self.streams.get_mut(index) else { return };
        outbox.want(now);
        if reason == Reason::Rejected && !outbox.asked && !outbox.is_renewed {
            // No 200 ever answered this line: it may be what is unreadable. Of the own one only the names can be.
            outbox.is_renewed = true;
            return;
        }
        if flight.bytes > 0 {
            let is_carried = |batch: &Batch| batch.flight == flight.id;
            outbox.one_by_one = outbox.batches.iter().filter(|batch| is_carried(batch)).count() > 1;
            if !outbox.one_by_one {
                outbox.drop_where(&is_carried, reason, &mut self.out);
            }
        } else if reason == Reason::Rejected
            && outbox.role == Role::Adopted
            && outbox.line_saved == LineSaved::Yes
        {
            // Even the new line is refused. The batches may still be read; without any, the line stays where it is: a
            // collector that can read it may come.
            outbox.asked = true;
            self.settle(index, true);
        } else {
            self.failed(index);
        }
    }

    /// A stream that holds nothing, and whose drops a 200 answered, is done and erased; or given back as it is.
    fn settle(&mut self, index: usize, give_back: bool) {
        let Some(outbox) = self.streams.get_mut(index).filter(|_| index > 0) else { return };
        if !outbox.batches.is_empty() || (outbox.has_news() && !give_back) {
            return;
        }
        if outbox.role == Role::Adopted {
            if !give_back {
                outbox.erase_line(&mut self.out);
            }
            self.out.push(Output::Settled(outbox.key));
        }
        self.remove(index);
    }
}

impl Outbox {
    /// The past is accounted for: what no batch brought is lost.
    fn lose_past(&mut self, reason: Reason, out: &mut Vec<Output>) {
        if let Some(past) = Range::new(0, core::mem::take(&mut self.past)) {
            self.lose(past, reason, out);
        }
    }

    /// An answer to a request that was sent long enough after a beacon tells what became of it.
    fn beacons_answered(&mut self, sent: Instant, now: Instant, patience: Duration, ask_after: Duration) {
        self.ask_at = Instant::NEVER;
        for batch in &mut self.batches {
            if sent.since(batch.handed) >= patience {
                batch.handed = Instant::NEVER;
            } else if batch.handed != Instant::NEVER {
                self.ask_at = now + ask_after;
            }
        }
    }
}
