//! What a browser does to its pages: opened, hidden, frozen, into the back/forward cache and out of it.

use crate::page::{BEACON_BYTES, Life, MOST_UNWRITTEN, Page, event_line, pipeline};
use crate::texts::Texts;
use crate::trace::name;
use crate::world::{SECOND, World};
use beaconry_core::{Answer, Duration, Number, Page as Seen, Priority, Range, Stream, StreamKey, TrackError};
use std::collections::{BTreeMap, BTreeSet};

impl World {
    pub fn timer(&mut self, page: usize, at: u64) {
        let host = &mut self.pages[page];
        if host.timer == Some(at) && host.runs() {
            host.timer = None;
            self.keep_leases(page);
            let now = self.instant();
            self.handle(page, |pipeline| pipeline.handle_timeout(now));
            self.drain(page);
        }
    }

    pub fn open(&mut self) -> usize {
        self.open_in(0)
    }

    /// A page of a client of that scope.
    pub fn open_in(&mut self, scope: u8) -> usize {
        let own = self.new_stream();
        let page = self.pages.len();
        let names = vec![own];
        let pipeline = pipeline(self, Stream { key: StreamKey(0), next: 0, age: Duration::ZERO });
        self.pages.push(Page {
            pipeline,
            names,
            texts: Texts::default(),
            identities: BTreeMap::new(),
            members: "",
            left: Vec::new(),
            unwritten: 0,
            is_draining: false,
            life: Life::Visible,
            age: 0,
            own,
            flights: BTreeMap::new(),
            flushed: 0,
            throttled_until: 0,
            timer: None,
            task: BTreeMap::new(),
            mirror: Vec::new(),
            was_refused: false,
            dies_in: None,
            holds: BTreeSet::new(),
            waits_for_lease: false,
            renews_at: 0,
            scope,
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
        self.renew_later(page);
        self.start(page);
        page
    }

    /// A pipeline runs on this page (again): it reads the gate, and looks for dead streams.
    pub fn start(&mut self, page: usize) {
        self.read_gate(page);
        self.drain(page);
        self.look_again(page);
    }

    /// What the next events share. The core hears of it only when it did change.
    pub fn set_context(&mut self, page: usize, members: &'static str) {
        if std::mem::replace(&mut self.pages[page].members, members) != members {
            self.keep_leases(page);
            let (now, bytes) = (self.instant(), u32::try_from(members.len()).unwrap());
            self.handle(page, |pipeline| pipeline.set_context(now, bytes));
        }
    }

    /// Numbers an event; the task goes on.
    pub fn track(&mut self, page: usize, bytes: usize, priority: Priority) {
        self.keep_leases(page);
        self.begin_the_day(page);
        if self.pages[page].can_track() {
            self.track_now(page, bytes, priority);
        }
    }

    /// Maybe from within a drain.
    pub fn track_now(&mut self, page: usize, bytes: usize, priority: Priority) {
        let own = self.pages[page].own;
        let number = self.truth.entry(own).or_default().lines.len() as Number;
        let is_poison = self.rng.chance(self.poison);
        let line = event_line(own, number, bytes, is_poison);
        let (now, key) = (self.instant(), self.pages[page].key(own));
        let length = u32::try_from(line.len()).unwrap();
        let result = self.handle(page, |pipeline| pipeline.track(now, length, priority));
        self.say(|| {
            format!("page {page}: tracks {}.{number}, {bytes} bytes, {priority:?}: {result:?}", name(own))
        });
        match result {
            Err(TrackError::Off) => return assert!(self.pages[page].is_off, "page {page} cannot track"),
            Ok(given) => {
                assert_eq!(given.number, number, "the number that follows");
                let members = self.pages[page].members;
                self.pages[page].texts.add(key, given, members, &line, priority);
            }
            Err(_) => {}
        }
        self.truth.entry(own).or_default().lines.push(line.as_bytes().to_vec());
        self.pages[page].task.entry(own).or_default().insert(Range::one(number).unwrap());
        self.pages[page].unwritten += line.len();
        let is_urgent = priority == Priority::High || self.pages[page].unwritten >= MOST_UNWRITTEN;
        if is_urgent && !self.pages[page].is_draining {
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
        self.keep_leases(page);
        let now = self.instant();
        self.handle(page, |pipeline| pipeline.handle_page(now, Seen::Visible));
        self.drain(page);
    }

    pub fn leave(&mut self, page: usize, how: Seen) {
        self.keep_leases(page);
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

    pub fn wake(&mut self, page: usize) {
        self.pages[page].beacons = BEACON_BYTES;
        self.keep_leases(page);
        self.renew_later(page);
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
        self.keep_leases(page);
        let (now, own) = (self.instant(), self.pages[page].own);
        for stream in self.locks.of(page).into_iter().filter(|stream| *stream != own) {
            let key = self.pages[page].key(stream);
            self.handle(page, |pipeline| pipeline.release(now, key));
        }
        self.drain(page);
        self.let_all_go(page);
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
        let stream = Stream { key: self.pages[page].key(own), next: 0, age: Duration::ZERO };
        self.say(|| format!("page {page} begins {}", name(own)));
        let now = self.instant();
        self.handle(page, |pipeline| pipeline.begin_stream(now, stream));
        let old = std::mem::replace(&mut self.pages[page].own, own);
        self.pages[page].left.push(old);
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

    pub fn begin_the_day(&mut self, page: usize) {
        if self.wall() >= self.pages[page].own.birth_unix_ms() + crate::world::DAY {
            self.roll_over(page);
        }
    }

    /// A day has passed: the page begins another stream, and gives the old one's lock back.
    pub fn roll_over(&mut self, page: usize) {
        if !matches!(self.pages[page].life, Life::Visible | Life::Hidden) {
            return;
        }
        self.keep_leases(page);
        let old = self.pages[page].own;
        self.drain(page);
        if !self.pages[page].can_track() {
            return;
        }
        self.begin_stream(page);
        self.granted(page, self.pages[page].own);
        self.drain(page);
        self.let_go(page, old);
    }
}
