//! `poll_output`: what is to be done now, read off the state: news, writes, erases, sends, and last the deadline.

use crate::{
    Instant, Output, Page, Part, Pipeline, Reason, Slot, StreamId,
    outbox::{LineSaved, Role},
    outputs,
    pipeline::Writing,
};
use alloc::vec::Vec;

impl Pipeline {
    /// The next thing to do. Drain until [`Output::Wait`]: in one microtask after the first `track` of a task, at once
    /// after every other input.
    pub fn poll_output(&mut self) -> Output {
        if let Some(unanswered) = self.writing.take() {
            self.wrote(&unanswered, false);
        }
        self.drop_expired();
        if let Some(news) = outputs::pop(&mut self.out.news) {
            return news;
        }
        if let Some(write) = self.next_write() {
            return write;
        }
        if let Some(next) = outputs::pop(&mut self.out.after) {
            self.erased |= matches!(next, Output::Erase { .. });
            return next;
        }
        if core::mem::take(&mut self.erased)
            && let Some(write) = self.retry_writes()
        {
            return write;
        }
        if let Some(send) = self.next_send() {
            return send;
        }
        if let Some(flushed) = self.next_flushed() {
            return flushed;
        }
        self.drained()
    }

    fn drained(&mut self) -> Output {
        self.unwritten = 0;
        if self.page == Page::Gone && self.streams.own.line.closed {
            // The driver gives the lock back now: from here on an adopter may erase, and this page may not.
            self.streams.own.locked = false;
        }
        debug_assert!(self.check(), "the books do not balance");
        Output::Wait(self.next_timeout())
    }

    // ── Writes ──

    /// Of each stream that is ours to write: its line before its batches.
    fn next_write(&mut self) -> Option<Output> {
        for index in 0..self.streams.len() {
            let open = self.open_range(index);
            let open_unsaved = index == 0 && self.batcher.is_unsaved();
            let Some(outbox) = self.streams.at_mut(index).filter(|outbox| outbox.locked) else { continue };
            let stream = outbox.id;
            let unsaved = outbox.next_unsaved().map(|batch| (batch.range, batch.bytes.clone()));
            let has_batch = unsaved.is_some() || open_unsaved;
            if outbox.line_saved == LineSaved::Outdated
                || (outbox.line_saved == LineSaved::Never && has_batch)
            {
                let mut value = outbox.encode_line(open);
                value.pop_if(|last| *last == b'\n');
                let version = outbox.version;
                return Some(self.write(stream, Part::Line, 0, version, value));
            }
            if let Some((range, bytes)) = unsaved {
                return Some(self.write(stream, Part::Batch(range.start()), range.end(), 0, bytes));
            }
            if open_unsaved {
                let (first, end, value) = (self.batcher.first(), self.batcher.end(), self.batcher.value());
                return Some(self.write(stream, Part::Batch(first), end, 0, value));
            }
        }
        None
    }

    fn write(&mut self, stream: StreamId, part: Part, end: u32, version: u32, value: Vec<u8>) -> Output {
        let slot = Slot { stream, part };
        self.writing = Some(Writing { slot, end, version });
        Output::Persist { slot, value }
    }

    /// Something was erased: what was refused before may fit now. The first refusal ends it, until the next erase.
    fn retry_writes(&mut self) -> Option<Output> {
        for index in 0..self.streams.len() {
            if let Some(outbox) = self.streams.at_mut(index) {
                outbox.retry_writes();
            }
        }
        self.batcher.retry_write();
        self.next_write()
    }

    // ── What time brings ──

    fn drop_expired(&mut self) {
        for index in 0..self.streams.len() {
            let Some(outbox) = self.streams.at_mut(index) else { continue };
            while outbox.next_expiry() <= self.now {
                outbox.drop_batch(0, Reason::Age, &mut self.out);
            }
        }
    }

    fn next_flushed(&mut self) -> Option<Output> {
        let done = self
            .flushes
            .iter()
            .position(|flush| flush.marks.iter().all(|mark| self.holds_nothing_below(*mark)))?;
        Some(Output::Flushed(self.flushes.remove(done).id))
    }

    fn holds_nothing_below(&self, (stream, end): (StreamId, u32)) -> bool {
        let Some(index) = self.streams.position(stream) else { return true };
        let first =
            self.streams.at(index).and_then(|outbox| outbox.batches.first()).map(|batch| batch.range.start());
        let open = self.open_range(index).map(|range| range.start());
        first.is_none_or(|first| first >= end) && open.is_none_or(|first| first >= end)
    }

    /// When something is due, if nothing else happens before.
    fn next_timeout(&self) -> Option<Instant> {
        if self.off || self.page == Page::Gone {
            return None;
        }
        let has_room = self.has_room_to_load();
        let is_busy = self.streams.others_are_busy();
        let mut next = Instant::NEVER;
        for index in 0..self.streams.len() {
            let Some(outbox) = self.streams.at(index) else { continue };
            next = next.min(outbox.next_expiry());
            if outbox.role == Role::Own || !is_busy {
                let send = outbox.wants_at(self.open_range(index).is_some(), has_room);
                next = next.min(send.max(self.gate.opens_at()));
            }
        }
        (next != Instant::NEVER).then_some(next)
    }
}
