//! What a beacon takes when the page may end.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod driver;

use beaconry_core::{Answer, Config, Page, Priority, Via};
use driver::{Driver, batches_of, line_of, range, ranges, stream};

fn by_beacon(d: &Driver) -> Vec<beaconry_core::Range> {
    d.sent.iter().filter(|request| request.via == Via::Beacon).flat_map(batches_of).collect()
}

#[test]
fn errors_board_first_then_what_no_storage_has_then_the_rest() {
    let mut d = Driver::new(Config { max_batch_events: 1, line_bytes: 200, ..Config::default() });
    d.log(1_000); // 0: stored
    d.storage.is_full = true;
    d.track(1_000, Priority::Low).unwrap(); // 1: in memory alone, nothing is evicted for it
    d.drain();
    d.storage.is_full = false;
    d.track(1_000, Priority::High).unwrap(); // 2: an error
    d.drain();
    for (budget, expected) in
        [(1_300, vec![range(2, 3)]), (1_300, vec![range(1, 2)]), (9_000, vec![range(0, 1)])]
    {
        d.pipeline.handle_exit(d.now, budget);
        d.drain();
        let request = d.sent.remove(0);
        assert!(request.body.len() <= budget as usize);
        assert_eq!(batches_of(&request), expected);
        d.answer(request.id, Answer::HandedOff);
    }
    d.pipeline.handle_exit(d.now, 60_000);
    d.drain();
    assert!(d.sent.is_empty(), "what a beacon took is not sent again");
}

#[test]
fn an_exit_takes_along_what_a_fetch_still_carries() {
    let mut d = Driver::new(Config::default());
    d.log(100);
    d.pass(5_000);
    d.pipeline.handle_exit(d.now, 60_000);
    d.drain();
    assert_eq!(by_beacon(&d), [range(0, 1)]);
}

#[test]
fn a_refused_beacon_is_halved_at_once_without_a_backoff() {
    let mut d = Driver::new(Config { max_batch_events: 1, line_bytes: 200, ..Config::default() });
    for _ in 0..8 {
        d.log(1_000);
    }
    d.pipeline.handle_exit(d.now, 60_000);
    d.drain();
    let mut sizes = Vec::new();
    while let Some(request) = d.sent.iter().find(|request| request.via == Via::Beacon).cloned() {
        sizes.push(batches_of(&request).len());
        d.answer(request.id, Answer::NotSent);
    }
    assert_eq!(sizes, [8, 3, 1]);
    assert_eq!(d.held(), 8);
}

#[test]
fn while_hidden_every_drain_ends_in_a_beacon() {
    let mut d = Driver::new(Config::default());
    d.pipeline.handle_page(d.now, Page::Hidden);
    for number in 0..3 {
        d.log(100);
        assert_eq!(by_beacon(&d), [range(number, number + 1)]);
        d.deliver();
    }
}

#[test]
fn a_page_that_lives_on_asks_with_the_line_alone() {
    let mut d = Driver::new(Config::default());
    d.log(100);
    d.pipeline.handle_page(d.now, Page::Hidden);
    d.drain();
    d.deliver();
    assert_eq!(d.held(), 1, "a beacon tells nothing");
    d.pipeline.handle_page(d.now, Page::Visible);
    d.drain();
    d.pass(2_999);
    assert!(d.sent.is_empty());
    d.pass(1);
    let ask = d.only_request();
    assert_eq!((ask.via, batches_of(&ask)), (Via::Fetch, vec![]));
    d.deliver();
    assert_eq!(d.held(), 0);
    assert!(d.storage.batches(stream(1)).is_empty());
}

#[test]
fn a_lost_beacon_is_found_out_and_sent_again() {
    let mut d = Driver::new(Config::default());
    d.log(100);
    d.pipeline.handle_exit(d.now, 60_000);
    d.drain();
    let lost = d.sent.remove(0);
    d.answer(lost.id, Answer::HandedOff);
    d.next();
    d.deliver();
    assert_eq!(batches_of(&d.only_request()), [range(0, 1)]);
    d.deliver();
    assert_eq!(d.held(), 0);
}

#[test]
fn under_a_retry_after_only_what_no_storage_has_goes() {
    let mut d = Driver::new(Config { max_batch_events: 1, ..Config::default() });
    d.log(100);
    d.storage.is_full = true;
    d.log(100);
    let until = d.now + beaconry_core::Duration::from_secs(600);
    d.pipeline.handle_gate(d.now, until);
    d.pipeline.handle_page(d.now, Page::Hidden);
    d.pipeline.handle_exit(d.now, 60_000);
    d.drain();
    assert_eq!(by_beacon(&d), [range(1, 2)]);
}

#[test]
fn a_gone_page_closes_its_stream_and_numbers_nothing_more() {
    let mut d = Driver::new(Config::default());
    d.log(100);
    d.pipeline.handle_page(d.now, Page::Gone);
    d.pipeline.handle_exit(d.now, 60_000);
    d.drain();
    let line = line_of(&d.only_request());
    assert!(line.closed);
    assert_eq!(line.holds, ranges(&[(0, 1)]));
    assert_eq!(d.track(50, Priority::High), Err(beaconry_core::TrackError::Off));
}

#[test]
fn a_refused_closing_line_is_not_offered_again_in_the_same_drain() {
    let mut d = Driver::new(Config::default());
    d.log(100);
    d.pass(5_000);
    let request = d.only_request();
    d.answer(request.id, Answer::Accounted { stored: &[range(0, 1)], rejected: &[] });
    d.pipeline.handle_page(d.now, Page::Gone);
    d.pipeline.handle_exit(d.now, 60_000);
    d.drain();
    let closing = d.sent.remove(0);
    assert_eq!(closing.via, Via::Beacon);
    assert!(line_of(&closing).closed && batches_of(&closing).is_empty());
    d.answer(closing.id, Answer::NotSent);
    assert!(d.sent.iter().all(|request| request.via == Via::Fetch), "{:?}", d.sent);
}
