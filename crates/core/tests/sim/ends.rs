//! How pages and browsers end, by kills and traps, and who takes over what they leave.

use crate::page::{Life, MOST_ADOPTED, TOO_YOUNG, pipeline};
use crate::trace::name;
use crate::world::{SECOND, World};
use beaconry_core::{Duration, Event, Number, Page as Seen, Priority, Range, Ranges, Reason, StreamId};

impl World {
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
            let scope = self.pages[page].scope;
            let is_other = self.pages.iter().any(|other| other.scope != scope && other.had.contains(&stream));
            let is_ours = stream == self.pages[page].own;
            if is_young
                || is_other
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
    pub fn subtract_held_elsewhere(&self, page: usize, stream: StreamId, numbers: &mut Ranges) {
        let others = self.pages.iter().enumerate().filter(|(at, other)| *at != page && other.is_alive());
        for book in others.filter_map(|(_, other)| other.pipeline.books().stream(stream)) {
            let mut held = Range::new(0, book.tracked()).map(Ranges::from).unwrap_or_default();
            held.subtract(book.delivered());
            held.subtract(book.released());
            numbers.subtract(&held);
        }
    }

    pub fn kill_in_task(&mut self, page: usize) {
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

    pub fn lose_memory_of(&mut self, page: usize, streams: &[StreamId]) {
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
    pub fn hand_over(&mut self, page: usize, own: StreamId, handed: &[(Number, String, Priority)]) {
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
