//! Takes over the streams of pages that are gone: whoever holds a stream's Web Lock delivers what is stored of it.

use crate::{
    driver::{Driver, on},
    platform::{
        clock,
        locks::{self, Asking, Lock},
        promise::{Callback, function},
        storage::Storage,
        timer::Alarm,
    },
};
use beaconry_core::{BatchLine, Duration, Part, Range, Reason, Slot, StreamId};
use std::{
    cell::{Cell, RefCell},
    rc::Weak,
};

/// A stream is left alone until its page has had time to take its lock, in ms.
const MIN_AGE_MS: u64 = 10_000;

/// Streams of any scope older than this are deleted by whoever sees them: no collector knows them any more.
const MAX_AGE_MS: u64 = 35 * 24 * 60 * 60 * 1000;

/// How often a page looks for dead streams, in ms. A minute: another tab's crash is heard of while the user still wonders.
const LOOK_EVERY_MS: u64 = 60_000;

/// How soon it looks again when there were more than it takes at a time, in ms.
const LOOK_AGAIN_MS: u64 = 1_000;

/// Streams held at a time: one request goes out at a time, and what one tab has not taken another may.
const MAX_ADOPTED: usize = 8;

/// The streams that this page has taken over, or asks for.
#[derive(Debug)]
pub(crate) struct Adoptions {
    taken: RefCell<Vec<(StreamId, State)>>,
    /// Bytes that other streams' batches take in the storage, as of the last look.
    pub(crate) bytes: Cell<usize>,
    look: Alarm,
    _on_look: Callback,
}

#[derive(Debug)]
enum State {
    Asked(#[expect(dead_code, reason = "kept alive until it is told")] Asking),
    Held(#[expect(dead_code, reason = "kept until it is given back")] Lock),
}

impl Adoptions {
    pub(crate) fn new(driver: &Weak<Driver>) -> Self {
        let on_look = on(driver, Driver::adopt_dead_streams);
        let look = Alarm::new(function(&on_look));
        Self { taken: RefCell::default(), bytes: Cell::new(0), look, _on_look: on_look }
    }

    /// Gives all locks back and looks no more.
    pub(crate) fn stop(&self) {
        self.look.clear();
        let taken = self.taken.take();
        drop(taken);
    }

    fn has(&self, stream: StreamId) -> bool {
        self.taken.borrow().iter().any(|(taken, _)| *taken == stream)
    }

    fn set(&self, stream: StreamId, state: Option<State>) {
        let old: Vec<_> = self.taken.borrow_mut().extract_if(.., |(taken, _)| *taken == stream).collect();
        drop(old);
        if let Some(state) = state {
            self.taken.borrow_mut().push((stream, state));
        }
    }
}

impl Driver {
    /// Looks for streams without a page, and asks for their locks.
    pub(crate) fn adopt_dead_streams(&self) {
        let Some(storage) = self.storage.as_ref().filter(|_| !self.is_stopped() && !self.own.get().is_over)
        else {
            return;
        };
        let (dead, has_young) = self.dead_streams(storage);
        let room = MAX_ADOPTED.saturating_sub(self.adoptions.taken.borrow().len());
        self.adoptions.look.set(match (dead.len() > room, has_young) {
            (true, _) => LOOK_AGAIN_MS,
            (_, true) => MIN_AGE_MS, // the page before a quick reload: by then it is old enough
            _ => LOOK_EVERY_MS,
        });
        for stream in dead.into_iter().take(room) {
            let me = self.me.clone();
            let asking = locks::if_free(&self.settings.keys.lock(stream), move |lock| {
                if let Some(driver) = me.upgrade() {
                    driver.adopt(stream, lock);
                }
            });
            if let Some(asking) = asking {
                self.adoptions.set(stream, Some(State::Asked(asking)));
            }
        }
    }

    /// What is stored of this scope by others, oldest first, and whether any is too young to be asked for; deletes what
    /// is too old, of any scope.
    fn dead_streams(&self, storage: &Storage) -> (Vec<StreamId>, bool) {
        let unix = clock::unix_ms();
        let (mut dead, mut has_young) = (Vec::new(), false);
        let mut bytes = 0;
        for key in storage.keys() {
            let Some(named) = self.settings.keys.read(&key) else { continue };
            let birth = named.stream.birth_unix_ms();
            if unix.saturating_sub(birth) > MAX_AGE_MS {
                storage.remove(&key);
            } else if named.is_mine && named.stream != self.own.get().id {
                bytes += storage.get(&key).map_or(0, |value| value.len());
                // A birth in the future is some clock's error: old enough.
                let is_young = birth <= unix && unix - birth <= MIN_AGE_MS;
                has_young |= is_young;
                if !is_young && !dead.contains(&named.stream) && !self.adoptions.has(named.stream) {
                    dead.push(named.stream);
                }
            }
        }
        self.adoptions.bytes.set(bytes);
        dead.sort_unstable();
        (dead, has_young)
    }

    /// The answer for a stream's lock: with it, everything that is stored of the stream is this page's.
    fn adopt(&self, stream: StreamId, lock: Option<Lock>) {
        let (Some(storage), Some(lock), false) = (&self.storage, lock, self.is_stopped()) else {
            return self.adoptions.set(stream, None);
        };
        self.adoptions.set(stream, Some(State::Held(lock)));
        let age = Duration::from_millis(clock::unix_ms().saturating_sub(stream.birth_unix_ms()));
        let line = storage.get(&self.settings.keys.slot(Slot { stream, part: Part::Line }));
        let (holds, unreadable) = self.stored_batches(storage, stream);
        self.input(|core, now| {
            let line = line.as_ref().map(String::as_bytes);
            if core.adopt(now, stream, line, age, &holds).is_err() {
                // A spoilt stream line: its batches still say who they are.
                let _ = core.adopt(now, stream, None, age, &holds);
            }
            for range in unreadable {
                core.count_dropped(now, stream, Reason::Storage, range);
            }
        });
        self.drain();
    }

    /// The numbers of a stream's stored batches; of those that nobody can read, which go, the first number.
    pub(crate) fn stored_batches(&self, storage: &Storage, stream: StreamId) -> (Vec<Range>, Vec<Range>) {
        let (mut holds, mut unreadable) = (Vec::new(), Vec::new());
        for key in storage.keys() {
            let Some(named) = self.settings.keys.read(&key).filter(|it| it.is_mine && it.stream == stream)
            else {
                continue;
            };
            let Some(Part::Batch(first)) = named.part else { continue };
            let value = storage.get(&key).unwrap_or_default();
            let range = BatchLine::decode(value.as_bytes()).ok().and_then(|line| line.range());
            match range.filter(|range| range.start() == first) {
                Some(range) => holds.push(range),
                None => {
                    storage.remove(&key);
                    unreadable.extend(Range::one(first));
                }
            }
        }
        (holds, unreadable)
    }

    /// An adopted stream is done: its lock goes, and there may be more.
    pub(crate) fn settled(&self, stream: StreamId) {
        self.adoptions.set(stream, None);
        if self.adoptions.taken.borrow().is_empty() && !self.is_stopped() {
            self.adoptions.look.set(LOOK_AGAIN_MS);
        }
    }

    /// Gives back what was adopted: it stays stored, for the next page.
    pub(crate) fn give_back_adopted(&self) {
        let taken = self.adoptions.taken.take();
        for (stream, _) in &taken {
            self.input(|core, now| core.release(now, *stream));
        }
        self.adoptions.look.clear();
    }
}
