//! Streams that come and go: the next own one, dead ones from the storage, and all of them when switched off.

use crate::{
    BatchLine, DecodeError, Dropped, Duration, Instant, Number, Output, Page, Pipeline, Range, Reason,
    Stream, StreamId, StreamLine, Via,
    batch::{Batch, Saved},
    outbox::{LineSaved, Outbox, Role},
    pipeline::own_stream,
};
use alloc::vec::Vec;

impl Pipeline {
    /// Begins the next own stream: after a day, after `pagehide`, after a lost lease. Of the old one, memory keeps what
    /// no storage has; the rest is released to whoever adopts it, maybe this page.
    pub fn begin_stream(&mut self, now: Instant, stream: Stream) {
        self.advance(now);
        if self.off || self.streams.position(stream.id).is_some() {
            return;
        }
        self.seal();
        self.waiting = 0;
        let own = own_stream(now, &self.config, stream);
        let mut old = core::mem::replace(&mut self.streams.own, own);
        if !old.line.closed {
            old.changed();
        }
        // An adopter reads the line, so it need not hear of this from us; without one in the storage it must.
        let is_told = old.past == 0 && (old.line_saved == LineSaved::Yes || old.book.tracked == 0);
        self.leave(old, is_told);
    }

    /// Takes over a stream whose lock the driver holds, with its stream line, if there is one, and the ranges of the
    /// batches that the storages have. Asks first; loads then what is not stored.
    ///
    /// A stream that is held already is not taken twice, but for one that this page [left](Self::begin_stream).
    ///
    /// # Errors
    /// The line is no stream line: nothing was taken. Adopt it without its line then. Another stream's line is passed over,
    /// as if there were none.
    pub fn adopt(
        &mut self,
        now: Instant,
        stream: StreamId,
        line: Option<&[u8]>,
        age: Duration,
        holds: &[Range],
    ) -> Result<(), DecodeError> {
        self.advance(now);
        let left = self.config.max_age.as_millis().saturating_sub(age.as_millis());
        let expires = now + Duration::from_millis(left);
        let line = line.map(StreamLine::decode).transpose()?;
        if self.off || self.streams.position(stream).is_some_and(|index| !self.is_left(index)) {
            return Ok(());
        }
        let mut line = line
            .filter(|line| line.stream == stream)
            .unwrap_or_else(|| StreamLine::new(stream, self.config.identity.clone()));
        line.closed = true;
        let (tracked, dropped) = (line.tracked, core::mem::take(&mut line.dropped));
        let index = self.streams.others.iter().position(|outbox| outbox.id == stream);
        let mut outbox = match index {
            Some(index) => self.streams.others.swap_remove(index).retake(),
            None => Outbox::new(Role::Adopted, line, expires),
        };
        outbox.expires = expires;
        outbox.take_line(tracked, &dropped);
        for range in holds {
            outbox.found(*range);
        }
        self.streams.others.push(outbox);
        Ok(())
    }

    fn is_left(&self, index: usize) -> bool {
        self.streams.at(index).is_some_and(|outbox| outbox.role == Role::Left)
    }

    /// A batch from the storage: the answer to a [`Output::Load`], what an [`Output::Erase`] found longer than it
    /// thought, or what the facade wrote of the own stream. For the latter, [`track`](Self::track) the facade's
    /// unwritten lines first: a batch extends the numbers of its stream.
    ///
    /// # Errors
    /// These bytes are no batch. If a Load asked for them, count its range as dropped.
    pub fn offer(&mut self, now: Instant, stream: StreamId, batch: &[u8]) -> Result<(), DecodeError> {
        self.advance(now);
        let range = read_range(batch)?;
        let Some(index) = self.streams.position(stream) else { return Ok(()) };
        if self.off {
            return Ok(());
        }
        if index == 0 {
            self.seal();
        }
        let too_large = batch.len() > self.config.largest_batch();
        let fits = !too_large && self.forget(batch.len());
        let Some(outbox) = self.streams.at_mut(index) else { return Ok(()) };
        let bytes = if fits { batch.to_vec() } else { Vec::new() };
        outbox.offered(range, bytes, &mut self.out);
        if too_large && let Some(at) = outbox.position(range.start()) {
            outbox.drop_batch(at, Reason::TooLarge, &mut self.out);
        }
        outbox.want(now);
        Ok(())
    }

    /// Gives an adopted stream back and counts nothing: it stays in the storage. Memory keeps what no storage has, as
    /// of a stream that was [left](Self::begin_stream).
    pub fn release(&mut self, now: Instant, stream: StreamId) {
        self.advance(now);
        let is_it = |outbox: &Outbox| outbox.id == stream && outbox.role == Role::Adopted;
        if let Some(index) = self.streams.others.iter().position(is_it) {
            let outbox = self.streams.others.swap_remove(index);
            let is_told = outbox.line_saved == LineSaved::Yes || !outbox.has_news();
            self.leave(outbox, is_told);
        }
    }

    /// Keeps what no storage has, and whatever else nobody could tell from the storage.
    fn leave(&mut self, mut outbox: Outbox, is_told: bool) {
        outbox.leave();
        if outbox.batches.is_empty() && is_told {
            self.settled.add(&outbox.book);
            return;
        }
        outbox.want(self.now);
        self.streams.others.push(outbox);
    }

    /// Counts everything that is held as [`Reason::Off`], erases the streams held, and tells the collector with one
    /// last line each, whose answers are ignored. For good: a new pipeline is needed to go on.
    pub fn switch_off(&mut self, now: Instant) {
        self.advance(now);
        if self.off {
            return;
        }
        self.seal();
        let is_throttled = self.gate.is_throttled(now);
        for index in 0..self.streams.len() {
            let Some(outbox) = self.streams.at_mut(index) else { continue };
            outbox.drop_all(Reason::Off, &mut self.out);
            outbox.line.closed = true;
            outbox.erase_line(&mut self.out);
            let settled = Output::Settled(outbox.id);
            let is_adopted = outbox.role == Role::Adopted;
            outbox.locked = false;
            if outbox.has_news() && !is_throttled {
                let via = if self.page == Page::Visible { Via::Fetch } else { Via::Beacon };
                if let Some(last) = self.request(index, Vec::new(), via) {
                    self.out.after.push(last);
                }
            }
            if is_adopted {
                self.out.after.push(settled);
            }
        }
        for outbox in core::mem::take(&mut self.streams.others) {
            self.settled.add(&outbox.book);
        }
        self.flights.clear();
        self.exit = None;
        self.off = true;
    }
}

impl Outbox {
    /// A stream that this page left comes back from the storage, with its lock.
    fn retake(mut self) -> Self {
        self.role = Role::Adopted;
        self.locked = true;
        self.asked = false;
        self.failed = false;
        self.left_behind = crate::Ranges::new();
        self
    }

    /// What the line in the storage knows.
    fn take_line(&mut self, tracked: Number, dropped: &Dropped) {
        self.cover(tracked);
        for (reason, numbers) in dropped.iter() {
            for range in numbers.iter() {
                self.cover(range.end());
                self.take_dropped(reason, range);
            }
        }
    }

    /// The line told these as dropped; so it is, unless a batch comes back.
    fn take_dropped(&mut self, reason: Reason, range: Range) {
        let mut numbers = crate::Ranges::from(range);
        numbers.subtract(&self.holds(None));
        self.book.lose(&mut numbers, reason);
    }

    /// A batch that the storage has, not read yet.
    fn found(&mut self, range: Range) {
        let expires = self.expires;
        match self.find(range.start()) {
            Some(batch) if batch.range == range => {
                batch.saved = Saved::Yes;
                batch.has_key = true;
            }
            Some(batch) if batch.range.end() > range.end() => batch.has_key = true,
            Some(_) => self.lengthen(range, Vec::new()),
            None => {
                self.hold(range);
                self.insert(Batch::in_storage(range, expires));
            }
        }
    }

    /// A batch that the storage has, with its bytes; or without, when there is no room for them now.
    fn offered(&mut self, range: Range, bytes: Vec<u8>, out: &mut crate::outputs::Outputs) {
        let Some(at) = self.position(range.start()) else {
            if self.book.delivered.contains_range(range) {
                return self.erase(&Batch::in_storage(range, self.expires), out);
            }
            self.hold(range);
            return self.insert(Batch { bytes, ..Batch::in_storage(range, self.expires) });
        };
        let Some(batch) = self.batches.get_mut(at) else { return };
        batch.loading = false;
        let (known, is_loaded) = (batch.range, batch.is_loaded());
        if known.end() < range.end() {
            self.lengthen(range, bytes);
        } else if !is_loaded {
            batch.range = range;
            batch.bytes = bytes;
            if let Some(tail) = Range::new(range.end(), known.end()) {
                self.lose(tail, Reason::Storage, out);
            }
        } else if known != range {
            // Ours is longer: the storage is behind.
            batch.saved = Saved::No;
        }
    }
}

/// The numbers of a batch that has as many lines as it says.
fn read_range(batch: &[u8]) -> Result<Range, DecodeError> {
    let head = BatchLine::decode(batch)?;
    let breaks = batch.iter().filter(|byte| **byte == b'\n').count();
    let is_whole = batch.ends_with(b"\n") && breaks.saturating_sub(1) == head.n as usize;
    head.range().filter(|_| is_whole).ok_or(DecodeError::Json)
}
