//! One stream's sealed batches, own or adopted, with its stream line and its book. Knows nothing of other streams, of
//! the gate, or of memory as a whole.

use crate::{
    Book, Instant, Number, Output, Part, Range, Ranges, Reason, RequestId, Slot, StreamId, StreamLine,
    batch::{Batch, Saved},
    outputs::Outputs,
};
use alloc::vec::Vec;

/// What a stream is to this pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Numbers are given out in it, until it is closed.
    Own,
    /// Was the own one; keeps what no storage has. Without a lock, so it writes and erases nothing.
    Left,
    /// Came from the storage, with its lock. Asks before it loads.
    Adopted,
}

#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) id: StreamId,
    pub(crate) role: Role,
    pub(crate) book: Book,
    /// Ascending by first number. Disjoint, unless `overlapping`.
    pub(crate) batches: Vec<Batch>,
    /// Batches may share numbers: after a trap, or when two storages differ.
    overlapping: bool,
    /// Identity, `closed`, and what else the last encoding left.
    pub(crate) line: StreamLine,
    pub(crate) line_saved: LineSaved,
    /// Whether the storage is ours to write and erase: the lock decides.
    pub(crate) locked: bool,
    /// When batches of unknown age reach the age limit.
    pub(crate) expires: Instant,
    /// Numbers below this were given out before this pipeline began; zero once an answer has accounted for them.
    pub(crate) past: Number,
    /// A 200 came since this pipeline took the stream.
    pub(crate) asked: bool,
    /// A first question failed: from then on the age limit counts, asked or not.
    pub(crate) failed: bool,
    /// The stream line was refused as unreadable, and made anew.
    pub(crate) renewed: bool,
    /// Grows with each change that the collector must hear of: a drop, closing.
    pub(crate) version: u32,
    /// The version that a 200 answered.
    pub(crate) told: u32,
    /// The version that a beacon took.
    pub(crate) handed: u32,
    /// The fetch in the air: one a stream.
    pub(crate) flight: Option<RequestId>,
    /// When what waits wants to be sent.
    pub(crate) due: Instant,
    /// When to ask what became of a beacon.
    pub(crate) ask_at: Instant,
    /// Numbers that stay in the storage for an adopter: still held by this browser, so the line says so.
    pub(crate) left_behind: Ranges,
}

/// What the storage has of the stream line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineSaved {
    /// None; written before the first batch is.
    Never,
    /// One without the latest drops; written at once.
    Outdated,
    /// As `Outdated`, and a write was refused: again once something was erased.
    Refused,
    /// One that tells every drop.
    Yes,
}

impl Outbox {
    pub(crate) fn new(role: Role, line: StreamLine, expires: Instant) -> Self {
        let adopted = role == Role::Adopted;
        Self {
            id: line.stream,
            role,
            book: Book::default(),
            batches: Vec::new(),
            overlapping: false,
            line,
            line_saved: if adopted { LineSaved::Yes } else { LineSaved::Never },
            locked: true,
            expires,
            past: 0,
            asked: false,
            failed: false,
            renewed: false,
            version: u32::from(adopted),
            told: 0,
            handed: 0,
            flight: None,
            due: Instant::NEVER,
            ask_at: Instant::NEVER,
            left_behind: Ranges::new(),
        }
    }

    // ── What it holds ──

    pub(crate) fn position(&self, first: Number) -> Option<usize> {
        let at = self.batches.partition_point(|batch| batch.range.start() < first);
        self.batches.get(at).filter(|batch| batch.range.start() == first).map(|_| at)
    }

    pub(crate) fn find(&mut self, first: Number) -> Option<&mut Batch> {
        let at = self.position(first)?;
        self.batches.get_mut(at)
    }

    /// The first number must be new.
    pub(crate) fn insert(&mut self, batch: Batch) {
        let range = batch.range;
        let at = self.batches.partition_point(|other| other.range.start() < range.start());
        let before = at.checked_sub(1).and_then(|at| self.batches.get(at));
        let after = self.batches.get(at);
        self.overlapping |= before.is_some_and(|batch| batch.range.end() > range.start())
            || after.is_some_and(|batch| batch.range.start() < range.end());
        self.batches.insert(at, batch);
    }

    fn remove(&mut self, at: usize) -> Option<Batch> {
        (at < self.batches.len()).then(|| self.batches.remove(at))
    }

    /// Bytes of all batches that are in memory.
    pub(crate) fn loaded(&self) -> usize {
        self.batches.iter().map(|batch| batch.bytes.len()).sum()
    }

    /// How many Loads are out.
    pub(crate) fn loading(&self) -> usize {
        self.batches.iter().filter(|batch| batch.loading).count()
    }

    /// Numbers of all batches, and of the open one.
    pub(crate) fn holds(&self, open: Option<Range>) -> Ranges {
        let mut held = Ranges::new();
        for batch in &self.batches {
            held.insert(batch.range);
        }
        if let Some(range) = open {
            held.insert(range);
        }
        held
    }

    /// Frees the memory of batches that the storage has, newest first since the oldest are sent first, until `need`
    /// bytes are freed. Returns how many bytes are still needed.
    pub(crate) fn forget(&mut self, mut need: usize) -> usize {
        for batch in self.batches.iter_mut().rev() {
            if need == 0 {
                break;
            }
            if batch.is_forgettable() && self.locked {
                need = need.saturating_sub(batch.bytes.len());
                batch.bytes = Vec::new();
            }
        }
        need
    }

    // ── Numbers and their fate ──

    /// Numbers below `end` exist. Those that nobody handed in are not ours to account for.
    pub(crate) fn cover(&mut self, end: Number) {
        if let Some(range) = Range::new(self.book.tracked, end) {
            self.book.released.insert(range);
            self.book.tracked = end;
        }
    }

    /// What a batch brings in is held, whatever was thought of it before, unless it is delivered.
    pub(crate) fn hold(&mut self, range: Range) {
        self.cover(range.end());
        self.book.released.remove(range);
        self.book.dropped.remove(range);
    }

    /// Counts numbers as lost, but for those that are delivered, lost already, or held by another batch.
    pub(crate) fn lose(&mut self, range: Range, reason: Reason, out: &mut Outputs) {
        let mut numbers = Ranges::from(range);
        if self.overlapping {
            numbers.subtract(&self.holds(None));
        }
        self.lose_all(numbers, reason, out);
    }

    /// What was lost outside: as [`lose`](Self::lose), but of numbers that may be held.
    pub(crate) fn lost_outside(
        &mut self,
        range: Range,
        reason: Reason,
        open: Option<Range>,
        out: &mut Outputs,
    ) {
        self.cover(range.end());
        let mut at = 0;
        while let Some(batch) = self.batches.get_mut(at) {
            let is_hit = range.contains_range(batch.range);
            if is_hit && !batch.is_loaded() {
                self.remove(at);
                continue;
            }
            if is_hit && batch.saved == Saved::Yes {
                // Evicted, but still in memory: not lost.
                batch.saved = Saved::Refused;
                batch.has_key = false;
            }
            at += 1;
        }
        let mut numbers = Ranges::from(range);
        numbers.subtract(&self.holds(open));
        self.lose_all(numbers, reason, out);
    }

    fn lose_all(&mut self, mut numbers: Ranges, reason: Reason, out: &mut Outputs) {
        self.book.lose(&mut numbers, reason);
        for range in numbers.iter() {
            out.news.push(Output::Dropped { stream: self.id, reason, range });
        }
        if !numbers.is_empty() {
            self.changed();
            self.line_saved = LineSaved::Outdated;
        }
    }

    pub(crate) fn changed(&mut self) {
        self.version = self.version.wrapping_add(1);
    }

    /// Drops one batch, counts it, and erases it.
    pub(crate) fn drop_batch(&mut self, at: usize, reason: Reason, out: &mut Outputs) {
        if let Some(batch) = self.remove(at) {
            self.erase(&batch, out);
            self.lose(batch.range, reason, out);
        }
    }

    pub(crate) fn drop_all(&mut self, reason: Reason, out: &mut Outputs) {
        while let Some(last) = self.batches.len().checked_sub(1) {
            self.drop_batch(last, reason, out);
        }
    }

    /// Stored wins over everything else that was thought of a number.
    pub(crate) fn acknowledge(&mut self, stored: &Ranges, out: &mut Outputs) {
        // Not ours: what was released, and what a wrong answer claims beyond the stream's numbers.
        let mut known = stored.clone();
        known.subtract(&self.book.released);
        if let Some(beyond) = Range::new(self.book.tracked, Number::MAX) {
            known.remove(beyond);
        }
        self.book.delivered.extend(&known);
        for range in known.iter() {
            self.book.dropped.remove(range);
        }
        let mut kept = Vec::with_capacity(self.batches.len());
        for batch in core::mem::take(&mut self.batches) {
            if self.book.delivered.contains_range(batch.range) {
                self.erase(&batch, out);
            } else {
                kept.push(batch);
            }
        }
        self.batches = kept;
    }

    /// Keeps in memory what no storage has; the rest stays where it is, for an adopter.
    pub(crate) fn leave(&mut self) {
        self.role = Role::Left;
        self.locked = false;
        self.line.closed = true;
        let mut kept = Vec::new();
        for mut batch in core::mem::take(&mut self.batches) {
            if batch.saved != Saved::Yes {
                batch.has_key = false;
                kept.push(batch);
                continue;
            }
            self.left_behind.insert(batch.range);
        }
        self.batches = kept;
        let mut released = self.left_behind.clone();
        released.subtract(&self.book.delivered);
        released.subtract(&self.holds(None));
        self.book.released.extend(&released);
    }

    // ── The storage ──

    pub(crate) fn erase(&self, batch: &Batch, out: &mut Outputs) {
        if batch.has_key && self.locked {
            let slot = Slot { stream: self.id, part: Part::Batch(batch.range.start()) };
            out.after.push(Output::Erase { slot, range: Some(batch.range) });
        }
    }

    pub(crate) fn erase_line(&mut self, out: &mut Outputs) {
        if self.locked {
            let slot = Slot { stream: self.id, part: Part::Line };
            out.after.push(Output::Erase { slot, range: None });
        }
        self.line_saved = LineSaved::Yes;
    }

    /// The next sealed batch to write.
    pub(crate) fn next_unsaved(&self) -> Option<&Batch> {
        self.batches.iter().find(|batch| batch.saved == Saved::No)
    }

    /// A batch turned out longer than thought: what was known of it is replaced.
    pub(crate) fn lengthen(&mut self, range: Range, bytes: Vec<u8>) {
        let Some(at) = self.position(range.start()) else { return };
        self.hold(range);
        let Some(old) = self.remove(at) else { return };
        let new = Batch::in_storage(range, old.expires);
        self.insert(Batch { bytes, priority: old.priority, ..new });
    }

    /// The storage took the lines of a batch below `end`.
    pub(crate) fn stored(&mut self, first: Number, end: Number) {
        if let Some(batch) = self.find(first) {
            batch.has_key = true;
            if batch.range.end() == end {
                batch.saved = Saved::Yes;
            }
        }
    }

    /// The storage is full: what else waits to be written would be refused too.
    pub(crate) fn refused(&mut self) {
        for batch in &mut self.batches {
            if batch.saved == Saved::No {
                batch.saved = Saved::Refused;
            }
        }
    }

    /// Something was erased: what was refused may fit now.
    pub(crate) fn retry_writes(&mut self) {
        for batch in &mut self.batches {
            if batch.saved == Saved::Refused {
                batch.saved = Saved::No;
            }
        }
        if self.line_saved == LineSaved::Refused {
            self.line_saved = LineSaved::Outdated;
        }
    }

    // ── When to send ──

    #[inline(never)]
    pub(crate) fn want(&mut self, at: Instant) {
        self.due = self.due.min(at);
    }

    pub(crate) fn has_news(&self) -> bool {
        self.version != self.told
    }

    /// The oldest batch's age limit. Adopted streams ask first: most of theirs is stored already.
    pub(crate) fn next_expiry(&self) -> Instant {
        if self.role == Role::Adopted && !self.asked && !self.failed {
            return Instant::NEVER;
        }
        let oldest = self.batches.first().filter(|batch| !batch.flying);
        oldest.map_or(Instant::NEVER, |batch| batch.expires)
    }

    /// The stream line as of now, with its line break.
    pub(crate) fn encode_line(&mut self, open: Option<Range>) -> Vec<u8> {
        let mut holds = self.holds(open);
        holds.extend(&self.left_behind);
        self.line.tracked = self.book.tracked;
        self.line.dropped = self.book.dropped.clone();
        self.line.holds = holds;
        crate::line::bound(&mut self.line, &self.book);
        let mut out = Vec::new();
        self.line.encode(&mut out);
        out
    }
}
