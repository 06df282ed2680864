//! Requests that nobody thought of: seeded bodies, most of them broken somewhere. All targets say and keep the same.
//!
//! A seed that fails prints itself; `SEED=123 cargo test -p beaconry-conformance --test differential` plays it alone;
//! `SEEDS=1000` plays so many.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests fail by panics"
)]

use std::collections::BTreeSet;
use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

use beaconry_conformance::journal::comparable;
use beaconry_conformance::target::{Kind, Target};
use beaconry_core::StreamId;
use fastrand::Rng;
use serde_json::Value;

const SEEDS: u64 = 60;
/// Requests of one stream, so that the later ones meet what the earlier ones left.
const REQUESTS: usize = 8;
/// Bytes that mean something to somebody on the way.
const BYTES: &[u8] = b"{}[]\",:\\0123456789-+.eE \t\n\r\0\x1f\x7f\x80\xc3\xff/utfnax";
const REASONS: [&str; 4] = ["full", "age", "poison", "off"];

#[test]
fn all_targets_say_and_keep_the_same() {
    let targets = Kind::ALL.map(|kind| Target::start(kind).unwrap());
    let one = env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let count = env::var("SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(SEEDS);
    let seeds = one.map_or(0..count, |seed: u64| seed..seed + 1);
    let mut outcomes = BTreeSet::new();
    for seed in seeds {
        outcomes.extend(play(&targets, seed));
    }
    // Else the seeds have become tame.
    for outcome in [
        "200 stored",
        "200 json",
        "200 count",
        "200 overlap",
        "200 type",
        "200 utf8",
        "400 json",
        "400 query",
    ] {
        assert!(one.is_some() || outcomes.contains(outcome), "no {outcome} among {outcomes:?}");
    }
}

/// Gives what has happened, in words.
fn play(targets: &[Target; 3], seed: u64) -> BTreeSet<String> {
    let mut outcomes = BTreeSet::new();
    let mut rng = Rng::with_seed(seed);
    let mut random = [0; 10];
    random[..8].copy_from_slice(&seed.to_be_bytes());
    let stream = StreamId::new(now() - 60_000, random).to_text().as_str().to_owned();
    for request in 0..REQUESTS {
        let body = body(&mut rng, &stream);
        let now = now();
        let answers = targets.each_ref().map(|target| {
            let answer = target.post(&stream, now, &body).unwrap();
            (answer.status, without_message(&answer.json(), &answer.body))
        });
        let [collector, apache, nginx] = &answers;
        assert!(
            collector == apache && collector == nginx,
            "SEED={seed}, request {request}: {answers:?} to\n{}",
            String::from_utf8_lossy(&body)
        );
        outcomes.extend(told(collector.0, &serde_json::from_str(&collector.1).unwrap_or_default()));
    }
    let journals = targets.each_ref().map(|target| {
        let lines = target.journal().unwrap();
        lines.iter().filter(|line| line.contains(&stream)).map(|line| comparable(line)).collect::<Vec<_>>()
    });
    let [collector, apache, nginx] = &journals;
    assert_eq!(collector, apache, "SEED={seed}");
    assert_eq!(collector, nginx, "SEED={seed}");
    outcomes
}

/// The status with each reason that an answer gives.
fn told(status: u16, answer: &Value) -> Vec<String> {
    let rejected = answer["rejected"].as_array().into_iter().flatten().map(|batch| &batch["reason"]);
    let reasons = rejected.chain([&answer["error"]]).filter_map(Value::as_str);
    let stored = answer["stored"].as_array().is_some_and(|stored| !stored.is_empty()).then_some("stored");
    reasons.chain(stored).map(|reason| format!("{status} {reason}")).collect()
}

/// What people are told differs: it names the one's options or the other's.
fn without_message(answer: &Value, body: &str) -> String {
    let mut answer = answer.clone();
    match answer.as_object_mut().and_then(|answer| answer.remove("message")) {
        Some(_) => answer.to_string(),
        None => body.to_owned(),
    }
}

fn body(rng: &mut Rng, stream: &str) -> Vec<u8> {
    let mut body = stream_line(rng, stream).into_bytes();
    for _ in 0..rng.u32(0..5) {
        body.extend(batch(rng).into_bytes());
    }
    if rng.bool() {
        for _ in 0..rng.u32(1..4) {
            spoil(rng, &mut body);
        }
    }
    body
}

fn stream_line(rng: &mut Rng, stream: &str) -> String {
    let mut members = vec![
        format!("\"stream\":\"{stream}\""),
        "\"v\":1".to_owned(),
        format!("\"tracked\":{}", rng.u32(0..40)),
    ];
    if rng.bool() {
        members.push(format!("\"release\":\"{}\"", rng.u32(0..3)));
    }
    if rng.bool() {
        members.push(format!("\"holds\":{}", ranges(rng)));
    }
    if rng.bool() {
        let reasons: Vec<String> = (0..rng.usize(0..3))
            .map(|_| format!("\"{}\":{}", rng.choice(REASONS).unwrap(), ranges(rng)))
            .collect();
        members.push(format!("\"dropped\":{{{}}}", reasons.join(",")));
    }
    if rng.u32(0..6) == 0 {
        members.push(format!("\"closed\":{}", rng.bool()));
    }
    rng.shuffle(&mut members);
    format!("{{{}}}\n", members.join(","))
}

fn ranges(rng: &mut Rng) -> String {
    let ranges: Vec<String> = (0..rng.usize(0..4))
        .map(|_| {
            let start = rng.u32(0..40);
            // Now and then one that is empty.
            format!("[{start},{}]", start + rng.u32(0..9).max(rng.u32(0..2)))
        })
        .collect();
    format!("[{}]", ranges.join(","))
}

fn batch(rng: &mut Rng) -> String {
    let (first, n) = (rng.u32(0..40), rng.u32(1..5));
    let told = if rng.u32(0..8) == 0 { n + 1 } else { n };
    let context = ["", ",\"page\":\"/\"", ",\"user\":\"u\\ud83d\"", ",\"context\":{\"a\":[]}", ",\"page\":1"];
    let mut text = format!("{{\"batch\":{first},\"n\":{told}{}}}\n", rng.choice(context).unwrap());
    for number in first..first + n {
        let kind = rng.choice(["log", "error", "metric", "event", "vital", "l\\u006fg", "delivery"]).unwrap();
        let data = rng
            .choice(["{}", "{ \"a\":1e9 }", "{\"\\ud800\":[[],{}]}", "{\"a\":{\"a\":null}}", "[]"])
            .unwrap();
        // Most of the time what a client sends: else hardly a batch would be taken.
        let (kind, data) = if rng.u32(0..6) == 0 { (kind, data) } else { ("log", "{\"m\":\"é\"}") };
        text.push_str(&format!(
            "{{\"type\":\"{kind}\",\"ts\":{},\"data\":{data}}}\n",
            1_700_000_000_000 + u64::from(number)
        ));
    }
    text
}

fn spoil(rng: &mut Rng, body: &mut Vec<u8>) {
    let at = rng.usize(0..=body.len().saturating_sub(1));
    let byte = *rng.choice(BYTES).unwrap();
    match rng.u32(0..5) {
        0 => body.truncate(at),
        1 => body.insert(at, byte),
        2 if !body.is_empty() => drop(body.remove(at)),
        3 => {
            let end = (at + rng.usize(0..80)).min(body.len());
            let copy = body[at..end].to_vec();
            body.splice(at..at, copy);
        }
        _ => {
            if let Some(old) = body.get_mut(at) {
                *old = byte;
            }
        }
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}
