//! Several apps, and how often each key and address may send.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests fail by panics"
)]

mod common;

use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use beaconry_collector::{App, Rate};
use beaconry_core::Reason;
use common::*;
use serde_json::json;

/// One request in a quarter of an hour, after a few at once: none comes back while a test runs.
fn rarely(burst: u32) -> Rate {
    Rate { per_second: 0.001, burst }
}

fn seconds(answer: &Answer) -> u64 {
    answer.headers["retry-after"].to_str().unwrap().parse().unwrap()
}

fn from(address: &str, n: u8) -> Request<Body> {
    let mut request = post(&uri(stream(n), "key-1", NOW), body(stream(n), range(0, 1)));
    request.headers_mut().insert("x-forwarded-for", address.parse().unwrap());
    request
}

fn two_apps() -> Collector {
    Collector::with(|config| {
        config.apps.push(App {
            name: "blog".into(),
            keys: vec!["blog-1".into()],
            origins: vec!["https://blog.example.com".into()],
            rate: rarely(2),
        });
    })
}

#[tokio::test]
async fn a_key_names_its_app_in_every_line() {
    let collector = two_apps();
    collector.post(stream(1), body(stream(1), range(0, 1))).await;
    let mut sent = Vec::new();
    let mut told = line(stream(2), 3);
    told.dropped.insert(Reason::Full, range(1, 3));
    push_line(&mut sent, &told);
    push_batch(&mut sent, range(0, 1));
    let mut request = post(&uri(stream(2), "blog-1", NOW), sent);
    request.headers_mut().insert("origin", "https://blog.example.com".parse().unwrap());
    assert_eq!(collector.call(request).await.status, StatusCode::OK);
    let apps: Vec<_> = collector.journal().iter().map(|line| line["app"].clone()).collect();
    assert_eq!(apps, ["shop", "blog", "blog"], "in the line that the collector itself makes too");
    let metrics = collector.get("/metrics").await.body;
    assert!(metrics.contains(r#"beaconry_events_stored_total{app="blog",type="log"} 1"#), "{metrics}");
}

#[tokio::test]
async fn an_origin_sends_as_its_own_app_alone() {
    let collector = two_apps();
    let as_blog = post(&uri(stream(1), "blog-1", NOW), body(stream(1), range(0, 1)));
    let answer = collector.call(as_blog).await;
    assert_eq!((answer.status, &answer.json()["error"]), (StatusCode::FORBIDDEN, &json!("origin")));
    assert_eq!(answer.headers["access-control-allow-origin"], ORIGIN, "the page can read why");
    assert_eq!(collector.text(), "");
}

#[tokio::test]
async fn a_key_that_is_used_too_often_is_told_when_to_come_back() {
    let collector = Collector::with(|config| config.apps[0].rate = rarely(3));
    for n in 0..3 {
        let answer = collector.post(stream(n), body(stream(n), range(0, 1))).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    let answer = collector.post(stream(9), body(stream(9), range(0, 1))).await;
    assert_eq!((answer.status, &answer.json()["error"]), (StatusCode::TOO_MANY_REQUESTS, &json!("key_rate")));
    assert!((900..=1_001).contains(&seconds(&answer)), "{}", seconds(&answer));
    assert_eq!(answer.headers["access-control-allow-origin"], ORIGIN);
    assert_eq!(collector.ids().len(), 3, "nothing of it is stored, the client keeps it");
    let other = collector.call(post(&uri(stream(9), "key-2", NOW), body(stream(9), range(0, 1)))).await;
    assert_eq!(other.status, StatusCode::OK, "another key has its own budget");
    let metrics = collector.get("/metrics").await.body;
    assert!(metrics.contains(r#"beaconry_responses_total{code="429",reason="key_rate"} 1"#), "{metrics}");
    assert_eq!(collector.stats().await["refused"]["key_rate"], 1);
}

#[tokio::test]
async fn an_address_is_that_which_the_trusted_proxy_has_seen() {
    let collector = Collector::with(|config| {
        config.limits.address = rarely(2);
        config.limits.address_header = Some("X-Forwarded-For".into());
    });
    // What the client itself wrote into the header stands in front, and counts for nothing.
    for n in 0..2 {
        let answer = collector.call(from(&format!("10.0.0.{n}, 203.0.113.9"), n)).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    let answer = collector.call(from("10.9.9.9, 203.0.113.9:4711", 3)).await;
    assert_eq!(
        (answer.status, &answer.json()["error"]),
        (StatusCode::TOO_MANY_REQUESTS, &json!("address_rate"))
    );
    assert!(seconds(&answer) > 0);
    assert_eq!(collector.call(from("203.0.113.10", 4)).await.status, StatusCode::OK);
    let wrong_key = Request::post("/v1/events?key=wrong").header("x-forwarded-for", "203.0.113.9");
    let answer = collector.call(wrong_key.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "guessing keys is limited too");
    assert_eq!(collector.clock.load(Ordering::SeqCst), NOW);
}

#[tokio::test]
async fn a_header_that_nobody_was_told_to_trust_counts_for_nothing() {
    let collector = Collector::with(|config| config.limits.address = rarely(1));
    for n in 0..5 {
        assert_eq!(collector.call(from("203.0.113.9", n)).await.status, StatusCode::OK);
    }
}
