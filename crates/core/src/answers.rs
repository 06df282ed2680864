//! What an answer changes. Answers may come twice, late, or for a stream that is gone: then they change nothing.

use crate::{
    Answer, Duration, Instant, Number, Output, Pipeline, Range, Ranges, Reason, RequestId, Via,
    outbox::{LineSaved, Outbox, Role},
    pipeline::Flight,
};

impl Pipeline {
    /// What became of a request. A request without any answer for too long is the driver's to time out, as
    /// [`Answer::Unreachable`].
    pub fn handle_answer(&mut self, now: Instant, request: RequestId, answer: Answer) {
        self.advance(now);
        let Some(at) = self.flights.iter().position(|flight| flight.id == request) else { return };
        let flight = self.flights.swap_remove(at);
        if let Some(outbox) = self.streams.find(flight.stream) {
            outbox.land(&flight);
        }
        match answer {
            Answer::Accounted { stored, rejected } => self.accounted(&flight, &stored, &rejected),
            Answer::Stale => self.stale(&flight),
            Answer::HandedOff => self.handed_off(&flight),
            Answer::NotSent => self.not_sent(&flight),
            Answer::Unreachable => self.failed(&flight),
            Answer::Throttled { until } => {
                let until = self.gate.throttle(now, until);
                self.out.news.push(Output::Gate { until });
                self.failed(&flight);
            }
            Answer::TooLarge => self.refused(&flight, Reason::TooLarge),
            Answer::Unreadable => self.refused(&flight, Reason::Rejected),
            Answer::Denied => {
                self.gate.denied(now, &self.config, &mut self.rng);
                self.keep(&flight);
            }
            Answer::SwitchedOff => {
                self.out.news.push(Output::Off);
                self.switch_off(now);
            }
        }
    }

    /// 200 from a collector: erase what is stored, drop what is rejected; whatever it does not account for is kept.
    fn accounted(&mut self, flight: &Flight, stored: &Ranges, rejected: &[Number]) {
        let Some(index) = self.streams.position(flight.stream) else { return self.gate.succeeded(self.now) };
        let ask_after = self.ask_after();
        let Some(outbox) = self.streams.at_mut(index) else { return };
        outbox.account_for_the_past(stored, &mut self.out);
        outbox.acknowledge(stored, &mut self.out);
        for first in rejected {
            if let Some(at) = outbox.carried_at(flight, *first) {
                outbox.drop_batch(at, Reason::Rejected, &mut self.out);
            }
        }
        outbox.told = flight.version;
        outbox.asked = true;
        outbox.beacons_answered(flight.sent, self.now, self.config.beacon_ask_after, ask_after);
        let all = flight.carried.iter().all(|range| outbox.carried_at(flight, range.start()).is_none());
        if !outbox.batches.is_empty() {
            outbox.want(self.now);
        }
        if all {
            self.gate.succeeded(self.now);
            self.settle(index, false);
        } else {
            self.failed(flight);
        }
    }

    /// Nobody knows the stream any more: what it holds cannot be stored.
    fn stale(&mut self, flight: &Flight) {
        self.gate.succeeded(self.now);
        let Some(index) = self.streams.position(flight.stream) else { return };
        if index == 0 {
            self.seal();
        }
        let Some(outbox) = self.streams.at_mut(index) else { return };
        outbox.drop_all(Reason::Stale, &mut self.out);
        // Nothing of such a stream is recorded, its drops neither.
        outbox.told = outbox.version;
        outbox.asked = true;
        outbox.ask_at = Instant::NEVER;
        self.settle(index, false);
    }

    /// A beacon was queued: its fate is unknown until an answer covers it.
    fn handed_off(&mut self, flight: &Flight) {
        if flight.via == Via::Fetch {
            return self.failed(flight);
        }
        let ask_at = self.now + self.ask_after();
        if let Some(outbox) = self.streams.find(flight.stream) {
            outbox.ask_at = outbox.ask_at.min(ask_at);
        }
    }

    /// A beacon was refused: nothing was sent. Half of it may fit, at once; no backoff, the network had no part in it.
    fn not_sent(&mut self, flight: &Flight) {
        if flight.via == Via::Fetch {
            return self.failed(flight);
        }
        self.keep(flight);
        if !flight.carried.is_empty() {
            let half = flight.bytes >> 1;
            self.exit = Some(self.exit.map_or(half, |budget| budget.min(half)));
        }
    }

    /// No answer, or none that counts: keep all, back off.
    fn failed(&mut self, flight: &Flight) {
        self.gate.failed(self.now, &self.config, &mut self.rng);
        self.keep(flight);
    }

    /// What the request carried wants to be sent again, once the gate opens; another stream may go first.
    fn keep(&mut self, flight: &Flight) {
        self.turn = self.turn.wrapping_add(usize::from(flight.stream != self.streams.own.id));
        if let Some(outbox) = self.streams.find(flight.stream) {
            outbox.failed = true;
            outbox.want(self.now);
            // A stream line alone is not offered again at once: where every beacon is refused that never ends.
            if flight.via == Via::Beacon && !flight.carried.is_empty() {
                outbox.unhand(flight);
            }
        }
    }

    /// Too large or unreadable: find out which batch it is, and drop that one alone.
    fn refused(&mut self, flight: &Flight, reason: Reason) {
        let Some(index) = self.streams.position(flight.stream) else { return };
        let Some(outbox) = self.streams.at_mut(index) else { return };
        if reason == Reason::Rejected && !outbox.asked && !outbox.renewed {
            // No 200 ever answered this line: it may be what is unreadable. Of the own one only the identity can be.
            let is_adopted = outbox.role == Role::Adopted;
            outbox.line.identity = if is_adopted { self.config.identity.clone() } else { Default::default() };
            outbox.renewed = true;
            return outbox.want(self.now);
        }
        match flight.carried.as_slice() {
            [] if reason == Reason::Rejected
                && outbox.role == Role::Adopted
                && outbox.line_saved == LineSaved::Yes =>
            {
                // Even the new line is refused. The batches may still be read; without any, the line stays where it
                // is: a collector that can read it may come.
                outbox.asked = true;
                outbox.want(self.now);
                self.settle(index, true);
            }
            [] => self.failed(flight),
            [range] => {
                if let Some(at) = outbox.carried_at(flight, range.start()) {
                    outbox.drop_batch(at, reason, &mut self.out);
                }
                outbox.want(self.now);
            }
            several => {
                for range in several {
                    if let Some(batch) = outbox.find(range.start()) {
                        batch.alone = true;
                    }
                }
                outbox.want(self.now);
            }
        }
    }

    /// A stream that holds nothing, and whose drops a 200 answered, is done and erased; or given back as it is.
    fn settle(&mut self, index: usize, give_back: bool) {
        let is_done = |outbox: &Outbox| outbox.batches.is_empty() && (give_back || !outbox.has_news());
        let Some(other) = index.checked_sub(1) else { return };
        if !self.streams.others.get(other).is_some_and(is_done) {
            return;
        }
        let mut outbox = self.streams.others.swap_remove(other);
        if outbox.role == Role::Adopted {
            if !give_back {
                outbox.erase_line(&mut self.out);
            }
            self.out.after.push(Output::Settled(outbox.id));
        }
        self.settled.add(&outbox.book);
    }
}

impl Outbox {
    /// The request is over: what it carried may be sent again.
    fn land(&mut self, flight: &Flight) {
        if self.flight != Some(flight.id) {
            return;
        }
        self.flight = None;
        for range in &flight.carried {
            if let Some(batch) = self.find(range.start()) {
                batch.flying = false;
            }
        }
    }

    /// Where a batch that the request carried stands, if it is still held as it was sent.
    fn carried_at(&self, flight: &Flight, first: u32) -> Option<usize> {
        let at = self.position(first)?;
        let range = self.batches.get(at)?.range;
        flight.carried.contains(&range).then_some(at)
    }

    fn unhand(&mut self, flight: &Flight) {
        self.handed = self.told;
        for range in &flight.carried {
            if let Some(batch) = self.find(range.start()) {
                batch.handed = None;
            }
        }
    }

    /// An answer to a request that was sent long enough after a beacon tells what became of it.
    fn beacons_answered(&mut self, sent: Instant, now: Instant, patience: Duration, ask_after: Duration) {
        let mut waiting = false;
        for batch in &mut self.batches {
            batch.handed = batch.handed.filter(|handed| *handed + patience > sent);
            waiting |= batch.handed.is_some();
        }
        self.ask_at = if waiting { now + ask_after } else { Instant::NEVER };
    }

    /// The first answer: of the numbers that were given out before this pipeline began, what is stored is delivered;
    /// what is neither stored nor held died with whoever had it.
    fn account_for_the_past(&mut self, stored: &Ranges, out: &mut crate::outputs::Outputs) {
        let Some(all) = Range::new(0, core::mem::take(&mut self.past)) else { return };
        let mut past: Ranges = self.book.released.within(all).collect();
        past.subtract(&self.left_behind);
        self.book.released.subtract(&past);
        past.subtract(stored);
        for range in past.iter() {
            self.lose(range, Reason::Trap, out);
        }
    }
}
