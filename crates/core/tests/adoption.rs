//! Dead streams, and streams that this page left.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod driver;

use beaconry_core::{Answer, Config, Duration, Output, Page, Pipeline, Priority, Reason, Stream, StreamId};
use driver::{Driver, batches_of, line_of, range, ranges, stream};

/// A page that died with ten events in ten batches, and the next page over the same storage.
fn after_a_death(config: Config) -> Driver {
    let one_each = Config { max_batch_events: 1, ..Config::default() };
    let mut dead = Driver::new(one_each);
    let begun = Stream { id: stream(9), next: 0, age: Duration::ZERO };
    dead.pipeline = Pipeline::new(dead.now, Config { max_batch_events: 1, ..Config::default() }, begun, 3);
    for _ in 0..10 {
        dead.log(1_000);
    }
    let mut d = Driver::new(config);
    d.storage = dead.storage;
    d
}

fn adopt(d: &mut Driver, id: StreamId) {
    let line = d.storage.values.get(&(id, 0)).cloned();
    let holds = d.storage.batches(id);
    d.pipeline.adopt(d.now, id, line.as_deref(), Duration::from_secs(60), &holds).unwrap();
    d.drain();
}

#[test]
fn it_asks_first_with_the_line_alone_closed_and_with_what_it_holds() {
    let mut d = after_a_death(Config::default());
    adopt(&mut d, stream(9));
    let ask = d.only_request();
    let line = line_of(&ask);
    assert_eq!(batches_of(&ask), []);
    assert_eq!((line.tracked, line.holds, line.closed), (10, ranges(&[(0, 10)]), true));
    assert!(!d.log.iter().any(|output| matches!(output, Output::Load { .. })));
}

#[test]
fn what_is_stored_already_is_erased_unread_and_the_rest_is_loaded_and_sent() {
    let mut d = after_a_death(Config::default());
    d.collector.stored.insert(stream(9), ranges(&[(0, 7)]));
    adopt(&mut d, stream(9));
    d.deliver();
    assert_eq!(d.storage.batches(stream(9)), [range(7, 8), range(8, 9), range(9, 10)]);
    assert_eq!(batches_of(&d.only_request()), [range(7, 8), range(8, 9), range(9, 10)]);
    d.deliver();
    assert!(!d.storage.has(stream(9)), "the line is erased too");
    assert_eq!(d.log.last(), Some(&Output::Settled(stream(9))));
}

#[test]
fn a_batch_without_its_stream_line_is_adopted() {
    let mut d = after_a_death(Config::default());
    d.storage.values.remove(&(stream(9), 0));
    adopt(&mut d, stream(9));
    assert_eq!(line_of(&d.only_request()).tracked, 10);
    d.heal();
    assert_eq!(d.collector.stored(stream(9)), ranges(&[(0, 10)]));
}

#[test]
fn a_spoilt_line_is_refused_and_nothing_is_taken() {
    let mut d = after_a_death(Config::default());
    d.pipeline.adopt(d.now, stream(9), Some(b"{"), Duration::ZERO, &[range(0, 1)]).unwrap_err();
    d.drain();
    assert!(d.pipeline.books().stream(stream(9)).is_none());
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
    adopt(&mut d, stream(9));
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
    adopt(&mut d, id);
    d.heal();
    assert_eq!(d.collector.stored(id), ranges(&[(0, 256)]));
    assert_eq!(d.pipeline.books().totals().all_dropped(), 0);
}

#[test]
fn adopted_streams_go_one_at_a_time() {
    let mut d = after_a_death(Config::default());
    let copy: Vec<_> = d.storage.values.iter().map(|((_, part), value)| (*part, value.clone())).collect();
    for (part, value) in copy.into_iter().filter(|(part, _)| *part > 0) {
        d.storage.values.insert((stream(8), part), value);
    }
    adopt(&mut d, stream(9));
    adopt(&mut d, stream(8));
    assert_eq!(d.sent.len(), 1);
    d.heal();
    assert_eq!(d.collector.stored(stream(8)), d.collector.stored(stream(9)));
}

#[test]
fn a_value_that_is_gone_is_counted_and_a_longer_one_is_taken() {
    let mut d = after_a_death(Config::default());
    adopt(&mut d, stream(9));
    d.storage.values.remove(&(stream(9), 4));
    d.heal();
    assert_eq!(d.dropped(Reason::Storage), 1);
    assert_eq!(d.collector.lines[&stream(9)].dropped.get(Reason::Storage), &ranges(&[(3, 4)]));
    assert_eq!(d.collector.stored(stream(9)), ranges(&[(0, 3), (4, 10)]));
}

#[test]
fn released_it_stays_where_it_is() {
    let mut d = after_a_death(Config::default());
    adopt(&mut d, stream(9));
    let stored = d.storage.values.clone();
    d.pipeline.release(d.now, stream(9));
    d.drain();
    d.deliver();
    d.heal();
    assert_eq!(d.storage.values, stored);
    assert_eq!(d.pipeline.books().totals().all_dropped(), 0);
}

#[test]
fn of_a_left_stream_memory_keeps_only_what_no_storage_has_and_it_may_be_adopted_again() {
    let mut d = Driver::new(Config { max_batch_events: 1, ..Config::default() });
    d.log(100);
    d.storage.is_full = true;
    d.log(100);
    d.storage.is_full = false;
    d.pipeline.handle_page(d.now, Page::Gone);
    d.drain();
    d.sent.clear();
    let next = Stream { id: stream(2), next: 0, age: Duration::ZERO };
    d.pipeline.begin_stream(d.now, next);
    d.pipeline.handle_page(d.now, Page::Visible);
    assert_eq!(d.pipeline.books().stream(stream(1)).unwrap().released(), &ranges(&[(0, 1)]));
    adopt(&mut d, stream(1));
    d.heal();
    assert_eq!(d.collector.stored(stream(1)), ranges(&[(0, 2)]));
    assert!(!d.storage.has(stream(1)));
}

#[test]
fn over_the_age_limit_it_is_dropped_once_the_first_question_was_heard() {
    let mut d = after_a_death(Config::default());
    let line = d.storage.values[&(stream(9), 0)].clone();
    let holds = d.storage.batches(stream(9));
    d.collector.stored.insert(stream(9), ranges(&[(0, 4)]));
    d.pipeline.adopt(d.now, stream(9), Some(&line), Duration::from_secs(20 * 86_400), &holds).unwrap();
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
    d.pipeline.offer(d.now, stream(1), b"{\"batch\":2,\"n\":1}\n{}\n").unwrap();
    d.track(60, Priority::Normal).unwrap();
    d.drain();
    let request = d.sent.remove(0);
    d.answer(request.id, Answer::Accounted { stored: ranges(&[(0, 2)]), rejected: vec![] });
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
