//! A page: the driver of one pipeline, which does what the contract asks of a driver.

use crate::storage::{key, range_of};
use crate::trace::{lines, name};
use crate::world::{SECOND, World, instant, unix};
use beaconry_core::{
    Answer, Body, Config, Duration, FlushId, Number, Output, Pipeline, Priority, Range, Ranges, Reason,
    Request, RequestId, Slot, StoreError, Stream, StreamId, Via,
};
use std::collections::{BTreeMap, BTreeSet};

/// A stream younger than this is not looked at: its page may still wait for the lock.
pub const TOO_YOUNG: u64 = 10 * SECOND;

/// What beacons and keepalive fetches share.
pub const BEACON_BYTES: usize = 64 * 1024;

/// Dead streams that one page takes at a time.
pub const MOST_ADOPTED: usize = 3;

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

/// A request that is out by fetch.
pub struct Flight {
    pub stream: StreamId,
    pub carried: Vec<Range>,
}

pub struct Page {
    pub pipeline: Pipeline,
    pub life: Life,
    /// Grows with each instance of the pipeline: what was sent by an earlier one is nobody's.
    pub age: u32,
    pub own: StreamId,
    pub flights: BTreeMap<RequestId, Flight>,
    pub flushed: Vec<FlushId>,
    /// Unix ms: no fetch before this, as the page knows.
    pub throttled_until: u64,
    pub timer: Option<u64>,
    /// What was numbered, or lost, in the task that runs: dies with it.
    pub task: BTreeMap<StreamId, Ranges>,
    /// The lines of that task: the facade has them.
    pub task_lines: Vec<(Number, String, Priority)>,
    /// The mirror is written after the task.
    pub mirror: Vec<(crate::storage::Key, Option<Vec<u8>>)>,
    /// The storage refused something: from then on memory may be all there is.
    pub was_refused: bool,
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
    pub beacons: usize,
}

impl Page {
    pub fn runs(&self) -> bool {
        matches!(self.life, Life::Visible | Life::Hidden | Life::Gone)
    }

    pub fn is_alive(&self) -> bool {
        self.life != Life::Dead
    }

    /// Whether numbers can be given out.
    pub fn can_track(&self) -> bool {
        self.runs() && !self.is_off
    }
}

/// A fresh pipeline on `stream`.
pub fn pipeline(world: &mut World, stream: StreamId, next: Number) -> Pipeline {
    let seed = world.rng.next();
    let age = Duration::from_millis(world.now.saturating_sub(stream.birth_unix_ms()));
    let config: Config = world.config.clone();
    Pipeline::new(world.instant(), config, Stream { id: stream, next, age }, seed)
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
        for steps in 0.. {
            assert!(steps < 50_000, "page {page}: a drain without end");
            if self.pages[page].dies_in.is_some_and(|left| left == 0) {
                return self.kill_in_task(page);
            }
            if let Some(left) = &mut self.pages[page].dies_in {
                *left -= 1;
            }
            let output = self.handle(page, Pipeline::poll_output);
            if let Output::Wait(at) = output {
                self.wait(page, at.map(unix));
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
        self.pages[page].task_lines.clear();
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
            self.locks.release_all(page);
            self.pages[page].life = Life::Dead;
        }
    }

    pub fn carry_out(&mut self, page: usize, output: Output) {
        match output {
            Output::Persist { slot, value } => self.persist(page, slot, &value),
            Output::Erase { slot, range } => self.erase(page, slot, range),
            Output::Load { stream, range } => self.load(page, stream, range),
            Output::Send(request) => self.check_and_send(page, request),
            Output::Dropped { stream, reason, range } => self.count(page, stream, reason, range),
            Output::Flushed(id) => self.pages[page].flushed.push(id),
            Output::Settled(stream) => {
                self.say(|| format!("page {page}: {} is settled", name(stream)));
                self.locks.release(stream, page);
                self.settled.insert(stream);
            }
            Output::Gate { until } => self.gate(page, unix(until)),
            Output::Off => self.switched_off(page),
            Output::Wait(_) => {}
        }
    }

    pub fn persist(&mut self, page: usize, slot: Slot, value: &[u8]) {
        let stream = slot.stream;
        assert!(self.pages[page].had.contains(&stream), "page {page} writes {}", name(stream));
        if let Some(holder) = self.locks.holder(stream) {
            assert_eq!(holder, page, "writes {}, whose lock another page has", name(stream));
        }
        let is_taken = self.storage.write(self.now, key(slot), value);
        self.say(|| {
            format!("page {page}: writes {} {:?}, {is_taken}{}", name(stream), slot.part, lines(value))
        });
        if is_taken {
            self.pages[page].mirror.push((key(slot), Some(value.to_vec())));
        } else {
            self.pages[page].was_refused = true;
        }
        let now = self.instant();
        let result = if is_taken { Ok(()) } else { Err(StoreError) };
        self.handle(page, |pipeline| pipeline.handle_stored(now, slot, result));
    }

    pub fn erase(&mut self, page: usize, slot: Slot, range: Option<Range>) {
        let stream = slot.stream;
        assert!(self.pages[page].had.contains(&stream), "page {page} erases {}", name(stream));
        if let Some(holder) = self.locks.holder(stream) {
            assert_eq!(holder, page, "erases {}, whose lock another page has", name(stream));
        }
        let found = self.storage.read(key(slot)).cloned();
        if let (Some(range), Some(value)) = (range, &found) {
            let found = range_of(value);
            if !range.contains_range(found) {
                self.say(|| format!("page {page}: {} {found:?} is longer than {range:?}", name(stream)));
                let (now, value) = (self.instant(), value.clone());
                self.handle(page, |pipeline| pipeline.offer(now, stream, &value)).unwrap();
                return;
            }
            let mut lost = Ranges::from(found);
            lost.subtract(&self.collector.ever_stored(stream));
            lost.subtract(&self.truth.entry(stream).or_default().counted);
            assert!(
                lost.is_empty(),
                "erases {} {lost:?}, which are neither stored nor counted",
                name(stream)
            );
        }
        self.say(|| format!("page {page}: erases {} {:?}", name(stream), slot.part));
        self.storage.local.set(self.now, key(slot), None);
        self.pages[page].mirror.push((key(slot), None));
    }

    pub fn load(&mut self, page: usize, stream: StreamId, range: Range) {
        if self.late_loads && self.rng.chance(400) {
            let ms = self.rng.between(1, 300);
            self.load_in(page, ms, stream, range);
        } else {
            self.answer_load(page, stream, range);
        }
    }

    pub fn answer_load(&mut self, page: usize, stream: StreamId, range: Range) {
        let now = self.instant();
        let value = self.storage.read((stream, u64::from(range.start()) + 1)).cloned();
        self.say(|| format!("page {page}: loads {} {range:?}: {}", name(stream), value.is_some()));
        self.handle(page, |pipeline| match value {
            Some(value) => pipeline.offer(now, stream, &value).unwrap(),
            None => pipeline.count_dropped(now, stream, Reason::Storage, range),
        });
    }

    pub fn count(&mut self, page: usize, stream: StreamId, reason: Reason, range: Range) {
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

    pub fn gate(&mut self, page: usize, until: u64) {
        self.say(|| format!("page {page}: told to wait until {until}"));
        self.storage.gate_until = self.storage.gate_until.max(until);
        // The `storage` event: all tabs that run hear of it at once.
        for other in 0..self.pages.len() {
            if self.pages[other].runs() {
                self.pages[other].throttled_until = self.pages[other].throttled_until.max(until);
            }
            if other != page && self.pages[other].runs() {
                let now = self.instant();
                self.handle(other, |pipeline| pipeline.handle_gate(now, instant(until)));
                self.drain(other);
            }
        }
    }

    pub fn switched_off(&mut self, page: usize) {
        self.say(|| format!("page {page}: switched off"));
        self.storage.off_until = self.now + crate::world::DAY;
        self.pages[page].is_off = true;
        for stream in self.pages[page].had.clone() {
            self.off.insert(stream);
            // Counted, but the last line's answer is ignored.
            let all = self.given(stream);
            self.excuse(stream, &all, "switched off");
        }
    }

    // ── Sending ──

    pub fn check_and_send(&mut self, page: usize, request: Request) {
        let stream = request.stream;
        self.say(|| {
            format!(
                "page {page}: sends {:?} by {:?}, {}{}",
                request.id,
                request.via,
                name(stream),
                lines(&request.body)
            )
        });
        let carried: Vec<_> =
            Body::decode(&request.body).unwrap().map(|batch| batch.head.unwrap().range().unwrap()).collect();
        self.check_gate(page, &request, &carried);
        if request.via == Via::Beacon {
            return self.beacon(page, request);
        }
        let flight = Flight { stream, carried };
        self.pages[page].flights.insert(request.id, flight);
        self.send(page, request);
    }

    /// Retry-After holds for all, but for beacons with what no storage has.
    pub fn check_gate(&self, page: usize, request: &Request, carried: &[Range]) {
        let host = &self.pages[page];
        // The last line of a client that was switched off goes all the same.
        if self.now >= host.throttled_until || host.is_off {
            return;
        }
        assert_eq!(request.via, Via::Beacon, "page {page}: fetches although a Retry-After holds");
        let is_ours = self.locks.holder(request.stream) == Some(page);
        for range in carried.iter().filter(|_| is_ours) {
            let value = self.storage.local.values.get(&(request.stream, u64::from(range.start()) + 1));
            let is_stored = value.is_some_and(|value| range_of(value).contains_range(*range));
            assert!(
                !is_stored,
                "page {page}: a beacon carries {range:?}, which is stored, although a Retry-After holds"
            );
        }
    }

    pub fn beacon(&mut self, page: usize, request: Request) {
        let is_refused =
            self.rng.chance(self.weather.no_beacon) || self.pages[page].beacons < request.body.len();
        let (id, now) = (request.id, self.instant());
        let answer = if is_refused { Answer::NotSent } else { Answer::HandedOff };
        self.say(|| format!("  beacon {id:?}: {answer:?}"));
        if !is_refused {
            self.pages[page].beacons -= request.body.len();
            self.send(page, request);
        }
        self.handle(page, |pipeline| pipeline.handle_answer(now, id, answer));
    }
}

/// The app waits for what it has tracked.
pub fn flush(world: &mut World, page: usize) {
    if world.pages[page].runs() {
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
