//! The flag's hash: the same answers as the JavaScript facade, and a fair share of the visitors.
#![allow(missing_docs, clippy::unwrap_used, clippy::cast_possible_truncation, reason = "tests")]

use beaconry_core::flag::{self, Flag};
use serde_json::Value;

fn vectors(name: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("vectors.json")).unwrap();
    let rows = all[name].as_array().unwrap().clone();
    assert!(!rows.is_empty());
    rows
}

#[test]
fn scopes_are_as_the_vectors_say() {
    for row in vectors("scope") {
        let scope = flag::scope(row["url"].as_str().unwrap(), row["app"].as_str().unwrap());
        assert_eq!(std::str::from_utf8(&scope).unwrap(), row["scope"].as_str().unwrap(), "{row}");
    }
}

#[test]
fn rollouts_are_as_the_vectors_say() {
    for row in vectors("rollout") {
        let flag = Flag::Rollout(row["percent"].as_f64().unwrap());
        let on = flag.is_on(row["visitor"].as_str().unwrap().as_bytes());
        assert_eq!(on, row["chosen"].as_bool().unwrap(), "{row}");
    }
}

#[test]
fn a_rollout_takes_its_share_and_keeps_whom_it_has() {
    let visitors: Vec<String> = (0..20_000).map(|i| format!("visitor-{i}")).collect();
    let mut before = 0;
    for percent in [0.0, 1.0, 10.0, 50.0, 100.0] {
        let on = visitors.iter().filter(|visitor| flag::chosen(visitor.as_bytes(), percent)).count();
        let share = on as f64 * 100.0 / visitors.len() as f64;
        assert!((share - percent).abs() <= 1.5, "{percent} % took {share} %");
        assert!(on >= before);
        before = on;
    }
    let early = visitors.iter().filter(|visitor| flag::chosen(visitor.as_bytes(), 10.0));
    assert!(early.clone().all(|visitor| flag::chosen(visitor.as_bytes(), 11.0)), "who is in stays in");
}

#[test]
fn without_a_flag_it_is_off() {
    assert!(!Flag::default().is_on(b"anyone"));
    assert!(Flag::Enabled.is_on(b"anyone"));
}
