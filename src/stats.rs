//! What is told of the books: `stats()` and the result of `flush()`, as JSON text, which costs no glue.

use crate::text::push_number;
use beaconry_core::{Reason, StreamId, Totals};

/// `{delivered, held, dropped}`, in events since the page began.
pub(crate) fn flush_result(totals: &Totals) -> String {
    let mut out = String::from("{");
    count(&mut out, "delivered", totals.delivered);
    count(&mut out, "held", totals.held);
    count(&mut out, "dropped", totals.all_dropped());
    close(out)
}

/// `{stream, tracked, held, delivered, released, dropped: {reason: …}, storedBytes}`.
pub(crate) fn stats(stream: StreamId, totals: &Totals, released: u64, stored_bytes: usize) -> String {
    let mut out = String::from("{\"stream\":\"");
    out.push_str(stream.to_text().as_str());
    out.push_str("\",");
    count(&mut out, "tracked", totals.tracked() + released);
    count(&mut out, "held", totals.held);
    count(&mut out, "delivered", totals.delivered);
    count(&mut out, "released", released);
    count(&mut out, "storedBytes", stored_bytes as u64);
    out.push_str("\"dropped\":{");
    for (reason, number) in Reason::ALL.into_iter().zip(totals.dropped) {
        if number > 0 {
            count(&mut out, reason.as_str(), number);
        }
    }
    let mut out = close(out);
    out.push('}');
    out
}

fn count(out: &mut String, name: &str, number: u64) {
    out.push('"');
    out.push_str(name);
    out.push_str("\":");
    push_number(out, number);
    out.push(',');
}

/// Closes an object, the last of whose members has left a comma.
fn close(mut object: String) -> String {
    if object.ends_with(',') {
        object.pop();
    }
    object.push('}');
    object
}
