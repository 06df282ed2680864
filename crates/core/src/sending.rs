//! Requests by fetch: one stream each, one in the air for the own stream and one for all others.

use crate::{
    Duration, Instant, Output, Page, Pipeline, Priority, Request, RequestId, Via,
    batch::Batch,
    outbox::{Flight, Outbox, Role},
};

/// An answer is quick within this. 1 s: twice the bytes then take some seconds of the thirty that the driver waits.
const QUICK: Duration = Duration::from_secs(1);

/// How often requests double: from 128 KiB to 512, which proxies take that take 1 MiB.
pub(crate) const DOUBLINGS: u32 = 2;

/// Bytes of a range in a stream line: `[4294967295,4294967295],`.
const RANGE_BYTES: u32 = 24;

impl Pipeline {
    /// Queues beacons, or else a fetch.
    pub(crate) fn send(&mut self) {
        if self.off || self.board_beacons() {
            return;
        }
        self.report_news();
        if self.page == Page::Gone || self.now < self.gate.opens_at() || self.try_send(0) {
            return;
        }
        // Each of the others has its turn: they stand from 1 on.
        let others = self.streams.len() - 1;
        for _ in 0..others {
            self.turn = if self.turn >= others { 1 } else { self.turn + 1 };
            if self.try_send(self.turn) {
                self.turn -= 1; // it goes on, as long as it succeeds
                return;
            }
        }
    }

    /// A drop or a closing is told soon, even when nothing else is to be sent.
    fn report_news(&mut self) {
        for outbox in &mut self.streams {
            if outbox.has_news() && outbox.due == Instant::NEVER && !outbox.is_flying() {
                let is_own = outbox.role == Role::Own;
                outbox.want(self.now + if is_own { self.config.flush_after } else { Duration::ZERO });
            }
        }
    }

    /// Whether it has queued a fetch.
    fn try_send(&mut self, index: usize) -> bool {
        let is_busy = self.others_are_busy();
        let now = self.now;
        let limit = self.request_bytes();
        let Some(outbox) = self.streams.get_mut(index) else { return false };
        if (outbox.role != Role::Own && is_busy) || outbox.wants_at() > now {
            return false;
        }
        if index == 0 {
            outbox.is_open = false;
            self.waiting = 0;
        }
        let line = self.config.line_bytes + outbox.ranges_bytes();
        let mut bytes = 0;
        if !outbox.must_ask() {
            bytes = outbox.pick(limit.saturating_sub(line), RequestId(self.last_request + 1));
            outbox.due = if outbox.has_pending() { now } else { Instant::NEVER };
            if bytes == 0 && !outbox.has_news() && outbox.ask_at > now {
                return false;
            }
        }
        self.request(index, Via::Fetch, bytes);
        true
    }

    /// Bytes of a fetch, as the network is.
    #[inline(never)]
    fn request_bytes(&self) -> u32 {
        self.config.first_request_bytes << self.doubled
    }

    /// An answer came, a 200 or another. A quick one to more than half of what a request may have proves that twice as much comes in
    /// time. Of those that have grown, one that fails is the last: whoever takes the smaller ones may be too slow for it, or refuse it.
    pub(crate) fn size_requests(&mut self, flight: &Flight, is_heard: bool) {
        if !is_heard {
            self.doubled = 0;
            if flight.bytes > self.config.first_request_bytes {
                self.doublings = 0;
            }
        } else if flight.bytes > self.request_bytes() / 2 && self.now.since(flight.sent) <= QUICK {
            self.doubled = self.doublings.min(self.doubled + 1);
        }
    }

    /// Queues a request with the stream line and the batches that name it; without any it asks and reports.
    pub(crate) fn request(&mut self, index: usize, via: Via, bytes: u32) {
        self.last_request += 1;
        let id = RequestId(self.last_request);
        let Some(outbox) = self.streams.get_mut(index) else { return };
        if via == Via::Fetch {
            outbox.fetch = Flight { id, sent: self.now, version: outbox.version, bytes };
        } else {
            outbox.beacon = (id, bytes);
            outbox.handed = outbox.version;
        }
        self.out.push(Output::Send(Request { id, stream: outbox.key, via }));
    }

    /// Whether a stream that is not the own one has a fetch in the air: one at a time.
    pub(crate) fn others_are_busy(&self) -> bool {
        self.streams.iter().skip(1).any(Outbox::is_flying)
    }
}

impl Outbox {
    pub(crate) fn must_ask(&self) -> bool {
        self.role == Role::Adopted && !self.asked
    }

    /// A request of before this page left the stream still flies, with batches that no longer name it.
    pub(crate) fn may_fly_unnamed(&self) -> bool {
        self.must_ask() && self.fetch.bytes > 0
    }

    /// When this stream wants a fetch, whatever the gate says; never while one is in the air.
    pub(crate) fn wants_at(&self) -> Instant {
        if self.is_flying() {
            return Instant::NEVER;
        }
        if self.must_ask() {
            return if self.due == Instant::NEVER { Instant::default() } else { self.due };
        }
        let has_work = self.has_news() || self.has_pending();
        if has_work { self.due.min(self.ask_at) } else { self.ask_at }
    }

    /// A batch could go.
    fn has_pending(&self) -> bool {
        self.batches.iter().any(Batch::is_pending)
    }

    /// Bytes that the ranges of the stream line take at most.
    pub(crate) fn ranges_bytes(&self) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a run has a number of its own, which is 32 bits"
        )]
        let runs = self.fates.runs().len() as u32;
        runs * RANGE_BYTES
    }

    /// Gives the request what matters most, then the oldest, up to `limit` bytes but at least one batch; or one alone, after
    /// several were refused together. Returns the bytes.
    fn pick(&mut self, limit: u32, request: RequestId) -> u32 {
        let limit = if self.one_by_one { 0 } else { limit };
        let mut picked = 0;
        for errors in &[true, false] {
            for batch in self.batches.iter_mut().filter(|batch| batch.is_pending()) {
                let is_turn = (batch.priority == Priority::High) == *errors;
                if is_turn && (picked == 0 || picked + batch.bytes <= limit) {
                    picked += batch.bytes;
                    batch.flight = request;
                }
            }
        }
        picked
    }
}
