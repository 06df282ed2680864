//! Requests a second that each target takes from four senders: `cargo run --release -p beaconry-conformance --example throughput`.
#![allow(clippy::unwrap_used, reason = "a tool for who works on this")]

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use beaconry_conformance::target::{Kind, Target};
use beaconry_core::StreamId;

const SENDERS: u8 = 4;
const TIME: Duration = Duration::from_secs(5);

fn main() {
    for kind in Kind::ALL {
        let target = Arc::new(Target::start(kind).unwrap());
        let senders: Vec<_> = (0..SENDERS)
            .map(|n| {
                let target = target.clone();
                std::thread::spawn(move || send(&target, n))
            })
            .collect();
        let requests: u32 = senders.into_iter().map(|sender| sender.join().unwrap()).sum();
        println!("{kind:?}: {} requests a second, of ten events each", u64::from(requests) / TIME.as_secs());
    }
}

/// Gives how many requests were answered well.
fn send(target: &Target, n: u8) -> u32 {
    let now = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let stream = StreamId::new(now, [n; 10]).to_text().as_str().to_owned();
    let (start, mut sent) = (Instant::now(), 0);
    while start.elapsed() < TIME {
        let first = sent * 10;
        let events: String = (first..first + 10)
            .map(|number| {
                format!(
                    "{{\"type\":\"log\",\"ts\":{now},\"data\":{{\"message\":\"the {number}th of them\"}}}}\n"
                )
            })
            .collect();
        let body = format!(
            "{{\"stream\":\"{stream}\",\"v\":1,\"tracked\":{}}}\n{{\"batch\":{first},\"n\":10,\"page\":\"/\"}}\n{events}",
            first + 10
        );
        assert_eq!(target.post(&stream, now, body.as_bytes()).unwrap().status, 200);
        sent += 1;
    }
    sent
}
