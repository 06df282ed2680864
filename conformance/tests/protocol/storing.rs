//! What is sent is stored, once, and the answer says so.

use crate::case::{Case, batch, body, case, line, stored};

const DAY: u64 = 86_400_000;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("an event is a line of the journal and the answer says so")
            .sends(body(0..3))
            .stores("[0,3]")
            .leaves(stored(0..3)),
        case("what arrives again is stored once and answered the same")
            .sends(body(0..3))
            .stores("[0,3]")
            .sends(body(0..3))
            .stores("[0,3]")
            .leaves(stored(0..3)),
        case("of a batch that was stored in part the rest is stored")
            .sends(body(0..3))
            .stores("[0,3]")
            .sends(body(1..5))
            .stores("[0,5]")
            .leaves(stored(0..5)),
        case("ranges grow together, whatever their order")
            .sends(body(8..10))
            .stores("[8,10]")
            .sends(body(0..2))
            .stores("[0,2],[8,10]")
            .sends(line(10) + &batch(4..6) + &batch(2..4))
            .stores("[0,6],[8,10]")
            .sends(body(6..8))
            .stores("[0,10]")
            .leaves(stored(8..10))
            .leaves(stored(0..2))
            .leaves(stored(4..6))
            .leaves(stored(2..4))
            .leaves(stored(6..8)),
        case("a request without batches asks")
            .sends(body(0..3))
            .stores("[0,3]")
            .sends(line(9))
            .stores("[0,3]")
            .leaves(stored(0..3)),
        case("one that nothing is known of is told so").sends(line(9)).stores(""),
        case("blank lines and carriage returns mean nothing")
            .sends(
                body(0..2)
                    .replace('\n', "\r\n\n \t\n\n")
                    .replace("}\r\n\n \t\n\n{\"batch", "}\r\n\n\n{\"batch"),
            )
            .stores("[0,2]")
            .leaves(stored(0..2)),
        case("without a clock all can be stored")
            .sends(body(0..1))
            .with_query("?key=key-1&stream={S}")
            .stores("[0,1]")
            .sends(body(1..2))
            .with_query("?now=soon&stream={S}&key=key%2D1&more=x&more=y")
            .stores("[0,2]")
            .leaves(stored(0..2)),
        case("another key of the same app adds to the same stream")
            .sends(body(0..1))
            .stores("[0,1]")
            .sends(body(1..2))
            .with_query("?key=key-2&stream={S}&now={NOW}")
            .stores("[0,2]")
            .leaves(stored(0..2)),
        case("an unknown stream older than the window is stale and leaves no trace")
            .of_age(36 * DAY)
            .sends(body(0..3))
            .says(r#"{"stale":true}"#)
            .sends(line(3))
            .says(r#"{"stale":true}"#),
        case("one that is as old as the window is not")
            .of_age(35 * DAY - 60_000)
            .sends(body(0..1))
            .stores("[0,1]")
            .leaves(stored(0..1)),
        case("a known stream never turns stale while it is heard of")
            .of_age(36 * DAY)
            .sends(body(0..1))
            .with_query("?key=key-1&stream={S}&now=1000")
            .stores("[0,1]")
            .sends(line(1))
            .stores("[0,1]")
            .leaves([stored(0..1).concat().replace("\"ts\":{TS}", "\"ts\":R,\"client_ts\":{TS}")]),
    ]
}
