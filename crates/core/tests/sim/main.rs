//! Seeded worlds: pages, storages, a network and a collector in virtual time, in which everything goes wrong; then the world
//! heals, and every event must be stored once or counted.
//!
//! `cargo xtask sim` plays a hundred thousand of them;
//! `SEED=123 cargo test -p beaconry-core --test sim replay -- --nocapture` plays one and tells it.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    unreachable_pub,
    missing_docs,
    reason = "a test: it fails by panicking"
)]

mod browser;
mod chaos;
mod checks;
mod clock;
mod collector;
mod ends;
mod found;
#[path = "../driver/heard.rs"]
mod heard;
mod interleavings;
mod locks;
mod network;
mod page;
mod plain;
mod rng;
mod scenarios;
mod storage;
mod stored;
#[path = "../driver/texts.rs"]
mod texts;
mod trace;
mod truth;
mod world;

use beaconry_core::Reason;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

/// What must happen, beside the drops.
const RARE: [&str; 6] = [
    "a lease was lost",
    "the clock was set",
    "the index was lost",
    "a page without wasm was full",
    "a page without wasm delivered a stream",
    "a page without wasm adopted a stream",
];

/// How many worlds a plain `cargo test` plays.
const SEEDS: u64 = 10_000;

fn play(seed: u64, is_told: bool) -> world::World {
    let (mut world, plan) = chaos::world(seed);
    world.trace.is_on = is_told;
    chaos::wreak(&mut world, plan);
    checks::heal(&mut world);
    checks::check(&world);
    if plan.is_calm {
        assert!(world.reasons.is_empty(), "dropped in a calm world: {:?}", world.reasons);
    }
    world
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// After how many seeds the nightly run says how far it is.
const PROGRESS: u64 = 1_000;

/// Plays seeds until one fails, or with `KEEP_GOING=1` all of them. What failed, and why.
fn failures(from: u64, seeds: u64) -> Vec<(u64, String)> {
    let (next, end) = (AtomicU64::new(from), from + seeds);
    let keeps_going = number("KEEP_GOING").is_some();
    let (tells, start) = (number("PROGRESS").is_some(), std::time::Instant::now());
    let work = || {
        let mut failed = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return failed;
            }
            if tells && (seed - from).is_multiple_of(PROGRESS) {
                println!("{:>7} of {seeds} seeds begun, {} s", seed - from, start.elapsed().as_secs());
            }
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| play(seed, false))) {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
                let text = text.unwrap_or_default();
                if tells {
                    println!("seed {seed} fails: {text}");
                }
                failed.push((seed, text));
                if !keeps_going {
                    next.store(end, Ordering::Relaxed);
                }
            }
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

#[test]
fn whatever_goes_wrong_every_event_is_stored_once_or_counted() {
    let failures = failures(number("FROM").unwrap_or(0), number("SEEDS").unwrap_or(SEEDS));
    for (seed, why) in &failures {
        println!("seed {seed}: {why}");
    }
    if let Some((seed, _)) = failures.first() {
        panic!(
            "{} of the seeds fail; to see one of them:\n\
             SEED={seed} cargo test -p beaconry-core --test sim replay -- --nocapture",
            failures.len()
        );
    }
}

#[test]
fn replay() {
    if let Some(seed) = number("SEED") {
        drop(play(seed, true));
    }
}

/// A simulator that grows toothless proves nothing: some hundred worlds have seen every way to lose an event, and most events live.
#[test]
fn chaos_reaches_everything() {
    let (mut given, mut stored, mut excused, mut settled) = (0, 0, 0, 0);
    let mut reasons = std::collections::BTreeMap::new();
    let mut reached = std::collections::BTreeMap::new();
    for seed in 0..600 {
        let world = play(seed, false);
        settled += world.settled.len();
        for (id, truth) in &world.truth {
            given += truth.lines.len() as u64;
            stored += world.collector.ever_stored(*id).count();
            excused += truth.excused.count();
        }
        for reason in world.reasons {
            *reasons.entry(reason).or_insert(0) += 1;
        }
        for (what, times) in world.reached {
            *reached.entry(what).or_insert(0) += times;
        }
    }
    println!(
        "{given} events, {stored} stored, {excused} unknown, {settled} streams settled, drops: {reasons:?}, {reached:?}"
    );
    for what in RARE {
        assert!(reached.contains_key(what), "never: {what}");
    }
    for reason in [
        Reason::Full,
        Reason::Age,
        Reason::TooLarge,
        Reason::Rejected,
        Reason::Off,
        Reason::Trap,
        Reason::Stale,
    ] {
        assert!(reasons.contains_key(&reason), "nothing was dropped as {reason:?}");
    }
    assert!(settled > 600 && excused > 0);
    assert!(stored * 2 > given, "{stored} of {given}");
}
