//! Whatever an event holds: its journal line is JSON, and its `data` is byte for byte what was sent.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests fail by panics"
)]

mod common;

use common::*;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;

/// JSON text as senders may write it: with white space, escapes, lone surrogates, huge numbers, names twice.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just(r#""\ud800 \udfff""#.to_owned()),
        Just(r#""\u0000\n\/\"""#.to_owned()),
        Just("-0.0e-12".to_owned()),
        Just("1e99999".to_owned()),
        any::<f64>().prop_filter("JSON has no NaN", |n| n.is_finite()).prop_map(|n| format!("{n:?}")),
        any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
    ];
    leaf.prop_recursive(6, 40, 6, |inner| {
        prop_oneof![
            (prop::collection::vec(inner.clone(), 0..6), "[ \t\r]{0,3}")
                .prop_map(|(items, space)| format!("[{space}{}{space}]", items.join(&format!("{space},")))),
            object(inner),
        ]
    })
}

fn object(inner: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    prop::collection::vec((any::<String>(), inner), 0..6).prop_map(|members| {
        let members = members
            .iter()
            .map(|(name, value)| format!("{}: {value}", serde_json::Value::from(name.as_str())));
        format!("{{{}}}", members.collect::<Vec<_>>().join(" ,"))
    })
}

#[derive(Deserialize)]
struct Line<'a> {
    id: String,
    #[serde(borrow)]
    page: &'a RawValue,
    #[serde(borrow)]
    data: &'a RawValue,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn data_is_spliced_and_never_rebuilt(data in prop::collection::vec(object(value()), 1..8), page in any::<String>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let collector = Collector::new();
            let page = serde_json::Value::from(page).to_string();
            let mut sent = Vec::new();
            push_line(&mut sent, &line(stream(1), 8));
            sent.extend_from_slice(format!("{{\"batch\":0,\"n\":{},\"page\":{page}}}\n", data.len()).as_bytes());
            for data in &data {
                sent.extend_from_slice(format!("{{\"type\":\"event\",\"ts\":1,\"data\":{data}}}\n").as_bytes());
            }
            let answer = collector.post(stream(1), sent).await;
            assert_eq!(answer.json()["stored"], serde_json::json!([[0, data.len()]]), "{}", answer.body);
            let text = collector.text();
            let lines: Vec<Line<'_>> = text.split_terminator('\n').map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(lines.len(), data.len());
            for (number, (line, data)) in lines.iter().zip(&data).enumerate() {
                assert_eq!(line.id, format!("{}.{number}", stream(1).to_text().as_str()));
                assert_eq!((line.data.get(), line.page.get()), (data.as_str(), page.as_str()));
            }
        });
    }
}
