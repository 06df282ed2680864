//! In which form the values of `pages/values.js` are to arrive.

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};

/// Bytes of UTF-8 that an event's line may have.
const LINE_BYTES: usize = 32_768;

/// Objects nest eight deep in an event's data, of which the data itself is none.
const DEPTH: usize = 8;

/// Checks that `value` is the stored form of the value of this name.
pub(crate) fn check(name: &str, value: &Value) -> Result<()> {
    match name {
        "error" => check_error(value),
        "huge" => check_huge(value),
        _ => {
            let expected = expected(name)?;
            ensure!(*value == expected, "{name}: stored {value}, not {expected}");
            Ok(())
        }
    }
}

fn expected(name: &str) -> Result<Value> {
    Ok(match name {
        "accents" => json!("Grüße, 世界, مرحبا, नमस्ते"),
        "emoji" => json!("👩‍👩‍👧‍👦 🏳️‍🌈 🧪"),
        "controls" => json!("\u{0}\u{1f}\u{7f}\u{2028}\u{2029}\"\\/\n\r\t"),
        // The journal's reader shows a lone surrogate as its escape.
        "loneSurrogates" => json!("a\\ud800b\\udc00c"),
        "deep" => (0..DEPTH).fold(json!("[deep]"), |inner, _| json!({ "in": inner })),
        "cyclic" => json!({ "name": "a", "list": ["[circular]"], "self": "[circular]" }),
        "bigint" => json!("12345678901234567890"),
        "getter" => json!({ "before": 1, "bad": "[threw]", "after": 2 }),
        "numbers" => json!([0, -1.5, 1e300, "NaN", "Infinity", "-Infinity"]),
        "date" => json!("1970-01-01T00:00:00.000Z"),
        "map" => json!([["a", 1], ["b", { "c": 2 }]]),
        "set" => json!(["a", "b"]),
        "nothing" => json!({ "b": null, "c": [null] }),
        "symbol" => json!("Symbol(name)"),
        "callable" => json!("[function]"),
        "bytes" => json!([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        "node" => json!("DIV"),
        "proxy" => json!("[threw]"),
        _ => bail!("{name} has no expected form"),
    })
}

fn check_error(value: &Value) -> Result<()> {
    ensure!(value["name"] == "RangeError" && value["message"] == "out of range", "stored {value}");
    ensure!(value["cause"]["name"] == "Error" && value["cause"]["message"] == "inside", "stored {value}");
    let stacks = [&value["stack"], &value["cause"]["stack"]];
    let are_ours = stacks.iter().all(|stack| stack.as_str().is_some_and(|text| text.contains("values.js")));
    ensure!(are_ours, "a stack is missing: {value}");
    Ok(())
}

/// Cut, with the count of what is missing at its end.
fn check_huge(value: &Value) -> Result<()> {
    let text = value.as_str().unwrap_or_default();
    ensure!(text.len() < LINE_BYTES, "{} bytes are stored", text.len());
    let (kept, rest) = text.split_once("… ").unwrap_or_default();
    ensure!(!kept.is_empty() && kept.chars().all(|c| c == 'é'), "not the text's beginning: {kept:.40}");
    let missing = 100_000 - kept.chars().count();
    ensure!(rest == format!("{missing} more"), "{missing} characters are missing, and it says {rest}");
    Ok(())
}
