//! A page: the driver of one pipeline. It keeps the texts, and does what the contract asks of a driver.

use crate::storage::{Storage, batch_key, range_of};
use crate::texts::Texts;
use crate::trace::{lines, name};
use crate::world::{SECOND, World};
use beaconry_core::{
    Answer, Body, Config, Fate, Fates, Identity, Number, Output, Pipeline, Range, Ranges, Reason, Request,
    RequestId, Stream, StreamId, StreamKey, StreamLine, Via,
};
use std::collections::{BTreeMap, BTreeSet};

/// A stream younger than this is not looked at: its page may still wait for the lock.
pub const TOO_YOUNG: u64 = 10 * SECOND;

/// What beacons and keepalive fetches share.
pub const BEACON_BYTES: u32 = 64 * 1024;

/// Dead streams that one page takes at a time.
pub const MOST_ADOPTED: usize = 3;

/// Bytes tracked in one task after which the page drains at once, so that a burst finds room.
pub const MOST_UNWRITTEN: usize = 12_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    Visible,
    Hidden,
    /// Between `pagehide` and the end or the back/forward cache.
    Gone,
    /// In the back/forward cache, after `pagehide`; or frozen as a hidden tab.
    Cached,
    Frozen,
    Dead,
}

/// A request as it leaves the page.
pub struct Post {
    pub id: RequestId,
    pub stream: StreamId,
    pub via: Via,
    pub body: Vec<u8>,
}

/// A request that is out by fetch.
pub struct Flight {
    pub stream: StreamId,
    pub carried: Vec<Range>,
}

pub struct Page {
    pub pipeline: Pipeline,
    /// The streams by the numbers that are their names in the pipeline.
    pub names: Vec<StreamId>,
    pub texts: Texts,
    /// Who wrote the lines of the streams that it adopted.
    pub identities: BTreeMap<StreamId, Identity>,
    /// The context, as raw members of a batch line.
    pub members: &'static str,
    /// Its own streams before the present one.
    pub left: Vec<StreamId>,
    /// Bytes tracked since the last drain.
    pub unwritten: usize,
    pub is_draining: bool,
    pub life: Life,
    /// Grows with each instance of the pipeline: what was sent by an earlier one is nobody's.
    pub age: u32,
    pub own: StreamId,
    pub flights: BTreeMap<RequestId, Flight>,
    pub flushed: u64,
    /// True time: no fetch before this, as the page knows.
    pub throttled_until: u64,
    pub timer: Option<u64>,
    /// What was numbered, or lost, in the task that runs: dies with it.
    pub task: BTreeMap<StreamId, Ranges>,
    /// The mirror is written after the task.
    pub mirror: Vec<(crate::storage::Key, Option<Vec<u8>>)>,
    /// The storage refused something: from then on memory may be all there is.
    pub was_refused: bool,
    /// The streams that it took, and has not given back.
    pub holds: BTreeSet<StreamId>,
    /// Its own stream has no lease yet.
    pub waits_for_lease: bool,
    /// When it renews its leases next.
    pub renews_at: u64,
    /// Dies after so many more outputs.
    pub dies_in: Option<u64>,
    /// Pages see the streams of their own scope alone.
    pub scope: u8,
    /// Every stream that it began or adopted.
    pub had: BTreeSet<StreamId>,
    pub looks: u32,
    /// When it looks next.
    pub look: u64,
    pub is_off: bool,
    /// A stream was begun after `pagehide`.
    pub has_exit_stream: bool,
    pub beacons: u32,
}

impl Page {
    pub fn runs(&self) -> bool {
        matches!(self.life, Life::Visible | Life::Hidden | Life::Gone)
    }

    pub fn is_alive(&self) -> bool {
        self.life != Life::Dead
    }

    /// The pipeline's name for a stream.
    pub fn key(&mut self, id: StreamId) -> StreamKey {
        let at = self.names.iter().position(|other| *other == id).unwrap_or_else(|| {
            self.names.push(id);
            self.names.len() - 1
        });
        StreamKey(u32::try_from(at).unwrap())
    }

    /// The stream of that name.
    pub fn id(&self, key: StreamKey) -> StreamId {
        self.names[key.0 as usize]
    }

    /// What became of each stream's numbers.
    pub fn books(&self) -> Vec<(StreamId, &Fates)> {
        self.pipeline.books().map(|(key, fates)| (self.id(key), fates)).collect()
    }

    /// The stream's line as the pipeline has it now.
    pub fn line(&self, key: StreamKey) -> StreamLine {
        let line = self.pipeline.line(key).unwrap_or_else(|| panic!("no line of {}", name(self.id(key))));
        let identity = self.identities.get(&self.id(key)).filter(|_| !line.is_renewed);
        line.to_wire(self.id(key), identity.cloned().unwrap_or_default())
    }

    /// Memory has what the pipeline thinks, and what it alone has is no more than the budget allows.
    fn check_texts(&self, storage: &Storage, budget: u32) {
        let is_stored = |key: StreamKey, range: Range| {
            storage.read(batch_key(self.id(key), range.start())).is_some_and(|value| range_of(value) == range)
        };
        let bytes = self.texts.bytes_but(is_stored);
        assert!(bytes <= budget, "{bytes} bytes of text, of {budget} allowed");
        for (key, range) in self.texts.iter() {
            let is_held = self.pipeline.books().filter(|(stream, _)| *stream == key).any(|(_, fates)| {
                fates.iter().any(|(held, fate)| fate == Fate::Held && held.intersection(range).is_some())
            });
            assert!(is_held, "the text of {} {range:?} is kept for nothing", name(self.id(key)));
        }
    }

    /// Whether numbers can be given out.
    pub fn can_track(&self) -> bool {
        self.runs() && !self.is_off
    }
}

/// A fresh pipeline on `stream`.
pub fn pipeline(world: &mut World, stream: Stream) -> Pipeline {
    let seed = world.rng.next() as u32;
    let config: Config = world.config.clone();
    Pipeline::new(world.instant(), config, stream, seed)
}

impl World {
    // ── The drain ──

    /// Calls the pipeline and checks its books.
    pub fn handle<T>(&mut self, page: usize, call: impl FnOnce(&mut Pipeline) -> T) -> T {
        let result = call(&mut self.pages[page].pipeline);
        assert!(self.pages[page].pipeline.check(), "page {page}: the books do not balance");
        result
    }

    /// Polls until nothing is left to do, or the page dies at it.
    pub fn drain(&mut self, page: usize) {
        if !self.pages[page].runs() {
            return;
        }
        self.pages[page].is_draining = true;
        self.poll(page);
        self.pages[page].is_draining = false;
        self.pages[page].unwritten = 0;
    }

    fn poll(&mut self, page: usize) {
        for steps in 0.. {
            assert!(steps < 50_000, "page {page}: a drain without end");
            if self.pages[page].dies_in.is_some_and(|left| left == 0) {
                return self.kill_in_task(page);
            }
            if let Some(left) = &mut self.pages[page].dies_in {
                *left -= 1;
            }
            let output = self.handle(page, Pipeline::poll_output);
            if let Output::Wait(span) = output {
                self.pages[page].check_texts(&self.storage, self.config.memory_bytes);
                self.free_texts(page);
                self.wait(page, span.map(|span| self.now + u64::from(span.as_millis())));
                break;
            }
            self.carry_out(page, output);
            assert!(self.pages[page].pipeline.check(), "page {page}: the books do not balance");
        }
        self.end_task(page);
    }

    pub fn wait(&mut self, page: usize, at: Option<u64>) {
        self.pages[page].timer = at;
        if let Some(at) = at {
            assert!(at > self.now, "page {page}: a deadline that has passed: its driver would spin");
            self.set_timer(page, at);
        }
    }

    pub fn end_task(&mut self, page: usize) {
        self.pages[page].task.clear();
        for (key, value) in std::mem::take(&mut self.pages[page].mirror) {
            if !self.storage.has_mirror
                || value.is_none() && self.storage.loses_deletes && self.rng.chance(100)
            {
                continue;
            }
            self.storage.mirror.set(self.now, key, value);
        }
        if self.pages[page].is_off {
            self.say(|| format!("page {page} is off"));
            assert_eq!(self.pages[page].texts.iter().next(), None, "page {page} is off, and keeps a text");
            self.let_all_go(page);
            self.pages[page].life = Life::Dead;
        }
    }

    pub fn carry_out(&mut self, page: usize, output: Output) {
        match output {
            Output::PersistLine(key) => self.persist_line(page, key),
            Output::Persist { stream, range } => self.persist(page, stream, range),
            Output::EraseLine(key) => {
                let stream = self.writable(page, key);
                self.say(|| format!("page {page}: erases the line of {}", name(stream)));
                self.remove(page, (stream, 0));
            }
            Output::Erase { stream, range } => self.erase(page, stream, range),
            Output::Forget { stream, range } => self.forget(page, stream, range),
            Output::Send(request) => self.check_and_send(page, request),
            Output::Dropped { stream, reason, range } => self.count(page, stream, reason, range),
            Output::Flushed => self.pages[page].flushed += 1,
            Output::Settled(key) => {
                let stream = self.pages[page].id(key);
                self.say(|| format!("page {page}: {} is settled", name(stream)));
                assert!(self.pages[page].texts.of(key).is_empty(), "a text of {} is left", name(stream));
                self.let_go(page, stream);
                self.settled.insert(stream);
            }
            Output::Gate(span) => self.gate(page, self.now + u64::from(span.as_millis())),
            Output::Off => self.switched_off(page),
            Output::Wait(_) => {}
        }
    }

    // ── What it is told ──

    fn count(&mut self, page: usize, key: StreamKey, reason: Reason, range: Range) {
        let stream = self.pages[page].id(key);
        self.say(|| format!("page {page}: drops {} {range:?} as {reason:?}", name(stream)));
        if reason == Reason::Full {
            for flight in self.pages[page].flights.values().filter(|flight| flight.stream == stream) {
                let hit = flight.carried.iter().find(|carried| carried.intersection(range).is_some());
                assert!(hit.is_none(), "page {page}: drops {} {range:?} while it is in flight", name(stream));
            }
        }
        self.reasons.push(reason);
        self.truth.entry(stream).or_default().counted.insert(range);
        self.pages[page].task.entry(stream).or_default().insert(range);
    }

    pub fn switched_off(&mut self, page: usize) {
        self.say(|| format!("page {page}: switched off"));
        self.turn_off();
        self.pages[page].is_off = true;
        for stream in self.pages[page].had.clone() {
            self.off.insert(stream);
            // Counted, but the last line's answer is ignored.
            let all = self.given(stream);
            self.excuse(stream, &all, "switched off");
        }
    }

    // ── Sending ──

    fn check_and_send(&mut self, page: usize, request: Request) {
        let Request { id, stream: key, via } = request;
        let host = &mut self.pages[page];
        let stream = host.id(key);
        let carried: Vec<Range> = host.pipeline.carried(id).collect();
        let mut body = Vec::new();
        host.line(key).encode(&mut body);
        let mut gone = Vec::new();
        for range in &carried {
            let stored =
                self.storage.read(batch_key(stream, range.start())).filter(|value| range_of(value) == *range);
            match host.texts.text_to_send(key, *range).as_ref().or(stored) {
                Some(text) => body.extend_from_slice(text),
                None => gone.push(*range),
            }
        }
        let carried: Vec<Range> = carried.into_iter().filter(|range| !gone.contains(range)).collect();
        for range in gone {
            let now = self.instant();
            self.handle(page, |pipeline| pipeline.count_dropped(now, key, Reason::Storage, range));
        }
        self.say(|| format!("page {page}: sends {id:?} by {via:?}, {}{}", name(stream), lines(&body)));
        let read: Vec<_> =
            Body::decode(&body).unwrap().map(|batch| batch.head.unwrap().range().unwrap()).collect();
        assert_eq!(read, carried, "page {page}: what is sent reads otherwise");
        let limit = 4 * self.config.first_request_bytes as usize; // grown twice
        assert!(
            via == Via::Beacon || carried.len() < 2 || body.len() <= limit,
            "page {page}: {} bytes",
            body.len()
        );
        let request = Post { id, stream, via, body };
        self.check_gate(page, &request, &carried);
        if via == Via::Beacon {
            return self.beacon(page, request);
        }
        self.pages[page].flights.insert(id, Flight { stream, carried });
        self.send(page, request);
    }

    /// Retry-After holds for all, but for beacons with what no storage has.
    fn check_gate(&self, page: usize, request: &Post, carried: &[Range]) {
        let host = &self.pages[page];
        // The last line of a client that was switched off goes all the same.
        if self.now >= host.throttled_until || host.is_off {
            return;
        }
        assert_eq!(request.via, Via::Beacon, "page {page}: fetches although a Retry-After holds");
        let is_ours = self.locks.holder(request.stream) == Some(page);
        for range in carried.iter().filter(|_| is_ours) {
            let value = self.storage.local.values.get(&batch_key(request.stream, range.start()));
            let is_stored = value.is_some_and(|value| range_of(value).contains_range(*range));
            assert!(
                !is_stored,
                "page {page}: a beacon carries {range:?}, which is stored, although a Retry-After holds"
            );
        }
    }

    fn beacon(&mut self, page: usize, request: Post) {
        let is_refused = self.rng.chance(self.weather.no_beacon)
            || (self.pages[page].beacons as usize) < request.body.len();
        let (id, now) = (request.id, self.instant());
        let answer = if is_refused { Answer::NotSent } else { Answer::HandedOff };
        self.say(|| format!("  beacon {id:?}: {answer:?}"));
        if !is_refused {
            self.pages[page].beacons -= request.body.len() as u32;
            self.send(page, request);
        }
        self.handle(page, |pipeline| pipeline.handle_answer(now, id, answer));
    }
}

/// The app waits for what it has tracked.
pub fn flush(world: &mut World, page: usize) {
    if world.pages[page].runs() {
        world.keep_leases(page);
        let now = world.instant();
        world.handle(page, |pipeline| pipeline.flush(now));
        world.drain(page);
    }
}

/// An event line of about so many bytes that names its own number: the same number never comes with other bytes.
pub fn event_line(stream: StreamId, number: Number, bytes: usize, is_poison: bool) -> String {
    let poison = if is_poison { "poison" } else { "" };
    let head = format!(r#"{{"type":"log","ts":1,"data":{{"id":"{}.{number}","m":"{poison}"#, name(stream));
    format!("{head}{}\"}}}}", "x".repeat(bytes.saturating_sub(head.len() + 3)))
}
