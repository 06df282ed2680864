//! The pipeline: routes each input to the part that it concerns. It alone knows all parts; the other `impl` blocks
//! stand beside it by question: memory (`memory`), adoption, draining (`drain`), sending, leaving (`exit`), answers.

use crate::{
    Config, Duration, Fate, Fates, Instant, Link, Number, Output, Page, Priority, Range, Reason, RequestId,
    Stream, StreamKey, Totals, TrackError, Tracked,
    batch::Batch,
    books,
    config::{BURST_PAUSE, HEAD_ROOM},
    gate::Gate,
    outbox::{LineSaved, Outbox, Role, find},
    rng::Rng,
    sending::DOUBLINGS,
};
use alloc::vec::Vec;

/// Numbers, batches, persists, sends and accounts for events. See the [crate documentation](crate) for the contract.
#[derive(Debug)]
pub struct Pipeline {
    pub(crate) config: Config,
    pub(crate) now: Instant,
    pub(crate) rng: Rng,
    pub(crate) gate: Gate,
    /// The own one first; then those that were left, and as many adopted ones as the driver holds locks for.
    pub(crate) streams: Vec<Outbox>,
    /// Books of streams that are gone.
    pub(crate) settled: Totals,
    /// What comes after the writes of a drain, in order. Bounded by the inputs: each call adds a few, and the driver drains
    /// after each.
    pub(crate) out: Vec<Output>,
    /// How many of them have been polled.
    pub(crate) polled: usize,
    /// The write that was polled last, until its result is in.
    pub(crate) writing: Option<Writing>,
    pub(crate) page: Page,
    /// An exit was announced with so many bytes; the next drain boards it.
    pub(crate) exit: Option<u32>,
    /// Something was erased in this drain: what was refused may fit.
    pub(crate) erased: bool,
    /// Bytes that were evicted since the storage took a batch.
    pub(crate) evicted: u32,
    /// A flush waits for its marks.
    pub(crate) flushing: bool,
    /// Bytes of the members in the batch lines to come.
    pub(crate) context: u32,
    /// Bytes tracked since the own stream last sent.
    pub(crate) waiting: u32,
    /// Whose turn it is among the other streams: one that fails goes to the back.
    pub(crate) turn: usize,
    /// How often the size of requests has doubled.
    pub(crate) doubled: u32,
    /// How often it may.
    pub(crate) doublings: u32,
    pub(crate) off: bool,
    pub(crate) last_request: u32,
}

/// A write whose result is awaited: of a batch as far as it had grown, or of a stream line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writing {
    pub(crate) stream: StreamKey,
    pub(crate) batch: Option<Range>,
}

/// What a stream line tells, but for the names that the driver knows: `tracked` is [`Fates::tracked`], `dropped` are the numbers
/// of each [`Fate::Dropped`], `holds` those that are [`Fate::Held`] or [`Fate::Left`].
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// What became of all numbers.
    pub fates: &'a Fates,
    /// Nothing more will be numbered.
    pub is_closed: bool,
    /// A collector could not read the line as it was: it is to be made without what another page wrote into it.
    pub is_renewed: bool,
}

// ── Commands ──

impl Pipeline {
    /// One that has not [begun](Self::begin), and takes nothing. A constant: as the content of a static it needs no code.
    pub const IDLE: Self = Self {
        config: Config::DEFAULT,
        now: Instant::from_millis(0),
        rng: Rng::new(0),
        gate: Gate::new(),
        streams: Vec::new(),
        settled: Totals::ZERO,
        out: Vec::new(),
        polled: 0,
        writing: None,
        page: Page::Visible,
        exit: None,
        erased: false,
        evicted: 0,
        flushing: false,
        context: 0,
        waiting: 0,
        turn: 0,
        doubled: 0,
        doublings: DOUBLINGS,
        off: true,
        last_request: 0,
    };

    /// One that [begins](Self::begin) at once.
    pub fn new(now: Instant, config: Config, stream: Stream, seed: u32) -> Self {
        let mut pipeline = Self { config, ..Self::IDLE };
        pipeline.begin(now, stream, seed);
        pipeline
    }

    /// The limits, to be set before it begins.
    pub fn config_mut(&mut self) -> &mut Config {
        &mut self.config
    }

    /// Begins with `stream` as its own, once. Numbers below `stream.next` were given out by someone else (the facade): they
    /// are [`Fate::Past`] until they are [offered](Self::offer) or counted as dropped; what the first answer then shows
    /// neither stored nor held is dropped as [`Reason::Trap`]. `seed` spreads the retries.
    pub fn begin(&mut self, now: Instant, stream: Stream, seed: u32) {
        self.advance(now);
        self.config.bound();
        self.rng = Rng::new(seed);
        self.begin_own(stream);
        self.off = false;
    }

    /// Numbers an event and puts it into the open batch: `bytes` of UTF-8, a line of JSON without its line break; 0 for what is
    /// no event. The hot path: no allocation in the common case.
    ///
    /// # Errors
    /// See [`TrackError`]: but for `Off`, the loss is counted under the number that the event got.
    pub fn track(&mut self, now: Instant, bytes: u32, priority: Priority) -> Result<Tracked, TrackError> {
        self.advance(now);
        let Some(own) = self.streams.first_mut().filter(|own| !own.is_closed) else {
            return Err(TrackError::Off);
        };
        let number = own.fates.tracked();
        if self.off || number == Number::MAX {
            return Err(TrackError::Off);
        }
        if bytes == 0 {
            return Err(self.lose_new(number, Reason::Invalid, TrackError::Invalid));
        }
        if bytes > self.config.max_event_bytes {
            return Err(self.lose_new(number, Reason::TooLarge, TrackError::TooLarge));
        }
        let bytes = bytes + 1; // its line break
        let since = self.config.max_age.less(self.config.flush_after);
        let now = self.now;
        let limit = own.open_limit(&self.config);
        let grown = own.open().filter(|open| {
            open.range.end() == number
                && open.range.len() < self.config.max_batch_events
                && open.bytes + bytes <= limit
                && now + since < open.expires
        });
        let begins_batch = grown.is_none();
        match grown {
            Some(open) => open.grow(bytes, priority),
            None => {
                let bytes = HEAD_ROOM + self.context + bytes;
                if !self.begin_batch(number, bytes, priority) {
                    return Err(self.lose_new(number, Reason::Full, TrackError::Full));
                }
            }
        }
        self.waiting += bytes;
        let after = if self.waiting >= self.config.flush_bytes {
            // The timers of a hidden page are late, and it may be discarded.
            if self.page == Page::Visible { BURST_PAUSE } else { Duration::ZERO }
        } else if priority == Priority::High {
            self.config.error_after
        } else {
            self.config.flush_after
        };
        if let Some(own) = self.streams.first_mut() {
            own.fates.extend(number + 1, Fate::Held);
            own.want(self.now + after);
        }
        Ok(Tracked { number, begins_batch })
    }

    /// The members of the batch lines have changed, and take so many bytes: seals the open batch.
    pub fn set_context(&mut self, now: Instant, bytes: u32) {
        self.advance(now);
        self.seal();
        self.context = bytes;
    }

    /// Counts what was lost outside the core: what cannot be read or was evicted. Batches in the range are gone with it;
    /// delivered numbers, and those of other batches, are not lost. A range beyond the stream's numbers extends them. A stream
    /// that is not here is ignored.
    pub fn count_dropped(&mut self, now: Instant, stream: StreamKey, reason: Reason, range: Range) {
        self.advance(now);
        if let Some(outbox) = find(&mut self.streams, stream) {
            // Evicted while it grows, it is as a sealed batch: only memory has it now.
            outbox.is_open = false;
            outbox.lose_outside(range, reason, &mut self.out);
        }
    }

    /// Takes over what a stream's line tells as dropped: whoever counted it has told the app. What is
    /// [offered](Self::offer) after it is held all the same.
    pub fn know_dropped(&mut self, now: Instant, stream: StreamKey, reason: Reason, range: Range) {
        self.advance(now);
        if let Some(outbox) = find(&mut self.streams, stream) {
            outbox.fates.extend(range.end(), Fate::Past);
            outbox.fates.turn(range, |fate| fate == Fate::Past, Fate::Dropped(reason));
        }
    }

    /// Sends what the gate allows, at once. [`Output::Flushed`] follows once nothing that was tracked before is held; a
    /// second flush moves that mark. The time-out is the driver's.
    pub fn flush(&mut self, now: Instant) {
        self.advance(now);
        self.flushing = true;
        for outbox in self.streams.iter_mut().filter(|outbox| outbox.role != Role::Adopted) {
            outbox.mark = outbox.fates.tracked();
            outbox.want(now);
        }
    }

    /// What a stream's line tells now. None for a stream that is gone.
    pub fn line(&self, stream: StreamKey) -> Option<Line<'_>> {
        let outbox = self.streams.iter().find(|outbox| outbox.key == stream)?;
        Some(Line { fates: &outbox.fates, is_closed: outbox.is_closed, is_renewed: outbox.is_renewed })
    }

    /// The batches that a request carries, as long as its answer is awaited.
    pub fn carried(&self, request: RequestId) -> impl Iterator<Item = Range> + '_ {
        let is_its = |outbox: &&Outbox| outbox.fetch.id == request || outbox.beacon.0 == request;
        let batches = self.streams.iter().find(is_its).map_or(&[][..], |outbox| &outbox.batches);
        let is_carried = move |batch: &&Batch| batch.flight == request || batch.beacon == request;
        batches.iter().filter(is_carried).map(|batch| batch.range)
    }

    /// Counts over all streams that this pipeline had.
    pub fn totals(&self) -> Totals {
        let mut totals = self.settled;
        for (_, fates) in self.books() {
            totals.add(fates);
        }
        totals
    }

    /// What became of every number: the own stream's first, then those that were left or adopted.
    pub fn books(&self) -> impl Iterator<Item = (StreamKey, &Fates)> {
        self.streams.iter().map(|outbox| (outbox.key, &outbox.fates))
    }

    /// The invariant: what batches have is held, what is held is in a batch, and the memory budget holds. Costs as much
    /// as there are batches; debug builds check it at the end of each drain.
    pub fn check(&self) -> bool {
        self.streams.iter().all(books::balances) && self.used_bytes() <= self.config.memory_bytes
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
        self.page = page;
        if page == Page::Visible {
            return self.ask_soon();
        }
        self.seal();
        if let Some(own) = self.streams.first_mut()
            && page == Page::Gone
            && !own.is_closed
            && !self.off
        {
            own.is_closed = true;
            own.changed();
        }
    }

    /// The page may end now, and so many bytes are left for beacons. May come more than once: what a beacon took is
    /// not sent again before an answer told that it is missing.
    pub fn handle_exit(&mut self, now: Instant, beacon_bytes: u32) {
        self.advance(now);
        self.seal();
        self.exit = Some(beacon_bytes);
    }

    /// Whether the storage took what was to be written last.
    pub fn handle_stored(&mut self, now: Instant, is_taken: bool) {
        self.advance(now);
        let Some(writing) = self.writing.take() else { return };
        self.erased &= is_taken;
        let Some(outbox) = find(&mut self.streams, writing.stream) else { return };
        match writing.batch {
            Some(range) => {
                outbox.wrote(range, is_taken);
                if is_taken {
                    self.evicted = 0;
                } else {
                    self.evict(writing.stream, range);
                }
            }
            None if !is_taken => outbox.line_saved = LineSaved::Refused,
            None if outbox.line_saved == LineSaved::Writing => outbox.line_saved = LineSaved::Yes,
            None => {} // outdated meanwhile
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

    /// Closes the open batch: its text never changes again.
    pub(crate) fn seal(&mut self) {
        if let Some(own) = self.streams.first_mut() {
            own.is_open = false;
        }
    }

    /// The own stream is the first one.
    pub(crate) fn begin_own(&mut self, stream: Stream) {
        let mut own = Outbox::new(stream.key, Role::Own, self.expiry(stream));
        own.fates.extend(stream.next, Fate::Past);
        if stream.next > 0 {
            // Someone else gave these out: ask soon what became of them, even if nothing is tracked any more.
            own.past = stream.next;
            own.changed();
        }
        self.streams.insert(0, own);
    }

    /// When what a stream has reaches the age limit at the latest.
    pub(crate) fn expiry(&self, stream: Stream) -> Instant {
        self.now + self.config.max_age.less(stream.age)
    }

    fn begin_batch(&mut self, number: Number, bytes: u32, priority: Priority) -> bool {
        self.seal();
        let need = bytes.max(self.config.max_batch_bytes);
        let has_room = self.make_room(need, priority);
        let range = Range::one(number).filter(|_| has_room);
        let (Some(range), Some(own)) = (range, self.streams.first_mut()) else { return false };
        let batch = Batch::new(range, bytes, priority, self.now + self.config.max_age);
        own.insert(own.batches.len(), batch);
        own.is_open = true;
        true
    }

    fn lose_new(&mut self, number: Number, reason: Reason, error: TrackError) -> TrackError {
        if let (Some(own), Some(range)) = (self.streams.first_mut(), Range::one(number)) {
            own.fates.extend(range.end(), Fate::Held);
            own.lose(range, reason, &mut self.out);
        }
        error
    }
}
