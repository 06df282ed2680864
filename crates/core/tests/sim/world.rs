//! One origin, its pages, a network and a collector, in virtual time.

use crate::collector::{Collector, Mishap, Response, Sent};
use crate::heard::Heard;
use crate::locks::Locks;
use crate::network::Weather;
use crate::page::{Life, Page, Post};
use crate::plain::{PLAIN, Plain};
use crate::rng::Rng;
use crate::storage::Storage;
use crate::trace::{Trace, lines};
use crate::truth::Truth;
use beaconry_core::{Answer, Config, Duration, Instant, Reason, RequestId, StreamId, Via};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Unix ms at which every world begins.
pub const START: u64 = 1_763_877_600_000;

pub const SECOND: u64 = 1000;
pub const DAY: u64 = 24 * 60 * 60 * SECOND;

/// What the driver gives a fetch.
pub const TIME_OUT: u64 = 30 * SECOND;

/// What is going to happen.
enum Event {
    Timer {
        page: usize,
        at: u64,
    },
    /// The page looks for dead streams.
    Look {
        page: usize,
        at: u64,
    },
    /// The browser grants the page its own stream's lock.
    Grant {
        page: usize,
        stream: StreamId,
    },
    /// The page renews its leases.
    Renew {
        page: usize,
        at: u64,
    },
    /// A page without wasm delivers what there is.
    Round {
        page: usize,
        at: u64,
    },
    /// At the network's other end. `reply` names who still listens.
    Arrive {
        sent: Sent,
        reply: Option<(usize, u32, RequestId)>,
    },
    /// Back at the page; nothing: a cut, a time-out.
    Answer {
        to: (usize, u32, RequestId),
        response: Option<Response>,
    },
}

/// What a scenario does to one request.
pub enum Script {
    /// At the collector.
    Collector(Mishap),
    /// Somebody else answers.
    Instead(Response),
}

pub struct World {
    /// The true time, by which all that runs evenly goes: the pages' timers, the collector.
    pub now: u64,
    /// How far the machine's clock is ahead of it.
    pub clock_error: i64,
    pub rng: Rng,
    pub trace: Trace,
    pub config: Config,
    pub storage: Storage,
    pub locks: Locks,
    pub weather: Weather,
    pub collector: Collector,
    pub collector_down_until: u64,
    pub pages: Vec<Page>,
    /// Pages whose wasm never comes.
    pub plain: Vec<Plain>,
    pub truth: BTreeMap<StreamId, Truth>,
    /// Reasons under which anything was dropped.
    pub reasons: Vec<Reason>,
    pub settled: BTreeSet<StreamId>,
    /// Streams of pages that were switched off: their last line may be lost.
    pub off: BTreeSet<StreamId>,
    /// What happens to the next requests, instead of chance.
    pub script: VecDeque<Script>,
    /// How often the rarer things happened: a simulator in which they do not proves nothing.
    pub reached: BTreeMap<&'static str, u64>,
    /// Requests that reached the collector.
    pub received: u64,
    queue: BTreeMap<(u64, u64), Event>,
    serial: u64,
    pub streams: u64,
    /// Per mille of the events that the collector cannot read.
    pub poison: u64,
    /// Per mille of the writes in which the app tracks: somebody patched `setItem`.
    pub tracks_in_writes: u64,
}

impl World {
    pub fn new(seed: u64, config: Config) -> Self {
        Self {
            now: START,
            clock_error: 0,
            rng: Rng::new(seed),
            trace: Trace::default(),
            config,
            storage: Storage::default(),
            locks: Locks { clock: START, ..Locks::default() },
            weather: Weather::default(),
            collector: Collector::default(),
            collector_down_until: 0,
            pages: Vec::new(),
            plain: Vec::new(),
            truth: BTreeMap::new(),
            reasons: Vec::new(),
            settled: BTreeSet::new(),
            off: BTreeSet::new(),
            script: VecDeque::new(),
            reached: BTreeMap::new(),
            received: 0,
            queue: BTreeMap::new(),
            serial: 0,
            streams: 0,
            poison: 0,
            tracks_in_writes: 0,
        }
    }

    pub fn say(&self, what: impl FnOnce() -> String) {
        self.trace.say(self.now, what);
    }

    pub fn reach(&mut self, what: &'static str) {
        *self.reached.entry(what).or_default() += 1;
    }

    /// The monotonic clock of all pages.
    pub fn instant(&self) -> Instant {
        instant(self.now)
    }

    pub fn new_stream(&mut self) -> StreamId {
        self.streams += 1;
        let mut random = [0; 10];
        random[2..].copy_from_slice(&self.streams.to_be_bytes());
        StreamId::new(self.wall(), random)
    }

    fn push(&mut self, at: u64, event: Event) {
        self.serial += 1;
        self.queue.insert((at.max(self.now), self.serial), event);
    }

    // ── What the pages ask for ──

    pub fn set_timer(&mut self, page: usize, at: u64) {
        self.push(at, Event::Timer { page, at });
    }

    pub fn look_at(&mut self, page: usize, at: u64) {
        self.push(at, Event::Look { page, at });
    }

    pub fn plain_round(&mut self, page: usize, at: u64) {
        self.push(at, Event::Round { page, at });
    }

    pub fn renew_at(&mut self, page: usize, at: u64) {
        self.push(at, Event::Renew { page, at });
    }

    pub fn grant_in(&mut self, page: usize, ms: u64) {
        let stream = self.pages[page].own;
        self.push(self.now + ms, Event::Grant { page, stream });
    }

    pub fn send(&mut self, page: usize, request: Post) {
        let reply = (page, self.pages.get(page).map_or(0, |page| page.age), request.id);
        let answered = (request.via == Via::Fetch).then_some(reply);
        let (there, back) = (self.rng.between(5, 400), self.rng.between(5, 400));
        let weather = &self.weather;
        if weather.is_down || self.rng.chance(weather.lose) {
            self.say(|| format!("  {:?} of page {page} is lost", request.id));
            if let Some(to) = answered {
                self.push(self.now + back, Event::Answer { to, response: None });
            }
            return;
        }
        let sent = Sent { by_clock: self.wall(), body: request.body };
        if self.rng.chance(self.weather.duplicate) {
            let at = self.now + self.rng.between(5, 5 * TIME_OUT);
            self.push(at, Event::Arrive { sent: sent.clone(), reply: None });
        }
        if self.rng.chance(self.weather.late) {
            let at = self.now + self.rng.between(TIME_OUT, 60 * TIME_OUT);
            self.push(at, Event::Arrive { sent, reply: None });
            if let Some(to) = answered {
                self.push(self.now + TIME_OUT, Event::Answer { to, response: None });
            }
            return;
        }
        self.push(self.now + there, Event::Arrive { sent, reply: answered });
    }

    // ── What happens ──

    /// Goes to the next event, not beyond `until`. False: there was none.
    pub fn step(&mut self, until: u64) -> bool {
        let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= until) else {
            self.now = self.now.max(until);
            self.locks.clock = self.wall();
            return false;
        };
        let ((at, _), event) = entry.remove_entry();
        self.now = self.now.max(at);
        self.locks.clock = self.wall();
        self.happen(event);
        true
    }

    pub fn run(&mut self, ms: u64) {
        let until = self.now + ms;
        while self.step(until) {}
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Timer { page, at } => self.timer(page, at),
            Event::Look { page, at } if self.pages[page].look == at => self.look_again(page),
            Event::Look { .. } => {}
            Event::Round { page, at } => self.drain_plain(page, at),
            Event::Renew { page, at } => self.renew(page, at),
            Event::Grant { page, stream } => self.granted(page, stream),
            Event::Arrive { sent, reply } => self.arrive(&sent, reply),
            Event::Answer { to, response } => self.answer(to, response),
        }
    }

    fn arrive(&mut self, sent: &Sent, reply: Option<(usize, u32, RequestId)>) {
        let response = self.respond(sent);
        let is_cut = self.rng.chance(self.weather.cut);
        let Some(to) = reply else { return };
        let response = match response {
            Some(mut response) if is_cut && self.rng.chance(500) => {
                let half = response.body.len() / 2;
                response.body.truncate(half);
                Some(response)
            }
            response => response.filter(|_| !is_cut),
        };
        let at = self.now + self.rng.between(5, 400);
        self.push(at, Event::Answer { to, response });
    }

    fn respond(&mut self, sent: &Sent) -> Option<Response> {
        if self.now < self.collector_down_until {
            return None;
        }
        self.received += 1;
        match self.script.pop_front() {
            Some(Script::Collector(mishap)) => return self.deliver(sent, mishap),
            Some(Script::Instead(response)) => return Some(response),
            None => {}
        }
        if let Some(response) = self.weather.in_between(&mut self.rng) {
            self.say(|| format!("  somebody else answers {}", response.status));
            return Some(response);
        }
        let mishap = self.mishap();
        self.deliver(sent, mishap)
    }

    fn mishap(&mut self) -> Mishap {
        if !self.rng.chance(self.weather.mishap) {
            return Mishap::None;
        }
        match self.rng.below(3) {
            0 => Mishap::CrashBefore { kept: self.rng.below(6) as usize, delivery: self.rng.chance(500) },
            1 => Mishap::CrashAfter,
            _ => Mishap::FsyncFails,
        }
    }

    /// One request at the collector.
    fn deliver(&mut self, sent: &Sent, mishap: Mishap) -> Option<Response> {
        self.say(|| format!("  collector, {mishap:?}:{}", lines(&sent.body)));
        let response = self.collector.receive(self.now, sent, mishap);
        self.collector.check();
        if response.is_none() {
            self.collector_down_until = self.now + self.rng.between(1, 60 * SECOND);
        }
        self.say(|| match &response {
            Some(response) => {
                format!("  collector: {} {}", response.status, String::from_utf8_lossy(&response.body))
            }
            None => format!("  collector: dies, {mishap:?}"),
        });
        response
    }

    fn answer(&mut self, to: (usize, u32, RequestId), response: Option<Response>) {
        let (page, age, id) = to;
        if page >= PLAIN {
            return self.answer_plain(page - PLAIN, id, response.as_ref());
        }
        let host = &mut self.pages[page];
        if host.age != age || host.life == Life::Dead || host.is_off {
            return;
        }
        if !host.runs() {
            // Waits in the event queue of a frozen page.
            self.push(self.now + 20 * SECOND, Event::Answer { to, response });
            return;
        }
        self.keep_leases(page);
        let now = self.instant();
        let (status, retry_after, heard) = match &response {
            Some(response) => {
                let retry_after = response.retry_after.map(Duration::from_secs);
                (u32::from(response.status), retry_after, Heard::parse(&response.body))
            }
            None => (0, None, Heard::Nothing),
        };
        let answer = Answer::from_http(now, status, retry_after, heard.said());
        self.say(|| format!("page {page}: {id:?} is answered: {answer:?}"));
        self.pages[page].flights.remove(&id);
        if let Answer::Throttled { until } = answer {
            self.pages[page].throttled_until = self.pages[page].throttled_until.max(unix(until));
        }
        self.handle(page, |pipeline| pipeline.handle_answer(now, id, answer));
        self.drain(page);
    }
}

pub fn instant(now: u64) -> Instant {
    Instant::from_millis(now - START + 1_000_000)
}

/// Back from the pages' clock.
pub fn unix(at: Instant) -> u64 {
    (at.as_millis() + START).saturating_sub(1_000_000)
}
