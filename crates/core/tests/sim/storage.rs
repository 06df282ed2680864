//! The origin's storages: localStorage, written at once and forgotten by a killed browser; its mirror in IndexedDB,
//! written after the task and kept within a second.

use beaconry_core::{BatchLine, Number, Range, Ranges, StreamId, StreamLine};
use std::collections::BTreeMap;

/// Stream, then 0 for the line or the first number + 1.
pub type Key = (StreamId, u64);

/// Where a batch lies.
pub fn batch_key(stream: StreamId, first: Number) -> Key {
    (stream, u64::from(first) + 1)
}

/// The numbers of a batch's value.
pub fn range_of(value: &[u8]) -> Range {
    BatchLine::decode(value).unwrap().range().unwrap()
}

/// One key-value store that can be put back to how it was.
#[derive(Default)]
pub struct Store {
    pub values: BTreeMap<Key, Vec<u8>>,
    /// When, which key, and what it was before.
    undo: Vec<(u64, Key, Option<Vec<u8>>)>,
}

impl Store {
    pub fn set(&mut self, now: u64, key: Key, value: Option<Vec<u8>>) {
        let before = match value {
            Some(value) => self.values.insert(key, value),
            None => self.values.remove(&key),
        };
        self.undo.push((now, key, before));
    }

    /// As it was at `then`: what was done after is lost.
    pub fn roll_back(&mut self, then: u64) {
        while let Some((_, key, before)) = self.undo.pop_if(|(at, ..)| *at > then) {
            match before {
                Some(value) => self.values.insert(key, value),
                None => self.values.remove(&key),
            };
        }
        self.undo.clear();
    }

    fn bytes(&self) -> usize {
        self.values.values().map(Vec::len).sum()
    }
}

#[derive(Default)]
pub struct Storage {
    pub local: Store,
    pub mirror: Store,
    /// Whether there is a mirror: an app may want none, and a private window has none.
    pub has_mirror: bool,
    /// Bytes of localStorage for us. None: as much as we like.
    pub quota: Option<usize>,
    /// Every write throws.
    pub is_blocked: bool,
    /// The mirror's deletes get lost.
    pub loses_deletes: bool,
    /// By the machine's clock: the gate's `not before`, for all tabs.
    pub gate_until: u64,
    /// By the same: the gate's `off until`.
    pub off_until: u64,
}

impl Storage {
    pub fn write(&mut self, now: u64, key: Key, value: &[u8]) -> bool {
        let old = self.local.values.get(&key).map_or(0, Vec::len);
        let fits = self.quota.is_none_or(|quota| self.local.bytes() - old + value.len() <= quota);
        if self.is_blocked || !fits {
            return false;
        }
        self.local.set(now, key, Some(value.to_vec()));
        true
    }

    /// Blocked, it keeps what it has.
    pub fn remove(&mut self, now: u64, key: Key) {
        if !self.is_blocked {
            self.local.set(now, key, None);
        }
    }

    /// Others fill it up to so much for us; what we have stays.
    pub fn squeeze(&mut self, quota: usize) {
        self.quota = Some(quota.max(self.local.bytes()));
    }

    /// Of two values under one key the longer wins.
    pub fn read(&self, key: Key) -> Option<&Vec<u8>> {
        let mirrored = self.mirror.values.get(&key).filter(|_| self.has_mirror);
        let local = self.local.values.get(&key);
        if local.map_or(0, Vec::len) >= mirrored.map_or(0, Vec::len) { local } else { mirrored }
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        self.local.values.keys().chain(self.mirror.values.keys())
    }

    pub fn streams(&self) -> Vec<StreamId> {
        let mut ids: Vec<_> = self.keys().map(|(id, _)| *id).collect();
        ids.sort();
        ids.dedup();
        ids
    }

    pub fn batches(&self, id: StreamId) -> Vec<Range> {
        let mut keys: Vec<_> = self.keys().filter(|key| key.0 == id && key.1 > 0).copied().collect();
        keys.sort();
        keys.dedup();
        keys.into_iter().filter_map(|key| self.read(key)).map(|value| range_of(value)).collect()
    }

    /// The stream's line in each storage that has one. Of two neither is the better: the one is longer, the other younger.
    pub fn lines(&self, id: StreamId) -> Vec<StreamLine> {
        let mirror = Some(&self.mirror).filter(|_| self.has_mirror);
        let lines =
            [Some(&self.local), mirror].into_iter().flatten().filter_map(|store| store.values.get(&(id, 0)));
        lines.map(|line| StreamLine::decode(line).unwrap()).collect()
    }

    /// Numbers that the storages have, or know as dropped.
    pub fn known(&self, id: StreamId) -> Ranges {
        let mut known: Ranges = self.batches(id).into_iter().collect();
        for line in self.lines(id) {
            line.dropped.iter().for_each(|(_, numbers)| known.extend(numbers));
        }
        known
    }

    /// The browser is killed: what was not committed is lost.
    pub fn roll_back(&mut self, local: u64, mirror: u64) {
        self.local.roll_back(local);
        self.mirror.roll_back(mirror);
    }
}
