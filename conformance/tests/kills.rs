//! PHP is killed again and again in the middle of its work: nothing acknowledged is missing, nothing is stored twice.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests fail by panics"
)]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use beaconry_conformance::process;
use beaconry_conformance::target::{Kind, Target};
use beaconry_core::{Range, Ranges, StreamId};
use serde_json::Value;

const CONNECTIONS: u8 = 4;
/// Requests that have to break off, so that the kills have met each step between the body and the answer.
const BROKEN: usize = 60;
/// Events of one request.
const BATCH: u32 = 5;

fn kill_under_load(kind: Kind) {
    let target = Arc::new(Target::start(kind).unwrap());
    let (stop, broken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let loads: Vec<_> = (0..CONNECTIONS)
        .map(|n| {
            let (target, stop, broken) = (target.clone(), stop.clone(), broken.clone());
            let stream = StreamId::new(now(), [n; 10]).to_text().as_str().to_owned();
            thread::spawn(move || (load(&target, &stream, &stop, &broken), stream))
        })
        .collect();
    let mut rng = fastrand::Rng::with_seed(kind as u64);
    while broken.load(Ordering::Relaxed) < BROKEN {
        assert!(!loads.iter().any(thread::JoinHandle::is_finished), "a connection gave up");
        // Whatever a worker is doing then: a request takes some ten milliseconds.
        thread::sleep(Duration::from_micros(rng.u64(1_000..30_000)));
        if let Some(worker) = rng.choice(target.workers()) {
            process::kill(worker);
        }
    }
    stop.store(true, Ordering::Relaxed);
    let acknowledged: Vec<(Ranges, String)> = loads.into_iter().map(|load| load.join().unwrap()).collect();
    let counts = count_ids(&target);
    for (acknowledged, stream) in &acknowledged {
        assert!(acknowledged.count() > 0);
        for number in acknowledged.iter().flat_map(|range| range.start()..range.end()) {
            assert!(counts.contains_key(&format!("{stream}.{number}")), "{stream}.{number} is missing");
        }
    }
}

/// How often each id stands in the journal, which must be once.
fn count_ids(target: &Target) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for line in target.journal().unwrap() {
        let parsed: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let id = parsed["id"].as_str().unwrap().to_owned();
        assert!(id.contains('~') || id.ends_with(&format!(".{}", parsed["data"]["n"])), "{line}");
        let count = counts.entry(id).or_insert(0);
        *count += 1;
        assert_eq!(*count, 1, "stored twice: {line}");
    }
    counts
}

/// Sends batch after batch of one stream, each until it is acknowledged; gives what was acknowledged.
fn load(target: &Target, stream: &str, stop: &AtomicBool, broken: &AtomicUsize) -> Ranges {
    let mut acknowledged = Ranges::new();
    let mut next = 0;
    while !stop.load(Ordering::Relaxed) {
        let batch = Range::new(next, next + BATCH).unwrap();
        let answer = target.post(stream, now(), body(stream, next).as_bytes());
        let Some(answer) = answer.ok().filter(|answer| answer.status == 200) else {
            broken.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let stored = Ranges::parse(answer.json()["stored"].to_string().as_bytes()).unwrap();
        assert!(stored.contains_range(batch) && stored.end() == next + BATCH, "{}", answer.body);
        acknowledged.extend(&stored);
        next += BATCH;
    }
    acknowledged
}

/// Each request also drops a number that nobody else has, so that the books change with it.
fn body(stream: &str, first: u32) -> String {
    let events: String = (first..first + BATCH)
        .map(|n| format!("{{\"type\":\"log\",\"ts\":1,\"data\":{{\"n\":{n}}}}}\n"))
        .collect();
    let dropped = 1_000_000 + first;
    format!(
        "{{\"stream\":\"{stream}\",\"v\":1,\"tracked\":{},\"dropped\":{{\"full\":[[{dropped},{}]]}}}}\n\
         {{\"batch\":{first},\"n\":{BATCH}}}\n{events}",
        dropped + 1,
        dropped + 1
    )
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

#[test]
fn php_fpm_killed_between_its_steps_loses_and_repeats_nothing() {
    kill_under_load(Kind::Nginx);
}

#[test]
fn apache_killed_between_its_steps_loses_and_repeats_nothing() {
    kill_under_load(Kind::Apache);
}
