//! The memory budget, and the storage's.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod driver;

use beaconry_core::{Answer, Config, Fate, Link, Output, Priority, Range, Reason, TrackError};
use driver::{Driver, key, stream};

/// Room for eight batches of one event of 1,000 bytes.
fn small() -> Config {
    Config {
        memory_bytes: 8 * 1_100,
        max_batch_bytes: 1_100,
        max_event_bytes: 1_100,
        max_context_bytes: 0,
        max_batch_events: 1,
        first_request_bytes: 2_500,
        flush_bytes: u32::MAX,
        ..Config::default()
    }
}

#[test]
fn what_storage_has_takes_nothing_of_the_budget() {
    let mut d = Driver::new(small());
    for _ in 0..40 {
        d.log(1_000);
    }
    assert_eq!((d.held(), d.dropped(Reason::Full)), (40, 0));
    d.heal();
    assert_eq!(d.pipeline.totals().delivered(), 40);
    assert!(d.storage.batches(stream(1)).is_empty());
}

#[test]
fn without_a_storage_the_lowest_priority_goes_first_then_the_oldest() {
    let mut d = Driver::new(small());
    d.storage.is_full = true;
    for priority in [Priority::High, Priority::Normal, Priority::Low, Priority::Normal, Priority::Low] {
        d.track(1_000, priority).unwrap();
        d.drain();
    }
    let mut lost = Vec::new();
    for _ in 0..7 {
        let from = d.log.len();
        d.track(1_000, Priority::High).unwrap();
        d.drain();
        lost.extend(d.log[from..].iter().filter_map(|output| match output {
            Output::Dropped { reason, range, .. } => {
                assert_eq!(*reason, Reason::Full);
                Some(range.start())
            }
            _ => None,
        }));
    }
    assert_eq!(lost, [2, 4, 1, 3]);
}

#[test]
fn an_event_never_drives_out_what_matters_more() {
    let mut d = Driver::new(small());
    d.storage.is_full = true;
    while d.track(1_000, Priority::High).is_ok() && d.held() < 8 {
        d.drain();
    }
    let held = d.held();
    assert_eq!(d.track(1_000, Priority::Low), Err(TrackError::Full));
    assert_eq!(d.held(), held);
    assert_eq!(d.dropped(Reason::Full), 1);
}

#[test]
fn what_is_in_flight_is_never_dropped() {
    let mut d = Driver::new(small());
    d.storage.is_full = true;
    d.track(1_000, Priority::Low).unwrap();
    d.drain();
    d.pass(5_000);
    let request = d.only_request();
    for _ in 0..20 {
        let _ = d.track(1_000, Priority::High);
    }
    d.drain();
    assert!(!d.log.iter().any(|o| matches!(o, Output::Dropped { range, .. } if range.start() == 0)));
    let body = d.collector.receive(&request);
    d.hear(request.id, &body);
    assert_eq!(d.with_fate(key(1), |fate| fate == Fate::Delivered).end(), 1);
}

#[test]
fn a_failed_write_is_tried_again_once_something_was_erased() {
    let mut d = Driver::new(Config { max_batch_events: 1, ..Config::default() });
    d.track(100, Priority::High).unwrap(); // not evicted for the others
    d.drain();
    d.storage.is_full = true;
    d.log(100);
    assert_eq!(d.storage.batches(stream(1)).len(), 1);
    d.pass(5_000);
    d.track(100, Priority::Normal).unwrap();
    d.drain();
    let before = d.storage.values.len();
    d.storage.is_full = false;
    d.collector.poison.push(1); // only 0 is erased as stored; 1 as rejected
    d.deliver();
    assert!(d.storage.batches(stream(1)).iter().any(|range| range.start() == 2), "{before}");
}

/// The first numbers of what was dropped as full from there on in the log.
fn evicted(d: &Driver, from: usize) -> Vec<u32> {
    let dropped = |output: &Output| match output {
        Output::Dropped { reason: Reason::Full, range, .. } => Some(range.start()),
        _ => None,
    };
    d.log[from..].iter().filter_map(dropped).collect()
}

/// What cannot be stored cannot be sent instead.
fn go_offline(d: &mut Driver) {
    d.pipeline.handle_link(d.now, Link::Offline);
}

#[test]
fn while_the_collector_is_there_nothing_stored_is_given_up_for_what_is_sent_soon() {
    let mut d = Driver::new(small());
    for _ in 0..6 {
        d.log(1_000);
    }
    d.storage.is_full = true;
    d.log(1_000);
    assert_eq!(d.dropped(Reason::Full), 0);
    d.heal();
    assert_eq!(d.pipeline.totals().delivered(), 7);
}

#[test]
fn a_full_storage_gives_up_what_matters_least_then_the_oldest_and_never_what_matters_more() {
    let mut d = Driver::new(small());
    go_offline(&mut d);
    d.storage.limit = 4_700;
    for priority in [Priority::High, Priority::Normal, Priority::Low, Priority::Normal] {
        d.track(1_000, priority).unwrap();
        d.drain();
    }
    for _ in 0..3 {
        d.log(1_000);
    }
    assert_eq!(evicted(&d, 0), [2, 1, 3]);
    let firsts: Vec<_> = d.storage.batches(stream(1)).iter().map(|range| range.start()).collect();
    assert_eq!(firsts, [0, 4, 5, 6], "the newest are stored");
    let line = d.storage.line(stream(1)).unwrap();
    assert_eq!(line.dropped.get(Reason::Full).count(), 3, "and the line tells what is gone");
    d.heal();
    assert_eq!(d.pipeline.totals().delivered(), 4);
}

#[test]
fn of_two_streams_that_are_ours_the_older_one_makes_room() {
    let mut dead = Driver::of(2, small(), 0);
    dead.log(1_000);
    let mut d = Driver::new(small());
    d.storage = dead.storage;
    d.storage.limit = 3_900;
    go_offline(&mut d);
    d.adopt(2, beaconry_core::Duration::from_secs(60));
    for _ in 0..3 {
        d.log(1_000);
    }
    assert!(!d.storage.batches(stream(2)).iter().any(|range| range.start() == 0));
    assert_eq!(d.storage.batches(stream(1)).len(), 3);
    assert_eq!(d.dropped(Reason::Full), 1);
}

/// Who dies then has lost nothing silently.
#[test]
fn what_made_room_is_told_before_anything_takes_it() {
    let mut dead = Driver::of(2, small(), 0);
    dead.log(1_000);
    let mut d = Driver::new(small());
    d.storage = dead.storage;
    go_offline(&mut d);
    d.adopt(2, beaconry_core::Duration::from_secs(60));
    d.log(1_000);
    d.storage.limit = d.storage.values.values().map(Vec::len).sum();
    d.log(1_000);
    let after = d.log.iter().skip_while(|output| !matches!(output, Output::Erase { .. })).nth(1);
    assert!(matches!(after, Some(Output::PersistLine(stream)) if *stream == key(2)), "{after:?}");
    assert_eq!(d.storage.line(stream(2)).unwrap().dropped.get(Reason::Full).count(), 1);
}

#[test]
fn a_storage_that_refuses_for_another_reason_costs_one_batch() {
    let mut d = Driver::new(small());
    go_offline(&mut d);
    for _ in 0..6 {
        d.log(1_000);
    }
    d.storage.is_full = true;
    for _ in 0..3 {
        d.log(1_000);
    }
    assert_eq!(evicted(&d, 0), [0], "and no more, for the line that tells of it was refused too");
    assert_eq!(d.held(), 8);
    d.heal();
    assert_eq!(d.pipeline.totals().delivered(), 8);
}

#[test]
fn what_is_in_flight_is_not_evicted() {
    let mut d = Driver::new(small());
    d.log(1_000);
    d.pass(5_000);
    assert_eq!(d.sent.len(), 1);
    d.storage.is_full = true;
    d.log(1_000);
    assert_eq!(d.dropped(Reason::Full), 0);
    d.heal();
    assert_eq!(d.pipeline.totals().delivered(), 2);
}

/// A request of before the stream was left: the batches that come back with it do not name it.
#[test]
fn what_a_request_carried_when_its_stream_was_left_is_not_evicted_once_it_is_back() {
    let mut d = Driver::new(small());
    d.log(1_000);
    d.pass(5_000);
    let request = d.only_request();
    d.begin_stream(2);
    d.drain();
    go_offline(&mut d);
    d.adopt(1, beaconry_core::Duration::from_secs(60));
    d.storage.is_full = true;
    d.log(1_000);
    assert!(evicted(&d, 0).is_empty());
    d.answer(request.id, Answer::Unreachable);
    d.log(1_000);
    assert_eq!(evicted(&d, 0), [0], "it flies no more");
    d.heal();
    assert_eq!(d.pipeline.totals().delivered(), 2);
}

#[test]
fn a_hundred_thousand_events_are_held_and_drain() {
    let mut d = Driver::new(Config { memory_bytes: 64 << 20, ..Config::default() });
    for _ in 0..100_000 {
        d.track(130, Priority::Normal).unwrap();
    }
    let mut steps = 0;
    loop {
        match d.pipeline.poll_output() {
            Output::Wait(None) => break,
            Output::Wait(Some(span)) => {
                d.now = d.now + span;
                d.pipeline.handle_timeout(d.now);
            }
            Output::Send(request) => {
                let stored: Vec<Range> = d.pipeline.carried(request.id).collect();
                let answer = Answer::Accounted { stored: &stored, rejected: &[] };
                d.pipeline.handle_answer(d.now, request.id, answer);
            }
            Output::PersistLine(_) | Output::Persist { .. } => d.pipeline.handle_stored(d.now, true),
            _ => {}
        }
        steps += 1;
        assert!(steps < 50_000);
    }
    assert_eq!(d.pipeline.totals().delivered(), 100_000);
}
