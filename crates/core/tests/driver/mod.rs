//! A driver for tests: a storage, a collector of real wire bytes, and virtual time. Every poll checks the books.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use beaconry_core::{
    Answer, Body, Config, Duration, Event, Instant, Number, Output, Page, Part, Pipeline, Priority, Range,
    Ranges, Reason, Request, RequestId, Slot, StoreError, Stream, StreamId, StreamLine, Via,
};
use std::collections::BTreeMap;

pub const BIRTH: u64 = 1_763_877_600_000;

pub fn stream(n: u8) -> StreamId {
    StreamId::new(BIRTH, [n; 10])
}

pub fn range(start: Number, end: Number) -> Range {
    Range::new(start, end).unwrap()
}

pub fn ranges(list: &[(Number, Number)]) -> Ranges {
    list.iter().map(|(start, end)| range(*start, *end)).collect()
}

/// One event line of exactly `bytes` bytes.
pub fn line(bytes: usize) -> String {
    let frame = r#"{"type":"log","data":{"m":""}}"#.len();
    format!(r#"{{"type":"log","data":{{"m":"{}"}}}}"#, "x".repeat(bytes.saturating_sub(frame)))
}

/// What a storage has: stream, then 0 for the line or the first number + 1.
#[derive(Clone, Default)]
pub struct Storage {
    pub values: BTreeMap<(StreamId, u64), Vec<u8>>,
    pub is_full: bool,
}

fn key(slot: Slot) -> (StreamId, u64) {
    let part = match slot.part {
        Part::Line => 0,
        Part::Batch(first) => u64::from(first) + 1,
    };
    (slot.stream, part)
}

impl Storage {
    pub fn line(&self, id: StreamId) -> Option<StreamLine> {
        self.values.get(&(id, 0)).map(|value| StreamLine::decode(value).unwrap())
    }

    pub fn batches(&self, id: StreamId) -> Vec<Range> {
        let batches = self.values.range((id, 1)..=(id, u64::MAX));
        batches.map(|(_, value)| beaconry_core::BatchLine::decode(value).unwrap().range().unwrap()).collect()
    }

    pub fn has(&self, id: StreamId) -> bool {
        self.values.keys().any(|(stream, _)| *stream == id)
    }
}

/// A collector as far as a pipeline can tell: what it has stored, and what it has heard.
#[derive(Default)]
pub struct Collector {
    pub stored: BTreeMap<StreamId, Ranges>,
    pub lines: BTreeMap<StreamId, StreamLine>,
    /// Every event under its number: the same number never comes with other bytes.
    pub events: BTreeMap<(StreamId, Number), Vec<u8>>,
    /// Batches whose first number is here are rejected.
    pub poison: Vec<Number>,
}

impl Collector {
    pub fn receive(&mut self, request: &Request) -> Answer {
        let body = Body::decode(&request.body).expect("a stream line");
        let id = body.line.stream;
        self.hear(request);
        let mut rejected = Vec::new();
        for batch in body {
            let head = batch.head.expect("a batch line");
            let lines: Vec<&[u8]> =
                batch.events.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
            assert_eq!(lines.len(), head.n as usize, "as many lines as the batch says");
            if self.poison.contains(&head.first) {
                rejected.push(head.first);
                continue;
            }
            for (number, line) in (head.first..).zip(lines) {
                let known = self.events.entry((id, number)).or_insert_with(|| line.to_vec());
                assert_eq!(known, line, "{number} came with other bytes");
            }
            self.stored.entry(id).or_default().insert(head.range().unwrap());
        }
        Answer::Accounted { stored: self.stored(id), rejected }
    }

    /// Takes the stream line alone, and returns what is stored.
    pub fn hear(&mut self, request: &Request) -> Ranges {
        let line = line_of(request);
        assert_eq!(line.stream, request.stream);
        self.lines.entry(line.stream).or_insert_with(|| line.clone()).merge(&line);
        self.stored(line.stream)
    }

    pub fn receive_line(&mut self, request: &Request) -> Answer {
        Answer::Accounted { stored: self.hear(request), rejected: Vec::new() }
    }

    pub fn stored(&self, id: StreamId) -> Ranges {
        self.stored.get(&id).cloned().unwrap_or_default()
    }
}

pub struct Driver {
    pub pipeline: Pipeline,
    pub now: Instant,
    pub storage: Storage,
    pub collector: Collector,
    /// Requests without an answer yet.
    pub sent: Vec<Request>,
    /// Everything polled but `Wait`, in order.
    pub log: Vec<Output>,
    pub wait: Option<Instant>,
    /// Where off-line drivers answer Loads later.
    pub loads: Vec<(StreamId, Range)>,
    pub loads_wait: bool,
}

impl Driver {
    pub fn new(config: Config) -> Self {
        Self::continuing(config, 0)
    }

    pub fn continuing(config: Config, next: Number) -> Self {
        let now = Instant::from_millis(1_000_000);
        Self {
            pipeline: Pipeline::new(now, config, Stream { id: stream(1), next, age: Duration::ZERO }, 7),
            now,
            storage: Storage::default(),
            collector: Collector::default(),
            sent: Vec::new(),
            log: Vec::new(),
            wait: None,
            loads: Vec::new(),
            loads_wait: false,
        }
    }

    pub fn track(&mut self, bytes: usize, priority: Priority) -> Result<Number, beaconry_core::TrackError> {
        self.pipeline.track(self.now, Event { line: &line(bytes), priority })
    }

    /// Tracks and drains.
    pub fn log(&mut self, bytes: usize) -> Number {
        let number = self.track(bytes, Priority::Normal).unwrap();
        self.drain();
        number
    }

    pub fn step(&mut self) -> bool {
        let output = self.pipeline.poll_output();
        assert!(self.pipeline.check(), "the books do not balance after {output:?}");
        match &output {
            Output::Persist { slot, value } => {
                let result = if self.storage.is_full { Err(StoreError) } else { Ok(()) };
                if result.is_ok() {
                    self.storage.values.insert(key(*slot), value.clone());
                }
                self.pipeline.handle_stored(self.now, *slot, result);
            }
            Output::Erase { slot, range } => self.erase(*slot, *range),
            Output::Load { stream, range } if self.loads_wait => self.loads.push((*stream, *range)),
            Output::Load { stream, range } => self.load(*stream, *range),
            Output::Send(request) => self.sent.push(request.clone()),
            Output::Wait(at) => {
                self.wait = *at;
                return false;
            }
            _ => {}
        }
        assert!(self.pipeline.check(), "the books do not balance after carrying out {output:?}");
        self.log.push(output);
        true
    }

    fn erase(&mut self, slot: Slot, range: Option<Range>) {
        let Some(range) = range else {
            self.storage.values.remove(&key(slot));
            return;
        };
        let Some(value) = self.storage.values.get(&key(slot)) else { return };
        let found = beaconry_core::BatchLine::decode(value).unwrap().range().unwrap();
        if range.contains_range(found) {
            self.storage.values.remove(&key(slot));
        } else {
            let value = value.clone();
            self.pipeline.offer(self.now, slot.stream, &value).unwrap();
        }
    }

    pub fn load(&mut self, stream: StreamId, range: Range) {
        match self.storage.values.get(&(stream, u64::from(range.start()) + 1)) {
            Some(value) => self.pipeline.offer(self.now, stream, &value.clone()).unwrap(),
            None => self.pipeline.count_dropped(self.now, stream, Reason::Storage, range),
        }
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

    pub fn answer(&mut self, id: RequestId, answer: Answer) {
        self.sent.retain(|request| request.id != id);
        self.pipeline.handle_answer(self.now, id, answer);
        assert!(self.pipeline.check());
        self.drain();
    }

    /// The only request out, which must be there.
    pub fn only_request(&self) -> Request {
        assert_eq!(self.sent.len(), 1, "requests out: {:?}", self.sent);
        self.sent[0].clone()
    }

    /// The collector gets the oldest request, and its answer arrives; beacons have none.
    pub fn deliver(&mut self) {
        let request = self.sent.remove(0);
        let answer = self.collector.receive(&request);
        let answer = if request.via == Via::Beacon { Answer::HandedOff } else { answer };
        self.answer(request.id, answer);
    }

    /// Everything works from here on, until nothing is left to do.
    pub fn heal(&mut self) {
        self.storage.is_full = false;
        self.loads_wait = false;
        self.collector.poison.clear();
        self.pipeline.handle_page(self.now, Page::Visible);
        self.pipeline.handle_link(self.now, beaconry_core::Link::Online);
        for (stream, range) in std::mem::take(&mut self.loads) {
            self.load(stream, range);
        }
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
        panic!("not healed: {:?} {:?}", self.pipeline.books().totals(), self.log.last());
    }

    pub fn held(&self) -> u64 {
        self.pipeline.books().totals().held
    }

    pub fn dropped(&self, reason: Reason) -> u64 {
        let at = Reason::ALL.iter().position(|other| *other == reason).unwrap();
        self.pipeline.books().totals().dropped[at]
    }
}

/// The stream line of a request.
pub fn line_of(request: &Request) -> StreamLine {
    Body::decode(&request.body).unwrap().line
}

/// The batches of a request.
pub fn batches_of(request: &Request) -> Vec<Range> {
    Body::decode(&request.body).unwrap().map(|batch| batch.head.unwrap().range().unwrap()).collect()
}
