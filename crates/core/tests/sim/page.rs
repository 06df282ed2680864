//! A page: the driver of one pipeline, which does what the contract asks of a driver.

use crate::storage::{key, range_of};
use crate::trace::{lines, name};
use crate::world::{SECOND, World, instant, unix};
use beaconry_core::{
    Answer, Body, Config, Duration, Event, FlushId, Number, Output, Page as Seen, Pipeline, Priority, Range,
    Ranges, Reason, Request, RequestId, Slot, StoreError, Stream, StreamId, Via,
};
use std::collections::{BTreeMap, BTreeSet};

/// A stream younger than this is not looked at: its page may still wait for the lock.
pub const TOO_YOUNG: u64 = 10 * SECOND;

/// What beacons and keepalive fetches share.
const BEACON_BYTES: usize = 64 * 1024;

/// Dead streams that one page takes at a time.
const MOST_ADOPTED: usize = 3;

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
    timer: Option<u64>,
    /// What was numbered, or lost, in the task that runs: dies with it.
    pub task: BTreeMap<StreamId, Ranges>,
    /// The lines of that task: the facade has them.
    task_lines: Vec<(Number, String, Priority)>,
    /// The mirror is written after the task.
    mirror: Vec<(crate::storage::Key, Option<Vec<u8>>)>,
    /// The storage refused something: from then on memory may be all there is.
    pub was_refused: bool,
    /// Dies after so many more outputs.
    pub dies_in: Option<u64>,
    /// Every stream that it began or adopted.
    had: BTreeSet<StreamId>,
    looks: u32,
    /// When it looks next.
    pub look: u64,
    pub is_off: bool,
    /// A stream was begun after `pagehide`.
    has_exit_stream: bool,
    beacons: usize,
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

    fn wait(&mut self, page: usize, at: Option<u64>) {
        self.pages[page].timer = at;
        if let Some(at) = at {
            assert!(at > self.now, "page {page}: a deadline that has passed: its driver would spin");
            self.set_timer(page, at);
        }
    }

    fn end_task(&mut self, page: usize) {
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

    fn carry_out(&mut self, page: usize, output: Output) {
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

    fn persist(&mut self, page: usize, slot: Slot, value: &[u8]) {
        let stream = slot.stream;
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

    fn erase(&mut self, page: usize, slot: Slot, range: Option<Range>) {
        let stream = slot.stream;
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

    fn load(&mut self, page: usize, stream: StreamId, range: Range) {
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

    fn count(&mut self, page: usize, stream: StreamId, reason: Reason, range: Range) {
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

    fn gate(&mut self, page: usize, until: u64) {
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

    fn switched_off(&mut self, page: usize) {
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

    fn check_and_send(&mut self, page: usize, request: Request) {
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
    fn check_gate(&self, page: usize, request: &Request, carried: &[Range]) {
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

    fn beacon(&mut self, page: usize, request: Request) {
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

    // ── What the browser tells ──

    pub fn timer(&mut self, page: usize, at: u64) {
        let host = &mut self.pages[page];
        if host.timer == Some(at) && host.runs() {
            host.timer = None;
            let now = self.instant();
            self.handle(page, |pipeline| pipeline.handle_timeout(now));
            self.drain(page);
        }
    }

    pub fn granted(&mut self, page: usize, stream: StreamId) {
        let host = &self.pages[page];
        if host.is_alive() && host.own == stream && !matches!(host.life, Life::Gone | Life::Cached) {
            assert!(self.locks.take(stream, page), "somebody else has the lock of {}", name(stream));
        }
    }

    pub fn open(&mut self) -> usize {
        let own = self.new_stream();
        let page = self.pages.len();
        let pipeline = pipeline(self, own, 0);
        self.pages.push(Page {
            pipeline,
            life: Life::Visible,
            age: 0,
            own,
            flights: BTreeMap::new(),
            flushed: Vec::new(),
            throttled_until: 0,
            timer: None,
            task: BTreeMap::new(),
            task_lines: Vec::new(),
            mirror: Vec::new(),
            was_refused: false,
            dies_in: None,
            had: BTreeSet::from([own]),
            looks: 0,
            look: 0,
            is_off: false,
            has_exit_stream: false,
            beacons: BEACON_BYTES,
        });
        self.say(|| format!("page {page} opens with {}", name(own)));
        let wait = self.rng.below(3 * SECOND);
        self.grant_in(page, wait);
        self.start(page);
        page
    }

    /// A pipeline runs on this page (again): it reads the gate, and looks for dead streams.
    fn start(&mut self, page: usize) {
        self.read_gate(page);
        self.drain(page);
        self.look_again(page);
    }

    pub fn read_gate(&mut self, page: usize) {
        let (now, until) = (self.instant(), self.storage.gate_until);
        if until > self.now {
            self.pages[page].throttled_until = until;
            self.handle(page, |pipeline| pipeline.handle_gate(now, instant(until)));
        }
    }

    /// Numbers an event; the task goes on.
    pub fn track(&mut self, page: usize, bytes: usize, priority: Priority) {
        self.begin_the_day(page);
        if !self.pages[page].can_track() {
            return;
        }
        let own = self.pages[page].own;
        let number = self.truth.entry(own).or_default().lines.len() as Number;
        let is_poison = self.rng.chance(self.poison);
        let line = event_line(own, number, bytes, is_poison);
        let now = self.instant();
        let result = self.handle(page, |pipeline| pipeline.track(now, Event { line: &line, priority }));
        self.say(|| {
            format!("page {page}: tracks {}.{number}, {bytes} bytes, {priority:?}: {result:?}", name(own))
        });
        match result {
            Err(beaconry_core::TrackError::Off) => {
                return assert!(self.pages[page].is_off, "page {page} cannot track");
            }
            Ok(given) => assert_eq!(given, number, "the number that follows"),
            Err(_) => {}
        }
        self.truth.entry(own).or_default().lines.push(line.as_bytes().to_vec());
        self.pages[page].task.entry(own).or_default().insert(Range::one(number).unwrap());
        self.pages[page].task_lines.push((number, line, priority));
        if priority == Priority::High || self.pages[page].pipeline.wants_drain() {
            self.drain(page);
        }
    }

    pub fn hide(&mut self, page: usize) {
        if self.pages[page].life != Life::Visible {
            return;
        }
        self.say(|| format!("page {page} is hidden"));
        self.pages[page].life = Life::Hidden;
        self.leave(page, Seen::Hidden);
    }

    pub fn show(&mut self, page: usize) {
        if self.pages[page].life != Life::Hidden {
            return;
        }
        self.say(|| format!("page {page} is shown"));
        self.pages[page].life = Life::Visible;
        self.pages[page].beacons = BEACON_BYTES;
        let now = self.instant();
        self.handle(page, |pipeline| pipeline.handle_page(now, Seen::Visible));
        self.drain(page);
    }

    fn leave(&mut self, page: usize, how: Seen) {
        let (now, bytes) = (self.instant(), self.pages[page].beacons);
        self.handle(page, |pipeline| pipeline.handle_page(now, how));
        self.handle(page, |pipeline| pipeline.handle_exit(now, bytes));
        self.drain(page);
    }

    /// The tab stays, and nothing of it runs. It keeps its locks.
    pub fn freeze(&mut self, page: usize) {
        self.hide(page);
        if self.pages[page].life == Life::Hidden {
            self.leave(page, Seen::Hidden);
        }
        if self.pages[page].life == Life::Hidden {
            self.say(|| format!("page {page} is frozen"));
            self.pages[page].life = Life::Frozen;
        }
    }

    pub fn resume(&mut self, page: usize) {
        if self.pages[page].life == Life::Frozen {
            self.say(|| format!("page {page} runs again"));
            self.pages[page].life = Life::Hidden;
            self.wake(page);
        }
    }

    fn wake(&mut self, page: usize) {
        self.pages[page].beacons = BEACON_BYTES;
        self.read_gate(page);
        let now = self.instant();
        self.handle(page, |pipeline| pipeline.handle_timeout(now));
        self.drain(page);
        self.look_again(page);
    }

    /// `pagehide`: leaves, and gives all locks back.
    pub fn page_hide(&mut self, page: usize) {
        if !matches!(self.pages[page].life, Life::Visible | Life::Hidden) {
            return;
        }
        self.say(|| format!("page {page}: pagehide"));
        self.pages[page].life = Life::Gone;
        self.leave(page, Seen::Gone);
        if !self.pages[page].is_alive() {
            return;
        }
        let (now, own) = (self.instant(), self.pages[page].own);
        for stream in self.locks.of(page).into_iter().filter(|stream| *stream != own) {
            self.handle(page, |pipeline| pipeline.release(now, stream));
        }
        self.drain(page);
        self.locks.release_all(page);
    }

    /// What web-vitals does: a `track` after `pagehide`. Begins a stream without a lock.
    pub fn track_after_pagehide(&mut self, page: usize) {
        if self.pages[page].life != Life::Gone || self.pages[page].is_off {
            return;
        }
        if !std::mem::replace(&mut self.pages[page].has_exit_stream, true) {
            self.begin_stream(page);
        }
        self.track(page, 120, Priority::Normal);
        self.drain(page);
    }

    pub fn begin_stream(&mut self, page: usize) {
        let own = self.new_stream();
        let stream = Stream { id: own, next: 0, age: Duration::ZERO };
        self.say(|| format!("page {page} begins {}", name(own)));
        let now = self.instant();
        self.handle(page, |pipeline| pipeline.begin_stream(now, stream));
        self.pages[page].own = own;
        self.pages[page].had.insert(own);
    }

    /// Into the back/forward cache: fetches are cut.
    pub fn cache(&mut self, page: usize) {
        self.page_hide(page);
        if self.pages[page].life == Life::Gone {
            self.say(|| format!("page {page} is in the back/forward cache"));
            self.pages[page].life = Life::Cached;
            self.pages[page].age += 1;
        }
    }

    /// `pageshow` from the back/forward cache: another stream, with a lock.
    pub fn page_show(&mut self, page: usize) {
        if self.pages[page].life != Life::Cached {
            return;
        }
        self.say(|| format!("page {page}: pageshow"));
        self.pages[page].life = Life::Visible;
        self.pages[page].has_exit_stream = false;
        let now = self.instant();
        for id in std::mem::take(&mut self.pages[page].flights).into_keys() {
            self.handle(page, |pipeline| pipeline.handle_answer(now, id, Answer::Unreachable));
        }
        self.handle(page, |pipeline| pipeline.handle_page(now, Seen::Visible));
        self.begin_stream(page);
        let wait = self.rng.below(3 * SECOND);
        self.grant_in(page, wait);
        self.wake(page);
    }

    fn begin_the_day(&mut self, page: usize) {
        let age = self.now - self.pages[page].own.birth_unix_ms();
        if age >= crate::world::DAY {
            self.roll_over(page);
        }
    }

    /// A day has passed: the page begins another stream, and gives the old one's lock back.
    pub fn roll_over(&mut self, page: usize) {
        if !matches!(self.pages[page].life, Life::Visible | Life::Hidden) {
            return;
        }
        let old = self.pages[page].own;
        self.drain(page);
        if !self.pages[page].can_track() {
            return;
        }
        self.begin_stream(page);
        let _ = self.locks.take(self.pages[page].own, page);
        self.drain(page);
        self.locks.release(old, page);
    }

    // ── Dead streams ──

    /// Looks now, and again later; the longer nothing was found, the later.
    pub fn look_again(&mut self, page: usize) {
        let host = &mut self.pages[page];
        if !matches!(host.life, Life::Visible | Life::Hidden) || host.is_off {
            return;
        }
        host.looks = (host.looks + 1).min(9);
        let wait = (10 * SECOND) << host.looks;
        let jitter = self.rng.below(SECOND);
        if self.look(page) > 0 {
            self.pages[page].looks = 0;
            self.drain(page);
        }
        let at = self.now + wait + jitter;
        self.pages[page].look = at;
        self.look_at(page, at);
    }

    /// Adopts what it can. Returns how many streams.
    pub fn look(&mut self, page: usize) -> usize {
        let mut found = 0;
        for stream in self.storage.streams() {
            let birth = stream.birth_unix_ms();
            let is_young = birth <= self.now && self.now < birth + TOO_YOUNG;
            let is_ours = stream == self.pages[page].own;
            if is_young
                || is_ours
                || self.locks.of(page).len() > MOST_ADOPTED
                || self.locks.holder(stream).is_some()
            {
                continue;
            }
            self.locks.take(stream, page);
            self.adopt(page, stream);
            found += 1;
        }
        found
    }

    pub fn adopt(&mut self, page: usize, stream: StreamId) {
        let line = self.storage.line(stream).cloned();
        let holds = self.storage.batches(stream);
        self.say(|| format!("page {page} adopts {}: {} {holds:?}", name(stream), line.is_some()));
        let now = self.instant();
        let age = Duration::from_millis(self.now.saturating_sub(stream.birth_unix_ms()));
        self.pages[page].had.insert(stream);
        self.handle(page, |pipeline| pipeline.adopt(now, stream, line.as_deref(), age, &holds)).unwrap();
    }

    // ── Ends ──

    /// The renderer dies, or the page is closed: what only its memory had is gone.
    pub fn kill(&mut self, page: usize) {
        if !self.pages[page].is_alive() {
            return;
        }
        self.say(|| format!("page {page} dies"));
        let host = &self.pages[page];
        let streams: Vec<_> = host.pipeline.books().iter().map(|(id, _)| id).collect();
        let was_refused = host.was_refused;
        for stream in streams {
            let mut lost = self.unknown(stream);
            self.subtract_held_elsewhere(page, stream, &mut lost);
            let task = self.pages[page].task.get(&stream).cloned().unwrap_or_default();
            self.excuse(
                stream,
                &lost,
                if was_refused { "in memory only" } else { "the task of the track call" },
            );
            lost.subtract(&task);
            assert!(
                lost.is_empty() || was_refused,
                "page {page} dies with {} {lost:?}, although the storage took everything",
                name(stream)
            );
        }
        self.locks.release_all(page);
        self.pages[page].life = Life::Dead;
        self.pages[page].timer = None;
    }

    /// Takes out what another page has, which left the stream and lives on.
    fn subtract_held_elsewhere(&self, page: usize, stream: StreamId, numbers: &mut Ranges) {
        let others = self.pages.iter().enumerate().filter(|(at, other)| *at != page && other.is_alive());
        for book in others.filter_map(|(_, other)| other.pipeline.books().stream(stream)) {
            let mut held = Range::new(0, book.tracked()).map(Ranges::from).unwrap_or_default();
            held.subtract(book.delivered());
            held.subtract(book.released());
            numbers.subtract(&held);
        }
    }

    fn kill_in_task(&mut self, page: usize) {
        self.say(|| format!("page {page}: within a task"));
        self.kill(page);
    }

    /// The wasm traps within a task: a fresh instance gets the stream, the next number, and the task's lines.
    pub fn trap(&mut self, page: usize) {
        let host = &mut self.pages[page];
        if !matches!(host.life, Life::Visible | Life::Hidden) || host.is_off {
            return;
        }
        let (own, life) = (host.own, host.life);
        let handed = std::mem::take(&mut host.task_lines);
        let others: Vec<_> = host.pipeline.books().iter().map(|(id, _)| id).filter(|id| *id != own).collect();
        self.say(|| format!("page {page} traps; {} lines are handed over", handed.len()));
        self.lose_memory_of(page, &others);
        let given = self.truth.get(&own).map_or(0, |truth| truth.lines.len() as Number);
        let next = handed.first().map_or(given, |(number, ..)| *number);
        let fresh = pipeline(self, own, next);
        let host = &mut self.pages[page];
        host.pipeline = fresh;
        host.age += 1;
        host.flights.clear();
        host.timer = None;
        self.hand_over(page, own, &handed);
        if life == Life::Hidden {
            let now = self.instant();
            self.handle(page, |pipeline| pipeline.handle_page(now, Seen::Hidden));
        }
        for stream in self.locks.of(page).into_iter().filter(|stream| *stream != own) {
            self.adopt(page, stream);
        }
        self.read_gate(page);
        self.drain(page);
    }

    fn lose_memory_of(&mut self, page: usize, streams: &[StreamId]) {
        for stream in streams {
            let mut lost = self.unknown(*stream);
            self.subtract_held_elsewhere(page, *stream, &mut lost);
            assert!(
                lost.is_empty() || self.pages[page].was_refused,
                "{} {lost:?} were lost by a trap",
                name(*stream)
            );
            self.excuse(*stream, &lost, "in the memory that trapped");
        }
        // Drops that the old instance counted and no storage took are told as `trap` once an answer came; not before.
        if !self.unknown(self.pages[page].own).is_empty() {
            self.pages[page].was_refused = true;
        }
    }

    /// First the lines that are not yet written, then what the storage knows of the stream.
    fn hand_over(&mut self, page: usize, own: StreamId, handed: &[(Number, String, Priority)]) {
        let now = self.instant();
        for (number, line, priority) in handed {
            let result =
                self.handle(page, |pipeline| pipeline.track(now, Event { line, priority: *priority }));
            assert!(result.is_err() || result == Ok(*number), "a handed line keeps its number");
            self.pages[page].task.entry(own).or_default().insert(Range::one(*number).unwrap());
        }
        let line = self.storage.line(own).map(|line| beaconry_core::StreamLine::decode(line).unwrap());
        for (reason, numbers) in line.iter().flat_map(|line| line.dropped.iter()) {
            for range in numbers.iter() {
                self.handle(page, |pipeline| pipeline.count_dropped(now, own, reason, range));
            }
        }
        for range in self.storage.batches(own) {
            let value = self.storage.read((own, u64::from(range.start()) + 1)).cloned().unwrap();
            self.handle(page, |pipeline| pipeline.offer(now, own, &value)).unwrap();
        }
    }

    /// The browser is killed: all pages die, and the storages lose what they had not committed.
    pub fn kill_browser(&mut self, local_ms: u64, mirror_ms: u64) {
        self.say(|| {
            format!(
                "the browser is killed: {local_ms} ms of localStorage are lost, {mirror_ms} of the mirror"
            )
        });
        for page in 0..self.pages.len() {
            self.kill(page);
        }
        let streams: Vec<_> = self.truth.keys().copied().collect();
        let before: Vec<_> = streams.iter().map(|stream| self.unknown(*stream)).collect();
        self.storage.local.roll_back(self.now.saturating_sub(local_ms));
        self.storage.mirror.roll_back(self.now.saturating_sub(mirror_ms));
        for (stream, before) in streams.into_iter().zip(before) {
            let mut lost = self.unknown(stream);
            lost.subtract(&before);
            self.excuse(stream, &lost, "the second that the disk needs");
        }
    }

    /// The driver makes room: the oldest value of a stream that it holds goes, and is counted.
    pub fn evict(&mut self, page: usize) {
        if !self.pages[page].runs() || self.pages[page].is_off {
            return;
        }
        let held = self.locks.of(page);
        let Some(stream) = held.into_iter().find(|stream| !self.storage.batches(*stream).is_empty()) else {
            return;
        };
        let range = self.storage.batches(stream)[0];
        self.say(|| format!("page {page} evicts {} {range:?}", name(stream)));
        let key = (stream, u64::from(range.start()) + 1);
        self.storage.local.set(self.now, key, None);
        self.pages[page].mirror.push((key, None));
        self.pages[page].task.entry(stream).or_default().insert(range);
        self.pages[page].was_refused = true;
        let now = self.instant();
        self.handle(page, |pipeline| pipeline.count_dropped(now, stream, Reason::Full, range));
        self.drain(page);
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
fn event_line(stream: StreamId, number: Number, bytes: usize, is_poison: bool) -> String {
    let poison = if is_poison { "poison" } else { "" };
    let head = format!(r#"{{"type":"log","ts":1,"data":{{"id":"{}.{number}","m":"{poison}"#, name(stream));
    format!("{head}{}\"}}}}", "x".repeat(bytes.saturating_sub(head.len() + 3)))
}
