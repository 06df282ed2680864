//! What an event holds is spliced, never rebuilt.

use beaconry_conformance::target::{KEY, Kind, Target};

use crate::case::{Case, Names, body, case, journal_line, line};

/// One event with this data, in a batch like any.
fn with_data(data: &str) -> String {
    line(1)
        + &format!(
            "{{\"batch\":0,\"n\":1,\"page\":\"/cart\"}}\n{{\"type\":\"log\",\"ts\":{{TS}},\"data\":{data}}}\n"
        )
}

fn kept(name: &'static str, data: &str) -> Case {
    case(name).sends(with_data(data)).stores("[0,1]").leaves([journal_line(0, data)])
}

pub(crate) fn cases() -> Vec<Case> {
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
    let mut cases = vec![
        kept("lone surrogates are JSON", r#"{"m":"\ud800 \udfff é🦀"}"#),
        kept("numbers are text", r#"{"a":1e999,"b":-0.0e-12,"c":123456789012345678901234567890}"#),
        kept("white space and names that come twice stay", "{ \"a\" :\t1 , \"a\":\r2 }"),
        kept("depth is no matter", &deep),
        kept("all of Unicode", "{\"\":\"\u{2028}\u{2029}\u{7f}\u{feff}\u{10ffff}\"}"),
        kept("a program is text like any other", r#"{"m":"<?php echo 1; ?><?= 2 ?>"}"#),
        kept("an empty object is one", "{}"),
        case("members are known by what their names say, in any order")
            .sends(line(1) + "{\"batch\":0,\"n\":1,\"page\":\"/cart\"}\n {\"x\":[{}],\"dat\\u0061\":{\"n\":0},\"ts\":{TS},\"type\":\"l\\u006fg\"} \n")
            .stores("[0,1]")
            .leaves([journal_line(0, "{\"n\":0}")]),
    ];
    cases.push(all_that_a_batch_shares());
    cases.push(each_type());
    cases
}

fn all_that_a_batch_shares() -> Case {
    let stream_line = r#"{"stream":"{S}","v":1,"sdk":"beaconry/0.1.0","release":"1.4\u002e2 ","env":"production","session":"s-1","tracked":2,"more":{"a":[1]}}"#;
    let batch_line = r#"{"batch":0, "n" : 2,"page":"/c\/é","user":"u-1","context":{"tenant": "north", "deep":[[{}]]},"more":0}"#;
    let events = "{\"type\":\"log\",\"ts\":{TS},\"data\":{}}\n{\"type\":\"log\",\"ts\":-5,\"data\":{}}\n";
    let line = |number: u32, ts: &str| {
        format!(
            "{{\"id\":\"{{S}}.{number}\",\"ts\":{ts},\"received\":R,\"app\":\"sh\\\"op\",{shared},\"type\":\"log\",\"data\":{{}}}}",
            shared = r#""release":"1.4\u002e2 ","env":"production","session":"s-1","page":"/c\/é","user":"u-1","context":{"tenant": "north", "deep":[[{}]]}"#
        )
    };
    case("a line has all that its batch shares, byte for byte, in the order of the protocol")
        .sends(format!("{stream_line}\n{batch_line}\n{events}"))
        .stores("[0,2]")
        .leaves([line(0, "{TS}"), line(1, "-5")])
}

fn each_type() -> Case {
    let types = ["log", "error", "metric", "event", "vital"];
    let events = types.map(|kind| format!("{{\"type\":\"{kind}\",\"ts\":{{TS}},\"data\":{{}}}}\n")).concat();
    let lines = types.iter().zip(0..).map(|(kind, number)| {
        journal_line(number, "{}").replace("\"type\":\"log\"", &format!("\"type\":\"{kind}\""))
    });
    case("there are five types of events")
        .sends(line(5) + "{\"batch\":0,\"n\":5,\"page\":\"/cart\"}\n" + &events)
        .stores("[0,5]")
        .leaves(lines)
}

/// The one member that differs: the collector parses it, the drop-in leaves that to whoever reads the journal.
pub(crate) fn check_user_agent(target: &Target) {
    const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0";
    let names = Names::new(250, 60_000);
    let headers = [("user-agent", AGENT), ("cookie", "session=secret")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let query = names.fill(&format!("?key={KEY}&stream={{S}}&now={{NOW}}"));
    let answer = target.send("POST", &query, &headers, names.fill(&body(0..1)).as_bytes()).unwrap();
    assert_eq!(answer.status, 200);
    let journal = target.journal().unwrap();
    let line = journal.iter().find(|line| line.contains(&names.stream)).unwrap();
    let agent = match target.kind() {
        Kind::Collector => r#""page":"/cart","browser":"Firefox 153","os":"Linux","type":"log""#.to_owned(),
        Kind::Apache | Kind::Nginx => format!(r#""page":"/cart","ua":"{AGENT}","type":"log""#),
    };
    assert!(line.contains(&agent), "{line}");
    assert!(!line.contains("secret"), "cookies are ignored: {line}");
}
