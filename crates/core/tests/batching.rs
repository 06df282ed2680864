//! When a batch is sealed, written and sent.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod driver;

use beaconry_core::{Config, Output, Page, Priority, TrackError, Via};
use driver::{Driver, batches_of, key, line_of, range, ranges, stream};

#[test]
fn events_are_numbered_from_the_streams_next_number() {
    let mut d = Driver::continuing(Config::default(), 7);
    assert_eq!([d.log(50), d.log(50), d.log(50)], [7, 8, 9]);
}

#[test]
fn a_batch_of_one_task_is_at_most_16_kib_and_a_larger_event_is_a_batch_of_its_own() {
    let mut d = Driver::new(Config::default());
    for bytes in [5_000, 5_000, 5_000, 5_000, 20_000, 100] {
        d.track(bytes, Priority::Normal).unwrap();
    }
    d.drain();
    assert_eq!(d.storage.batches(stream(1)), [range(0, 3), range(3, 4), range(4, 5), range(5, 6)]);
}

#[test]
fn a_batch_that_is_written_again_is_at_most_4096_bytes() {
    let mut d = Driver::new(Config::default());
    for bytes in [1_100, 1_100, 1_100, 1_100, 5_000, 100] {
        d.log(bytes);
    }
    assert_eq!(d.storage.batches(stream(1)), [range(0, 3), range(3, 4), range(4, 5), range(5, 6)]);
}

#[test]
fn a_batch_has_at_most_so_many_events() {
    let mut d = Driver::new(Config { max_batch_events: 3, ..Config::default() });
    for _ in 0..7 {
        let _ = d.track(40, Priority::Normal);
    }
    d.drain();
    assert_eq!(d.storage.batches(stream(1)), [range(0, 3), range(3, 6), range(6, 7)]);
}

#[test]
fn writes_of_one_batch_coalesce_until_the_drain_and_the_line_comes_first() {
    let mut d = Driver::new(Config::default());
    for _ in 0..5 {
        let _ = d.track(60, Priority::Normal);
    }
    d.drain();
    let batch = Output::Persist { stream: key(1), range: range(0, 5) };
    assert_eq!(d.log, [Output::PersistLine(key(1)), batch]);
    assert_eq!(d.storage.batches(stream(1)), [range(0, 5)]);
}

#[test]
fn an_event_waits_five_seconds_an_error_one() {
    let mut d = Driver::new(Config::default());
    d.log(60);
    assert_eq!(d.wait.unwrap().since(d.now).as_millis(), 5_000);
    d.track(60, Priority::High).unwrap();
    d.drain();
    assert_eq!(d.wait.unwrap().since(d.now).as_millis(), 1_000);
    d.pass(999);
    assert!(d.sent.is_empty());
    d.pass(1);
    assert_eq!(batches_of(&d.only_request()), [range(0, 2)]);
}

#[test]
fn enough_bytes_are_sent_when_the_burst_is_over() {
    let mut d = Driver::new(Config::default());
    for _ in 0..16 {
        d.log(1_000);
    }
    assert_eq!(d.wait.unwrap().since(d.now).as_millis(), 5_000);
    d.log(1_000);
    d.pass(60);
    d.log(1_000);
    d.pass(39);
    assert!(d.sent.is_empty());
    d.pass(1);
    assert_eq!(batches_of(&d.only_request()).last(), Some(&range(16, 18)));
}

/// Its timers are late, and it may be discarded.
#[test]
fn what_a_beacon_does_not_take_of_a_hidden_pages_burst_does_not_wait() {
    let mut d = Driver::new(Config::default());
    d.pipeline.handle_page(d.now, Page::Hidden);
    for _ in 0..70 {
        d.track(1_000, Priority::Normal).unwrap();
    }
    d.drain();
    let vias: Vec<_> = d.sent.iter().map(|request| request.via).collect();
    assert_eq!(vias, [Via::Beacon, Via::Fetch]);
}

#[test]
fn a_new_context_begins_a_batch_and_the_same_one_does_not() {
    let mut d = Driver::new(Config::default());
    for members in [r#""page":"/a""#, r#""page":"/a""#, r#""page":"/b""#] {
        d.set_context(members);
        d.log(60);
    }
    assert_eq!(d.storage.batches(stream(1)), [range(0, 2), range(2, 3)]);
    let value = &d.storage.values[&(stream(1), 3)];
    assert!(value.starts_with(br#"{"batch":2,"n":1,"page":"/b"}"#));
}

#[test]
fn what_is_no_event_is_counted_under_its_number() {
    let mut d = Driver::new(Config::default());
    d.log(60);
    for _ in 0..5 {
        d.track_invalid();
    }
    assert_eq!(d.track(40_000, Priority::High), Err(TrackError::TooLarge));
    assert_eq!(d.log(60), 7);
    d.pass(5_000);
    let request = d.only_request();
    assert_eq!(batches_of(&request), [range(0, 1), range(7, 8)]);
    let line = line_of(&request);
    assert_eq!(line.dropped.get(beaconry_core::Reason::Invalid), &ranges(&[(1, 6)]));
    assert_eq!(line.dropped.get(beaconry_core::Reason::TooLarge), &ranges(&[(6, 7)]));
    assert_eq!((line.tracked, line.holds), (8, ranges(&[(0, 1), (7, 8)])));
}

#[test]
fn a_drop_is_written_before_anything_is_erased() {
    let mut d = Driver::new(Config::default());
    d.log(60);
    d.pass(5_000);
    d.track(40_000, Priority::Normal).unwrap_err();
    let from = d.log.len();
    d.deliver();
    let line = d.log[from..].iter().position(|o| matches!(o, Output::PersistLine(_)));
    let erase = d.log[from..].iter().position(|o| matches!(o, Output::Erase { .. }));
    assert!(line.unwrap() < erase.unwrap());
}

#[test]
fn sealed_bytes_never_change() {
    let mut d = Driver::new(Config::default());
    d.log(60);
    d.pass(5_000);
    let first = d.only_request();
    d.log(60);
    d.answer(first.id, beaconry_core::Answer::Unreachable);
    while d.sent.is_empty() {
        d.next();
    }
    assert_eq!(batches_of(&d.only_request()), [range(0, 1), range(1, 2)]);
}

#[test]
fn a_text_grows_between_the_poll_and_the_write_and_the_rest_is_written_next() {
    let mut d = Driver::new(Config::default());
    d.track(60, Priority::Normal).unwrap();
    assert_eq!(d.pipeline.poll_output(), Output::PersistLine(key(1)));
    d.pipeline.handle_stored(d.now, true);
    assert_eq!(d.pipeline.poll_output(), Output::Persist { stream: key(1), range: range(0, 1) });
    assert_eq!(d.track(60, Priority::Normal), Ok(1));
    d.pipeline.handle_stored(d.now, true);
    assert_eq!(d.pipeline.poll_output(), Output::Persist { stream: key(1), range: range(0, 2) });
}

#[test]
fn hidden_seals() {
    let mut d = Driver::new(Config::default());
    d.log(60);
    d.pipeline.handle_page(d.now, Page::Hidden);
    d.drain();
    d.pipeline.handle_page(d.now, Page::Visible);
    d.log(60);
    assert_eq!(d.storage.batches(stream(1)), [range(0, 1), range(1, 2)]);
}
