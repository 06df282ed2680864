//! What is told of the books: `stats()` and the result of `flush()`, as JSON text, which costs no glue.

use crate::text::push_number;
use beaconry_core::{Reason, StreamId, Totals};

/// `{delivered, held, dropped}`, in events since the page began.
pub(crate) fn flush_result(totals: &Totals) -> String {
    let mut out = String::from("{");
    counts(
        &mut out,
        &[("delivered", totals.delivered), ("held", totals.held), ("dropped", totals.all_dropped())],
    );
    out.push('}');
    out
}

/// `{stream, tracked, held, delivered, released, dropped: {reason: …}, storedBytes}`.
pub(crate) fn stats(stream: StreamId, totals: &Totals, released: u64, stored_bytes: usize) -> String {
    let mut out = String::from("{\"stream\":\"");
    out.push_str(stream.to_text().as_str());
    out.push_str("\",");
    counts(
        &mut out,
        &[
            ("tracked", totals.tracked() + released),
            ("held", totals.held),
            ("delivered", totals.delivered),
            ("released", released),
            ("storedBytes", stored_bytes as u64),
        ],
    );
    out.push_str(",\"dropped\":{");
    let mut dropped = Vec::new();
    for (reason, count) in Reason::ALL.iter().zip(totals.dropped) {
        if count > 0 {
            dropped.push((reason.as_str(), count));
        }
    }
    counts(&mut out, &dropped);
    out.push_str("}}");
    out
}

/// `"name":count,…`
fn counts(out: &mut String, counts: &[(&str, u64)]) {
    let mut before = "\"";
    for (name, count) in counts {
        out.push_str(before);
        out.push_str(name);
        out.push_str("\":");
        push_number(out, *count);
        before = ",\"";
    }
}
