//! Bad input: each has a status, a reason in JSON and a counter, and spoils nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests fail by panics"
)]

mod common;

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use beaconry_collector::app;
use beaconry_core::wire::write_batch_line;
use common::*;
use serde_json::{Value, json};
use tower::ServiceExt;

/// A body whose first batch is good, whose second is `bad`, and whose third is good again.
fn between_good_ones(bad: &[u8]) -> Vec<u8> {
    let mut sent = body(stream(1), range(0, 2));
    sent.extend_from_slice(bad);
    push_batch(&mut sent, range(10, 12));
    sent
}

async fn count(collector: &Collector, kind: &str, reason: &str) -> Value {
    collector.stats().await[kind][reason].clone()
}

#[tokio::test]
async fn a_bad_batch_is_rejected_with_its_reason_and_the_good_ones_are_kept() {
    let good = event(5);
    let cases: [(&str, String, &str); 10] = [
        ("no JSON", format!("{good}\nnot json"), "json"),
        ("torn JSON", format!("{good}\n{}", &good[..20]), "json"),
        ("data is no object", format!("{good}\n{}", r#"{"type":"log","ts":1,"data":"x"}"#), "json"),
        ("no time", format!("{good}\n{}", r#"{"type":"log","data":{}}"#), "json"),
        ("two values", format!("{good}\n{good}{good}"), "json"),
        ("unknown type", format!("{good}\n{}", r#"{"type":"delivery","ts":1,"data":{}}"#), "type"),
        ("one line less", good.clone(), "count"),
        ("one line more", format!("{good}\n{good}\n{good}"), "count"),
        (
            "too large",
            format!("{good}\n{}", r#"{"type":"log","ts":1,"data":{"x":"#.to_owned() + &"x".repeat(65_536)),
            "too_large",
        ),
        ("NUL bytes", format!("{good}\n\0\0\0\0"), "json"),
    ];
    for (what, lines, reason) in cases {
        let collector = Collector::with(|config| config.max_body = 1 << 20);
        let bad = format!("{{\"batch\":5,\"n\":2}}\n{lines}\n");
        let answer = collector.post(stream(1), between_good_ones(bad.as_bytes())).await;
        assert_eq!((what, answer.status), (what, StatusCode::OK));
        let expected =
            json!({ "stored": [[0, 2], [10, 12]], "rejected": [{ "batch": 5, "reason": reason }] });
        assert_eq!(answer.json(), expected, "{what}");
        assert_eq!(collector.ids().len(), 4, "{what}");
        assert_eq!(count(&collector, "rejected", reason).await, 1, "{what}");
    }
}

#[tokio::test]
async fn bad_utf8_is_rejected_wherever_it_stands() {
    let collector = Collector::new();
    let event = b"{\"batch\":5,\"n\":1}\n{\"type\":\"log\",\"ts\":1,\"data\":{\"x\":\"\xff\xfe\"}}\n";
    let answer = collector.post(stream(1), between_good_ones(event)).await;
    assert_eq!(answer.json()["rejected"], json!([{ "batch": 5, "reason": "utf8" }]));
    let page =
        [&b"{\"batch\":5,\"n\":1,\"page\":\"\xff\"}\n"[..], common::event(5).as_bytes(), b"\n"].concat();
    let answer = collector.post(stream(1), between_good_ones(&page)).await;
    assert_eq!(answer.json()["rejected"], json!([{ "batch": 5, "reason": "json" }]));
    let mut stream_line = body(stream(2), range(0, 1));
    stream_line[40] = 0xff;
    let answer = collector.post(stream(2), stream_line).await;
    assert_eq!((answer.status, &answer.json()["error"]), (StatusCode::BAD_REQUEST, &json!("utf8")));
    assert_eq!(collector.ids().len(), 4);
}

#[tokio::test]
async fn a_batch_line_that_still_has_its_number_is_rejected_by_it() {
    for head in [
        r#"{"batch":5,"n":0}"#,
        r#"{"batch":5,"n":-1}"#,
        r#"{"batch":5}"#,
        r#"{"batch":5,"n":1"#,
        r#"{"batch":5,"n":1,"page":7}"#,
        r#"{"batch":5,"n":1,"context":[]}"#,
        r#"{"batch":5,"n":4294967295}"#,
    ] {
        let collector = Collector::new();
        let bad = format!("{head}\n{}\n", event(5));
        let answer = collector.post(stream(1), between_good_ones(bad.as_bytes())).await;
        let expected =
            json!({ "stored": [[0, 2], [10, 12]], "rejected": [{ "batch": 5, "reason": "json" }] });
        assert_eq!((head, answer.json()), (head, expected));
    }
}

#[tokio::test]
async fn a_batch_line_without_a_number_is_a_400_after_the_good_ones_are_kept() {
    let collector = Collector::new();
    let answer = collector.post(stream(1), between_good_ones(b"{\"batch\":\"x\",\"n\":1}\n{}\n")).await;
    assert_eq!((answer.status, &answer.json()["error"]), (StatusCode::BAD_REQUEST, &json!("batch")));
    assert_eq!(collector.ids().len(), 4);
    assert_eq!(count(&collector, "refused", "batch").await, 1);
}

#[tokio::test]
async fn batches_that_share_numbers_are_not_both_taken() {
    let collector = Collector::new();
    let mut sent = body(stream(1), range(0, 3));
    push_batch(&mut sent, range(2, 5));
    let answer = collector.post(stream(1), sent).await;
    assert_eq!(
        answer.json(),
        json!({ "stored": [[0, 3]], "rejected": [{ "batch": 2, "reason": "overlap" }] })
    );
}

#[tokio::test]
async fn interleaving_19_a_batch_without_its_stream_line_is_a_400_and_leaves_no_trace() {
    let collector = Collector::new();
    let mut sent = Vec::new();
    push_batch(&mut sent, range(0, 2));
    let answer = collector.post(stream(1), sent).await;
    assert_eq!((answer.status, &answer.json()["error"]), (StatusCode::BAD_REQUEST, &json!("json")));
    assert_eq!(collector.text(), "");
    // The client makes the line anew from its batches.
    assert_eq!(collector.post(stream(1), body(stream(1), range(0, 2))).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_malformed_stream_line_is_a_400() {
    let id = stream(1).to_text();
    let id = id.as_str();
    let cases = [
        (String::new(), "json"),
        ("garbage".into(), "json"),
        ("[]".into(), "json"),
        (format!("{{\"stream\":\"{id}\",\"v\":2,\"tracked\":1}}"), "version"),
        (format!("{{\"stream\":\"{id}\",\"v\":1}}"), "json"),
        (format!("{{\"stream\":\"{id}\",\"v\":1,\"tracked\":1,\"dropped\":{{\"full\":[[3,1]]}}}}"), "json"),
        (format!("{{\"stream\":\"{id}\",\"v\":1,\"tracked\":1}} x"), "json"),
        (format!("{{\"stream\":\"{id}\",\"v\":1,\"tracked\":1,\"release\":\"\\x\"}}"), "json"),
    ];
    for (line, reason) in cases {
        let collector = Collector::new();
        let answer = collector.post(stream(1), format!("{line}\n")).await;
        assert_eq!((line.as_str(), answer.status), (line.as_str(), StatusCode::BAD_REQUEST));
        assert_eq!((line.as_str(), &answer.json()["error"]), (line.as_str(), &json!(reason)));
        assert_eq!(count(&collector, "refused", reason).await, 1);
        assert_eq!(collector.text(), "");
    }
}

#[tokio::test]
async fn a_body_that_ends_in_its_last_batch_is_neither_stored_nor_rejected_there() {
    let collector = Collector::new();
    let mut sent = body(stream(1), range(0, 2));
    push_batch(&mut sent, range(2, 5));
    for cut in 1..90 {
        let torn = &sent[..sent.len() - 1 - cut];
        let answer = collector.post(stream(1), torn.to_vec()).await;
        // Cut right behind a line, nothing tells it from a batch with a wrong count.
        let rejected =
            if torn.ends_with(b"\n") { json!([{ "batch": 2, "reason": "count" }]) } else { json!([]) };
        assert_eq!((cut, answer.json()), (cut, json!({ "stored": [[0, 2]], "rejected": rejected })));
    }
    assert!(count(&collector, "rejected", "torn").await.as_u64().unwrap() >= 80);
    let answer = collector.post(stream(1), sent[..sent.len() - 1].to_vec()).await;
    assert_eq!(answer.json()["stored"], json!([[0, 5]]), "a missing last newline alone tears nothing");
}

#[tokio::test]
async fn what_may_not_send_is_refused() {
    let collector = Collector::new();
    let good = || body(stream(1), range(0, 2));
    let origin = |origin: &str| {
        let mut request = post(&uri(stream(1), "key-1", NOW), good());
        request.headers_mut().insert("origin", origin.parse().unwrap());
        request
    };
    let stream_1 = stream(1).to_text();
    let cases = [
        (post(&uri(stream(1), "wrong", NOW), good()), 401, "key"),
        (post("/v1/events", good()), 401, "key"),
        (post(&uri(stream(1), "", NOW), good()), 401, "key"),
        (origin("https://evil.example"), 403, "origin"),
        (origin("null"), 403, "origin"),
        (origin("https://shop.example.com.evil.example"), 403, "origin"),
        (origin("http://shop.example.com"), 403, "origin"),
        (post(&uri(stream(2), "key-1", NOW), good()), 400, "query"),
        (post("/v1/events?key=key-1", good()), 400, "query"),
        (post(&format!("/v1/event?key=key-1&stream={}", stream_1.as_str()), good()), 404, "path"),
        (Request::get("/v1/events").body(Body::empty()).unwrap(), 405, "method"),
        (Request::delete("/v1/events").body(Body::empty()).unwrap(), 405, "method"),
        (Request::post("/healthz").body(Body::empty()).unwrap(), 405, "method"),
    ];
    for (request, status, reason) in cases {
        let what = format!("{} {}", request.method(), request.uri());
        let before = count(&collector, "refused", reason).await.as_u64().unwrap_or(0);
        let answer = collector.call(request).await;
        assert_eq!((what.as_str(), answer.status.as_u16()), (what.as_str(), status));
        assert_eq!((what.as_str(), &answer.json()["error"]), (what.as_str(), &json!(reason)));
        assert!(!answer.json()["message"].as_str().unwrap().is_empty());
        assert_eq!(count(&collector, "refused", reason).await, before + 1, "{what}");
    }
    assert_eq!(collector.text(), "");
}

#[tokio::test]
async fn a_body_over_the_limit_is_a_413_however_it_is_framed() {
    let collector = Collector::new();
    let large = vec![b'x'; 64 * 1024 + 1];
    let chunks: Vec<Result<Vec<u8>, std::io::Error>> =
        large.chunks(1_000).map(|chunk| Ok(chunk.to_vec())).collect();
    let streamed = Body::from_stream(futures(chunks));
    for body in [Body::from(large), streamed] {
        let answer = collector.post(stream(1), body).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]),
            (StatusCode::PAYLOAD_TOO_LARGE, &json!("too_large"))
        );
    }
    assert_eq!(count(&collector, "refused", "too_large").await, 2);
    let mut just_fits = body(stream(1), range(0, 1));
    just_fits.resize(64 * 1024, b'\n');
    assert_eq!(collector.post(stream(1), just_fits).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_small_body_cannot_ask_for_a_journal_of_many_times_its_size() {
    let collector = Collector::with(|config| config.max_body = 1 << 20);
    let mut sent = Vec::new();
    push_line(&mut sent, &line(stream(1), 1_000));
    let page = format!("\"page\":\"{}\"", "x".repeat(100_000));
    write_batch_line(0, 1_000, page.as_bytes(), &mut sent);
    sent.extend((0..1_000).flat_map(|number| (event(number) + "\n").into_bytes()));
    let answer = collector.post(stream(1), sent).await;
    assert_eq!(
        (answer.status, &answer.json()["error"]),
        (StatusCode::PAYLOAD_TOO_LARGE, &json!("too_large"))
    );
    assert_eq!(collector.text(), "");
}

#[tokio::test]
async fn a_body_in_more_pieces_than_a_client_makes_is_a_400() {
    let collector = Collector::with(|config| config.max_body = 1 << 20);
    let mut sent = Vec::new();
    push_line(&mut sent, &line(stream(1), 10_000));
    (0..5_000).for_each(|n| push_batch(&mut sent, range(2 * n, 2 * n + 1)));
    let answer = collector.post(stream(1), sent).await;
    assert_eq!((answer.status, &answer.json()["error"]), (StatusCode::BAD_REQUEST, &json!("ranges")));
    assert_eq!(collector.text(), "");
}

#[tokio::test]
async fn bodies_that_are_announced_and_never_come_keep_nobody_out() {
    let collector = Collector::with(|config| config.max_body = 1 << 20);
    stall(&collector, 100, b"").await;
    let answer = collector.post(stream(2), body(stream(2), range(0, 2))).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn bodies_beyond_the_memory_for_them_are_told_to_come_back() {
    let collector = Collector::with(|config| config.max_body = 1 << 20);
    stall(&collector, 80, &[b'x'; 999_999]).await;
    let answer = collector.post(stream(2), vec![b'x'; 1_000_000]).await;
    assert_eq!((answer.status, &answer.json()["error"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("busy")));
    assert_eq!(answer.headers["retry-after"], "2");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_408_and_nothing_of_it_is_stored() {
    let collector = Collector::new();
    let whole = body(stream(1), range(0, 2));
    let chunks = vec![Ok(whole), Err(std::io::Error::other("gone"))];
    let answer = collector.post(stream(1), Body::from_stream(futures(chunks))).await;
    assert_eq!((answer.status, &answer.json()["error"]), (StatusCode::REQUEST_TIMEOUT, &json!("torn")));
    assert_eq!(collector.text(), "");
    assert_eq!(count(&collector, "refused", "torn").await, 1);
}

fn futures<T: Send + 'static>(items: Vec<T>) -> Items<T> {
    Items { items: items.into_iter(), ends: true }
}

/// What comes, and then neither more nor an end.
fn stalled(items: Vec<Vec<u8>>) -> Items<Result<Vec<u8>, std::io::Error>> {
    Items { items: items.into_iter().map(Ok).collect::<Vec<_>>().into_iter(), ends: false }
}

struct Items<T> {
    items: std::vec::IntoIter<T>,
    ends: bool,
}

impl<T> Unpin for Items<T> {}

impl<T> futures_core::Stream for Items<T> {
    type Item = T;
    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<T>> {
        match self.items.next() {
            None if !self.ends => Poll::Pending,
            item => Poll::Ready(item),
        }
    }
}

/// Sends `count` bodies that stall after what is given, and waits until each has got as far as it can.
async fn stall(collector: &Collector, count: usize, sent: &[u8]) {
    for _ in 0..count {
        let arrived = if sent.is_empty() { vec![] } else { vec![sent.to_vec()] };
        let mut request = post(&uri(stream(1), "key-1", NOW), Body::from_stream(stalled(arrived)));
        request.headers_mut().insert("content-length", "1000000".parse().unwrap());
        tokio::spawn(app(collector.state.clone()).oneshot(request));
    }
    while collector.stats().await["requests"] != count {
        tokio::task::yield_now().await;
    }
}
