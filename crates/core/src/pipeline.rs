//! The pipeline: routes each input to the part that it concerns. It alone knows all parts; the other `impl` blocks
//! stand beside it by question: memory (`memory`), adoption, draining (`drain`), sending, leaving (`exit`), answers.

use crate::{
    BadContext, Books, Config, Context, Duration, Event, FlushId, Instant, Link, Number, Page, Part,
    Priority, Range, Reason, RequestId, Slot, StoreError, Stream, StreamId, StreamLine, Totals, TrackError,
    Via,
    batcher::Batcher,
    books,
    gate::Gate,
    outbox::{LineSaved, Outbox, Role},
    outputs::Outputs,
    rng::Rng,
    streams::Streams,
};
use alloc::vec::Vec;

/// Pending flushes. The next ones join the newest, which then waits for them too: 64 unanswered promises are a leak.
const MAX_FLUSHES: usize = 64;

/// Numbers, batches, persists, sends and accounts for events. See the [crate documentation](crate) for the contract.
#[derive(Debug)]
pub struct Pipeline {
    pub(crate) config: Config,
    pub(crate) now: Instant,
    pub(crate) rng: Rng,
    pub(crate) gate: Gate,
    /// The open batch of the own stream.
    pub(crate) batcher: Batcher,
    pub(crate) streams: Streams,
    /// Books of streams that are gone.
    pub(crate) settled: Totals,
    pub(crate) flights: Vec<Flight>,
    pub(crate) flushes: Vec<Flush>,
    pub(crate) out: Outputs,
    /// The write that was polled last, until its result is in.
    pub(crate) writing: Option<Writing>,
    pub(crate) page: Page,
    /// An exit was announced with so many bytes; the next drain boards it.
    pub(crate) exit: Option<usize>,
    /// Something was erased in this drain: what was refused may fit.
    pub(crate) erased: bool,
    /// Bytes tracked since the own stream last sent.
    pub(crate) waiting: usize,
    /// Bytes tracked since the last drain.
    pub(crate) unwritten: usize,
    /// Whose turn it is among the other streams: one that fails goes to the back.
    pub(crate) turn: usize,
    pub(crate) off: bool,
    pub(crate) next_request: u32,
    next_flush: u32,
}

/// A request whose answer is awaited.
#[derive(Debug)]
pub(crate) struct Flight {
    pub(crate) id: RequestId,
    pub(crate) stream: StreamId,
    pub(crate) via: Via,
    pub(crate) sent: Instant,
    /// The version of the stream line that it tells.
    pub(crate) version: u32,
    pub(crate) bytes: usize,
    /// The batches that it carries.
    pub(crate) carried: Vec<Range>,
}

/// A flush waits until each stream holds nothing below its mark.
#[derive(Debug)]
pub(crate) struct Flush {
    pub(crate) id: FlushId,
    pub(crate) marks: Vec<(StreamId, Number)>,
}

/// A write whose result is awaited.
#[derive(Debug)]
pub(crate) struct Writing {
    pub(crate) slot: Slot,
    /// For a batch: the end of the lines that were written.
    pub(crate) end: Number,
    /// For a stream line: the version that was written.
    pub(crate) version: u32,
}

// ── Commands ──

impl Pipeline {
    /// Begins with `stream` as its own. Numbers below `stream.next` were given out by someone else (the facade): they
    /// count as released until they are [offered](Self::offer) or counted as dropped; what the first answer then
    /// shows neither stored nor held is dropped as [`Reason::Trap`]. `seed` spreads the retries.
    pub fn new(now: Instant, config: Config, stream: Stream, seed: u64) -> Self {
        let config = config.bounded();
        let own = own_stream(now, &config, stream);
        Self {
            rng: Rng::new(seed),
            gate: Gate::new(now),
            batcher: Batcher::new(now),
            streams: Streams { own, others: Vec::new() },
            settled: Totals::default(),
            flights: Vec::new(),
            flushes: Vec::new(),
            out: Outputs::default(),
            writing: None,
            page: Page::Visible,
            exit: None,
            erased: false,
            waiting: 0,
            unwritten: 0,
            turn: 0,
            off: false,
            next_request: 0,
            next_flush: 0,
            now,
            config,
        }
    }

    /// Numbers an event and puts it into the open batch. The hot path: no allocation in the common case.
    ///
    /// # Errors
    /// See [`TrackError`]: but for `Off`, the loss is counted under the number that the event got.
    pub fn track(&mut self, now: Instant, event: Event<'_>) -> Result<Number, TrackError> {
        self.advance(now);
        let number = self.streams.own.book.tracked;
        if self.off || self.streams.own.line.closed || number == Number::MAX {
            return Err(TrackError::Off);
        }
        let bytes = event.line.len();
        if bytes > self.config.max_event_bytes {
            return Err(self.lose_new(Reason::TooLarge, TrackError::TooLarge));
        }
        if !event.is_one_object() {
            return Err(self.lose_new(Reason::Invalid, TrackError::Invalid));
        }
        if self.must_seal(number, bytes) {
            self.seal();
        }
        if self.batcher.is_empty() {
            let need = self.batcher.bytes_with(bytes).max(self.config.max_batch_bytes);
            if !self.make_room(need, event.priority) {
                return Err(self.lose_new(Reason::Full, TrackError::Full));
            }
        }
        self.batcher.append(now, number, event.line, event.priority);
        self.streams.own.book.tracked = number + 1;
        self.unwritten += bytes;
        self.waiting += bytes;
        self.schedule(event.priority);
        Ok(number)
    }

    /// What the next events share. Seals the open batch if it is another context than before.
    ///
    /// # Errors
    /// See [`BadContext`].
    pub fn set_context(&mut self, now: Instant, context: Context<'_>) -> Result<(), BadContext> {
        self.advance(now);
        let is_fine = context.members.len() <= self.config.max_context_bytes && context.is_one_line();
        let context = if is_fine { context } else { Context::default() };
        if context.members.as_bytes() != self.batcher.context() {
            self.seal();
            self.batcher.set_context(context);
        }
        if is_fine { Ok(()) } else { Err(BadContext) }
    }

    /// Counts what was lost outside the core: an unreadable or evicted value, a number of the facade that has no
    /// line. What is in memory is not lost, and delivered numbers are not dropped; a range beyond the stream's
    /// numbers extends them. A stream that is not here is ignored.
    pub fn count_dropped(&mut self, now: Instant, stream: StreamId, reason: Reason, range: Range) {
        self.advance(now);
        let Some(index) = self.streams.position(stream) else { return };
        if self.open_range(index).and_then(|open| open.intersection(range)).is_some() {
            // Evicted while it grows: as of a sealed batch, only memory has it now.
            self.seal();
        }
        let open = self.open_range(index);
        let Some(outbox) = self.streams.at_mut(index) else { return };
        outbox.lost_outside(range, reason, open, &mut self.out);
    }

    /// Sends what the gate allows, at once. [`Output::Flushed`] follows once nothing that was tracked before is held.
    /// The time-out is the driver's.
    pub fn flush(&mut self, now: Instant) -> FlushId {
        self.advance(now);
        let mut marks = Vec::new();
        for index in 0..self.streams.len() {
            if let Some(outbox) = self.streams.at_mut(index).filter(|outbox| outbox.role != Role::Adopted) {
                outbox.want(now);
                marks.push((outbox.id, outbox.book.tracked));
            }
        }
        let is_full = self.flushes.len() >= MAX_FLUSHES;
        if let Some(last) = self.flushes.last_mut().filter(|last| is_full || last.marks == marks) {
            last.marks = marks;
            return last.id;
        }
        let id = FlushId(self.next_flush);
        self.next_flush = self.next_flush.wrapping_add(1);
        self.flushes.push(Flush { id, marks });
        id
    }

    /// Whether so much is not yet written that the driver should drain now instead of in its microtask.
    pub fn wants_drain(&self) -> bool {
        self.unwritten >= self.config.drain_bytes
    }

    /// What became of every number.
    pub fn books(&self) -> Books<'_> {
        Books::new(&self.streams, &self.settled)
    }

    /// The invariant: the books balance for each stream, and the memory budget holds. Costs as much as there are
    /// batches; debug builds check it at the end of each drain.
    pub fn check(&self) -> bool {
        let balanced = (0..self.streams.len()).all(|index| {
            self.streams.at(index).is_some_and(|outbox| books::balances(outbox, self.open_range(index)))
        });
        balanced && self.used_bytes() <= self.config.memory_bytes
    }
}

// ── What happened outside ──

impl Pipeline {
    /// Another tab was told to wait.
    pub fn handle_gate(&mut self, now: Instant, until: Instant) {
        self.advance(now);
        self.gate.throttle(now, until);
    }

    /// The browser's belief about the network: a hint.
    pub fn handle_link(&mut self, now: Instant, link: Link) {
        self.advance(now);
        match link {
            Link::Online => self.gate.came_online(now),
            Link::Offline => self.gate.went_offline(now, &self.config),
        }
    }

    /// The page is shown, hidden or gone. `Hidden` and `Gone` seal; the drain writes and, where something is new,
    /// ends in beacons. After `Gone` nothing is numbered until [`begin_stream`](Self::begin_stream).
    pub fn handle_page(&mut self, now: Instant, page: Page) {
        self.advance(now);
        if page == Page::Visible {
            self.ask_soon();
        } else {
            self.seal();
        }
        if page == Page::Gone && !self.streams.own.line.closed && !self.off {
            self.streams.own.line.closed = true;
            self.streams.own.changed();
        }
        self.page = page;
    }

    /// The page may end now, and so many bytes are left for beacons. May come more than once: what a beacon took is
    /// not sent again before an answer told that it is missing.
    pub fn handle_exit(&mut self, now: Instant, beacon_bytes: usize) {
        self.advance(now);
        self.seal();
        self.exit = Some(beacon_bytes);
    }

    /// The result of the [`Output::Persist`] that was polled last. Any other is ignored.
    pub fn handle_stored(&mut self, now: Instant, slot: Slot, result: Result<(), StoreError>) {
        self.advance(now);
        if let Some(writing) = self.writing.take_if(|writing| writing.slot == slot) {
            self.wrote(&writing, result.is_ok());
        }
    }

    /// Time has passed. Early or repeated: does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
    }
}

// ── Shared by the parts ──

impl Pipeline {
    /// A clock that went back stands still here.
    #[inline(never)]
    pub(crate) fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// The open batch's numbers, if the stream at `index` is the one that has it.
    #[inline(never)]
    pub(crate) fn open_range(&self, index: usize) -> Option<Range> {
        self.batcher.range().filter(|_| index == 0)
    }

    /// Closes the open batch: its bytes never change again.
    pub(crate) fn seal(&mut self) {
        let expires = self.batcher.since() + self.config.max_age;
        if let Some(batch) = self.batcher.seal(expires) {
            self.streams.own.insert(batch);
        }
    }

    fn must_seal(&self, number: Number, bytes: usize) -> bool {
        !self.batcher.is_empty()
            && (self.batcher.end() != number
                || self.batcher.bytes_with(bytes) > self.config.max_batch_bytes
                || self.batcher.count() >= self.config.max_batch_events
                || self.now >= self.batcher.since() + self.config.flush_after)
    }

    fn schedule(&mut self, priority: Priority) {
        let after =
            if priority == Priority::High { self.config.error_after } else { self.config.flush_after };
        let at = if self.waiting >= self.config.flush_bytes { self.now } else { self.now + after };
        self.streams.own.want(at);
    }

    fn lose_new(&mut self, reason: Reason, error: TrackError) -> TrackError {
        let own = &mut self.streams.own;
        let number = own.book.tracked;
        own.book.tracked = number.saturating_add(1);
        if let Some(range) = Range::new(number, own.book.tracked) {
            own.lose(range, reason, &mut self.out);
        }
        error
    }

    /// What a write's result changes.
    pub(crate) fn wrote(&mut self, writing: &Writing, taken: bool) {
        let Slot { stream, part } = writing.slot;
        let is_own = stream == self.streams.own.id;
        let Some(outbox) = self.streams.find(stream) else { return };
        match part {
            Part::Line if !taken => outbox.line_saved = LineSaved::Refused,
            Part::Line if outbox.version == writing.version => outbox.line_saved = LineSaved::Yes,
            Part::Line => outbox.line_saved = LineSaved::Outdated,
            Part::Batch(first) if is_own && !self.batcher.is_empty() && self.batcher.first() == first => {
                self.batcher.stored(writing.end, taken);
            }
            Part::Batch(first) if taken => outbox.stored(first, writing.end),
            Part::Batch(_) => outbox.refused(),
        }
        self.erased &= taken;
    }
}

/// A stream that is begun here: its line names this client and tells no drops yet.
pub(crate) fn own_stream(now: Instant, config: &Config, stream: Stream) -> Outbox {
    let left = config.max_age.as_millis().saturating_sub(stream.age.as_millis());
    let line = StreamLine::new(stream.id, config.identity.clone());
    let mut outbox = Outbox::new(Role::Own, line, now + Duration::from_millis(left));
    outbox.cover(stream.next);
    outbox.past = stream.next;
    if stream.next > 0 {
        // Someone else gave these out: ask soon what became of them, even if nothing is tracked any more.
        outbox.changed();
    }
    outbox
}
