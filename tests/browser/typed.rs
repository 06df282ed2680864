//! The typed surface for Rust front ends: cargo feature `serde`.

use crate::support::*;
use beaconry::{EventType, Limits, Options, TelemetryClient};
use serde::{Serialize, Serializer, ser::Error as _};
use wasm_bindgen_test::wasm_bindgen_test;

#[derive(Serialize)]
struct Checkout<'a> {
    cart: &'a str,
    items: Vec<u32>,
    coupon: Option<&'a str>,
}

/// What no serialiser takes.
struct Odd;

impl Serialize for Odd {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("odd"))
    }
}

fn typed(app: &str, more: Options) -> TelemetryClient {
    let options = Options { url: URL.into(), key: "k".into(), app: Some(app.into()), ..more };
    TelemetryClient::with_options(&options)
}

#[wasm_bindgen_test]
async fn any_serialisable_value_travels_and_the_books_are_a_struct() {
    empty_storage();
    let collector = Collector::start(Mode::Accept);
    let client = typed("typed", Options { release: Some("1.4".into()), ..Options::default() });
    client.track_value(EventType::Event, &Checkout { cart: "ä\n😀", items: vec![1, 2], coupon: None });
    client.track_value(EventType::Metric, &7);
    client.track_value(EventType::Error, "a string");
    client.track_value(EventType::Log, &Odd);
    client.flush(&json(&format!("{{\"timeout\":{PATIENCE_MS}}}"))).await.unwrap();

    let received = collector.received();
    let lines: Vec<&String> = received.iter().flat_map(|it| &it.batches).flat_map(|(_, _, it)| it).collect();
    for (line, kind, data) in [
        (lines[0], "event", r#"{"cart":"ä\n😀","items":[1,2],"coupon":null}"#),
        (lines[1], "metric", r#"{"value":7}"#),
        (lines[2], "error", r#"{"value":"a string"}"#),
    ] {
        assert!(line.starts_with(&format!(r#"{{"type":"{kind}","ts":"#)), "{line}");
        assert!(line.ends_with(&format!(r#","data":{data}}}"#)), "{line}");
    }
    assert!(received[0].body.contains(r#""release":"1.4""#), "{}", received[0].body);
    let stats = client.typed_stats();
    assert_eq!([stats.tracked, stats.held, stats.delivered, stats.released], [4, 0, 3, 0]);
    assert_eq!(stats.dropped.into_iter().collect::<Vec<_>>(), [(String::from("invalid"), 1)]);
    assert_eq!(stats.stream.len(), 22);
    client.dispose();
}

#[wasm_bindgen_test]
async fn typed_options_bound_the_client_and_wrong_ones_leave_it_off() {
    empty_storage();
    let _collector = Collector::start(Mode::Unreachable);
    let limits = Limits { memory_bytes: Some(80_000), ..Limits::default() };
    let bounded = typed("bounded", Options { persist: Some(false), limits, ..Options::default() });
    for _ in 0..5_000 {
        bounded.track_value(EventType::Event, &Checkout { cart: "c", items: vec![1; 20], coupon: None });
    }
    settle().await;
    let stats = bounded.typed_stats();
    assert!(stats.dropped.contains_key("full"), "{stats:?}");
    assert_eq!([stats.tracked, stats.stored_bytes], [5_000, 0]);
    assert_eq!(stored("bounded"), Vec::<String>::new());
    bounded.dispose();

    let off = typed("wrong", Options { release: Some(String::new()), ..Options::default() });
    off.track_value(EventType::Event, &7);
    assert_eq!(off.typed_stats(), beaconry::Stats::default());
}
