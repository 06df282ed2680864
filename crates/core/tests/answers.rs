//! What each answer changes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod driver;

use beaconry_core::{Answer, Config, Identity, Output, Reason};
use driver::{Driver, batches_of, key, line_of, range, ranges, stream};

/// Four batches of one event, sent in one request.
fn four() -> Driver {
    let mut d = Driver::new(Config { max_batch_events: 1, ..Config::default() });
    for _ in 0..4 {
        d.log(100);
    }
    d.pass(5_000);
    assert_eq!(batches_of(&d.only_request()).len(), 4);
    d
}

#[test]
fn an_answer_confirms_what_came_before_its_own_request() {
    let mut d = four();
    let lost = d.only_request();
    d.collector.receive(&lost);
    d.log(100);
    d.answer(lost.id, Answer::Unreachable);
    while d.sent.is_empty() {
        d.next();
    }
    let request = d.only_request();
    let body = d.collector.receive_line(&request);
    d.hear(request.id, &body);
    assert_eq!(d.storage.batches(stream(1)), [range(4, 5)], "what the lost answer would have told is erased");
}

#[test]
fn a_200_that_does_not_account_for_all_keeps_the_rest_and_backs_off() {
    let mut d = four();
    let id = d.only_request().id;
    d.answer(id, Answer::Accounted { stored: &[range(1, 3)], rejected: &[] });
    assert_eq!(d.held(), 2);
    assert!(d.sent.is_empty(), "not at once");
    assert_eq!(d.storage.batches(stream(1)), [range(0, 1), range(3, 4)]);
}

#[test]
fn a_rejected_batch_is_dropped_unless_it_is_stored() {
    let mut d = four();
    let id = d.only_request().id;
    d.answer(id, Answer::Accounted { stored: &[range(0, 2), range(3, 4)], rejected: &[1, 2] });
    assert_eq!((d.held(), d.dropped(Reason::Rejected)), (0, 1));
    assert!(d.log.contains(&Output::Dropped {
        stream: key(1),
        reason: Reason::Rejected,
        range: range(2, 3)
    }));
}

#[test]
fn stored_wins_over_dropped() {
    let mut d = four();
    let id = d.only_request().id;
    d.answer(id, Answer::Accounted { stored: &[], rejected: &[0, 1, 2, 3] });
    assert_eq!(d.dropped(Reason::Rejected), 4);
    d.collector.stored.insert(stream(1), ranges(&[(0, 4)]));
    d.heal();
    assert_eq!(d.dropped(Reason::Rejected), 0);
    assert_eq!(d.pipeline.totals().delivered(), 4);
}

#[test]
fn a_stale_stream_is_dropped_and_counted() {
    let mut d = four();
    let id = d.only_request().id;
    d.answer(id, Answer::Stale);
    assert_eq!((d.held(), d.dropped(Reason::Stale)), (0, 4));
    assert!(d.storage.batches(stream(1)).is_empty());
}

fn refuse_poison(answer: Answer<'_>, reason: Reason) {
    let mut d = four();
    for _ in 0..20 {
        let Some(request) = d.sent.first().cloned() else {
            if !d.next() {
                break;
            }
            continue;
        };
        if batches_of(&request).contains(&range(2, 3)) {
            d.answer(request.id, answer);
        } else {
            d.deliver();
        }
    }
    assert_eq!((d.held(), d.dropped(reason)), (0, 1));
    assert_eq!(d.collector.stored(stream(1)), ranges(&[(0, 2), (3, 4)]));
    assert_eq!(d.collector.lines[&stream(1)].dropped.get(reason), &ranges(&[(2, 3)]));
}

#[test]
fn too_large_sends_one_by_one_and_drops_the_lone_one() {
    refuse_poison(Answer::TooLarge, Reason::TooLarge);
}

#[test]
fn unreadable_sends_one_by_one_and_drops_the_lone_one() {
    refuse_poison(Answer::Unreadable, Reason::Rejected);
}

#[test]
fn an_unreadable_stream_line_is_made_anew() {
    let mut d = Driver::new(Config::default());
    let mut line = beaconry_core::StreamLine::new(stream(9), Identity::default());
    line.identity.release = Some("\"bad\"".into());
    line.tracked = 3;
    let mut value = Vec::new();
    line.encode(&mut value);
    d.storage.values.insert((stream(9), 0), value);
    d.adopt(9, Default::default());
    d.drain();
    let first = d.only_request();
    assert_eq!(line_of(&first).identity.release.as_deref(), Some("\"bad\""));
    d.answer(first.id, Answer::Unreadable);
    let again = line_of(&d.only_request());
    assert_eq!((again.identity.release, again.tracked), (None, 3));
    d.deliver();
    assert_eq!(d.log.last(), Some(&Output::Settled(key(9))));
}

#[test]
fn an_answer_that_claims_the_open_batch_ends_it() {
    let mut d = Driver::new(Config::default());
    d.log(100);
    d.pass(5_000);
    d.log(100);
    let id = d.only_request().id;
    d.answer(id, Answer::Accounted { stored: &[range(0, 9)], rejected: &[] });
    assert_eq!(d.held(), 0);
    d.storage.values.insert((stream(9), 1), b"{\"batch\":0,\"n\":1}\n{}\n".to_vec());
    d.adopt(9, Default::default());
    d.heal();
    assert_eq!(d.log(100), 2);
    d.heal();
    assert_eq!(d.collector.stored(stream(1)), ranges(&[(2, 3)]));
}
