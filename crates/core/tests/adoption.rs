//! Dead streams, and streams that this page left.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod driver;

use beaconry_core::{Answer, Config, Duration, Fate, Offer, Output, Page, Priority, Reason};
use driver::{Driver, batches_of, key, line_of, range, ranges, stream};

/// A page that died with ten events in ten batches, and the next page over the same storage.
fn after_a_death(config: Config) -> Driver {
    let mut dead = Driver::of(9, Config { max_batch_events: 1, ..Config::default() }, 0);
    for _ in 0..10 {
        dead.log(1_000);
    }
    let mut d = Driver::new(config);
    d.storage = dead.storage;
    d
}

fn adopt(d: &mut Driver, n: u8) {
    d.adopt(n, Duration::from_secs(60));
    d.drain();
}

#[test]
fn it_asks_first_with_the_line_alone_closed_and_with_what_it_holds() {
    let mut d = after_a_death(Config::default());
    adopt(&mut d, 9);
    let ask = d.only_request();
    let line = line_of(&ask);
    assert_eq!(batches_of(&ask), []);
    assert_eq!((line.tracked, line.holds, line.closed), (10, ranges(&[(0, 10)]), true));
}

#[test]
fn what_is_stored_already_is_erased_and_the_rest_is_sent() {
    let mut d = after_a_death(Config::default());
    d.collector.stored.insert(stream(9), ranges(&[(0, 7)]));
    adopt(&mut d, 9);
    d.deliver();
    assert_eq!(d.storage.batches(stream(9)), [range(7, 8), range(8, 9), range(9, 10)]);
    assert_eq!(batches_of(&d.only_request()), [range(7, 8), range(8, 9), range(9, 10)]);
    d.deliver();
    assert!(!d.storage.has(stream(9)), "the line is erased too");
    assert_eq!(d.log.last(), Some(&Output::Settled(key(9))));
}

#[test]
fn a_batch_without_its_stream_line_is_adopted() {
    let mut d = after_a_death(Config::default());
    d.storage.values.remove(&(stream(9), 0));
    adopt(&mut d, 9);
    assert_eq!(line_of(&d.only_request()).tracked, 10);
    d.heal();
    assert_eq!(d.collector.stored(stream(9)), ranges(&[(0, 10)]));
}

#[test]
fn a_stream_whose_line_is_spoilt_is_adopted_without_it() {
    let mut d = after_a_death(Config::default());
    d.storage.values.insert((stream(9), 0), b"{".to_vec());
    adopt(&mut d, 9);
    d.heal();
    assert_eq!(d.collector.stored(stream(9)), ranges(&[(0, 10)]));
    assert!(!d.storage.has(stream(9)));
}

#[test]
fn what_a_line_tells_as_dropped_and_is_there_all_the_same_is_held() {
    let mut d = after_a_death(Config::default());
    let mut line = d.storage.line(stream(9)).unwrap();
    line.dropped.insert(Reason::Full, range(2, 4));
    let mut value = Vec::new();
    line.encode(&mut value);
    d.storage.values.insert((stream(9), 0), value);
    adopt(&mut d, 9);
    assert_eq!(d.with_fate(key(9), |fate| fate == Fate::Held), ranges(&[(0, 10)]));
    d.heal();
    assert_eq!(d.collector.stored(stream(9)), ranges(&[(0, 10)]));
}

#[test]
fn the_drops_of_the_dead_page_are_told() {
    let mut d = after_a_death(Config::default());
    let mut line = d.storage.line(stream(9)).unwrap();
    line.tracked = 12;
    line.dropped.insert(Reason::Full, range(10, 12));
    let mut value = Vec::new();
    line.encode(&mut value);
    d.storage.values.insert((stream(9), 0), value);
    adopt(&mut d, 9);
    d.heal();
    assert_eq!(d.collector.lines[&stream(9)].dropped.get(Reason::Full), &ranges(&[(10, 12)]));
    assert!(!d.storage.has(stream(9)));
}

#[test]
fn a_mebibyte_is_restored_through_a_small_memory_without_a_loss() {
    let mut d = Driver::new(Config { memory_bytes: 70_000, ..Config::default() });
    let id = stream(9);
    for first in 0..256u32 {
        let mut value = Vec::new();
        beaconry_core::wire::write_batch_line(first, 1, b"", &mut value);
        value.extend_from_slice(driver::line(4_000).as_bytes());
        value.push(b'\n');
        d.storage.values.insert((id, u64::from(first) + 1), value);
    }
    adopt(&mut d, 9);
    d.heal();
    assert_eq!(d.collector.stored(id), ranges(&[(0, 256)]));
    assert_eq!(d.pipeline.totals().dropped(), 0);
}

#[test]
fn adopted_streams_go_one_at_a_time() {
    let mut d = after_a_death(Config::default());
    let copy: Vec<_> = d.storage.values.iter().map(|((_, part), value)| (*part, value.clone())).collect();
    for (part, value) in copy.into_iter().filter(|(part, _)| *part > 0) {
        d.storage.values.insert((stream(8), part), value);
    }
    adopt(&mut d, 9);
    adopt(&mut d, 8);
    assert_eq!(d.sent.len(), 1);
    d.heal();
    assert_eq!(d.collector.stored(stream(8)), d.collector.stored(stream(9)));
}

#[test]
fn a_value_that_is_gone_is_counted_and_a_longer_one_is_taken() {
    let mut d = after_a_death(Config::default());
    adopt(&mut d, 9);
    d.storage.values.remove(&(stream(9), 4));
    d.heal();
    assert_eq!(d.dropped(Reason::Storage), 1);
    assert_eq!(d.collector.lines[&stream(9)].dropped.get(Reason::Storage), &ranges(&[(3, 4)]));
    assert_eq!(d.collector.stored(stream(9)), ranges(&[(0, 3), (4, 10)]));
}

#[test]
fn released_it_stays_where_it_is() {
    let mut d = after_a_death(Config::default());
    adopt(&mut d, 9);
    let stored = d.storage.values.clone();
    d.release(key(9));
    d.drain();
    d.deliver();
    d.heal();
    assert_eq!(d.storage.values, stored);
    assert_eq!(d.pipeline.totals().dropped(), 0);
}

#[test]
fn of_a_left_stream_memory_keeps_only_what_no_storage_has_and_it_may_be_adopted_again() {
    let mut d = Driver::new(Config { max_batch_events: 1, ..Config::default() });
    d.log(100);
    d.storage.is_full = true;
    d.track(100, Priority::Low).unwrap(); // for which nothing is evicted
    d.drain();
    d.storage.is_full = false;
    d.pipeline.handle_page(d.now, Page::Gone);
    d.drain();
    d.sent.clear();
    d.begin_stream(2);
    d.pipeline.handle_page(d.now, Page::Visible);
    assert_eq!(d.with_fate(key(1), |fate| fate == Fate::Left), ranges(&[(0, 1)]));
    d.drain();
    assert_eq!(d.texts.of(key(1)).len(), 1, "what the storage has is forgotten");
    adopt(&mut d, 1);
    d.heal();
    assert_eq!(d.collector.stored(stream(1)), ranges(&[(0, 2)]));
    assert!(!d.storage.has(stream(1)));
}

#[test]
fn over_the_age_limit_it_is_dropped_once_the_first_question_was_heard() {
    let mut d = after_a_death(Config::default());
    d.collector.stored.insert(stream(9), ranges(&[(0, 4)]));
    d.adopt(9, Duration::from_secs(20 * 86_400));
    d.drain();
    assert_eq!(d.dropped(Reason::Age), 0);
    d.deliver();
    assert_eq!(d.dropped(Reason::Age), 6);
    d.heal();
    assert!(!d.storage.has(stream(9)));
}

#[test]
fn the_numbers_of_a_trapped_instance_are_told_apart_by_the_first_answer() {
    let mut d = Driver::continuing(Config::default(), 5);
    d.collector.stored.insert(stream(1), ranges(&[(0, 2)]));
    d.storage.values.insert((stream(1), 3), b"{\"batch\":2,\"n\":1}\n{}\n".to_vec());
    d.offer(key(1), b"{\"batch\":2,\"n\":1}\n{}\n");
    d.track(60, Priority::Normal).unwrap();
    d.drain();
    let request = d.only_request();
    d.answer(request.id, Answer::Accounted { stored: &[range(0, 2)], rejected: &[] });
    d.heal();
    assert_eq!(d.collector.lines[&stream(1)].dropped.get(Reason::Trap), &ranges(&[(3, 5)]));
    assert_eq!(d.collector.stored(stream(1)), ranges(&[(0, 3), (5, 6)]));
}

#[test]
fn an_own_stream_that_someone_else_began_is_asked_about_even_if_nothing_is_tracked() {
    let mut d = Driver::continuing(Config::default(), 3);
    d.collector.stored.insert(stream(1), ranges(&[(0, 2)]));
    d.drain();
    d.heal();
    assert_eq!(d.dropped(Reason::Trap), 1);
    assert_eq!(d.collector.lines[&stream(1)].dropped.get(Reason::Trap), &ranges(&[(2, 3)]));
}

#[test]
fn a_batch_in_memory_alone_survives_a_trap_under_its_borders() {
    let mut d = Driver::continuing(Config::default(), 4);
    d.collector.stored.insert(stream(1), ranges(&[(0, 2)]));
    d.texts.keep(key(1), 2, &["{}", "{}"]);
    let offer = Offer { bytes: d.texts.of(key(1))[0].bytes, is_stored: false, priority: Priority::High };
    d.pipeline.offer(d.now, key(1), range(2, 4), offer);
    d.log(60);
    assert_eq!(d.storage.batches(stream(1)), [range(2, 4), range(4, 5)]);
    d.heal();
    assert_eq!(d.collector.stored(stream(1)), ranges(&[(0, 5)]));
    assert_eq!(d.pipeline.totals().dropped(), 0);
}

#[test]
fn what_was_delivered_before_a_takeover_is_no_loss_when_the_stream_comes_back() {
    let mut d = Driver::continuing(Config::default(), 3);
    d.collector.stored.insert(stream(1), ranges(&[(0, 3)]));
    d.log(100);
    d.pipeline.handle_page(d.now, Page::Gone);
    d.drain();
    d.sent.clear();
    d.begin_stream(2);
    d.pipeline.handle_page(d.now, Page::Visible);
    adopt(&mut d, 1);
    d.heal();
    assert_eq!(d.collector.stored(stream(1)), ranges(&[(0, 4)]));
    assert!(!d.log.iter().any(|output| matches!(output, Output::Dropped { .. })), "{:?}", d.log);
}
