//! What a driver talks to: a storage, and a collector of real wire bytes.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use super::range_of;
use beaconry_core::{Body, Number, Range, Ranges, RequestId, StreamId, StreamLine, Via, answer};
use std::collections::BTreeMap;

/// What a storage has: stream, then 0 for the line or the first number + 1.
#[derive(Clone)]
pub struct Storage {
    pub values: BTreeMap<(StreamId, u64), Vec<u8>>,
    /// Refuses every write.
    pub is_full: bool,
    /// Bytes of all values.
    pub limit: usize,
}

impl Default for Storage {
    fn default() -> Self {
        Self { values: BTreeMap::new(), is_full: false, limit: usize::MAX }
    }
}

impl Storage {
    pub fn line(&self, id: StreamId) -> Option<StreamLine> {
        self.values.get(&(id, 0)).map(|value| StreamLine::decode(value).unwrap())
    }

    pub fn batch(&self, id: StreamId, first: Number) -> Option<&Vec<u8>> {
        self.values.get(&(id, u64::from(first) + 1))
    }

    pub fn batches(&self, id: StreamId) -> Vec<Range> {
        let batches = self.values.range((id, 1)..=(id, u64::MAX));
        batches.map(|(_, value)| range_of(value)).collect()
    }

    pub fn has(&self, id: StreamId) -> bool {
        self.values.keys().any(|(stream, _)| *stream == id)
    }

    pub fn write(&mut self, key: (StreamId, u64), value: Vec<u8>) -> bool {
        let others = self.values.iter().filter(|(other, _)| **other != key);
        let bytes = others.map(|(_, value)| value.len()).sum::<usize>() + value.len();
        let is_taken = !self.is_full && bytes <= self.limit;
        if is_taken {
            self.values.insert(key, value);
        }
        is_taken
    }
}

/// A request as it left, in wire bytes.
#[derive(Clone, Debug)]
pub struct Sent {
    pub id: RequestId,
    pub stream: StreamId,
    pub via: Via,
    pub body: Vec<u8>,
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
    /// Returns the body of its 200.
    pub fn receive(&mut self, request: &Sent) -> Vec<u8> {
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
        self.account(id, &rejected)
    }

    /// Takes the stream line alone, and returns what is stored.
    pub fn hear(&mut self, request: &Sent) -> Ranges {
        let line = line_of(request);
        assert_eq!(line.stream, request.stream);
        self.lines.entry(line.stream).or_insert_with(|| line.clone()).merge(&line);
        self.stored(line.stream)
    }

    pub fn receive_line(&mut self, request: &Sent) -> Vec<u8> {
        self.hear(request);
        self.account(request.stream, &[])
    }

    /// Takes the line, and refuses every batch.
    pub fn reject(&mut self, request: &Sent) -> Vec<u8> {
        self.hear(request);
        let firsts: Vec<_> = batches_of(request).iter().map(|range| range.start()).collect();
        self.account(request.stream, &firsts)
    }

    fn account(&self, id: StreamId, rejected: &[Number]) -> Vec<u8> {
        let mut body = Vec::new();
        let rejected = rejected.iter().map(|first| (*first, "json"));
        answer::encode_accounted(&self.stored(id), rejected, &mut body);
        body
    }

    pub fn stored(&self, id: StreamId) -> Ranges {
        self.stored.get(&id).cloned().unwrap_or_default()
    }
}

/// The stream line of a request.
pub fn line_of(request: &Sent) -> StreamLine {
    Body::decode(&request.body).unwrap().line
}

/// The batches of a request.
pub fn batches_of(request: &Sent) -> Vec<Range> {
    Body::decode(&request.body).unwrap().map(|batch| batch.head.unwrap().range().unwrap()).collect()
}
