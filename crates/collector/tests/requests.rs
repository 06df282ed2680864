//! What a request does: stored, answered, recorded.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests fail by panics"
)]

mod common;

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use beaconry_collector::{Phase, State, set_phase};
use beaconry_core::{Reason, StreamId, StreamLine};
use common::*;
use serde_json::json;

#[tokio::test]
async fn an_event_is_a_line_of_the_journal_and_the_answer_says_so() {
    let collector = Collector::new();
    let mut sent = Vec::new();
    push_line(&mut sent, &line(stream(1), 2));
    sent.extend_from_slice(
        b"{\"batch\":0,\"n\":2,\"page\":\"/cart\",\"user\":\"u-1\",\"context\":{\"tenant\":\"north\"}}\n",
    );
    sent.extend_from_slice(
        "{\"type\":\"error\",\"ts\":1763978399000,\"data\":{\"message\":\"\\ud800 é🦀\",\"big\":1e400}}\n"
            .as_bytes(),
    );
    sent.extend_from_slice(b"{\"type\":\"vital\",\"ts\":1763978399001,\"data\":{}}\n");
    let mut request = post(&uri(stream(1), "key-1", NOW), sent);
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0";
    request.headers_mut().insert("user-agent", agent.parse().unwrap());
    request.headers_mut().insert("cookie", "session=secret".parse().unwrap());
    let answer = collector.call(request).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (StatusCode::OK, r#"{"stored":[[0,2]],"rejected":[]}"#)
    );

    let text = collector.text();
    let id = stream(1).to_text();
    let first = format!(
        "{{\"id\":\"{}.0\",\"ts\":1763978399000,\"received\":{NOW},\"app\":\"shop\",\"release\":\"1.4.2\",\"page\":\"/cart\",\"user\":\"u-1\",\"context\":{{\"tenant\":\"north\"}},\"browser\":\"Firefox 153\",\"os\":\"Linux\",\"type\":\"error\",\"data\":{{\"message\":\"\\ud800 é🦀\",\"big\":1e400}}}}",
        id.as_str()
    );
    assert_eq!(text.lines().next().unwrap(), first);
    assert_eq!(text.lines().count(), 2);
    assert!(!text.contains("secret"), "cookies are ignored");
}

#[tokio::test]
async fn what_arrives_again_is_stored_once_and_answered_the_same() {
    let collector = Collector::new();
    let first = collector.post(stream(1), body(stream(1), range(0, 3))).await;
    let again = collector.post(stream(1), body(stream(1), range(0, 3))).await;
    let overlapping = collector.post(stream(1), body(stream(1), range(1, 5))).await;
    assert_eq!(first.body, again.body);
    assert_eq!(overlapping.json(), json!({ "stored": [[0, 5]], "rejected": [] }));
    assert_eq!(collector.ids().len(), 5);
    assert_eq!(collector.stats().await["events"], json!({ "stored": 5, "known": 5 }));
}

#[tokio::test]
async fn a_request_without_batches_asks() {
    let collector = Collector::new();
    collector.post(stream(1), body(stream(1), range(0, 3))).await;
    let mut asking = Vec::new();
    push_line(&mut asking, &line(stream(1), 9));
    let answer = collector.post(stream(1), asking).await;
    assert_eq!(answer.json(), json!({ "stored": [[0, 3]], "rejected": [] }));
    assert_eq!(collector.ids().len(), 3, "what only the index knows is no line");
}

#[tokio::test]
async fn each_change_of_dropped_or_closed_is_a_line_with_an_id_of_its_own() {
    let collector = Collector::new();
    let send = async |line: &StreamLine| {
        let mut body = Vec::new();
        push_line(&mut body, line);
        collector.post(line.stream, body).await
    };
    let mut line = line(stream(1), 5);
    line.dropped.insert(Reason::Full, range(1, 2));
    send(&line).await;
    send(&line).await;
    line.dropped.insert(Reason::TooLarge, range(4, 5));
    line.closed = true;
    send(&line).await;
    line.closed = false;
    send(&line).await;
    let id = stream(1).to_text();
    assert_eq!(collector.ids(), [format!("{}.~1", id.as_str()), format!("{}.~2", id.as_str())]);
    let last = &collector.journal()[1];
    assert_eq!((&last["type"], &last["app"]), (&json!("delivery"), &json!("shop")));
    assert_eq!(last["data"]["dropped"], json!({ "full": [[1, 2]], "too_large": [[4, 5]] }));
    assert_eq!(last["data"]["closed"], json!(true));
}

#[tokio::test]
async fn an_unknown_stream_older_than_the_window_is_stale_and_leaves_no_trace() {
    let collector = Collector::new();
    let old = StreamId::new(NOW - 36 * 86_400_000, [1; 10]);
    let answer = collector.post(old, body(old, range(0, 3))).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({ "stale": true })));
    assert_eq!(collector.text(), "");
    assert_eq!(collector.stats().await["stale"], 1);

    // By the client's own clock it is young: a wrong clock makes no stream old.
    let mut request = post(&uri(old, "key-1", NOW - 36 * 86_400_000 + 5_000), body(old, range(0, 3)));
    request.headers_mut().remove("origin");
    assert_eq!(collector.call(request).await.json(), json!({ "stored": [[0, 3]], "rejected": [] }));
}

#[tokio::test]
async fn interleaving_15_a_known_stream_never_turns_stale_while_it_is_heard_of() {
    let collector = Collector::new();
    collector.post(stream(1), body(stream(1), range(0, 3))).await;
    collector.clock.store(NOW + 34 * 86_400_000, Ordering::SeqCst);
    collector.post(stream(1), body(stream(1), range(3, 4))).await;
    collector.clock.store(NOW + 40 * 86_400_000, Ordering::SeqCst);
    let answer = collector.post(stream(1), body(stream(1), range(4, 5))).await;
    assert_eq!(answer.json(), json!({ "stored": [[0, 5]], "rejected": [] }));
}

#[tokio::test]
async fn the_clients_clock_is_corrected() {
    let collector = Collector::new();
    let behind = NOW - 3_600_000;
    collector.call(post(&uri(stream(1), "key-1", behind), body(stream(1), range(0, 1)))).await;
    let line = &collector.journal()[0];
    assert_eq!(
        (&line["ts"], &line["client_ts"]),
        (&json!(NOW), &json!(NOW - 1_000)),
        "never after its receipt"
    );
}

#[tokio::test]
async fn the_file_is_that_of_the_utc_day_of_receipt() {
    let collector = Collector::new();
    let midnight = 1_764_028_800_000;
    collector.clock.store(midnight - 1, Ordering::SeqCst);
    collector.post(stream(1), body(stream(1), range(0, 3))).await;
    collector.clock.store(midnight, Ordering::SeqCst);
    let answer = collector.post(stream(1), body(stream(1), range(0, 5))).await;
    assert_eq!(answer.json()["stored"], json!([[0, 5]]));
    let lines = |day: &str| {
        let text = std::fs::read_to_string(collector.dir.path().join(format!("events-{day}.jsonl"))).unwrap();
        text.lines().count()
    };
    assert_eq!((lines("2025-11-24"), lines("2025-11-25")), (3, 2));
    assert_eq!(collector.ids().len(), 5);
}

#[tokio::test]
async fn a_restart_knows_what_was_stored() {
    let collector = Collector::new();
    collector.post(stream(1), body(stream(1), range(0, 3))).await;
    collector.state.close().await;
    let closed = collector.post(stream(1), body(stream(1), range(3, 4))).await;
    assert_eq!(
        (closed.status, closed.json()["error"].clone()),
        (StatusCode::SERVICE_UNAVAILABLE, json!("stopped"))
    );
    assert!(closed.headers.contains_key("retry-after"));
    assert_eq!(collector.get("/healthz").await.status, StatusCode::SERVICE_UNAVAILABLE);

    let state = State::open(config(collector.dir.path(), &collector.clock)).unwrap();
    let collector = Collector { state, ..collector };
    assert_eq!(collector.get("/healthz").await.status, StatusCode::OK);
    let answer = collector.post(stream(1), body(stream(1), range(0, 4))).await;
    assert_eq!(answer.json()["stored"], json!([[0, 4]]));
    assert_eq!(collector.ids().len(), 4);
}

#[tokio::test]
async fn one_directory_has_one_collector() {
    let collector = Collector::new();
    let Err(error) = State::open(config(collector.dir.path(), &collector.clock)) else {
        panic!("opened twice")
    };
    assert!(error.to_string().contains("in use by another collector"), "{error}");
}

#[tokio::test]
async fn switched_off_tells_each_client_but_records_the_last_line() {
    let collector = Collector::new();
    set_phase(collector.dir.path(), "key-1", Phase::Disabled).unwrap();
    let answer = collector.post(stream(1), body(stream(1), range(0, 3))).await;
    assert_eq!(answer.status, StatusCode::GONE);
    assert_eq!((&answer.json()["phase"], &answer.json()["error"]), (&json!("DISABLED"), &json!("off")));
    assert_eq!(collector.text(), "", "nothing of a request with batches is recorded");

    let mut last = Vec::new();
    let mut told = line(stream(1), 3);
    told.dropped.insert(Reason::Off, range(0, 3));
    push_line(&mut last, &told);
    assert_eq!(collector.post(stream(1), last).await.status, StatusCode::GONE);
    assert_eq!(collector.journal()[0]["data"]["dropped"], json!({ "off": [[0, 3]] }));

    let other_key = collector.call(post(&uri(stream(2), "key-2", NOW), body(stream(2), range(0, 1)))).await;
    assert_eq!(other_key.status, StatusCode::OK, "another key is not touched");
    set_phase(collector.dir.path(), "key-1", Phase::Enabled).unwrap();
    assert_eq!(collector.post(stream(3), body(stream(3), range(0, 3))).await.status, StatusCode::OK);
}

#[tokio::test]
async fn browsers_hear_what_they_need() {
    let collector = Collector::new();
    let answer = collector.post(stream(1), body(stream(1), range(0, 1))).await;
    let header =
        |answer: &Answer, name: &str| answer.headers.get(name).map(|v| v.to_str().unwrap().to_lowercase());
    assert_eq!(header(&answer, "access-control-allow-origin").as_deref(), Some(ORIGIN));
    assert_eq!(header(&answer, "access-control-allow-credentials").as_deref(), Some("true"));
    assert_eq!(header(&answer, "access-control-expose-headers").as_deref(), Some("retry-after,date"));
    assert_eq!(header(&answer, "vary").as_deref(), Some("origin"));

    // An error must be readable too, else the client takes it for a broken network.
    let refused = collector.call(post(&uri(stream(1), "wrong", NOW), "")).await;
    assert_eq!(header(&refused, "access-control-allow-origin").as_deref(), Some(ORIGIN));

    let preflight = Request::options("/v1/events").header("origin", ORIGIN);
    let preflight = preflight
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type");
    let answer = collector.call(preflight.body(Body::empty()).unwrap()).await;
    assert!(answer.status.is_success());
    assert_eq!(header(&answer, "access-control-allow-methods").as_deref(), Some("post"));
    assert_eq!(header(&answer, "access-control-allow-headers").as_deref(), Some("content-type"));
}

#[tokio::test]
async fn the_demo_folder_is_served_with_its_types() {
    let www = tempfile::tempdir().unwrap();
    for (name, text) in [("index.html", "<p>"), ("a.js", "1"), ("b.wasm", "\0asm"), ("c.css", "p{}")] {
        std::fs::write(www.path().join(name), text).unwrap();
    }
    let path = www.path().to_owned();
    let collector = Collector::with(|config| {
        config.www = Some(path);
        config.own_origins.push("http://127.0.0.1:4600".into());
    });
    for (path, kind) in [
        ("/", "text/html"),
        ("/a.js", "text/javascript"),
        ("/b.wasm", "application/wasm"),
        ("/c.css", "text/css"),
    ] {
        let answer = collector.get(path).await;
        assert_eq!((path, answer.status), (path, StatusCode::OK));
        assert_eq!(answer.headers["content-type"].to_str().unwrap().split(';').next(), Some(kind));
        assert_eq!(answer.headers["cache-control"], "no-cache");
    }
    let missing = collector.get("/missing.js").await;
    assert_eq!((missing.status, &missing.json()["error"]), (StatusCode::NOT_FOUND, &json!("path")));
    let mistyped = collector.call(post("/v1/event", body(stream(1), range(0, 1)))).await;
    assert_eq!((mistyped.status, &mistyped.json()["error"]), (StatusCode::NOT_FOUND, &json!("path")));
    assert_eq!(collector.get("/../Cargo.toml").await.status, StatusCode::NOT_FOUND);

    collector.post(stream(1), body(stream(1), range(0, 2))).await;
    let tail = collector.get("/v1/tail?after=0").await.json();
    assert_eq!(tail["lines"].as_str().unwrap(), collector.text());
    let next = format!("/v1/tail?after={}", tail["next"]);
    collector.post(stream(1), body(stream(1), range(2, 3))).await;
    assert_eq!(collector.get(&next).await.json()["lines"].as_str().unwrap().lines().count(), 1);

    let rebound = Request::get("/v1/tail").header("host", "evil.example:4600").body(Body::empty()).unwrap();
    assert_eq!(collector.call(rebound).await.status, StatusCode::FORBIDDEN);
    assert_eq!(Collector::new().get("/v1/tail").await.status, StatusCode::NOT_FOUND, "only with a demo");
}

#[tokio::test]
async fn metrics_are_what_prometheus_reads() {
    let collector = Collector::new();
    for _ in 0..2 {
        collector.post(stream(1), body(stream(1), range(0, 5))).await;
    }
    collector.call(Request::post("/v1/events?key=no").body(Body::empty()).unwrap()).await;
    let answer = collector.get("/metrics").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
    for line in [
        "beaconry_requests_total 3",
        r#"beaconry_responses_total{code="200",reason="stored"} 2"#,
        r#"beaconry_responses_total{code="401",reason="key"} 1"#,
        r#"beaconry_events_stored_total{app="shop",type="log"} 5"#,
        r#"beaconry_events_duplicate_total{app="shop"} 5"#,
        r#"beaconry_requests_refused_total{reason="key"} 1"#,
        "# TYPE beaconry_events_stored counter",
        "beaconry_disk_full 0",
        r#"beaconry_journal_files{packing="plain"} 1"#,
        r#"beaconry_journal_oldest_file_timestamp_seconds{file="events-2025-11-24.jsonl"} 1763942400"#,
        "# EOF",
    ] {
        assert!(answer.body.lines().any(|it| it == line), "no {line} in\n{}", answer.body);
    }
    let bytes = format!("beaconry_journal_size_bytes{{packing=\"plain\"}} {}", collector.text().len());
    assert!(answer.body.contains(&bytes), "no {bytes} in\n{}", answer.body);
}

#[tokio::test]
async fn every_metric_is_documented_and_every_documented_one_is_there() {
    let collector = Collector::with(|config| config.journal.keep.bytes = Some(0));
    std::fs::create_dir(collector.dir.path().join("consumers")).unwrap();
    std::fs::write(collector.dir.path().join("consumers/loki.json"), r#"{"file":"","offset":0}"#).unwrap();
    collector.call(Request::post("/v1/events?key=no").body(Body::empty()).unwrap()).await;
    let mut sent = body(stream(1), range(0, 3));
    sent.extend_from_slice(b"{\"batch\":5,\"n\":1}\nno event\n");
    collector.post(stream(1), sent).await;
    // The next day's first event closes the file, which has to go.
    collector.clock.store(NOW + 86_400_000, Ordering::SeqCst);
    collector.post(stream(1), body(stream(1), range(3, 4))).await;
    let unread = r#"beaconry_journal_unread_deleted_bytes_total{consumer="loki"}"#;
    while metric(&collector, unread).await.is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let deleted = r#"beaconry_journal_files_deleted_total{reason="size"}"#;
    assert_eq!(metric(&collector, deleted).await, Some(1));
    assert_eq!(collector.ids().len(), 1, "the file that is written to stays");
    let text = collector.get("/metrics").await.body;
    let told = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).map(|line| {
        let (name, kind) = line.split_once(' ').unwrap();
        match kind {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        }
    });
    let told: BTreeSet<String> = told.collect();
    let table =
        include_str!("../../../docs/metrics.md").lines().filter(|line| line.starts_with("| `beaconry"));
    let names = table.flat_map(|line| line.split('|').nth(1).unwrap().split(','));
    let names: BTreeSet<String> = names.map(|name| name.trim().trim_matches('`').to_owned()).collect();
    assert_eq!(told, names);
}

/// The last number of the metrics' line that begins so.
async fn metric(collector: &Collector, name: &str) -> Option<u64> {
    let text = collector.get("/metrics").await.body;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn metrics_tell_the_fate_of_every_event() {
    let collector = Collector::new();
    let mut sent = Vec::new();
    let mut told = line(stream(1), 10);
    told.dropped.insert(Reason::Full, range(2, 6));
    told.holds.insert(range(8, 9));
    told.closed = true;
    push_line(&mut sent, &told);
    push_batch(&mut sent, range(0, 3));
    for _ in 0..2 {
        collector.post(stream(1), sent.clone()).await;
    }
    let dropped = r#"beaconry_events_dropped_total{app="shop",reason="full"}"#;
    let known = |fate: &str| format!("beaconry_known_events{{app=\"shop\",fate=\"{fate}\"}}");
    // The index tells its books once a second.
    while metric(&collector, &known("stored")).await.is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    for (name, count) in [
        (dropped.to_owned(), 3),
        (known("stored"), 3),
        (known("full"), 3),
        (known("outstanding"), 1),
        (known("lost"), 3),
        (r#"beaconry_known_events_tracked{app="shop"}"#.into(), 10),
        (r#"beaconry_known_events_twice_refused{app="shop"}"#.into(), 3),
        ("beaconry_index_streams".into(), 1),
    ] {
        assert_eq!((name.as_str(), metric(&collector, &name).await), (name.as_str(), Some(count)));
    }
}

#[tokio::test]
async fn metrics_tell_how_far_each_consumer_is_behind() {
    let collector = Collector::new();
    collector.post(stream(1), body(stream(1), range(0, 5))).await;
    let consumers = collector.dir.path().join("consumers");
    std::fs::create_dir(&consumers).unwrap();
    let place = |name: &str, place: serde_json::Value| {
        std::fs::write(consumers.join(format!("{name}.json")), place.to_string()).unwrap();
    };
    place("loki", json!({ "file": "events-2025-11-24.jsonl", "offset": 100, "refused_bytes": 0 }));
    place("new", json!({ "file": "", "offset": 0 }));
    let all = collector.text().len() as u64;
    let lag = |name: &str| format!("beaconry_consumer_lag_bytes{{consumer=\"{name}\"}}");
    assert_eq!(metric(&collector, &lag("loki")).await, Some(all - 100));
    assert_eq!(metric(&collector, &lag("new")).await, Some(all));
    std::fs::remove_file(consumers.join("new.json")).unwrap();
    assert_eq!(metric(&collector, &lag("new")).await, None, "who is gone has no lag");
    assert!(metric(&collector, "beaconry_disk_free_bytes").await.unwrap() > 0);
}

#[tokio::test]
async fn a_journal_is_nobody_elses_to_read() {
    let collector = Collector::new();
    collector.post(stream(1), body(stream(1), range(0, 1))).await;
    let journals = std::fs::read_dir(collector.dir.path()).unwrap().map(|entry| entry.unwrap());
    let journal = journals.into_iter().find(|entry| entry.path().extension().is_some_and(|it| it == "jsonl"));
    let mode = std::os::unix::fs::PermissionsExt::mode(&journal.unwrap().metadata().unwrap().permissions());
    assert_eq!(mode & 0o007, 0, "{mode:o}");
}

#[tokio::test]
async fn other_processes_are_told_how_far_the_journal_is_on_disk() {
    let collector = Collector::new();
    for end in [3, 12] {
        collector.post(stream(1), body(stream(1), range(0, end))).await;
        let told = std::fs::read(collector.dir.path().join("synced")).unwrap();
        let told: serde_json::Value = serde_json::from_slice(&told).unwrap();
        assert_eq!(told, json!({ "file": "events-2025-11-24.jsonl", "offset": collector.text().len() }));
    }
}
