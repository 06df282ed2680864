//! `poll_output`: what is to be done now, read off the state: writes, then news and erases, sends, and last the deadline.

use crate::{
    Duration, Instant, Output, Page, Pipeline, Reason,
    batch::Batch,
    outbox::{LineSaved, Outbox, Role, find},
    pipeline::Writing,
};

impl Pipeline {
    /// The next thing to do. Drain until [`Output::Wait`]: in one microtask after the first `track` of a task, at once
    /// after every other input.
    pub fn poll_output(&mut self) -> Output {
        self.handle_stored(self.now, false); // of a write whose result nobody told
        self.drop_expired();
        if let Some(write) = self.next_write() {
            return write;
        }
        if let Some(next) = self.next_queued() {
            self.erased |= matches!(next, Output::Erase { .. } | Output::EraseLine(_));
            return next;
        }
        if core::mem::take(&mut self.erased) {
            // What was refused before may fit now. The first refusal ends it, until the next erase.
            for outbox in &mut self.streams {
                outbox.retry_writes();
            }
            if let Some(write) = self.next_write() {
                return write;
            }
        }
        self.send();
        if let Some(next) = self.next_queued() {
            return next;
        }
        if self.flushing && !self.streams.iter().any(|outbox| outbox.holds_below(outbox.mark)) {
            self.flushing = false;
            return Output::Flushed;
        }
        self.drained()
    }

    fn drained(&mut self) -> Output {
        if let Some(own) = self.streams.first_mut() {
            own.drained = own.fates.tracked();
            if self.page == Page::Gone && own.is_closed {
                // The driver gives the lock back now: from here on an adopter may erase, and this page may not.
                own.locked = false;
            }
        }
        debug_assert!(self.check(), "the books do not balance");
        Output::Wait(self.next_timeout())
    }

    /// What was queued, in order. A request of a stream that was settled meanwhile has nothing left to tell.
    #[inline(never)]
    pub(crate) fn next_queued(&mut self) -> Option<Output> {
        while let Some(next) = self.out.get(self.polled).copied() {
            self.polled += 1;
            if let Output::Send(request) = next
                && find(&mut self.streams, request.stream).is_none()
            {
                continue;
            }
            return Some(next);
        }
        self.out.clear();
        self.polled = 0;
        None
    }

    /// Of the streams that are ours to write: the lines that tell a drop, for a batch would take the room that the drop has made;
    /// the own one last, it is the likeliest to have grown. Then the batches, a first line before its first.
    fn next_write(&mut self) -> Option<Output> {
        let is_outdated = |outbox: &&mut Outbox| outbox.locked && outbox.line_saved == LineSaved::Outdated;
        if let Some(outbox) = self.streams.iter_mut().rev().find(is_outdated) {
            return Some(write_line(&mut self.writing, outbox));
        }
        for outbox in self.streams.iter_mut().filter(|outbox| outbox.locked) {
            let stream = outbox.key;
            if let Some(range) = outbox.batches.iter().find(|batch| batch.wants_write()).map(|it| it.range) {
                if outbox.line_saved == LineSaved::Never {
                    return Some(write_line(&mut self.writing, outbox));
                }
                self.writing = Some(Writing { stream, batch: Some(range) });
                return Some(Output::Persist { stream, range });
            }
        }
        None
    }

    #[inline(never)]
    fn drop_expired(&mut self) {
        for outbox in &mut self.streams {
            while outbox.next_expiry() <= self.now {
                outbox.drop_batch(0, Reason::Age, &mut self.out);
            }
        }
    }

    /// How long until something is due, if nothing else happens before.
    #[inline(never)]
    fn next_timeout(&self) -> Option<Duration> {
        if self.off || self.page == Page::Gone {
            return None;
        }
        let is_busy = self.others_are_busy();
        let mut next = Instant::NEVER;
        for outbox in &self.streams {
            next = next.min(outbox.next_expiry());
            if outbox.role == Role::Own || !is_busy {
                next = next.min(outbox.wants_at().max(self.gate.opens_at()));
            }
        }
        (next != Instant::NEVER).then_some(next.since(self.now))
    }
}

fn write_line(writing: &mut Option<Writing>, outbox: &mut Outbox) -> Output {
    outbox.line_saved = LineSaved::Writing;
    *writing = Some(Writing { stream: outbox.key, batch: None });
    Output::PersistLine(outbox.key)
}

impl Batch {
    #[inline(never)]
    fn wants_write(&self) -> bool {
        !self.is_saved() && !self.refused
    }
}
