//! Bad input has a status and a reason, and spoils nothing else.

use crate::case::{Case, batch, body, case, event, line, line_with, stored};

pub(crate) fn cases() -> Vec<Case> {
    [bad_events(), bad_batch_lines(), bad_stream_lines(), torn(), too_much(), overlaps()].concat()
}

/// A good batch, a bad one, and a good one again.
fn between(bad: impl AsRef<[u8]>) -> Vec<u8> {
    [body(0..2).as_bytes(), bad.as_ref(), batch(10..12).as_bytes()].concat()
}

fn rejected(name: &'static str, bad: impl AsRef<[u8]>, number: u32, reason: &str) -> Case {
    case(name)
        .sends(between(bad))
        .rejects("[0,2],[10,12]", &format!("{{\"batch\":{number},\"reason\":\"{reason}\"}}"))
        .leaves(stored(0..2))
        .leaves(stored(10..12))
}

fn bad_events() -> Vec<Case> {
    let good = event(5);
    let bad = |name: &'static str, second: &str, reason: &str| {
        rejected(name, format!("{{\"batch\":5,\"n\":2}}\n{good}\n{second}\n"), 5, reason)
    };
    let large = format!("{{\"type\":\"log\",\"ts\":1,\"data\":{{\"x\":\"{}\"}}}}", "x".repeat(65_536));
    let mut cases = vec![
        bad("an event that is no JSON", "not json", "json"),
        bad("half an event", "{\"type\":\"log\",\"ts\":1,\"da", "json"),
        bad("data that is no object", r#"{"type":"log","ts":1,"data":"x"}"#, "json"),
        bad("data that is a list", r#"{"type":"log","ts":1,"data":[]}"#, "json"),
        bad("no data", r#"{"type":"log","ts":1}"#, "json"),
        bad("no time", r#"{"type":"log","data":{}}"#, "json"),
        bad("a time with a fraction", r#"{"type":"log","ts":1.5,"data":{}}"#, "json"),
        bad("a time beyond 64 bits", r#"{"type":"log","ts":9223372036854775808,"data":{}}"#, "json"),
        bad("a time in an exponent", r#"{"type":"log","ts":1e3,"data":{}}"#, "json"),
        bad("a time that is text", r#"{"type":"log","ts":"1","data":{}}"#, "json"),
        bad("a time of minus zero", r#"{"type":"log","ts":-0,"data":{}}"#, "json"),
        bad("two events in a line", &format!("{good}{good}"), "json"),
        bad("a list with the right members", r#"["log",1,{}]"#, "json"),
        bad("a member that comes twice", r#"{"type":"log","type":"log","ts":1,"data":{}}"#, "json"),
        bad("a comma too many", r#"{"type":"log","ts":1,"data":{},}"#, "json"),
        bad("a comma too many in data", r#"{"type":"log","ts":1,"data":{"a":1,}}"#, "json"),
        bad("a bad escape", r#"{"type":"log","ts":1,"data":{"a":"\x"}}"#, "json"),
        bad("a number with a zero in front", r#"{"type":"log","ts":1,"data":{"a":01}}"#, "json"),
        bad(
            "a control character in a text",
            "{\"type\":\"log\",\"ts\":1,\"data\":{\"a\":\"\u{1}\"}}",
            "json",
        ),
        bad("brackets that do not match", r#"{"type":"log","ts":1,"data":{"a":[1}]}"#, "json"),
        bad("a word that is none", r#"{"type":"log","ts":1,"data":{"a":nul}}"#, "json"),
        bad("zero bytes", "\0\0\0\0", "json"),
        bad("a type that is a lone surrogate", r#"{"type":"\ud800","ts":1,"data":{}}"#, "json"),
        bad("a type that only the collector writes", r#"{"type":"delivery","ts":1,"data":{}}"#, "type"),
        bad("a type in capitals", r#"{"type":"Log","ts":1,"data":{}}"#, "type"),
        bad("an event that is too large", &large, "too_large"),
        rejected(
            "an event line less than was said",
            format!("{{\"batch\":5,\"n\":2}}\n{good}\n"),
            5,
            "count",
        ),
        rejected("one more", format!("{{\"batch\":5,\"n\":1}}\n{good}\n{good}\n"), 5, "count"),
    ];
    let no_utf8 = [&b"\xff\xfe"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"];
    cases.extend(no_utf8.map(|bytes| {
        let event = [&b"{\"type\":\"log\",\"ts\":1,\"data\":{\"x\":\""[..], bytes, b"\"}}\n"].concat();
        rejected("an event that is no UTF-8", [&b"{\"batch\":5,\"n\":1}\n"[..], &event].concat(), 5, "utf8")
    }));
    cases
}

fn bad_batch_lines() -> Vec<Case> {
    let good = event(5);
    let heads = [
        r#"{"batch":5,"n":0}"#,
        r#"{"batch":5,"n":-1}"#,
        r#"{"batch":5,"n":1.0}"#,
        r#"{"batch":5}"#,
        r#"{"batch":5,"n":1"#,
        r#"{"batch":5,"n":1,"page":7}"#,
        r#"{"batch":5,"n":1,"user":null}"#,
        r#"{"batch":5,"n":1,"context":[]}"#,
        r#"{"batch":5,"n":4294967295}"#,
        r#"{"batch":5,"n":1} {}"#,
        r#"{"batch":5.5,"n":1}"#,
    ];
    let mut cases: Vec<Case> = heads
        .map(|head| {
            rejected("a batch line that still has its number", format!("{head}\n{good}\n"), 5, "json")
        })
        .into();
    let page = [&b"{\"batch\":5,\"n\":1,\"page\":\"\xff\"}\n"[..], good.as_bytes(), b"\n"].concat();
    cases.push(rejected("a page that is no UTF-8", page, 5, "json"));
    let deep = format!(
        "{{\"batch\":5,\"n\":1,\"context\":{{\"a\":{}{}}}}}\n{good}\n",
        "[".repeat(64),
        "]".repeat(64)
    );
    cases.push(rejected("a context that is too deep", deep, 5, "json"));
    let unnamed = [r#"{"batch":"x","n":1}"#, r#"{"batch":05,"n":1}"#, r#"{"batch":99999999999,"n":1}"#];
    cases.extend(unnamed.map(|head| {
        case("a batch line without a number is a 400, after the good ones are kept")
            .sends(between(format!("{head}\n{good}\n")))
            .refuses(400, "batch")
            .leaves(stored(0..2))
            .leaves(stored(10..12))
    }));
    cases.push(
        case("what stands between the stream line and a batch is a batch that nobody can name")
            .sends(line(2) + "{}\n" + &batch(0..2))
            .refuses(400, "batch")
            .leaves(stored(0..2)),
    );
    cases
}

fn bad_stream_lines() -> Vec<Case> {
    let lines: [(&str, &str); 19] = [
        ("", "json"),
        ("garbage", "json"),
        ("[]", "json"),
        (r#"{"stream":"{S}","v":2,"tracked":1}"#, "version"),
        (r#"{"stream":"{S}","v":2}"#, "version"),
        (r#"{"stream":"{S}","v":"1","tracked":1}"#, "json"),
        (r#"{"stream":"{S}","v":1}"#, "json"),
        (r#"{"stream":"{S}","tracked":1}"#, "json"),
        (r#"{"v":1,"tracked":1}"#, "json"),
        (r#"{"stream":"short","v":1,"tracked":1}"#, "json"),
        (r#"{"stream":"{S}","v":1,"tracked":1} x"#, "json"),
        (r#"{"stream":"{S}","v":1,"tracked":-1}"#, "json"),
        (r#"{"stream":"{S}","v":1,"tracked":4294967296}"#, "json"),
        (r#"{"stream":"{S}","v":1,"tracked":1,"release":"\x"}"#, "json"),
        (r#"{"stream":"{S}","v":1,"tracked":1,"release":7}"#, "json"),
        (r#"{"stream":"{S}","v":1,"tracked":1,"closed":1}"#, "json"),
        (r#"{"stream":"{S}","v":1,"tracked":1,"holds":[[0,1,2]]}"#, "json"),
        (r#"{"stream":"{S}","v":1,"tracked":1,"dropped":{"full":[[3,1]]}}"#, "json"),
        (r#"{"stream":"{S}","v":1,"tracked":1,"dropped":{"later":[[0,1]]}}"#, "json"),
    ];
    let mut cases: Vec<Case> = lines
        .map(|(bad, reason)| {
            let sent = format!("{bad}\n{}", batch(0..1));
            case("a malformed stream line is a 400 and nothing is stored").sends(sent).refuses(400, reason)
        })
        .into();
    let many = |n: u32| (0..n).map(|i| format!("[{},{}]", 2 * i, 2 * i + 1)).collect::<Vec<_>>().join(",");
    cases.extend([
        case("a stream line that is no UTF-8")
            .sends(
                [
                    &b"{\"stream\":\"{S}\",\"v\":1,\"tracked\":1,\"release\":\"\xff\"}\n"[..],
                    batch(0..1).as_bytes(),
                ]
                .concat(),
            )
            .refuses(400, "utf8"),
        case("a stream line that is too long")
            .sends(line_with(1, &format!(",\"more\":\"{}\"", "x".repeat(256 * 1024))))
            .refuses(400, "too_large"),
        case("a stream line with too many ranges")
            .sends(line_with(9_999, &format!(",\"holds\":[{}]", many(4_097))))
            .refuses(400, "json"),
        case("a stream line that is too deep")
            .sends(line_with(1, &format!(",\"more\":{}{}", "[".repeat(64), "]".repeat(64))))
            .refuses(400, "json"),
        case("batches without their stream line are a 400; made anew it is taken")
            .sends(batch(0..2))
            .refuses(400, "json")
            .sends(body(0..2))
            .stores("[0,2]")
            .leaves(stored(0..2)),
        case("an empty body").sends("").refuses(400, "json"),
    ]);
    cases
}

fn torn() -> Vec<Case> {
    let whole = body(0..2) + &batch(2..5);
    let end = whole.len() - 1;
    let cut = |name: &'static str, bytes: usize| {
        case(name).sends(&whole.as_bytes()[..end - bytes]).stores("[0,2]").leaves(stored(0..2))
    };
    vec![
        cut("a body that ends in its last event is neither stored nor rejected there", 3),
        cut("one that ends in the event before it too", 60),
        cut("and one that ends in its batch line", 130),
        case("a missing last line break alone tears nothing")
            .sends(&whole.as_bytes()[..end])
            .stores("[0,5]")
            .leaves(stored(0..5)),
        case("a body that ends right behind a line has a wrong count")
            .sends(line(5) + &batch(0..2) + batch(2..5).rsplit_once("{\"type").unwrap().0)
            .rejects("[0,2]", r#"{"batch":2,"reason":"count"}"#)
            .leaves(stored(0..2)),
    ]
}

fn too_much() -> Vec<Case> {
    let page = "x".repeat(100_000);
    let events: String = (0..1_000).map(|number| event(number) + "\n").collect();
    let shredded: String =
        (0..4_200).map(|n| format!("{{\"batch\":{},\"n\":1}}\n{}\n", 2 * n, event(n))).collect();
    let pieces = |from: u32| {
        let batches: String = (from..from + 2_100)
            .map(|n| format!("{{\"batch\":{},\"n\":1,\"page\":\"/cart\"}}\n{}\n", 2 * n, event(2 * n)))
            .collect();
        line(9_999) + &batches
    };
    let answer = |n: u32| (0..n).map(|i| format!("[{},{}]", 2 * i, 2 * i + 1)).collect::<Vec<_>>().join(",");
    vec![
        case("a body over the limit is a 413").sends("x".repeat(1024 * 1024 + 1)).refuses(413, "too_large"),
        case("one that just fits is taken")
            .sends(body(0..1) + &"\n".repeat(1024 * 1024 - body(0..1).len() - 60))
            .stores("[0,1]")
            .leaves(stored(0..1)),
        case("a small body cannot ask for a journal of many times its size")
            .sends(line(1_000) + &format!("{{\"batch\":0,\"n\":1000,\"page\":\"{page}\"}}\n{events}"))
            .refuses(413, "too_large"),
        case("a body in more pieces than a client makes is a 400")
            .sends(line(9_999) + &shredded)
            .refuses(400, "ranges"),
        case(
            "a stream in more pieces than a client makes is one too, and nothing of the request is recorded",
        )
        .sends(pieces(0))
        .stores(&answer(2_100))
        .sends(pieces(2_100))
        .refuses(400, "ranges")
        .leaves((0..2_100).flat_map(|n| stored(2 * n..2 * n + 1))),
    ]
}

fn overlaps() -> Vec<Case> {
    vec![
        case("batches that share numbers are not both taken")
            .sends(body(0..3) + &batch(2..5))
            .rejects("[0,3]", r#"{"batch":2,"reason":"overlap"}"#)
            .leaves(stored(0..3)),
        case("a number in stored is stored, whatever rejected says")
            .sends(body(0..3))
            .stores("[0,3]")
            .sends(line(3) + "{\"batch\":0,\"n\":3}\nnonsense\n")
            .rejects("[0,3]", r#"{"batch":0,"reason":"json"}"#)
            .leaves(stored(0..3)),
    ]
}
