//! Backoff, Retry-After, refusals, and what ends them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod driver;

use beaconry_core::{Answer, Config, Duration, Instant, Link, Output};
use driver::Driver;

fn sent() -> Driver {
    let mut d = Driver::new(Config::default());
    d.log(60);
    d.pass(5_000);
    assert_eq!(d.sent.len(), 1);
    d
}

fn fail(d: &mut Driver, answer: Answer<'_>) {
    let id = d.only_request().id;
    d.answer(id, answer);
}

#[test]
fn waits_have_full_jitter_under_a_doubling_cap() {
    let mut d = sent();
    let mut ceiling = 1_000;
    let mut longest = 0;
    for _ in 0..40 {
        fail(&mut d, Answer::Unreachable);
        let before = d.now;
        while d.sent.is_empty() {
            d.next();
        }
        let waited = d.now.since(before).as_millis();
        assert!(waited <= ceiling, "{waited} > {ceiling}");
        longest = longest.max(waited);
        ceiling = (ceiling * 2).min(300_000);
    }
    assert!(longest > 150_000, "uniform up to five minutes: {longest}");
}

#[test]
fn online_ends_a_backoff_but_never_a_retry_after() {
    let mut d = sent();
    for _ in 0..8 {
        fail(&mut d, Answer::Unreachable);
        while d.sent.is_empty() {
            d.next();
        }
    }
    fail(&mut d, Answer::Unreachable);
    d.pipeline.handle_link(d.now, Link::Online);
    d.drain();
    let span = Duration::from_secs(60);
    let until = d.now + span;
    fail(&mut d, Answer::Throttled { until });
    assert!(d.log.contains(&Output::Gate(span)));
    d.pipeline.handle_link(d.now, Link::Online);
    d.drain();
    assert!(d.sent.is_empty());
    d.pass(59_999);
    assert!(d.sent.is_empty());
    d.pass(1);
    while d.sent.is_empty() {
        d.next();
    }
}

#[test]
fn another_tabs_gate_holds_and_a_wrong_one_is_a_day_at_most() {
    let mut d = Driver::new(Config::default());
    d.pipeline.handle_gate(d.now, Instant::from_millis(u64::MAX));
    d.log(60);
    assert_eq!(d.wait.unwrap().since(d.now), Duration::from_secs(86_400));
    assert!(d.next());
    assert_eq!(d.sent.len(), 1);
}

#[test]
fn a_refused_key_is_tried_after_minutes_then_hours() {
    let mut d = sent();
    let mut waits = Vec::new();
    for _ in 0..9 {
        fail(&mut d, Answer::Denied);
        let before = d.now;
        d.pipeline.handle_link(d.now, Link::Online);
        d.drain();
        while d.sent.is_empty() {
            d.next();
        }
        waits.push(d.now.since(before).as_millis() / 60_000);
    }
    assert!((2..=5).contains(&waits[0]), "{waits:?}");
    assert!((120..=240).contains(&waits[8]), "{waits:?}");
    assert_eq!(d.held(), 1);
}

#[test]
fn offline_delays_and_never_forbids() {
    let mut d = Driver::new(Config::default());
    d.pipeline.handle_link(d.now, Link::Offline);
    d.log(60);
    d.pass(5_000);
    assert!(d.sent.is_empty());
    d.pass(55_000);
    assert_eq!(d.sent.len(), 1);
}

#[test]
fn early_and_repeated_timeouts_do_nothing() {
    let mut d = Driver::new(Config::default());
    d.log(60);
    let (log, wait) = (d.log.len(), d.wait);
    (0..5).for_each(|_| d.pass(0));
    d.pass(4_000);
    assert_eq!((d.log.len(), d.wait), (log, wait));
    d.pass(1_000);
    (0..5).for_each(|_| d.pass(0));
    assert_eq!(d.sent.len(), 1);
}

#[test]
fn a_late_or_repeated_answer_does_nothing() {
    let mut d = sent();
    let request = d.only_request();
    let body = d.collector.receive(&request);
    d.hear(request.id, &body);
    let log = d.log.len();
    d.hear(request.id, &body);
    d.answer(request.id, Answer::SwitchedOff);
    assert_eq!(d.log.len(), log);
    assert_eq!(d.log(60), 1, "not off");
}

#[test]
fn after_the_age_limit_it_is_dropped_and_counted() {
    let mut d = sent();
    fail(&mut d, Answer::Unreachable);
    for _ in 0..1_000 {
        if d.dropped(beaconry_core::Reason::Age) == 1 {
            break;
        }
        if let Some(request) = d.sent.first().cloned() {
            d.answer(request.id, Answer::Denied);
        }
        d.next();
    }
    assert_eq!((d.held(), d.dropped(beaconry_core::Reason::Age)), (0, 1));
    assert!(d.storage.batches(driver::stream(1)).is_empty());
}

/// Bytes of the batches in a request.
fn batch_bytes(d: &Driver) -> usize {
    let body = &d.only_request().body;
    body.len() - body.iter().position(|byte| *byte == b'\n').unwrap()
}

#[test]
fn requests_grow_while_answers_are_quick_until_one_that_has_grown_fails() {
    let mut d = Driver::new(Config::default());
    for _ in 0..3_000 {
        d.log(1_000);
    }
    let mut sizes = Vec::new();
    let mut exchange = |d: &mut Driver, ms, is_heard| {
        while d.sent.is_empty() {
            d.next();
        }
        sizes.push(batch_bytes(d).div_ceil(64 * 1024) * 64);
        d.pass(ms);
        if is_heard { d.deliver() } else { fail(d, Answer::Unreachable) }
    };
    for (ms, is_heard) in [
        (1_001, true),
        (1_000, true),
        (2_000, true),
        (0, true),
        (0, true),
        (0, false),
        (1_000, true),
        (0, true),
    ] {
        exchange(&mut d, ms, is_heard);
    }
    assert_eq!(
        sizes,
        [128, 128, 256, 256, 512, 512, 128, 128],
        "one that had grown has failed: none grows any more"
    );
}

#[test]
fn after_a_failure_of_a_small_request_they_grow_anew() {
    let mut d = Driver::new(Config::default());
    let burst = |d: &mut Driver| {
        for _ in 0..300 {
            d.log(1_000);
        }
        while d.sent.is_empty() {
            d.next();
        }
    };
    burst(&mut d);
    d.deliver();
    assert!(batch_bytes(&d) > 128 * 1024);
    d.deliver();
    d.heal();
    d.log(60);
    d.pass(5_000);
    fail(&mut d, Answer::Unreachable);
    burst(&mut d);
    assert!(batch_bytes(&d) < 128 * 1024);
    d.deliver();
    assert!(batch_bytes(&d) > 128 * 1024);
}

#[test]
fn a_small_request_proves_nothing() {
    let mut d = Driver::new(Config::default());
    for _ in 0..8 {
        d.log(1_000);
        d.pass(5_000);
        d.deliver();
    }
    for _ in 0..500 {
        d.log(1_000);
    }
    d.pass(100);
    assert!(batch_bytes(&d) < 128 * 1024);
}
