//! How pages and browsers end, by kills and traps, and who takes over what they leave.

use crate::page::{Life, MOST_ADOPTED, TOO_YOUNG, pipeline};
use crate::plain::PLAIN;
use crate::storage::batch_key;
use crate::trace::name;
use crate::world::{SECOND, World};
use beaconry_core::{
    Duration, Fate, Identity, Number, Offer, Output, Page as Seen, Priority, Ranges, Reason, Stream, StreamId,
};

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
        self.keep_leases(page);
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
            let is_young = birth <= self.wall() && self.wall() < birth + TOO_YOUNG;
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
            if self.hold(page, stream) {
                self.adopt(page, stream);
                found += 1;
            }
        }
        found
    }

    /// The line's numbers and drops, then each batch that is there.
    pub fn adopt(&mut self, page: usize, stream: StreamId) {
        let lines = self.storage.lines(stream);
        let (now, tracked) = (self.instant(), lines.iter().map(|line| line.tracked).max().unwrap_or(0));
        self.say(|| format!("page {page} adopts {}: {} lines", name(stream), lines.len()));
        let of = self.stream(page, stream, tracked);
        self.pages[page].had.insert(stream);
        let identity = lines.into_iter().next().map_or_else(Identity::default, |line| line.identity);
        self.pages[page].identities.insert(stream, identity);
        self.handle(page, |pipeline| pipeline.adopt(now, of));
        self.hand_over(page, stream);
    }

    fn stream(&mut self, page: usize, id: StreamId, next: Number) -> Stream {
        let age = Duration::from_millis(self.wall().saturating_sub(id.birth_unix_ms()));
        Stream { key: self.pages[page].key(id), next, age }
    }

    /// What the storages' lines tell as dropped; then what storage and memory have, in the order of the numbers.
    fn hand_over(&mut self, page: usize, stream: StreamId) {
        let (now, key) = (self.instant(), self.pages[page].key(stream));
        for (reason, numbers) in self.storage.lines(stream).iter().flat_map(|line| line.dropped.iter()) {
            for range in numbers.iter() {
                self.handle(page, |pipeline| pipeline.know_dropped(now, key, reason, range));
            }
        }
        let stored = self.storage.batches(stream);
        let kept = self.pages[page].texts.of(key);
        let mut firsts: Vec<_> = stored.iter().chain(kept.iter().map(|kept| &kept.range)).copied().collect();
        firsts.sort();
        firsts.dedup_by_key(|range| range.start());
        for first in firsts.iter().map(|range| range.start()) {
            let stored = stored.iter().find(|range| range.start() == first);
            let kept = kept.iter().find(|kept| kept.range.start() == first);
            // Of two the longer counts.
            let kept = kept.filter(|kept| stored.is_none_or(|stored| stored.end() <= kept.range.end()));
            let (range, offer) = match (kept, stored) {
                (Some(kept), _) => {
                    let is_stored = stored == Some(&kept.range);
                    (kept.range, Offer { bytes: kept.bytes, is_stored, priority: kept.priority })
                }
                (None, Some(stored)) => {
                    let bytes =
                        self.storage.read(batch_key(stream, first)).map_or(0, |value| value.len() as u32);
                    (*stored, Offer { bytes, is_stored: true, priority: Priority::Normal })
                }
                (None, None) => unreachable!(),
            };
            self.pages[page].texts.know(key, range);
            self.handle(page, |pipeline| pipeline.offer(now, key, range, offer));
        }
    }

    // ── Ends ──

    /// The renderer dies, or the page is closed: what only its memory had is gone.
    pub fn kill(&mut self, page: usize) {
        if !self.pages[page].is_alive() {
            return;
        }
        self.say(|| format!("page {page} dies"));
        let host = &self.pages[page];
        let streams: Vec<_> = host.books().into_iter().map(|(id, _)| id).collect();
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
        self.count_unheard(page);
        self.locks.died(page);
        self.pages[page].life = Life::Dead;
        self.pages[page].timer = None;
    }

    /// What the pipeline had counted, and its page did not live to hear: the line in the storage may tell it all the same.
    fn count_unheard(&mut self, page: usize) {
        for _ in 0..1_000 {
            match self.pages[page].pipeline.poll_output() {
                Output::Wait(_) => return,
                Output::Dropped { stream, range, .. } => {
                    let stream = self.pages[page].id(stream);
                    self.truth.entry(stream).or_default().counted.insert(range);
                }
                _ => {}
            }
        }
    }

    /// Takes out what another page has, which left the stream and lives on.
    pub fn subtract_held_elsewhere(&self, page: usize, stream: StreamId, numbers: &mut Ranges) {
        let plain = self.plain.iter().enumerate();
        for (_, other) in plain.filter(|(at, other)| PLAIN + at != page && other.is_alive()) {
            numbers.subtract(&other.knows(stream));
        }
        let others = self.pages.iter().enumerate().filter(|(at, other)| *at != page && other.is_alive());
        for (_, other) in others {
            // What was given out before a trap is its page's to account for, once an answer came.
            let began = other.own == stream || other.left.contains(&stream);
            let has = |fate| matches!(fate, Fate::Held | Fate::Dropped(_)) || (began && fate == Fate::Past);
            for (_, fates) in other.books().into_iter().filter(|(id, _)| *id == stream) {
                fates.iter().filter(|(_, fate)| has(*fate)).for_each(|(range, _)| numbers.remove(range));
            }
        }
    }

    pub fn kill_in_task(&mut self, page: usize) {
        self.say(|| format!("page {page}: within a task"));
        self.kill(page);
    }

    /// The wasm traps. The texts survive in the page: a fresh instance is offered the same batches under the same borders,
    /// first those of the streams that the page left, in a pipeline that leaves them again. Those that came back are
    /// adopted once that is drained.
    pub fn trap(&mut self, page: usize) {
        let host = &mut self.pages[page];
        if !matches!(host.life, Life::Visible | Life::Hidden) || host.is_off {
            return;
        }
        let (life, members) = (host.life, host.members);
        self.keep_leases(page);
        let own = self.pages[page].own;
        self.count_unheard(page);
        let adopted = self.locks.of(page).into_iter().filter(|stream| *stream != own);
        let (back, adopted): (Vec<_>, Vec<_>) =
            adopted.partition(|stream| self.pages[page].left.contains(stream));
        let all: Vec<_> = self.pages[page].left.iter().copied().chain([own]).collect();
        self.say(|| {
            format!(
                "page {page} traps; handed over are {:?}",
                all.iter().map(|id| name(*id)).collect::<Vec<_>>()
            )
        });
        for (at, stream) in all.into_iter().enumerate() {
            let given = self.truth.get(&stream).map_or(0, |truth| truth.lines.len() as Number);
            let stream_of = self.stream(page, stream, given);
            if at == 0 {
                let fresh = pipeline(self, stream_of);
                let host = &mut self.pages[page];
                host.pipeline = fresh;
                host.age += 1;
                host.flights.clear();
                host.timer = None;
                host.throttled_until = 0; // what the storage tells is all that is left
            } else {
                let now = self.instant();
                self.handle(page, |pipeline| pipeline.begin_stream(now, stream_of));
            }
            self.hand_over(page, stream);
        }
        let (now, bytes) = (self.instant(), members.len() as u32);
        self.handle(page, |pipeline| pipeline.set_context(now, bytes));
        if life == Life::Hidden {
            self.handle(page, |pipeline| pipeline.handle_page(now, Seen::Hidden));
        }
        adopted.into_iter().for_each(|stream| self.adopt(page, stream));
        self.note_untold_drops(page);
        self.read_gate(page);
        self.drain(page);
        if self.pages[page].runs() {
            back.into_iter().for_each(|stream| self.adopt(page, stream));
            self.drain(page);
        }
    }

    /// Drops that the old instance counted and no storage took are told as `trap` once an answer came, and not before; but
    /// those of an adopted stream, whose numbers another page gave out, are gone with the memory.
    fn note_untold_drops(&mut self, page: usize) {
        for stream in self.pages[page].had.clone() {
            let mut untold = self.unknown(stream);
            self.subtract_held_elsewhere(page, stream, &mut untold);
            let key = self.pages[page].key(stream);
            self.pages[page].texts.of(key).iter().for_each(|kept| untold.remove(kept.range));
            let host = &mut self.pages[page];
            if host.own == stream || host.left.contains(&stream) {
                host.was_refused |= !untold.is_empty();
                continue;
            }
            assert!(untold.is_empty() || host.was_refused, "{} {untold:?} were lost by a trap", name(stream));
            self.excuse(stream, &untold, "counted in the memory that trapped");
        }
    }

    /// The browser is killed: all pages die, and the storages lose what they had not committed.
    pub fn kill_browser(&mut self, local_ms: u64, mirror_ms: u64) {
        self.say(|| {
            format!(
                "the browser is killed: {local_ms} ms of localStorage are lost, {mirror_ms} of the mirror"
            )
        });
        (0..self.pages.len()).for_each(|page| self.kill(page));
        (0..self.plain.len()).for_each(|page| self.kill_plain(page));
        let streams: Vec<_> = self.truth.keys().copied().collect();
        let before: Vec<_> = streams.iter().map(|stream| self.unknown(*stream)).collect();
        self.storage.roll_back(self.now.saturating_sub(local_ms), self.now.saturating_sub(mirror_ms));
        for (stream, before) in streams.into_iter().zip(before) {
            let mut lost = self.unknown(stream);
            lost.subtract(&before);
            self.excuse(stream, &lost, "the second that the disk needs");
        }
    }

    /// The driver makes room: the oldest value of a stream that it holds goes, and is counted. Out of a blocked storage nothing goes.
    pub fn evict(&mut self, page: usize) {
        if !self.pages[page].runs() || self.pages[page].is_off || self.storage.is_blocked {
            return;
        }
        self.keep_leases(page);
        let held = self.locks.of(page);
        let Some(stream) = held.into_iter().find(|stream| !self.storage.batches(*stream).is_empty()) else {
            return;
        };
        let range = self.storage.batches(stream)[0];
        let flights = self.pages[page].flights.values().filter(|flight| flight.stream == stream);
        if flights.flat_map(|flight| &flight.carried).any(|carried| carried.start() == range.start()) {
            return;
        }
        self.say(|| format!("page {page} evicts {} {range:?}", name(stream)));
        let at = batch_key(stream, range.start());
        self.storage.local.set(self.now, at, None);
        self.pages[page].mirror.push((at, None));
        self.pages[page].task.entry(stream).or_default().insert(range);
        self.pages[page].was_refused = true;
        let (now, key) = (self.instant(), self.pages[page].key(stream));
        let kept =
            self.pages[page].texts.of(key).into_iter().find(|kept| kept.range.start() == range.start());
        self.handle(page, |pipeline| match kept {
            // Memory still has it.
            Some(kept) => {
                let offer = Offer { bytes: kept.bytes, is_stored: false, priority: kept.priority };
                pipeline.offer(now, key, kept.range, offer);
            }
            None => pipeline.count_dropped(now, key, Reason::Full, range),
        });
        self.drain(page);
    }
}
