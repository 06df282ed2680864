//! The sums over all streams: at `/stats` and `/metrics`, kept up as requests come, and the same when they are added up anew.
#![allow(missing_docs, reason = "tests")]

mod common;

use std::time::{Duration, Instant};

use beaconry_collector::State;
use beaconry_core::Reason;
use common::{Collector, config, line, push_batch, push_line, range, stream};
use serde_json::{Value, json};

/// The books are at most a second old; whoever waits for more than this waits in vain.
const LIMIT: Duration = Duration::from_secs(30);

async fn until_books(collector: &Collector, expected: &Value) {
    let start = Instant::now();
    loop {
        let books = collector.stats().await["books"].clone();
        if books == *expected {
            return;
        }
        assert!(start.elapsed() < LIMIT, "the books are {books}, not {expected}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn each_event_has_one_fate_also_after_a_restart() {
    let mut collector = Collector::new();
    // 0..6 stored, of which 4..6 were told as dropped before they arrived; 6..8 dropped; 8..11 held; 11..12 not heard of.
    let open = stream(1);
    let mut told = line(open, 12);
    told.dropped.insert(Reason::Full, range(4, 8));
    told.holds.insert(range(8, 11));
    let mut body = Vec::new();
    push_line(&mut body, &told);
    push_batch(&mut body, range(0, 6));
    assert_eq!(collector.post(open, body.clone()).await.status, 200);
    until_books(&collector, &json!({"stored": 6, "outstanding": 4, "missing": 0, "dropped": {"full": 2}}))
        .await;

    // Sent again nothing changes; a stream that has ended with one gap of two has lost them.
    collector.post(open, body).await;
    let ended = stream(2);
    let mut told = line(ended, 5);
    told.closed = true;
    let mut body = Vec::new();
    push_line(&mut body, &told);
    push_batch(&mut body, range(0, 3));
    collector.post(ended, body).await;
    let expected = json!({"stored": 9, "outstanding": 4, "missing": 2, "dropped": {"full": 2}});
    until_books(&collector, &expected).await;

    let metrics = collector.get("/metrics").await.body;
    for row in [
        r#"beaconry_events{fate="stored"} 9"#,
        r#"beaconry_events{fate="missing"} 2"#,
        r#"beaconry_events{fate="dropped",reason="full"} 2"#,
        r#"beaconry_events{fate="dropped",reason="age"} 0"#,
    ] {
        assert!(metrics.lines().any(|line| line == row), "{row} is not in\n{metrics}");
    }

    collector.state.close().await;
    collector.state = State::open(config(collector.dir.path(), &collector.clock)).unwrap();
    until_books(&collector, &expected).await;
}
