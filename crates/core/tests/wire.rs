//! The wire format: what is written is read back, and no bytes whatever make the readers panic.
#![allow(missing_docs, clippy::unwrap_used, clippy::cast_possible_truncation, reason = "tests")]

#[path = "driver/heard.rs"]
mod heard;

use beaconry_core::{
    Answer, BatchLine, Body, DecodeError, Dropped, Duration, Identity, Instant, MAX_RANGES, Range, Ranges,
    Reason, StreamId, StreamLine, answer, json, wire,
};
use heard::Heard;
use proptest::prelude::*;

fn range(start: u32, end: u32) -> Range {
    Range::new(start, end).unwrap()
}

fn id() -> StreamId {
    StreamId::new(1_763_877_600_123, [7; 10])
}

fn full_line() -> StreamLine {
    let mut line = StreamLine::new(
        id(),
        Identity {
            sdk: Some("\"beaconry/0.1.0\"".into()),
            release: Some("\"1.4.2\"".into()),
            env: Some("\"production\"".into()),
            session: Some("\"s\\u00e9\"".into()),
        },
    );
    line.tracked = 140;
    line.dropped.insert(Reason::Full, range(117, 120));
    line.holds.insert(range(120, 140));
    line
}

fn encoded(line: &StreamLine) -> String {
    let mut out = Vec::new();
    line.encode(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_stream_line_has_the_documented_bytes() {
    let id = id().to_text();
    assert_eq!(
        encoded(&full_line()),
        format!(
            "{{\"stream\":\"{}\",\"v\":1,\"sdk\":\"beaconry/0.1.0\",\"release\":\"1.4.2\",\"env\":\"production\",\
             \"session\":\"s\\u00e9\",\"tracked\":140,\"dropped\":{{\"full\":[[117,120]]}},\"holds\":[[120,140]],\
             \"closed\":false}}\n",
            id.as_str()
        )
    );
}

#[test]
fn a_stream_line_of_a_later_client_is_read_without_what_is_unknown() {
    let text = encoded(&full_line()).replace("\"v\":1", "\"v\":1,\"later\":{\"a\":[1,{\"b\":null}]}");
    assert_eq!(StreamLine::decode(text.as_bytes()), Ok(full_line()));
}

#[test]
fn a_line_of_another_version_is_refused_as_such() {
    let text = encoded(&full_line()).replace("\"v\":1", "\"v\":2");
    assert_eq!(StreamLine::decode(text.as_bytes()), Err(DecodeError::Version));
}

#[test]
fn a_loss_of_unknown_reason_is_refused_rather_than_forgotten() {
    let text = encoded(&full_line()).replace("\"full\"", "\"gremlins\"");
    assert_eq!(StreamLine::decode(text.as_bytes()), Err(DecodeError::Json));
}

/// Every other number from `first` on.
fn scattered(first: u32, pieces: usize) -> Ranges {
    (first..).step_by(2).take(pieces).map(|start| range(start, start + 1)).collect()
}

#[test]
fn a_reason_told_twice_cannot_outgrow_the_limit() {
    let told = |pieces: [usize; 2]| {
        let mut text = b"{\"full\":".to_vec();
        scattered(0, pieces[0]).encode(&mut text);
        text.extend_from_slice(b",\"full\":");
        scattered(20_000, pieces[1]).encode(&mut text);
        let dropped = String::from_utf8(text).unwrap() + "}";
        encoded(&full_line()).replace("{\"full\":[[117,120]]}", &dropped)
    };
    let line = StreamLine::decode(told([MAX_RANGES / 2; 2]).as_bytes()).unwrap();
    assert_eq!(line.dropped.get(Reason::Full).pieces(), MAX_RANGES);
    let again = StreamLine::decode(encoded(&line).as_bytes());
    assert!(again == Ok(line), "what is taken can be written and read again");
    let over = told([MAX_RANGES / 2, MAX_RANGES / 2 + 1]);
    assert!(StreamLine::decode(over.as_bytes()) == Err(DecodeError::Json), "one range more is refused");
}

#[test]
fn a_spoilt_batch_does_not_spoil_the_next() {
    let body = format!(
        "{}{{\"batch\":0,\"n\":oops}}\n{{\"type\":\"log\"}}\n{{\"batch\":5,\"n\":1,\"page\":\"/\\u0041\"}}\n{{\"x\":1}}\n",
        encoded(&full_line())
    );
    let batches: Vec<_> = Body::decode(body.as_bytes()).unwrap().collect();
    assert_eq!(batches.len(), 2);
    assert_eq!((batches[0].first, batches[0].head.is_err()), (Some(0), true));
    let head = batches[1].head.as_ref().unwrap();
    assert_eq!((head.first, head.n, head.page), (5, 1, Some(&b"\"/\\u0041\""[..])));
    assert_eq!(batches[1].events, b"{\"x\":1}\n");
}

#[test]
fn a_batch_without_its_stream_line_is_refused() {
    assert!(Body::decode(b"{\"batch\":0,\"n\":1}\n{\"type\":\"log\",\"ts\":1,\"data\":{}}\n").is_err());
}

#[test]
fn a_batch_that_leaves_32_bits_is_refused() {
    assert!(BatchLine::decode(b"{\"batch\":4294967295,\"n\":1}").is_err());
    assert!(BatchLine::decode(b"{\"batch\":4294967296,\"n\":1}").is_err());
    assert!(BatchLine::decode(b"{\"batch\":0,\"n\":0}").is_err());
}

#[test]
fn merging_takes_the_maximum_the_union_and_the_last_holds() {
    let mut known = full_line();
    let mut newer = full_line();
    newer.tracked = 150;
    newer.dropped = Dropped::default();
    newer.dropped.insert(Reason::Age, range(0, 2));
    newer.holds = Ranges::from(range(140, 150));
    newer.closed = true;
    assert!(known.merge(&newer));
    assert_eq!(known.tracked, 150);
    assert_eq!(known.dropped.get(Reason::Full), &Ranges::from(range(117, 120)));
    assert_eq!(known.dropped.get(Reason::Age), &Ranges::from(range(0, 2)));

    let late = full_line();
    assert!(!known.merge(&late), "a late line brings nothing new");
    assert!(known.closed, "closed never turns back");
    assert_eq!(known.holds, newer.holds, "a line without closed never replaces one with it");
}

#[test]
fn a_stream_line_has_a_limit() {
    let padded = |bytes: usize| {
        let text = encoded(&full_line());
        let text = text.trim_end();
        text.replacen('{', &format!("{{{}", " ".repeat(bytes - text.len())), 1)
    };
    assert!(StreamLine::decode(padded(wire::MAX_STREAM_LINE).as_bytes()) == Ok(full_line()));
    assert_eq!(StreamLine::decode(padded(wire::MAX_STREAM_LINE + 1).as_bytes()), Err(DecodeError::TooLong));
}

#[test]
fn no_raw_control_character_passes_in_a_string() {
    for byte in 0..0x80u8 {
        let line = [b"{\"batch\":0,\"n\":1,\"page\":\"a", &[byte][..], b"b\"}"].concat();
        // A line break ends the batch line, a quote the string, and a backslash makes an escape of the b.
        assert_eq!(BatchLine::decode(&line).is_ok(), byte >= 0x20 && byte != b'"', "{byte:#04x}");
    }
}

#[test]
fn an_answer_with_something_after_it_is_none() {
    for after in ["x", "{}", "<!-- injected by a proxy -->", ","] {
        let body = format!("{{\"stored\":[[0,1]],\"rejected\":[]}}{after}");
        assert!(matches!(Heard::parse(body.as_bytes()), Heard::Nothing), "{after}");
    }
    let fine = b" {\"stored\":[],\"rejected\":[]}\r\n";
    assert!(matches!(Heard::parse(fine), Heard::Accounted { .. }), "white space is nothing");
}

#[test]
fn statuses_mean_what_the_protocol_says() {
    let now = Instant::from_millis(1000);
    let soon = Some(Duration::from_secs(2));
    let long = Some(Duration::from_secs(999_999));
    let error = br#"{"error":"size","message":"too large"}"#.as_slice();
    let html = b"<html>hotel wifi</html>".as_slice();
    let cases = [
        (200, None, br#"{"stale":true}"#.as_slice(), Answer::Stale),
        (200, None, html, Answer::Unreachable),
        (200, None, b"".as_slice(), Answer::Unreachable),
        (200, None, b"{}".as_slice(), Answer::Unreachable),
        (500, None, error, Answer::Unreachable),
        (503, None, error, Answer::Unreachable),
        (429, None, error, Answer::Unreachable),
        (503, soon, html, Answer::Throttled { until: Instant::from_millis(3000) }),
        (429, long, html, Answer::Throttled { until: now + answer::MAX_RETRY_AFTER }),
        (413, None, error, Answer::TooLarge),
        (413, None, html, Answer::Unreachable),
        (400, None, error, Answer::Unreadable),
        (400, None, html, Answer::Unreachable),
        (401, None, html, Answer::Denied),
        (403, None, error, Answer::Denied),
        (404, None, html, Answer::Denied),
        (405, None, html, Answer::Denied),
        (410, None, br#"{"phase":"DISABLED"}"#.as_slice(), Answer::SwitchedOff),
        (410, None, html, Answer::Unreachable),
        (302, None, html, Answer::Unreachable),
    ];
    for (status, retry_after, body, expected) in cases {
        let heard = Heard::parse(body);
        assert_eq!(Answer::from_http(now, status, retry_after, heard.said()), expected, "{status}");
    }
}

#[test]
fn an_answer_is_read_back_as_it_was_written() {
    let stored = [range(0, 117), range(120, 140)].into_iter().collect::<Ranges>();
    let mut body = Vec::new();
    answer::encode_accounted(&stored, [(117, "json"), (118, "a\"b\n")].into_iter(), &mut body);
    assert!(
        body.starts_with(
            b"{\"stored\":[[0,117],[120,140]],\"rejected\":[{\"batch\":117,\"reason\":\"json\"},"
        )
    );
    serde_json::from_slice::<serde_json::Value>(&body).unwrap();
    let heard = Heard::parse(&body);
    let stored: Vec<_> = stored.iter().collect();
    let answer = Answer::from_http(Instant::default(), 200, None, heard.said());
    assert_eq!(answer, Answer::Accounted { stored: &stored, rejected: &[117, 118] });
}

#[test]
fn a_stream_id_has_one_text() {
    let text = id().to_text();
    assert_eq!(StreamId::parse(text.as_bytes()), Ok(id()));
    assert_eq!(id().birth_unix_ms(), 1_763_877_600_123);
    let mut loose = text.as_str().to_owned();
    loose.replace_range(21.., "B");
    assert!(StreamId::parse(loose.as_bytes()).is_err(), "bits that no id has");
    assert!(StreamId::parse(b"short").is_err());
    assert!(StreamId::parse("é234567890123456789012".as_bytes()).is_err());
}

#[test]
fn nesting_has_a_limit() {
    let deep = |depth: usize| {
        format!("{{\"batch\":0,\"n\":1,\"context\":{{\"a\":{}{}}}}}", "[".repeat(depth), "]".repeat(depth))
    };
    assert!(BatchLine::decode(deep(20).as_bytes()).is_ok());
    assert!(BatchLine::decode(deep(1_000_000).as_bytes()).is_err());
}

fn any_ranges() -> impl Strategy<Value = Ranges> {
    prop::collection::vec((0u32..200, 1u32..20), 0..12).prop_map(|pairs| {
        pairs.into_iter().filter_map(|(start, len)| Range::new(start, start + len)).collect()
    })
}

fn any_token() -> impl Strategy<Value = Option<String>> {
    prop::option::of(any::<String>().prop_map(|text| {
        let mut out = Vec::new();
        json::write_string(&text, &mut out);
        String::from_utf8(out).unwrap()
    }))
}

fn any_line() -> impl Strategy<Value = StreamLine> {
    let dropped = prop::collection::vec((0..Reason::ALL.len(), any_ranges()), 0..4);
    (any::<(u64, [u8; 10])>(), any_token(), any_token(), 0u32..500, dropped, any_ranges(), any::<bool>())
        .prop_map(|((birth, random), release, session, tracked, dropped, holds, closed)| {
            let identity = Identity { release, session, ..Identity::default() };
            let mut line = StreamLine::new(StreamId::new(birth, random), identity);
            for (reason, ranges) in dropped {
                ranges.iter().for_each(|range| line.dropped.insert(Reason::ALL[reason], range));
            }
            StreamLine { tracked, holds, closed, ..line }
        })
}

proptest! {
    #[test]
    fn stream_lines_are_read_back(line in any_line()) {
        let text = encoded(&line);
        serde_json::from_str::<serde_json::Value>(&text).unwrap();
        prop_assert_eq!(StreamLine::decode(text.as_bytes()), Ok(line));
    }

    #[test]
    fn stream_ids_are_read_back(birth in 0u64..1 << 48, random in any::<[u8; 10]>()) {
        let id = StreamId::new(birth, random);
        prop_assert_eq!(StreamId::parse(id.to_text().as_bytes()), Ok(id));
        prop_assert_eq!(id.birth_unix_ms(), birth);
    }

    #[test]
    fn merging_does_not_depend_on_the_order(a in any_line(), b in any_line()) {
        let (mut ab, mut ba) = (a.clone(), b.clone());
        ab.merge(&b);
        ba.merge(&a);
        prop_assert_eq!(ab.tracked, ba.tracked);
        prop_assert_eq!(&ab.dropped, &ba.dropped);
        prop_assert_eq!(ab.closed, ba.closed);
        prop_assert!(!ab.merge(&b), "a line that came twice changes nothing");
    }

    #[test]
    fn missing_is_what_is_neither_stored_nor_dropped(line in any_line(), stored in any_ranges()) {
        let told = |number: &u32| line.dropped.iter().any(|(_, numbers)| numbers.contains(*number));
        let expected: Vec<u32> = (0..line.tracked).filter(|number| !stored.contains(*number) && !told(number)).collect();
        let missing = line.missing(&stored);
        let missing: Vec<u32> = missing.iter().flat_map(|range| range.start()..range.end()).collect();
        prop_assert_eq!(missing, expected);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = StreamLine::decode(&bytes);
        let _ = BatchLine::decode(&bytes);
        let _ = Ranges::parse(&bytes);
        let _ = StreamId::parse(&bytes);
        if let Ok(body) = Body::decode(&bytes) {
            let _ = body.count();
        }
    }

    #[test]
    fn no_damage_to_a_request_makes_a_reader_panic(
        line in any_line(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let mut body = encoded(&line).into_bytes();
        wire::write_batch_line(3, 2, b"\"page\":\"/\"", &mut body);
        body.extend_from_slice(b"{\"type\":\"log\",\"ts\":1,\"data\":{\"a\":[1.5e3,-0,true,null,\"\\u00e9\"]}}\n{}\n");
        let at = at.index(body.len());
        body[at] = byte;
        body.truncate(cut.index(body.len()) + 1);
        if let Ok(body) = Body::decode(&body) {
            let _ = body.count();
        }
    }

    #[test]
    fn the_scanner_agrees_with_a_kept_parser(value in any_json()) {
        let text = format!("{{\"batch\":1,\"n\":1,\"context\":{{\"a\":{value}}}}}");
        prop_assert!(BatchLine::decode(text.as_bytes()).is_ok(), "{}", text);
    }

    #[test]
    fn what_the_scanner_takes_a_kept_parser_takes(text in "[\\[\\]{},:\"0-9.eE+\\-a-f\\\\tru ln]{0,24}") {
        let line = format!("{{\"batch\":1,\"n\":1,\"context\":{{\"a\":{text}}}}}");
        if BatchLine::decode(line.as_bytes()).is_ok() {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok(), "{}", line);
        }
    }
}

fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}
