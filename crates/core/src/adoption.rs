//! Streams that come and go: the next own one, dead ones from the storage, and all of them when switched off.

use crate::{
    Fate, Instant, Offer, Output, Page, Pipeline, Range, Reason, Stream, StreamKey, Via,
    batch::Batch,
    outbox::{LineSaved, Outbox, Role, find},
};
use alloc::vec::Vec;

impl Pipeline {
    /// Begins the next own stream: after a day, after `pagehide`, after a lost lease. Of the old one, memory keeps what
    /// no storage has; the rest is left to whoever adopts it, maybe this page.
    pub fn begin_stream(&mut self, now: Instant, stream: Stream) {
        self.advance(now);
        if self.off || find(&mut self.streams, stream.key).is_some() {
            return;
        }
        self.seal();
        self.waiting = 0;
        if let Some(own) = self.streams.first_mut().filter(|own| !own.is_closed) {
            own.changed();
        }
        self.begin_own(stream);
        self.leave(1);
    }

    /// Takes over a stream whose lock the driver holds; `next` is what its line tells as `tracked`, 0 where there is none.
    /// Then come, in this order, [`know_dropped`](Self::know_dropped) for what the line tells as dropped and
    /// [`offer`](Self::offer) for each batch that the storage has. It asks first, and sends then what is not stored.
    ///
    /// A stream that is held already is not taken twice, but for one that this page [left](Self::begin_stream).
    pub fn adopt(&mut self, now: Instant, stream: Stream) {
        self.advance(now);
        if self.off {
            return;
        }
        let expires = self.expiry(stream);
        if find(&mut self.streams, stream.key).is_none() {
            self.streams.push(Outbox::new(stream.key, Role::Adopted, expires));
        }
        let Some(outbox) = find(&mut self.streams, stream.key) else { return };
        match outbox.role {
            Role::Own => return,
            Role::Left => outbox.retake(expires),
            Role::Adopted => {}
        }
        outbox.fates.extend(stream.next, Fate::Past);
    }

    /// A batch that is there: what an adopted stream has in the storage, what an [`Output::Erase`] found longer than it
    /// thought, what the facade or a trapped instance had, what was evicted and memory still has. The driver keeps it, or where to read it, until it is told to forget it.
    pub fn offer(&mut self, now: Instant, stream: StreamKey, range: Range, offer: Offer) {
        self.advance(now);
        let Some(outbox) = find(&mut self.streams, stream).filter(|_| !self.off) else { return };
        outbox.is_open = false;
        let refusal = if offer.bytes > self.config.largest_batch() {
            Some(Reason::TooLarge)
        } else if offer.is_stored || self.make_room(offer.bytes, offer.priority) {
            None
        } else {
            Some(Reason::Full)
        };
        let Some(outbox) = find(&mut self.streams, stream) else { return };
        outbox.want(self.now);
        outbox.take(range, offer, refusal, &mut self.out);
    }

    /// Gives an adopted stream back and counts nothing: it stays in the storage. Memory keeps what no storage has, as
    /// of a stream that was [left](Self::begin_stream).
    pub fn release(&mut self, now: Instant, stream: StreamKey) {
        self.advance(now);
        let is_it = |outbox: &Outbox| outbox.key == stream && outbox.role == Role::Adopted;
        if let Some(index) = self.streams.iter().position(is_it) {
            self.leave(index);
        }
    }

    /// Keeps what no storage has, and whatever else nobody could tell from the storage: drops, and a past that no answer has
    /// accounted for.
    fn leave(&mut self, index: usize) {
        let Some(outbox) = self.streams.get_mut(index) else { return };
        outbox.leave(&mut self.out);
        outbox.want(self.now);
        // An adopter reads the line, so it need not hear of this from us; without one in the storage it must.
        let is_told =
            outbox.line_saved == LineSaved::Yes || !outbox.has_news() || outbox.fates.tracked() == 0;
        // An answer that is on its way may say that nobody is to send.
        if outbox.batches.is_empty() && outbox.past == 0 && is_told && !outbox.is_flying() {
            self.remove(index);
        }
    }

    /// The stream is gone; its books remain.
    #[inline(never)]
    pub(crate) fn remove(&mut self, index: usize) {
        let outbox = self.streams.swap_remove(index);
        self.settled.add(&outbox.fates);
    }

    /// Counts everything that is held as [`Reason::Off`], erases the streams held, and tells the collector with one
    /// last line each, whose answers are ignored. For good: a new pipeline is needed to go on.
    pub fn switch_off(&mut self, now: Instant) {
        self.advance(now);
        if self.off {
            return;
        }
        self.out.push(Output::Off);
        self.seal();
        let is_throttled = self.gate.is_throttled(now);
        for index in 0..self.streams.len() {
            let Some(outbox) = self.streams.get_mut(index) else { continue };
            outbox.drop_where(&|_| true, Reason::Off, &mut self.out);
            outbox.is_closed = true;
            outbox.erase_line(&mut self.out);
            outbox.locked = false;
            let settled = Output::Settled(outbox.key);
            let is_adopted = outbox.role == Role::Adopted;
            if outbox.has_news() && !is_throttled {
                let via = if self.page == Page::Visible { Via::Fetch } else { Via::Beacon };
                self.request(index, via, 0);
            }
            if is_adopted {
                self.out.push(settled);
            }
        }
        self.exit = None;
        self.off = true;
    }
}

impl Outbox {
    /// A stream that this page left comes back from the storage, with its lock.
    fn retake(&mut self, expires: Instant) {
        self.role = Role::Adopted;
        self.locked = true;
        self.asked = false;
        self.failed = false;
        self.expires = expires;
        // What was left and is not offered now is another's, or delivered.
        if let Some(all) = Range::new(0, self.fates.tracked()) {
            self.fates.turn(all, |fate| fate == Fate::Left, Fate::Past);
        }
    }

    /// Has the batch from now on, but where it is refused: then it is counted.
    fn take(&mut self, range: Range, offer: Offer, refusal: Option<Reason>, out: &mut Vec<Output>) {
        let saved = if offer.is_stored { range.end() } else { range.start() };
        let new = Batch { saved, ..Batch::new(range, offer.bytes, offer.priority, self.expires) };
        let at = self.place(range.start());
        match self.batches.get_mut(at).filter(|batch| batch.range.start() == range.start()) {
            Some(batch) if batch.range.end() < range.end() => {
                // It turned out longer than thought.
                let expires = batch.expires;
                *batch = Batch { expires, ..new };
                self.hold(range);
            }
            // The storage may be behind, or have lost it.
            Some(batch) => {
                batch.saved = saved;
                batch.refused = !offer.is_stored;
            }
            None => {
                let is_unknown = range.end() > self.fates.tracked();
                if !is_unknown && self.fates.first(range, |fate| fate != Fate::Delivered).is_none() {
                    return self.erase(range, new.has_key(), out);
                }
                self.hold(range);
                self.insert(at, new);
            }
        }
        if let Some(reason) = refusal {
            self.drop_batch(at, reason, out);
        }
    }
}
