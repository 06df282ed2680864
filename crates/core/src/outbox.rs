//! One stream's batches, own or adopted, and what became of its numbers. Knows nothing of other streams, of the gate, or
//! of memory as a whole.

use crate::{
    Config, Fate, Fates, Instant, Number, Output, Range, Reason, RequestId, StreamKey, batch::Batch,
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

/// What the storage has of the stream line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineSaved {
    /// None; written before the first batch is.
    Never,
    /// One without the latest drops; written at once.
    Outdated,
    /// Being written; no other drop has come since.
    Writing,
    /// As `Outdated`, and a write was refused: again once something was erased.
    Refused,
    /// One that tells every drop.
    Yes,
}

/// A fetch whose answer is awaited. The batches that it carries name it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flight {
    pub(crate) id: RequestId,
    pub(crate) sent: Instant,
    /// The version of the stream line that it tells.
    pub(crate) version: u32,
    /// Of its batches; without any it only asks and reports.
    pub(crate) bytes: u32,
}

impl Flight {
    pub(crate) const NONE: Self = Self { id: RequestId::NONE, sent: Instant::NEVER, version: 0, bytes: 0 };
}

#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) key: StreamKey,
    pub(crate) role: Role,
    pub(crate) fates: Fates,
    /// Ascending by first number.
    pub(crate) batches: Vec<Batch>,
    /// The last batch may still grow.
    pub(crate) is_open: bool,
    /// Numbers below this were there at the last drain.
    pub(crate) drained: Number,
    /// Nothing more will be numbered.
    pub(crate) is_closed: bool,
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
    /// The stream line was refused as unreadable, and is made anew.
    pub(crate) is_renewed: bool,
    /// Grows with each change that the collector must hear of: a drop, closing.
    pub(crate) version: u32,
    /// The version that a 200 answered.
    pub(crate) told: u32,
    /// The version that a beacon took.
    pub(crate) handed: u32,
    /// A request was too large or unreadable: until the batch is found that it was, each goes alone.
    pub(crate) one_by_one: bool,
    /// The fetch in the air: one a stream.
    pub(crate) fetch: Flight,
    /// The beacon that the browser has not taken or refused yet, and the bytes of its batches.
    pub(crate) beacon: (RequestId, u32),
    /// When what waits wants to be sent.
    pub(crate) due: Instant,
    /// When to ask what became of a beacon.
    pub(crate) ask_at: Instant,
    /// A flush waits for the numbers below this.
    pub(crate) mark: Number,
    /// Bytes that the beacon which boards now takes.
    pub(crate) boarded: u32,
}

impl Outbox {
    #[inline(never)]
    pub(crate) fn new(key: StreamKey, role: Role, expires: Instant) -> Self {
        let adopted = role == Role::Adopted;
        Self {
            key,
            role,
            fates: Fates::default(),
            batches: Vec::new(),
            is_open: false,
            drained: 0,
            is_closed: adopted,
            line_saved: if adopted { LineSaved::Yes } else { LineSaved::Never },
            locked: true,
            expires,
            past: 0,
            asked: false,
            failed: false,
            is_renewed: false,
            version: u32::from(adopted),
            told: 0,
            handed: 0,
            one_by_one: false,
            fetch: Flight::NONE,
            beacon: (RequestId::NONE, 0),
            due: Instant::NEVER,
            ask_at: Instant::NEVER,
            mark: 0,
            boarded: 0,
        }
    }

    // ── What it holds ──

    /// Where the batch that begins with this number stands, or would.
    pub(crate) fn place(&self, first: Number) -> usize {
        self.batches.iter().take_while(|batch| batch.range.start() < first).count()
    }

    #[inline(never)]
    pub(crate) fn insert(&mut self, at: usize, batch: Batch) {
        self.batches.insert(at, batch);
    }

    /// The open batch, which is the last, may be it.
    #[inline(never)]
    fn remove(&mut self, at: usize) {
        self.is_open &= at + 1 < self.batches.len();
        self.batches.remove(at);
    }

    /// The batch that may still grow.
    pub(crate) fn open(&mut self) -> Option<&mut Batch> {
        self.batches.last_mut().filter(|_| self.is_open)
    }

    /// Bytes that the open batch may have.
    pub(crate) fn open_limit(&self, config: &Config) -> u32 {
        let is_new = self.batches.last().is_some_and(|open| self.drained <= open.range.start());
        if is_new { config.max_batch_bytes } else { config.max_rewritten_bytes }
    }

    /// Whether a batch starts below `end`.
    pub(crate) fn holds_below(&self, end: Number) -> bool {
        self.batches.first().is_some_and(|batch| batch.range.start() < end)
    }

    /// How many batches are sealed.
    pub(crate) fn sealed(&self) -> usize {
        self.batches.len() - usize::from(self.is_open)
    }

    // ── Numbers and their fate ──

    /// What a batch brings in is held, whatever was thought of it before, unless it is delivered.
    pub(crate) fn hold(&mut self, range: Range) {
        self.fates.extend(range.end(), Fate::Past);
        self.fates.turn(range, |fate| fate != Fate::Delivered, Fate::Held);
    }

    /// Counts numbers as lost, but for those that are delivered, lost already, or held by a batch.
    pub(crate) fn lose(&mut self, range: Range, reason: Reason, out: &mut Vec<Output>) {
        let mut start = range.start();
        let mut at = 0;
        while start < range.end() {
            let batch = self.batches.get(at).map(|batch| batch.range);
            let end = batch.map_or(range.end(), |batch| batch.start().min(range.end()));
            while let Some(range) = Range::new(start, end).and_then(|gap| self.fates.first(gap, is_open)) {
                self.fates.turn(range, is_open, Fate::Dropped(reason));
                out.push(Output::Dropped { stream: self.key, reason, range });
                self.changed();
                self.line_saved = LineSaved::Outdated;
            }
            start = batch.map_or(end, |batch| batch.end().max(start));
            at += 1;
        }
    }

    /// What was lost outside, whole batches with it.
    pub(crate) fn lose_outside(&mut self, range: Range, reason: Reason, out: &mut Vec<Output>) {
        self.fates.extend(range.end(), Fate::Past);
        self.drop_where(&|batch| range.contains_range(batch.range), reason, out);
        self.lose(range, reason, out);
    }

    #[inline(never)]
    pub(crate) fn changed(&mut self) {
        self.version += 1;
    }

    /// Drops one batch, counts it, and erases it.
    #[inline(never)]
    pub(crate) fn drop_batch(&mut self, at: usize, reason: Reason, out: &mut Vec<Output>) {
        if let Some((range, has_key)) = self.batches.get(at).map(|batch| (batch.range, batch.has_key())) {
            self.remove(at);
            self.lose(range, reason, out);
            self.erase(range, has_key, out);
        }
    }

    /// Drops those batches that `is` tells.
    #[inline(never)]
    pub(crate) fn drop_where(&mut self, is: &dyn Fn(&Batch) -> bool, reason: Reason, out: &mut Vec<Output>) {
        let mut at = 0;
        while let Some(batch) = self.batches.get(at) {
            if is(batch) {
                self.drop_batch(at, reason, out);
            } else {
                at += 1;
            }
        }
    }

    /// Stored wins over everything else that was thought of a number; what is not ours stays so.
    pub(crate) fn acknowledge(&mut self, stored: &[Range], out: &mut Vec<Output>) {
        // A stream that came back may still have a past of its own.
        let is_ours: fn(Fate) -> bool = match self.role {
            Role::Adopted if self.past == 0 => |fate| fate != Fate::Past,
            _ => |fate| fate != Fate::Left,
        };
        for range in stored {
            self.fates.turn(*range, is_ours, Fate::Delivered);
        }
        let mut at = 0;
        while let Some((range, has_key)) = self.batches.get(at).map(|batch| (batch.range, batch.has_key())) {
            if self.fates.first(range, |fate| fate != Fate::Delivered).is_some() {
                at += 1;
            } else {
                self.remove(at);
                self.erase(range, has_key, out);
            }
        }
    }

    /// Keeps in memory what no storage has; the rest stays where it is, for an adopter.
    pub(crate) fn leave(&mut self, out: &mut Vec<Output>) {
        self.role = Role::Left;
        self.locked = false;
        self.is_closed = true;
        let mut at = 0;
        while let Some((range, is_saved)) = self.batches.get(at).map(|batch| (batch.range, batch.is_saved()))
        {
            if is_saved {
                self.fates.turn(range, |fate| fate == Fate::Held, Fate::Left);
                out.push(Output::Forget { stream: self.key, range });
                self.remove(at);
            } else {
                at += 1;
            }
        }
    }

    // ── The storage ──

    /// Forgets a batch, under whose key the storage may have something.
    pub(crate) fn erase(&self, range: Range, has_key: bool, out: &mut Vec<Output>) {
        let stream = self.key;
        out.push(if self.locked && has_key {
            Output::Erase { stream, range }
        } else {
            Output::Forget { stream, range }
        });
    }

    pub(crate) fn erase_line(&mut self, out: &mut Vec<Output>) {
        if self.locked {
            out.push(Output::EraseLine(self.key));
        }
        self.line_saved = LineSaved::Yes;
    }

    /// The storage took the lines of the batch below `end`; or it is full: what else waits would be refused too.
    pub(crate) fn wrote(&mut self, range: Range, is_taken: bool) {
        for batch in &mut self.batches {
            if is_taken && batch.range.start() == range.start() {
                batch.saved = range.end();
            }
            batch.refused |= !is_taken && !batch.is_saved();
        }
    }

    /// Something was erased: what was refused may fit now.
    pub(crate) fn retry_writes(&mut self) {
        for batch in &mut self.batches {
            batch.refused = false;
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

    pub(crate) fn is_flying(&self) -> bool {
        self.fetch.id != RequestId::NONE
    }

    pub(crate) fn has_news(&self) -> bool {
        self.version != self.told
    }

    /// The oldest batch's age limit. Adopted streams ask first: most of theirs is stored already.
    pub(crate) fn next_expiry(&self) -> Instant {
        if self.must_ask() && !self.failed {
            return Instant::NEVER;
        }
        let oldest = self.batches.first().filter(|batch| !batch.is_flying());
        oldest.map_or(Instant::NEVER, |batch| batch.expires)
    }
}

/// The stream of that name.
#[inline(never)]
pub(crate) fn find(streams: &mut [Outbox], key: StreamKey) -> Option<&mut Outbox> {
    streams.iter_mut().find(|outbox| outbox.key == key)
}

/// Not accounted for yet, by us or by whoever adopts what was left.
fn is_open(fate: Fate) -> bool {
    matches!(fate, Fate::Held | Fate::Past)
}
