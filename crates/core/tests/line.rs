//! The stream line that a pipeline tells, in full.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod driver;

use beaconry_core::{Answer, Config, Identity, Range, Reason, StreamLine};
use driver::{Driver, key, range, ranges, stream};

/// What a fresh page's line tells.
fn line(d: &Driver) -> StreamLine {
    d.pipeline.line(key(1)).unwrap().to_wire(stream(1), Identity::default())
}

/// So many batches of one event each, in memory alone.
fn many(n: u32) -> Driver {
    let mut d = Driver::new(Config { max_batch_events: 1, ..Config::default() });
    (0..n).for_each(|_| _ = d.log(60));
    d
}

#[test]
fn a_line_tells_what_is_held_and_what_was_dropped_and_why() {
    let mut d = many(4);
    d.track_invalid();
    d.track(40_000, beaconry_core::Priority::Normal).unwrap_err();
    d.pass(5_000);
    let id = d.only_request().id;
    d.answer(id, Answer::Accounted { stored: &[range(1, 3)], rejected: &[] });
    let line = line(&d);
    assert_eq!((line.tracked, &line.holds, line.closed), (6, &ranges(&[(0, 1), (3, 4)]), false));
    assert_eq!(line.dropped.get(Reason::Invalid), &ranges(&[(4, 5)]));
    assert_eq!(line.dropped.get(Reason::TooLarge), &ranges(&[(5, 6)]));
}

/// Every other one of the first 2 × `pieces` numbers is stored, the rest rejected but for `held`, which stays.
fn scattered(pieces: u32, held: u32) -> StreamLine {
    let mut d = many(2 * pieces);
    d.pass(5_000);
    let id = d.only_request().id;
    let stored: Vec<Range> = (0..pieces).map(|at| range(2 * at, 2 * at + 1)).collect();
    let rejected: Vec<u32> = (0..pieces).map(|at| 2 * at + 1).filter(|first| *first != held).collect();
    d.answer(id, Answer::Accounted { stored: &stored, rejected: &rejected });
    line(&d)
}

#[test]
fn up_to_64_ranges_are_told_one_by_one() {
    let line = scattered(64, u32::MAX);
    assert_eq!(line.dropped.get(Reason::Rejected).pieces(), 64);
}

#[test]
fn over_64_ranges_what_is_stored_between_two_joins_them_and_what_is_held_does_not() {
    let line = scattered(66, 61);
    assert_eq!(line.dropped.get(Reason::Rejected), &ranges(&[(1, 60), (63, 132)]));
    assert_eq!(line.holds, ranges(&[(61, 62)]));
}
