//! Carries out what the core asks for. Nothing is borrowed while a browser API runs.

use crate::{
    driver::Driver,
    platform::{
        clock::whole,
        gate::{NOT_BEFORE, OFF_UNTIL},
    },
};
use beaconry_core::{
    Answer, Duration, Output, Part, Pipeline, Range, Reason, Request, RequestId, Slot, StoreError, StreamId,
    Via,
};

/// How long a collector's "off" holds, in ms: the longest that the gate keeps.
const OFF_MS: f64 = 24.0 * 60.0 * 60.0 * 1000.0;

impl Driver {
    pub(crate) fn carry_out(&self, output: Output) {
        match output {
            Output::Persist { slot, value } => self.persist(slot, value),
            Output::Erase { slot, range } => self.erase(slot, range),
            Output::Load { stream, range } => self.load(stream, range),
            Output::Send(request) => self.send(request),
            Output::Dropped { reason, range, .. } => self.host.dropped(reason.as_str(), range.len()),
            Output::Flushed(id) => self.host.finish(id.0),
            Output::Settled(stream) => self.settled(stream),
            Output::Gate { until } => {
                self.host.close(NOT_BEFORE, until.since(self.clock.now()).as_millis() as f64);
            }
            Output::Off => self.switched_off(),
            Output::Wait(_) => {}
        }
    }

    fn persist(&self, slot: Slot, value: Vec<u8>) {
        let stored = if self.write(slot, value) { Ok(()) } else { Err(StoreError) };
        self.input(|core, now| core.handle_stored(now, slot, stored));
    }

    fn write(&self, slot: Slot, value: Vec<u8>) -> bool {
        let value = String::from_utf8(value).unwrap_or_default();
        if slot.part == Part::Line {
            return self.host.write(slot, &value);
        }
        let before = self.last_written.get().filter(|(last, _)| *last == slot).map_or(0, |(_, bytes)| bytes);
        let after = (self.own_bytes.get() + value.len()).saturating_sub(before);
        if after + self.others_bytes.get() > self.storage_bytes || !self.host.write(slot, &value) {
            return false;
        }
        self.last_written.set(Some((slot, value.len())));
        self.own_bytes.set(after);
        true
    }

    /// Erases what was acknowledged, and nothing that was written since.
    fn erase(&self, slot: Slot, range: Option<Range>) {
        let Some(erased) = self.host.erase(slot, range.map(|acknowledged| acknowledged.end())) else {
            let value = self.host.read(slot);
            self.input(|core, now| core.offer(now, slot.stream, value.as_bytes()).is_ok());
            return;
        };
        if range.is_some() {
            let bytes = if slot.stream == self.own.get().id { &self.own_bytes } else { &self.others_bytes };
            bytes.set(bytes.get().saturating_sub(erased));
        }
    }

    fn load(&self, stream: StreamId, range: Range) {
        let value = self.host.read(Slot { stream, part: Part::Batch(range.start()) });
        self.input(|core, now| {
            if core.offer(now, stream, value.as_bytes()).is_err() {
                core.count_dropped(now, stream, Reason::Storage, range);
            }
        });
    }

    fn send(&self, request: Request) {
        let Request { id, stream, body, via } = request;
        let body = String::from_utf8(body).unwrap_or_default();
        let stream = stream.to_text();
        let answer = if via == Via::Beacon {
            let is_taken = self.host.beacon(stream.as_str(), &body);
            if is_taken { Answer::HandedOff } else { Answer::NotSent }
        } else if let Some(answer) = self.gated().filter(|_| !self.is_stopped()) {
            // Once stopped, only the last line of a client that was switched off is left: the gate is its own.
            answer
        } else {
            return self.host.post(id.0, stream.as_str(), &body);
        };
        self.input(|core, now| core.handle_answer(now, id, answer));
    }

    /// `status` 0: nothing was heard; `retry_after` in ms, NaN for none.
    pub(crate) fn replied(&self, id: u32, status: u32, retry_after: f64, body: &str) {
        self.input(|core, now| {
            let retry_after = (retry_after >= 0.0).then(|| Duration::from_millis(whole(retry_after)));
            let answer = match u16::try_from(status) {
                Err(_) | Ok(0) => Answer::Unreachable,
                Ok(status) => Answer::from_http(now, status, retry_after, body.as_bytes()),
            };
            core.handle_answer(now, RequestId(id), answer);
        });
    }
}

// ── The books ──

impl Driver {
    /// Tells the counts of `stats()` and of a flush's result.
    pub(crate) fn tell_books(&self) {
        let (totals, released) = self.input(|core, _| {
            let books = core.books();
            (books.totals(), books.iter().map(|(_, book)| book.released().count()).sum::<u64>())
        });
        let bytes = (self.own_bytes.get() + self.others_bytes.get()) as u64;
        let counts = [totals.held, totals.delivered, released, bytes];
        for (at, count) in (0..).zip(counts.into_iter().chain(totals.dropped)) {
            self.host.count(at, count as f64);
        }
    }

    /// Sends what may be sent; who asked hears when it is done.
    pub(crate) fn flush(&self) {
        let id = self.input(|core, now| core.flush(now).0);
        self.host.flushing(id);
    }
}

// ── The gate that all tabs share ──

impl Driver {
    /// At the start: what another page was told.
    pub(crate) fn read_gate(&self) {
        match self.gated() {
            Some(Answer::Throttled { until }) => self.input(|core, now| core.handle_gate(now, until)),
            Some(_) => self.input(Pipeline::switch_off),
            None => {}
        }
    }

    /// What another tab was told since.
    fn gated(&self) -> Option<Answer> {
        if self.host.gated(OFF_UNTIL) > 0.0 {
            return Some(Answer::SwitchedOff);
        }
        let wait = self.host.gated(NOT_BEFORE);
        let until = self.clock.now() + Duration::from_millis(whole(wait));
        (wait > 0.0).then_some(Answer::Throttled { until })
    }

    fn switched_off(&self) {
        self.host.close(OFF_UNTIL, OFF_MS);
        self.host.off();
        self.stop();
    }
}
