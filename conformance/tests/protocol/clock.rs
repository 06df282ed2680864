//! Clocks that are wrong, by an hour or by a year.

use beaconry_conformance::target::Target;
use serde_json::Value;

use crate::case::{Case, Names, body, case, line_with, now};

const HOUR: i64 = 3_600_000;
const YEAR: i64 = 365 * 24 * HOUR;

pub(crate) fn cases() -> Vec<Case> {
    let stream = "?key=key-1&stream={S}";
    vec![
        case("the greatest of clocks makes any unknown stream stale")
            .sends(body(0..1))
            .with_query(&format!("{stream}&now=18446744073709551615"))
            .says(r#"{"stale":true}"#),
        case("a clock beyond that is none")
            .sends(body(0..1))
            .with_query(&format!("{stream}&now=18446744073709551616"))
            .stores("[0,1]")
            .leaves(crate::case::stored(0..1)),
        case("a stream that is born in the future is young")
            .sends(body(0..1))
            .with_query(&format!("{stream}&now=0"))
            .stores("[0,1]")
            .leaves([crate::case::stored(0..1)
                .concat()
                .replace("\"ts\":{TS}", "\"ts\":R,\"client_ts\":{TS}")]),
        case("an event is never later than its receipt")
            .sends(body(0..1).replace("{TS}", "9223372036854775807"))
            .stores("[0,1]")
            .leaves([crate::case::stored(0..1)
                .concat()
                .replace("\"ts\":{TS}", "\"ts\":R,\"client_ts\":9223372036854775807")]),
        case("a closed stream keeps its times, whatever the clock says")
            .sends(line_with(1, ",\"closed\":true") + &crate::case::batch(0..1))
            .with_query(&format!("{stream}&now=1763978400000"))
            .stores("[0,1]")
            .leaves(crate::case::stored(0..1))
            .leaves([crate::case::delivery(1, r#""tracked":1,"dropped":{},"holds":[],"closed":true"#)]),
    ]
}

/// A clock that is wrong is corrected by what it is off; the journal has what the client said beside it.
pub(crate) fn check_correction(target: &Target) {
    for (off, nth) in [(HOUR, 240), (-HOUR, 241), (YEAR, 242), (-YEAR, 243), (4_000, 244), (-4_000, 245)] {
        // All of the client is off: the birth of its stream, its events, and what it says at last.
        let client_now = now().checked_add_signed(off).unwrap();
        let stream = beaconry_core::StreamId::new(client_now - 60_000, [nth; 10]);
        let names = Names { stream: stream.to_text().as_str().to_owned(), now: client_now };
        let answer = target.post(&names.stream, client_now, names.fill(&body(0..1)).as_bytes()).unwrap();
        assert_eq!(answer.body, r#"{"stored":[[0,1]],"rejected":[]}"#, "{off}");
        let journal = target.journal().unwrap();
        let line = journal.iter().find(|line| line.contains(&names.stream)).unwrap();
        let line: Value = serde_json::from_str(line).unwrap();
        let (ts, received) = (line["ts"].as_i64().unwrap(), line["received"].as_i64().unwrap());
        let client_ts = client_now as i64 - 1_000;
        let skew = received - client_now as i64;
        let is_noticed = off.abs() >= 5_000;
        assert_eq!(ts, received.min(client_ts + if is_noticed { skew } else { 0 }), "{off}: {line}");
        let own = (ts != client_ts).then_some(client_ts);
        assert_eq!(line["client_ts"].as_i64(), own, "{off}: {line}");
    }
}
