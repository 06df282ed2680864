//! A driver for tests: it keeps the texts, as the JavaScript does, and has a storage, a collector of real wire bytes, and
//! virtual time. Every poll checks the books.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod heard;
mod outside;
mod texts;

use beaconry_core::{
    Answer, BatchLine, Config, Duration, Fate, Identity, Instant, Number, Offer, Output, Page, Pipeline,
    Priority, Range, Ranges, Reason, Request, RequestId, Stream, StreamId, StreamKey, StreamLine, TrackError,
    Via,
};
use heard::Heard;
#[allow(unused_imports, reason = "each test file uses its part")]
pub use outside::{Collector, Sent, Storage, batches_of, line_of};
use std::collections::{BTreeMap, BTreeSet};
use texts::Texts;

pub const BIRTH: u64 = 1_763_877_600_000;

/// Of the jitter. Any number with many bits: a small one begins with waits of no time.
const SEED: u32 = 0x2545_f491;

pub fn stream(n: u8) -> StreamId {
    StreamId::new(BIRTH, [n; 10])
}

/// The driver's name for `stream(n)`.
pub fn key(n: u8) -> StreamKey {
    StreamKey(u32::from(n))
}

fn id(key: StreamKey) -> StreamId {
    stream(u8::try_from(key.0).unwrap())
}

pub fn range(start: Number, end: Number) -> Range {
    Range::new(start, end).unwrap()
}

pub fn ranges(list: &[(Number, Number)]) -> Ranges {
    list.iter().map(|(start, end)| range(*start, *end)).collect()
}

/// One event line of exactly `bytes` bytes.
pub fn line(bytes: u32) -> String {
    let frame = r#"{"type":"log","data":{"m":""}}"#.len();
    format!(r#"{{"type":"log","data":{{"m":"{}"}}}}"#, "x".repeat((bytes as usize).saturating_sub(frame)))
}

/// The numbers of a batch's value.
pub fn range_of(value: &[u8]) -> Range {
    BatchLine::decode(value).unwrap().range().unwrap()
}

pub struct Driver {
    pub pipeline: Pipeline,
    pub now: Instant,
    pub storage: Storage,
    pub collector: Collector,
    pub texts: Texts,
    /// Most bytes that the texts may take once drained.
    budget: u32,
    members: String,
    /// The streams that it adopted and whose locks it has.
    locks: BTreeSet<StreamKey>,
    /// Who wrote the lines of adopted streams.
    identities: BTreeMap<StreamId, Identity>,
    /// What an answer showed as stored, and what was counted: nothing else may be erased.
    accounted: BTreeMap<StreamId, Ranges>,
    /// Requests without an answer yet.
    pub sent: Vec<Sent>,
    /// Everything polled but `Wait`, in order.
    pub log: Vec<Output>,
    pub wait: Option<Instant>,
}

impl Driver {
    pub fn new(config: Config) -> Self {
        Self::continuing(config, 0)
    }

    pub fn continuing(config: Config, next: Number) -> Self {
        Self::of(1, config, next)
    }

    /// A page whose own stream is `stream(n)`.
    pub fn of(n: u8, config: Config, next: Number) -> Self {
        let now = Instant::from_millis(1_000_000);
        let budget = config.memory_bytes;
        Self {
            pipeline: Pipeline::new(now, config, Stream { key: key(n), next, age: Duration::ZERO }, SEED),
            now,
            storage: Storage::default(),
            collector: Collector::default(),
            texts: Texts::default(),
            budget,
            members: String::new(),
            locks: BTreeSet::new(),
            identities: BTreeMap::new(),
            accounted: BTreeMap::new(),
            sent: Vec::new(),
            log: Vec::new(),
            wait: None,
        }
    }

    // ── What the app does ──

    pub fn own(&self) -> StreamKey {
        self.pipeline.books().next().unwrap().0
    }

    pub fn track(&mut self, bytes: u32, priority: Priority) -> Result<Number, TrackError> {
        let (own, line) = (self.own(), line(bytes));
        let tracked = self.pipeline.track(self.now, bytes, priority)?;
        self.texts.add(own, tracked, &self.members, &line, priority);
        Ok(tracked.number)
    }

    /// Tracks and drains.
    pub fn log(&mut self, bytes: u32) -> Number {
        let number = self.track(bytes, Priority::Normal).unwrap();
        self.drain();
        number
    }

    /// What is no event uses up a number, under which it is counted.
    pub fn track_invalid(&mut self) {
        assert_eq!(self.pipeline.track(self.now, 0, Priority::Normal), Err(TrackError::Invalid));
    }

    pub fn set_context(&mut self, members: &str) {
        if self.members != members {
            members.clone_into(&mut self.members);
            self.pipeline.set_context(self.now, u32::try_from(members.len()).unwrap());
        }
    }

    pub fn begin_stream(&mut self, n: u8) {
        self.pipeline.begin_stream(self.now, Stream { key: key(n), next: 0, age: Duration::ZERO });
    }

    /// Takes over what the storage has of `stream(n)`, if nobody has its lock. A line that cannot be read is none.
    pub fn adopt(&mut self, n: u8, age: Duration) {
        let (id, key) = (stream(n), key(n));
        if !self.locks.insert(key) {
            return;
        }
        let line = self.storage.values.get(&(id, 0)).and_then(|value| StreamLine::decode(value).ok());
        let line = line.unwrap_or_else(|| StreamLine::new(id, Identity::default()));
        self.pipeline.adopt(self.now, Stream { key, next: line.tracked, age });
        for (reason, numbers) in line.dropped.iter() {
            numbers.iter().for_each(|range| self.pipeline.know_dropped(self.now, key, reason, range));
        }
        self.identities.insert(id, line.identity);
        for range in self.storage.batches(id) {
            self.texts.know(key, range);
            let bytes = u32::try_from(self.storage.batch(id, range.start()).map_or(0, Vec::len)).unwrap();
            let offer = Offer { bytes, is_stored: true, priority: Priority::Normal };
            self.pipeline.offer(self.now, key, range, offer);
        }
    }

    pub fn release(&mut self, stream: StreamKey) {
        self.locks.remove(&stream);
        self.pipeline.release(self.now, stream);
    }

    // ── The drain ──

    pub fn step(&mut self) -> bool {
        let output = self.pipeline.poll_output();
        assert!(self.pipeline.check(), "the books do not balance after {output:?}");
        match output {
            Output::PersistLine(key) => {
                let mut value = Vec::new();
                self.line(key).encode(&mut value);
                value.pop_if(|last| *last == b'\n');
                let is_taken = self.storage.write((id(key), 0), value);
                self.pipeline.handle_stored(self.now, is_taken);
            }
            Output::Persist { stream, range } => {
                let value = self.texts.text(stream, range);
                let is_taken = self.storage.write((id(stream), u64::from(range.start()) + 1), value);
                self.pipeline.handle_stored(self.now, is_taken);
            }
            Output::EraseLine(key) => _ = self.storage.values.remove(&(id(key), 0)),
            Output::Erase { stream, range } => self.erase(stream, range),
            Output::Forget { stream, range } => {
                self.check_known(stream, range, &self.storage.batches(id(stream)));
                self.texts.forget(stream, range);
            }
            Output::Send(request) => self.send(request),
            Output::Dropped { stream, range, .. } => self.account(id(stream), range),
            Output::Wait(span) => {
                self.wait = span.map(|span| self.now + span);
                self.check_texts();
                return false;
            }
            Output::Settled(stream) => assert!(self.locks.remove(&stream), "{stream:?} was not adopted"),
            Output::Flushed | Output::Gate(_) | Output::Off => {}
        }
        assert!(self.pipeline.check(), "the books do not balance after carrying out {output:?}");
        self.log.push(output);
        true
    }

    /// The stream line as the pipeline has it now.
    fn line(&self, key: StreamKey) -> StreamLine {
        let line = self.pipeline.line(key).unwrap_or_else(|| panic!("no line of {key:?}"));
        let identity = self.identities.get(&id(key)).filter(|_| !line.is_renewed);
        line.to_wire(id(key), identity.cloned().unwrap_or_default())
    }

    fn send(&mut self, Request { id: request, stream, via }: Request) {
        let mut body = Vec::new();
        self.line(stream).encode(&mut body);
        let carried: Vec<Range> = self.pipeline.carried(request).collect();
        let mut read = Vec::new();
        for range in carried {
            let stored =
                self.storage.batch(id(stream), range.start()).filter(|value| range_of(value) == range);
            match self.texts.text_to_send(stream, range).or_else(|| stored.cloned()) {
                Some(text) => {
                    body.extend_from_slice(&text);
                    read.push(range);
                }
                None => self.pipeline.count_dropped(self.now, stream, Reason::Storage, range),
            }
        }
        let sent = Sent { id: request, stream: id(stream), via, body };
        assert_eq!(batches_of(&sent), read);
        assert!(self.sent.iter().all(|other| other.id != request), "{request:?} is used twice");
        self.sent.push(sent);
    }

    fn erase(&mut self, stream: StreamKey, range: Range) {
        self.texts.forget(stream, range);
        let key = (id(stream), u64::from(range.start()) + 1);
        match self.storage.values.get(&key).cloned() {
            Some(value) if !range.contains_range(range_of(&value)) => self.offer(stream, &value),
            _ => {
                self.check_known(stream, range, &[]);
                self.storage.values.remove(&key);
            }
        }
    }

    /// What leaves memory, or the storage, is accounted for or `elsewhere`.
    fn check_known(&self, stream: StreamKey, range: Range, elsewhere: &[Range]) {
        let mut lost = Ranges::from(range);
        elsewhere.iter().for_each(|range| lost.remove(*range));
        if let Some(accounted) = self.accounted.get(&id(stream)) {
            lost.subtract(accounted);
        }
        assert!(lost.is_empty(), "{lost:?} of {stream:?} are neither stored nor counted");
    }

    fn account(&mut self, id: StreamId, range: Range) {
        self.accounted.entry(id).or_default().insert(range);
    }

    /// Memory has what the pipeline thinks, and what it alone has is no more than the budget allows.
    fn check_texts(&self) {
        let is_stored = |stream: StreamKey, range: Range| {
            self.storage.batch(id(stream), range.start()).is_some_and(|value| range_of(value) == range)
        };
        let bytes = self.texts.bytes_but(is_stored);
        assert!(bytes <= self.budget, "{bytes} bytes of text, of {} allowed", self.budget);
        for (stream, range) in self.texts.iter() {
            let mut held = self.with_fate(stream, |fate| fate == Fate::Held);
            held = held.within(range).collect();
            assert!(!held.is_empty(), "the text of {range:?} of {stream:?} is kept for nothing");
        }
    }

    /// A value from the storage.
    pub fn offer(&mut self, stream: StreamKey, value: &[u8]) {
        let range = range_of(value);
        self.texts.know(stream, range);
        let bytes = u32::try_from(value.len()).unwrap();
        let offer = Offer { bytes, is_stored: true, priority: Priority::Normal };
        self.pipeline.offer(self.now, stream, range, offer);
    }

    pub fn drain(&mut self) {
        let mut steps = 0;
        while self.step() {
            steps += 1;
            assert!(steps < 20_000, "a drain without end: {:?}", &self.log[self.log.len() - 5..]);
        }
        if let Some(at) = self.wait {
            assert!(at > self.now, "a deadline that has passed: the driver would spin");
        }
    }

    pub fn pass(&mut self, ms: u64) {
        self.now = self.now + Duration::from_millis(ms);
        self.pipeline.handle_timeout(self.now);
        self.drain();
    }

    /// Goes to the next deadline. False when there is none.
    pub fn next(&mut self) -> bool {
        let Some(at) = self.wait else { return false };
        self.now = self.now.max(at);
        self.pipeline.handle_timeout(self.now);
        self.drain();
        true
    }

    // ── Answers ──

    pub fn answer(&mut self, request: RequestId, answer: Answer<'_>) {
        let at = self.sent.iter().position(|sent| sent.id == request);
        let sent = at.map(|at| self.sent.remove(at));
        if let (Answer::Accounted { stored, .. }, Some(sent)) = (answer, &sent) {
            stored.iter().for_each(|range| self.account(sent.stream, *range));
        }
        self.pipeline.handle_answer(self.now, request, answer);
        assert!(self.pipeline.check());
        self.drain();
    }

    /// A collector's 200.
    pub fn hear(&mut self, request: RequestId, body: &[u8]) {
        let heard = Heard::parse(body);
        self.answer(request, Answer::from_http(self.now, 200, None, heard.said()));
    }

    /// The only request out, which must be there.
    pub fn only_request(&self) -> Sent {
        assert_eq!(self.sent.len(), 1, "requests out: {:?}", self.sent);
        self.sent[0].clone()
    }

    /// The collector gets the oldest request, and its answer arrives; beacons have none.
    pub fn deliver(&mut self) {
        let request = self.sent[0].clone();
        let body = self.collector.receive(&request);
        match request.via {
            Via::Beacon => self.answer(request.id, Answer::HandedOff),
            Via::Fetch => self.hear(request.id, &body),
        }
    }

    /// Everything works from here on, until nothing is left to do.
    pub fn heal(&mut self) {
        self.storage.is_full = false;
        self.collector.poison.clear();
        self.pipeline.handle_page(self.now, Page::Visible);
        self.pipeline.handle_link(self.now, beaconry_core::Link::Online);
        self.drain();
        for _ in 0..5_000 {
            if self.sent.is_empty() {
                if !self.next() {
                    return;
                }
            } else {
                self.deliver();
            }
        }
        panic!("not healed: {:?} {:?}", self.pipeline.totals(), self.log.last());
    }

    // ── The books ──

    pub fn held(&self) -> u32 {
        self.pipeline.totals().held()
    }

    pub fn dropped(&self, reason: Reason) -> u32 {
        self.pipeline.totals().of(Fate::Dropped(reason))
    }

    pub fn fates(&self, stream: StreamKey) -> Option<&beaconry_core::Fates> {
        self.pipeline.books().find(|(key, _)| *key == stream).map(|(_, fates)| fates)
    }

    /// The stream's numbers of such a fate.
    pub fn with_fate(&self, stream: StreamKey, is: impl Fn(Fate) -> bool) -> Ranges {
        let numbers = self.fates(stream).into_iter().flat_map(|fates| fates.iter());
        numbers.filter(|(_, fate)| is(*fate)).map(|(range, _)| range).collect()
    }
}
