//! Requests by fetch: one stream each, one in the air for the own stream and one for all others.

use crate::{
    Instant, Output, Page, Pipeline, Priority, Range, Request, RequestId, Via,
    outbox::{Outbox, Role},
    pipeline::Flight,
};
use alloc::vec::Vec;

impl Pipeline {
    pub(crate) fn next_send(&mut self) -> Option<Output> {
        if self.off {
            return None;
        }
        if let Some(beacon) = self.board_beacons() {
            return Some(beacon);
        }
        self.report_news();
        if self.page == Page::Gone || self.now < self.gate.opens_at() {
            return None;
        }
        if let Some(send) = self.try_send(0) {
            return Some(send);
        }
        let others = self.streams.others.len();
        if self.turn >= others {
            self.turn = 0;
        }
        for step in 1..=others {
            let index = self.turn + step;
            let send = self.try_send(if index > others { index - others } else { index });
            if send.is_some() {
                return send;
            }
        }
        None
    }

    /// A drop or a closing is told soon, even when nothing else is to be sent.
    fn report_news(&mut self) {
        for index in 0..self.streams.len() {
            let Some(outbox) = self.streams.at_mut(index) else { continue };
            if outbox.has_news() && outbox.due == Instant::NEVER && outbox.flight.is_none() {
                let wait =
                    if outbox.role == Role::Own { self.config.flush_after } else { Default::default() };
                outbox.want(self.now + wait);
            }
        }
    }

    fn try_send(&mut self, index: usize) -> Option<Output> {
        let has_room = self.has_room_to_load();
        let is_busy = self.streams.others_are_busy();
        let outbox = self.streams.at(index)?;
        if outbox.role != Role::Own && is_busy {
            return None;
        }
        if outbox.wants_at(self.open_range(index).is_some(), has_room) > self.now {
            return None;
        }
        if index == 0 {
            self.seal();
            self.waiting = 0;
        }
        if self.streams.at(index).is_some_and(Outbox::must_ask) {
            return self.request(index, Vec::new(), Via::Fetch);
        }
        if let Some(load) = self.next_load(index) {
            return Some(load);
        }
        self.batches_or_news(index)
    }

    /// Brings back what storage has until one request is full, as far as memory has room.
    fn next_load(&mut self, index: usize) -> Option<Output> {
        let has_room = self.has_room_to_load();
        let limit = self.config.max_request_bytes;
        let outbox = self.streams.at_mut(index).filter(|outbox| has_room && outbox.ready() < limit)?;
        let batch = outbox
            .batches
            .iter_mut()
            .find(|batch| !batch.is_loaded() && !batch.loading && batch.is_pending())?;
        batch.loading = true;
        Some(Output::Load { stream: outbox.id, range: batch.range })
    }

    fn batches_or_news(&mut self, index: usize) -> Option<Output> {
        let open = self.open_range(index);
        let limit = self.config.max_request_bytes;
        let now = self.now;
        let outbox = self.streams.at_mut(index)?;
        let line = outbox.encode_line(open).len();
        let carried = outbox.pick(limit.saturating_sub(line));
        outbox.due = if outbox.has_sendable(true) { now } else { Instant::NEVER };
        let asks = outbox.has_news() || outbox.ask_at <= now;
        if carried.is_empty() && !asks {
            return None;
        }
        self.request(index, carried, Via::Fetch)
    }

    /// The stream line as of now, and the batches that it shall carry; without any it asks and reports.
    pub(crate) fn request(&mut self, index: usize, carried: Vec<Range>, via: Via) -> Option<Output> {
        let open = self.open_range(index);
        let id = RequestId(self.next_request);
        let outbox = self.streams.at_mut(index)?;
        let (stream, version) = (outbox.id, outbox.version);
        let mut body = outbox.encode_line(open);
        outbox.append_bytes(&carried, &mut body);
        match via {
            Via::Fetch => outbox.flight = Some(id),
            Via::Beacon => outbox.handed = version,
        }
        self.next_request = self.next_request.wrapping_add(1);
        self.flights.push(Flight { id, stream, via, sent: self.now, version, bytes: body.len(), carried });
        Some(Output::Send(Request { id, stream, body, via }))
    }
}

impl Outbox {
    pub(crate) fn must_ask(&self) -> bool {
        self.role == Role::Adopted && !self.asked
    }

    /// When this stream wants a fetch, whatever the gate says; never while one is in the air.
    pub(crate) fn wants_at(&self, has_open: bool, has_room: bool) -> Instant {
        if self.flight.is_some() {
            return Instant::NEVER;
        }
        if self.must_ask() {
            return if self.due == Instant::NEVER { Instant::default() } else { self.due };
        }
        let has_work = has_open || self.has_news() || self.has_sendable(has_room);
        if has_work { self.due.min(self.ask_at) } else { self.ask_at }
    }

    /// A batch could go, or be loaded in order to go.
    fn has_sendable(&self, has_room: bool) -> bool {
        let can_go = |batch: &crate::batch::Batch| batch.is_loaded() || (has_room && !batch.loading);
        self.batches.iter().any(|batch| batch.is_pending() && can_go(batch))
    }

    /// Bytes that a request could take now.
    fn ready(&self) -> usize {
        let ready = self.batches.iter().filter(|batch| batch.is_pending());
        ready.fold(0, |sum, batch| sum + batch.bytes.len())
    }

    /// Marks what one request carries: what matters most, then the oldest, up to `limit` bytes but at least one batch;
    /// or one batch alone, if it was part of a request that was refused.
    fn pick(&mut self, limit: usize) -> Vec<Range> {
        let mut left = limit;
        let mut carried = Vec::new();
        let alone =
            self.batches.iter_mut().find(|batch| batch.alone && batch.is_loaded() && batch.is_pending());
        if let Some(batch) = alone {
            batch.flying = true;
            carried.push(batch.range);
            return carried;
        }
        for errors in [true, false] {
            for batch in self.batches.iter_mut().filter(|batch| batch.is_loaded() && batch.is_pending()) {
                let fits = batch.bytes.len() <= left || carried.is_empty();
                if (batch.priority == Priority::High) == errors && fits {
                    left = left.saturating_sub(batch.bytes.len());
                    batch.flying = true;
                    carried.push(batch.range);
                }
            }
        }
        carried
    }

    pub(crate) fn append_bytes(&self, carried: &[Range], body: &mut Vec<u8>) {
        for range in carried {
            if let Some(batch) = self.position(range.start()).and_then(|at| self.batches.get(at)) {
                body.extend_from_slice(&batch.bytes);
            }
        }
    }
}
