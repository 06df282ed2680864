//! `beaconry delivery`, as a process: beside a running server, without one, after a crash, from the journal alone.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panics")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output;
use std::sync::atomic::Ordering;

use beaconry_core::{Identity, Reason, StreamId, StreamLine};
use common::process::{Server, beaconry, now, send};
use common::{Collector, push_batch, push_line, range};
use serde_json::{Value, json};

const DAY_MS: u64 = 86_400_000;

fn delivery(data: &Path, flags: &[&str]) -> Output {
    beaconry().arg("delivery").arg("--data").arg(data).args(flags).output().unwrap()
}

fn report(data: &Path, flags: &[&str]) -> Value {
    let output = delivery(data, &[flags, &["--json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn told(data: &Path, flags: &[&str]) -> String {
    let output = delivery(data, flags);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn refused(data: &Path) -> String {
    let output = delivery(data, &[]);
    assert!(!output.status.success() && output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

/// What is there, byte for byte.
fn content(data: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(data).unwrap().map(|entry| entry.unwrap());
    files.map(|it| (it.file_name().into_string().unwrap(), fs::read(it.path()).unwrap())).collect()
}

fn line(id: StreamId, release: &str, tracked: u32) -> StreamLine {
    let identity = Identity { release: Some(format!("{release:?}")), ..Identity::default() };
    StreamLine { tracked, ..StreamLine::new(id, identity) }
}

fn body(line: &StreamLine, batch: Option<(u32, u32)>) -> Vec<u8> {
    let mut body = Vec::new();
    push_line(&mut body, line);
    if let Some((start, end)) = batch {
        push_batch(&mut body, range(start, end));
    }
    body
}

fn stream(n: u8) -> StreamId {
    StreamId::new(now() - 60_000, [n; 10])
}

/// The UTC day so many ms ago.
fn day(ago: u64) -> String {
    let time = jiff::Timestamp::from_millisecond(i64::try_from(now() - ago).unwrap()).unwrap();
    jiff::tz::Offset::UTC.to_datetime(time).date().to_string()
}

/// Two pages of 1.0.0: one that holds two events, one that is gone with one, after it told of three drops and came twice with four;
/// and one of 2.0.0 that was opened two days ago.
fn fill(server: &Server) {
    let mut socket = server.connect();
    let mut tell =
        |line: &StreamLine, batch| send(&mut socket, "k", line.stream, &body(line, batch)).unwrap();
    tell(&line(stream(1), "1.0.0", 6), Some((0, 4)));
    let mut gone = line(stream(2), "1.0.0", 10);
    gone.dropped.insert(Reason::Full, range(6, 8));
    gone.dropped.insert(Reason::Age, range(8, 9));
    tell(&gone, Some((0, 6)));
    gone.closed = true;
    tell(&gone, Some((0, 4)));
    let old = StreamId::new(now() - 2 * DAY_MS, [3; 10]);
    tell(&line(old, "2.0.0", 5), Some((0, 5)));
}

/// The counts of [`fill`]: in all, or of one group.
fn counts(row: &Value) -> Value {
    let names = ["streams", "tracked", "stored", "twice_refused", "dropped", "outstanding", "lost"];
    names.iter().map(|name| row[name].clone()).collect()
}

#[test]
fn beside_a_running_server_without_one_and_after_a_restart_the_answer_is_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::start(dir.path());
    fill(&server);
    let live = report(&data, &[]);
    assert_eq!(counts(&live["total"]), json!([3, 21, 15, 4, 3, 2, 1]));
    assert_eq!(
        (&live["total"]["dropped_by_reason"]["full"], &live["total"]["dropped_by_reason"]["age"]),
        (&json!(2), &json!(1))
    );
    assert_eq!((&live["knows"]["source"], &live["knows"]["since"]), (&json!("server"), &json!(null)));
    assert_eq!(live["total"]["shares"]["stored"], json!(0.714286));
    assert_eq!(live["groups"], json!([]));

    server.terminate();
    let before = content(&data);
    let alone = report(&data, &[]);
    assert_eq!((&alone["total"], &alone["knows"]["source"]), (&live["total"], &json!("files")));
    assert_eq!(content(&data), before, "nothing is written");

    let server = Server::start(dir.path());
    assert_eq!(report(&data, &[])["total"], live["total"], "what came twice is known after a restart");
    let mut names: Vec<String> = content(&data).into_keys().collect();
    names.retain(|name| name.starts_with("deliver") && !name.ends_with(".lock"));
    assert_eq!(names, [""; 0], "neither wish nor answer is left behind");
    assert!(server.get("/metrics").contains("beaconry_known_events_twice_refused{app=\"shop\"} 4"));
}

#[test]
fn after_a_kill_the_tail_is_read_and_a_torn_line_is_left_to_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut server = Server::start(dir.path());
    fill(&server);
    // The server knows it durably before it answers.
    let live = report(&data, &[]);
    let mut late = line(stream(4), "1.0.0", 3);
    late.closed = true;
    assert!(server.post(late.stream, &body(&late, Some((0, 3)))).is_some());
    server.signal("KILL");
    server.wait();
    let journal = content(&data).into_keys().rfind(|name| name.ends_with(".jsonl")).unwrap();
    let mut torn = fs::read(data.join(&journal)).unwrap();
    torn.extend_from_slice(b"{\"id\":\"torn");
    fs::write(data.join(&journal), torn).unwrap();
    let before = content(&data);
    let alone = report(&data, &[]);
    assert_eq!(counts(&alone["total"]), json!([4, 24, 18, 4, 3, 2, 1]));
    assert_eq!(counts(&live["total"]), json!([3, 21, 15, 4, 3, 2, 1]));
    assert_eq!(content(&data), before);
}

#[test]
fn groups_are_releases_browsers_days_and_apps() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::start(dir.path());
    fill(&server);
    let groups = |by: &str| -> Vec<(Value, Value, Value)> {
        let report = report(&data, &["--by", by]);
        assert_eq!(counts(&report["total"]), json!([3, 21, 15, 4, 3, 2, 1]));
        let groups = report["groups"].as_array().unwrap().iter();
        groups.map(|group| (group["kind"].clone(), group["name"].clone(), counts(group))).collect()
    };
    let named = |name: &str, counts: Value| (json!("named"), json!(name), counts);
    let expected =
        [named("1.0.0", json!([2, 16, 10, 4, 3, 2, 1])), named("2.0.0", json!([1, 5, 5, 0, 0, 0, 0]))];
    assert_eq!(groups("release"), expected);
    // The day of 60 s ago may be yesterday, and that of the first stream another than that of the second.
    let days = groups("day");
    assert_eq!(days[0], named(&day(2 * DAY_MS), json!([1, 5, 5, 0, 0, 0, 0])));
    assert!(days.is_sorted_by_key(|(_, name, _)| name.as_str().unwrap().to_owned()));
    assert_eq!(days[1..].iter().map(|(.., counts)| counts[0].as_u64().unwrap()).sum::<u64>(), 2);
    assert_eq!(groups("browser"), [(json!("unknown"), json!(null), json!([3, 21, 15, 4, 3, 2, 1]))]);
    assert_eq!(groups("app"), [named("shop", json!([3, 21, 15, 4, 3, 2, 1]))]);
    assert_eq!(counts(&report(&data, &["--app", "blog"])["total"]), json!([0, 0, 0, 0, 0, 0, 0]));
    assert_eq!(report(&data, &["--app", "blog"])["total"]["shares"], json!(null));

    let text = told(&data, &["--by", "release"]);
    let rows: Vec<&str> = text.lines().collect();
    assert!(rows[0].starts_with("release") && rows[0].ends_with("lost"), "{text}");
    let cells = |row: &str| row.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
    assert_eq!(cells(rows[1]), "1.0.0 2 16 10 62.5 % 4 25.0 % 3 18.8 % 1 6.2 % 2 12.5 % 2 12.5 % 1 6.2 %");
    assert_eq!(cells(rows[3]), "total 3 21 15 71.4 % 4 19.0 % 3 14.3 % 1 4.8 % 2 9.5 % 2 9.5 % 1 4.8 %");
    let width = rows[0].chars().count();
    assert!(rows[..4].iter().all(|row| row.chars().count() == width), "{text}");
    assert!(text.contains("All streams that ever sent anything are counted."), "{text}");
}

#[test]
fn from_the_journal_alone_it_says_from_when_on_it_knows() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::start(dir.path());
    fill(&server);
    server.terminate();
    fs::remove_file(data.join("index.redb")).unwrap();
    let before = content(&data);
    let alone = report(&data, &["--by", "release"]);
    // Nobody tells what the first page holds, and what came twice.
    assert_eq!(counts(&alone["total"]), json!([3, 19, 15, null, 3, 0, 1]));
    assert_eq!(
        (&alone["knows"]["source"], &alone["knows"]["twice_refused_since"]),
        (&json!("journal"), &json!(null))
    );
    assert_eq!(alone["knows"]["since"], alone["knows"]["journal_since"]);
    assert_eq!(counts(&alone["groups"][0]), json!([2, 14, 10, null, 3, 0, 1]));
    assert_eq!(content(&data), before);
    let text = told(&data, &[]);
    assert!(
        text.contains("Known are streams born since 20") && text.contains("What came twice is not known"),
        "{text}"
    );

    let server = Server::start(dir.path());
    let live = report(&data, &[]);
    assert_eq!(counts(&live["total"]), json!([3, 19, 15, 0, 3, 0, 1]), "the next server knows no more");
    assert_eq!(live["knows"]["since"], alone["knows"]["since"]);
    drop(server);
}

#[test]
fn files_of_the_drop_in_tell_the_same_with_the_browser_of_each_page() {
    let dir = tempfile::tempdir().unwrap();
    let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0";
    let (id, received) = (stream(1).to_text(), now());
    let line = |number: u32| {
        let id = format!("{}.{number}", id.as_str());
        json!({ "id": id, "ts": 1, "received": received, "app": "shop", "ua": firefox, "type": "log", "data": {} })
    };
    let text = format!("{}\n{}\n", line(0), line(2));
    fs::write(dir.path().join(format!("events-{}.jsonl", day(0))), text).unwrap();
    let report = report(dir.path(), &["--by", "browser"]);
    assert_eq!(
        (&report["groups"][0]["name"], &report["total"]["stored"]),
        (&json!("Firefox 153"), &json!(2))
    );
    assert_eq!(content(dir.path()).len(), 1, "nothing is written");
}

#[tokio::test]
async fn what_is_outstanding_is_lost_once_the_window_ends_also_where_nothing_else_happens() {
    let collector = Collector::new();
    let sent = common::line(common::stream(1), 8);
    collector.post(sent.stream, body(&sent, Some((0, 5)))).await;
    let data = collector.dir.path().to_owned();
    let ask = |by: &'static [&'static str]| {
        let data = data.clone();
        async move { tokio::task::spawn_blocking(move || report(&data, by)).await.unwrap() }
    };
    assert_eq!(counts(&ask(&[]).await["total"]), json!([1, 8, 5, 0, 0, 3, 0]));
    collector.clock.fetch_add(34 * DAY_MS, Ordering::SeqCst);
    assert_eq!(counts(&ask(&[]).await["total"]), json!([1, 8, 5, 0, 0, 3, 0]));
    collector.clock.fetch_add(3 * DAY_MS, Ordering::SeqCst);
    let late = ask(&["--by", "day"]).await;
    assert_eq!(counts(&late["total"]), json!([1, 8, 5, 0, 0, 0, 3]));
    assert_eq!(
        (&late["groups"][0]["kind"], late["groups"].as_array().unwrap().len()),
        (&json!("forgotten"), 1)
    );
    let metrics = collector.get("/metrics").await.body;
    for row in [
        r#"beaconry_known_events{app="shop",fate="lost"} 3"#,
        r#"beaconry_known_events{app="shop",fate="stored"} 5"#,
        r#"beaconry_known_events_tracked{app="shop"} 8"#,
        "beaconry_index_streams 0",
    ] {
        assert!(metrics.contains(row), "no {row} in\n{metrics}");
    }
    assert!(!metrics.contains("fate=\"outstanding\"} 3"), "{metrics}");
    let refused = collector.post(sent.stream, body(&sent, Some((5, 8)))).await;
    assert_eq!(refused.body, r#"{"stale":true}"#, "and it stays so");
}

#[test]
fn who_asks_wrongly_is_told_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let none = refused(&dir.path().join("none"));
    assert!(none.contains("is no directory") && none.contains("--data"), "{none}");
    let empty = refused(dir.path());
    assert!(empty.contains("neither an index nor a journal"), "{empty}");
    fs::create_dir(dir.path().join("index.redb")).unwrap();
    let unreadable = refused(dir.path());
    assert!(unreadable.contains("the index") && unreadable.contains("directory"), "{unreadable}");
}

/// The members of an object, and of those in it.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        Value::Array(items) => items.iter().take(1).map(shape).collect(),
        _ => json!(null),
    }
}

#[test]
fn the_documented_example_has_the_members_that_the_command_prints() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    fill(&server);
    let printed = report(&dir.path().join("data"), &["--by", "release"]);
    let page = include_str!("../../../docs/delivery.md");
    let example = page.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let example: Value = serde_json::from_str(example).unwrap();
    assert_eq!(shape(&example), shape(&printed));
    assert_eq!(counts(&example["total"]), counts(&printed["total"]), "it is what these tests send");
}
