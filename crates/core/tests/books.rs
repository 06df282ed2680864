//! The books balance after every step of every sequence of calls, and a healed world drains.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod driver;

use beaconry_core::{
    Answer, Config, Duration, Fate, Link, Page, Priority, Range, Reason, RequestId, StreamId, StreamKey,
    TrackError, Via,
};
use driver::{Driver, Storage, key, stream};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Call {
    Track(u8, u32),
    Drain,
    Step,
    Pass(u64),
    Next,
    Answer(usize, u8),
    Repeat(usize, u8),
    Page(u8),
    Exit(u32),
    Link(bool),
    Flush,
    Full(bool),
    Context(u8),
    Begin,
    Adopt(usize),
    Release(usize),
    Count(usize, u8, u32, u32),
    Offer(usize),
    Gate(u64),
    Poison(u32),
    Off,
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![
        30 => (0..3u8, prop_oneof![8 => 40..200u32, 2 => 200..900u32, 1 => 900..2_500u32]).prop_map(|(p, n)| Call::Track(p, n)),
        12 => Just(Call::Drain),
        3 => Just(Call::Step),
        8 => (0..20_000u64).prop_map(Call::Pass),
        6 => Just(Call::Next),
        25 => (0..4usize, 0..14u8).prop_map(|(i, how)| Call::Answer(i, how)),
        2 => (0..40usize, 0..14u8).prop_map(|(i, how)| Call::Repeat(i, how)),
        3 => (0..3u8).prop_map(Call::Page),
        2 => (0..6_000u32).prop_map(Call::Exit),
        2 => any::<bool>().prop_map(Call::Link),
        1 => Just(Call::Flush),
        2 => any::<bool>().prop_map(Call::Full),
        2 => (0..3u8).prop_map(Call::Context),
        2 => Just(Call::Begin),
        4 => (0..6usize).prop_map(Call::Adopt),
        1 => (0..6usize).prop_map(Call::Release),
        2 => (0..6usize, 0..10u8, 0..60u32, 1..9u32).prop_map(|(s, r, a, n)| Call::Count(s, r, a, n)),
        2 => (0..40usize).prop_map(Call::Offer),
        1 => (0..90_000u64).prop_map(Call::Gate),
        1 => (0..60u32).prop_map(Call::Poison),
    ]
}

fn small() -> Config {
    Config {
        memory_bytes: 6_000,
        max_batch_bytes: 600,
        max_rewritten_bytes: 300,
        max_event_bytes: 2_000,
        max_context_bytes: 100,
        max_batch_events: 8,
        first_request_bytes: 2_500,
        max_beacon_bytes: 2_500,
        flush_bytes: 1_500,
        max_age: Duration::from_secs(3_600),
        ..Config::default()
    }
}

/// One page of a longer story: its pipeline, and streams that earlier pages left in the storage.
struct Story {
    driver: Driver,
    /// Every number that was ever given out.
    given: Vec<(StreamId, u32)>,
    next_stream: u8,
}

impl Story {
    fn new() -> Self {
        let mut driver = Driver::new(small());
        let (storage, given) = dead_pages();
        driver.storage = storage;
        Self { driver, given, next_stream: 40 }
    }

    fn answer(&mut self, index: usize, how: u8) {
        let Some(request) = self.driver.sent.get(index).cloned() else { return };
        let d = &mut self.driver;
        let beacon = request.via == Via::Beacon;
        let until = d.now + Duration::from_secs(30);
        if matches!(how, 0..=4 | 6) && !(beacon && how == 6) {
            let body = d.collector.receive(&request);
            match how {
                6 => d.answer(request.id, Answer::Unreachable),
                _ if beacon => d.answer(request.id, Answer::HandedOff),
                _ => d.hear(request.id, &body),
            }
            return;
        }
        let answer = match how {
            5 if beacon => Answer::HandedOff,
            6..=9 if beacon => Answer::NotSent,
            5 => Answer::Unreachable,
            7 => Answer::Throttled { until },
            8 => Answer::TooLarge,
            9 => Answer::Unreadable,
            10 => Answer::Denied,
            // The stream line arrived, the batches did not: a 200 that does not account for them.
            11 => {
                let body = d.collector.receive_line(&request);
                return d.hear(request.id, &body);
            }
            12 => {
                let body = d.collector.reject(&request);
                return d.hear(request.id, &body);
            }
            _ => Answer::NotSent,
        };
        d.answer(request.id, answer);
    }

    fn key(&self, index: usize) -> StreamKey {
        let known: Vec<_> = self.driver.pipeline.books().map(|(key, _)| key).collect();
        known.get(index).copied().unwrap_or(key(index as u8 + 10))
    }

    fn apply(&mut self, call: &Call) {
        let now = self.driver.now;
        match *call {
            Call::Track(priority, bytes) => {
                let priority = [Priority::Low, Priority::Normal, Priority::High][usize::from(priority)];
                let (own, number) = self.own();
                if self.driver.track(bytes, priority) != Err(TrackError::Off) {
                    self.given.push((own, number));
                }
            }
            Call::Drain => self.driver.drain(),
            Call::Step => _ = self.driver.step(),
            Call::Pass(ms) => self.driver.pass(ms),
            Call::Next => _ = self.driver.next(),
            Call::Answer(index, how) => self.answer(index, how),
            Call::Repeat(id, how) => {
                let answer = if how < 7 { Answer::Unreachable } else { Answer::TooLarge };
                if !self.driver.sent.iter().any(|request| request.id.0 as usize == id) {
                    self.driver.answer(RequestId(id as u32), answer);
                }
            }
            Call::Page(page) => {
                let page = [Page::Visible, Page::Hidden, Page::Gone][usize::from(page)];
                self.driver.pipeline.handle_page(now, page);
            }
            Call::Exit(bytes) => self.driver.pipeline.handle_exit(now, bytes),
            Call::Link(online) => {
                self.driver.pipeline.handle_link(now, if online { Link::Online } else { Link::Offline });
            }
            Call::Flush => self.driver.pipeline.flush(now),
            Call::Full(full) => self.driver.storage.is_full = full,
            Call::Context(n) => {
                let members = ["", r#""page":"/a""#, r#""page":"/b""#][usize::from(n)];
                self.driver.set_context(members);
            }
            Call::Begin => {
                self.next_stream += 1;
                self.driver.begin_stream(self.next_stream);
            }
            Call::Adopt(index) => self.adopt(index),
            Call::Release(index) => self.driver.release(self.key(index)),
            Call::Count(index, reason, start, n) => {
                let range = Range::new(start, start + n).unwrap();
                let reason = Reason::ALL[usize::from(reason)];
                // The own numbers of the future are given out by track alone.
                if index > 0 {
                    self.driver.pipeline.count_dropped(now, self.key(index), reason, range);
                }
            }
            Call::Offer(index) => {
                self.driver.drain();
                let value = self.driver.storage.values.iter().filter(|((_, part), _)| *part > 0).nth(index);
                if let Some(((id, _), value)) = value.map(|(key, value)| (*key, value.clone())) {
                    self.driver.offer(key_of(id), &value);
                }
            }
            Call::Gate(ms) => self.driver.pipeline.handle_gate(now, now + Duration::from_millis(ms)),
            Call::Poison(first) => self.driver.collector.poison.push(first),
            Call::Off => self.driver.pipeline.switch_off(now),
        }
        assert!(self.driver.pipeline.check(), "the books do not balance after {call:?}");
    }

    fn own(&self) -> (StreamId, u32) {
        let (key, fates) = self.driver.pipeline.books().next().unwrap();
        (stream(key.0 as u8), fates.tracked())
    }

    /// Anything in the storage may be adopted but the own stream, and a left one only when it is stored.
    fn adopt(&mut self, index: usize) {
        let (own, _) = self.own();
        let d = &mut self.driver;
        let mut ids: Vec<_> = d.storage.values.keys().map(|(id, _)| *id).filter(|id| *id != own).collect();
        ids.dedup();
        let Some(id) = ids.get(index).copied() else { return };
        d.adopt(key_of(id).0 as u8, Duration::from_secs(60));
    }

    fn adopt_all(&mut self) {
        for index in 0..50 {
            self.adopt(index);
        }
    }
}

/// The driver's name for a stream: see `driver::stream`.
fn key_of(id: StreamId) -> StreamKey {
    (0..=u8::MAX).find(|n| stream(*n) == id).map(key).unwrap()
}

/// Streams of pages that died: with batches, without a line, with drops.
fn dead_pages() -> (Storage, Vec<(StreamId, u32)>) {
    let mut storage = Storage::default();
    let mut given = Vec::new();
    for n in 10..14u8 {
        let mut page = Driver::of(n, small(), 0);
        for at in 0..u32::from(n) * 2 {
            // The page of stream 12 dies with what did not fit; its collector hears of it from nobody.
            page.storage.is_full = n == 12 && at % 7 == 0;
            let _ = page.track(if at % 9 == 8 { 3_000 } else { 90 + 20 * at }, Priority::Normal);
            page.drain();
        }
        let line = (stream(n), 0);
        if n == 13 {
            page.storage.values.remove(&line);
        }
        for range in page.storage.batches(stream(n)) {
            given.extend((range.start()..range.end()).map(|number| (stream(n), number)));
        }
        storage.values.extend(page.storage.values);
    }
    (storage, given)
}

#[test]
fn a_beacon_that_is_queued_for_a_settled_stream_is_not_sent() {
    let mut story = Story::new();
    let calls = [
        Call::Track(0, 1499),
        Call::Drain,
        Call::Begin,
        Call::Answer(0, 10),
        Call::Track(0, 40),
        Call::Next,
        Call::Answer(0, 5),
        Call::Page(1),
        Call::Step,
        Call::Answer(0, 0),
    ];
    calls.iter().for_each(|call| story.apply(call));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn every_number_has_exactly_one_fate_whatever_is_called(calls in prop::collection::vec(call(), 1..160)) {
        let mut story = Story::new();
        for call in &calls {
            story.apply(call);
        }
        // The world heals, and everything drains: stored, or dropped and told.
        story.driver.heal();
        story.adopt_all();
        story.driver.heal();
        let d = &story.driver;
        prop_assert_eq!(d.held(), 0, "held after all: {:?}", d.pipeline.totals());
        for (id, number) in &story.given {
            let is_stored = d.collector.stored(*id).contains(*number);
            let told = d.collector.lines.get(id).map(|line| &line.dropped);
            let is_told = told.is_some_and(|told| told.iter().any(|(_, numbers)| numbers.contains(*number)));
            prop_assert!(is_stored || is_told, "{number} of {id:?} is neither stored nor told as dropped");
        }
        for (key, fates) in d.pipeline.books() {
            for (range, _) in fates.iter().filter(|(_, fate)| *fate == Fate::Delivered) {
                let stored = d.collector.stored(stream(key.0 as u8));
                prop_assert!(stored.contains_range(range), "{range:?} is not stored");
            }
        }
        prop_assert_eq!(d.texts.iter().count(), 0, "texts are left in memory");
        let (own, _) = story.own();
        for id in d.storage.values.keys().map(|(id, _)| *id) {
            prop_assert_eq!(id, own, "left in the storage");
        }
    }

    #[test]
    fn switching_off_leaves_nothing(calls in prop::collection::vec(call(), 1..60)) {
        let mut story = Story::new();
        for call in &calls {
            story.apply(call);
        }
        story.apply(&Call::Off);
        story.driver.drain();
        prop_assert_eq!(story.driver.held(), 0);
        prop_assert_eq!(story.driver.texts.iter().count(), 0);
        prop_assert_eq!(story.driver.wait, None);
        prop_assert_eq!(story.driver.track(50, Priority::High), Err(TrackError::Off));
    }
}
