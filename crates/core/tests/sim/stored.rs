//! A page and its storage: what it writes, erases and forgets, and whether it may.

use crate::page::Life;
use crate::storage::{Key, batch_key, range_of};
use crate::trace::{lines, name};
use crate::world::World;
use beaconry_core::{Offer, Priority, Range, Ranges, StreamId, StreamKey};

impl World {
    /// The stream of that name, which must be the page's to write.
    pub fn writable(&self, page: usize, key: StreamKey) -> StreamId {
        let stream = self.pages[page].id(key);
        assert!(self.pages[page].had.contains(&stream), "page {page} writes {}", name(stream));
        if let Some(holder) = self.locks.holder(stream) {
            assert_eq!(holder, page, "writes {}, whose lock another page has", name(stream));
        }
        stream
    }

    pub fn persist_line(&mut self, page: usize, key: StreamKey) {
        let stream = self.writable(page, key);
        self.track_within_a_write(page);
        let mut value = Vec::new();
        self.pages[page].line(key).encode(&mut value);
        value.pop_if(|last| *last == b'\n');
        self.write(page, (stream, 0), &value);
    }

    pub fn persist(&mut self, page: usize, key: StreamKey, range: Range) {
        let stream = self.writable(page, key);
        self.track_within_a_write(page);
        let value = self.pages[page].texts.text(key, range);
        self.write(page, batch_key(stream, range.start()), &value);
    }

    /// What the storage has need not stay in memory: sometimes it is read there again.
    pub fn free_texts(&mut self, page: usize) {
        if !self.rng.chance(200) {
            return;
        }
        let host = &mut self.pages[page];
        for (key, range) in host.texts.iter().collect::<Vec<_>>() {
            let value = self.storage.local.values.get(&batch_key(host.id(key), range.start()));
            if value.is_some_and(|value| range_of(value) == range) {
                host.texts.leave_to_storage(key, range);
            }
        }
    }

    fn write(&mut self, page: usize, key: Key, value: &[u8]) {
        let is_taken = self.storage.write(self.now, key, value);
        self.say(|| format!("page {page}: writes {} {}, {is_taken}{}", name(key.0), key.1, lines(value)));
        if is_taken {
            self.pages[page].mirror.push((key, Some(value.to_vec())));
        } else {
            self.pages[page].was_refused = true;
        }
        let now = self.instant();
        self.handle(page, |pipeline| pipeline.handle_stored(now, is_taken));
    }

    /// Somebody patched `setItem`: what it tracks comes between the poll and the write.
    fn track_within_a_write(&mut self, page: usize) {
        if self.rng.chance(self.tracks_in_writes) && self.pages[page].can_track() && self.is_open(page) {
            self.track_now(page, 90, Priority::Normal);
        }
    }

    /// Whether numbers are given out in the page's own stream.
    fn is_open(&self, page: usize) -> bool {
        self.pages[page].life != Life::Gone || self.pages[page].has_exit_stream
    }

    pub fn erase(&mut self, page: usize, key: StreamKey, range: Range) {
        let stream = self.writable(page, key);
        self.pages[page].texts.forget(key, range);
        let at = batch_key(stream, range.start());
        if let Some(value) =
            self.storage.read(at).cloned().filter(|value| !range.contains_range(range_of(value)))
        {
            self.say(|| format!("page {page}: {} is longer than {range:?}", name(stream)));
            return self.offer(page, key, &value);
        }
        self.check_accounted(stream, range, "erases");
        self.say(|| format!("page {page}: erases {} {range:?}", name(stream)));
        self.remove(page, at);
    }

    pub fn remove(&mut self, page: usize, key: Key) {
        self.storage.remove(self.now, key);
        self.pages[page].mirror.push((key, None));
    }

    pub fn forget(&mut self, page: usize, key: StreamKey, range: Range) {
        let stream = self.pages[page].id(key);
        self.say(|| format!("page {page}: forgets {} {range:?}", name(stream)));
        let is_stored = self
            .storage
            .read(batch_key(stream, range.start()))
            .is_some_and(|value| range_of(value).contains_range(range));
        if !is_stored {
            self.check_accounted(stream, range, "forgets");
        }
        self.pages[page].texts.forget(key, range);
    }

    pub fn check_accounted(&mut self, stream: StreamId, range: Range, does: &str) {
        let mut lost = Ranges::from(range);
        lost.subtract(&self.collector.ever_stored(stream));
        lost.subtract(&self.truth.entry(stream).or_default().counted);
        assert!(lost.is_empty(), "{does} {} {lost:?}, which are neither stored nor counted", name(stream));
    }

    /// What the storage has of a batch, to the pipeline that asked for it, or has to know.
    fn offer(&mut self, page: usize, key: StreamKey, value: &[u8]) {
        let (now, range) = (self.instant(), range_of(value));
        self.pages[page].texts.know(key, range);
        let bytes = u32::try_from(value.len()).unwrap();
        let offer = Offer { bytes, is_stored: true, priority: Priority::Normal };
        self.handle(page, |pipeline| pipeline.offer(now, key, range, offer));
    }
}
