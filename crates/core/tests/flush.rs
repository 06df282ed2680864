//! `flush`, and switching off.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod driver;

use beaconry_core::{Answer, Config, Duration, Output, Page, Priority, Reason, TrackError};
use driver::{Driver, line_of, stream};

#[test]
fn a_flush_sends_at_once_and_ends_when_nothing_of_before_is_held() {
    let mut d = Driver::new(Config::default());
    d.log(100);
    d.pipeline.flush(d.now);
    d.drain();
    d.log(100);
    assert!(!d.log.contains(&Output::Flushed));
    d.deliver();
    assert!(d.log.contains(&Output::Flushed));
    assert_eq!(d.held(), 1, "what came later is not waited for");
}

#[test]
fn a_flush_of_nothing_ends_at_once() {
    let mut d = Driver::new(Config::default());
    d.pipeline.flush(d.now);
    d.drain();
    assert_eq!(d.log, [Output::Flushed]);
}

#[test]
fn a_flush_does_not_break_a_gate() {
    let mut d = Driver::new(Config::default());
    d.pipeline.handle_gate(d.now, d.now + Duration::from_secs(30));
    d.log(100);
    d.pipeline.flush(d.now);
    d.drain();
    assert!(d.sent.is_empty());
    d.pass(30_000);
    d.deliver();
    assert!(d.log.contains(&Output::Flushed));
}

#[test]
fn a_second_flush_moves_the_mark_and_both_end_as_one() {
    let mut d = Driver::new(Config::default());
    d.log(100);
    d.pipeline.flush(d.now);
    d.drain();
    d.log(100);
    d.pipeline.flush(d.now);
    d.drain();
    d.deliver();
    assert!(!d.log.contains(&Output::Flushed), "the second waits for what came between");
    d.heal();
    assert_eq!(d.log.iter().filter(|output| **output == Output::Flushed).count(), 1);
}

#[test]
fn a_410_counts_erases_tells_once_and_stays_off() {
    let mut d = Driver::new(Config::default());
    d.log(100);
    d.pass(5_000);
    d.log(100);
    let id = d.only_request().id;
    d.answer(id, Answer::SwitchedOff);
    assert!(d.log.contains(&Output::Off));
    assert_eq!((d.held(), d.dropped(Reason::Off)), (0, 2));
    assert!(d.storage.values.is_empty(), "everything is erased");
    let last = d.only_request();
    let line = line_of(&last);
    assert_eq!((line.tracked, line.dropped.get(Reason::Off).count(), line.closed), (2, 2, true));
    d.answer(last.id, Answer::Unreachable);
    assert_eq!(d.track(50, Priority::High), Err(TrackError::Off));
    d.pipeline.handle_page(d.now, Page::Hidden);
    d.pipeline.handle_exit(d.now, 60_000);
    d.drain();
    assert_eq!((d.sent.len(), d.wait), (0, None));
}

#[test]
fn a_pipeline_that_tracked_nothing_says_nothing_when_it_is_switched_off() {
    let mut d = Driver::new(Config::default());
    d.pipeline.switch_off(d.now);
    d.drain();
    assert!(d.sent.is_empty());
    assert!(!d.storage.has(stream(1)));
}
