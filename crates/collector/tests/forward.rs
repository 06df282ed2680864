//! The programs `beaconry forward` and `beaconry import` where the target is none, and what they say then.
//! The real targets are in `servers/`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests fail by panics"
)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::mpsc::{Receiver, channel};

const LINE: &str = r#"{"id":"AZq0journalOfTheTestsA.1","ts":1,"received":2,"app":"shop","type":"log","data":{"message":"m"}}"#;

/// A server of something else: it answers every request with the same, and tells what it was sent.
fn other_server(answer: &'static str) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, heads) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let (mut head, mut length) = (String::new(), 0);
            while reader.read_line(&mut head).unwrap_or(0) > 2 && !head.ends_with("\r\n\r\n") {}
            for line in head.to_ascii_lowercase().lines() {
                length = line.strip_prefix("content-length: ").map_or(length, |value| value.parse().unwrap());
            }
            reader.read_exact(&mut vec![0; length]).unwrap();
            let _ = sender.send(head);
            let _ = reader.get_mut().write_all(answer.as_bytes());
        }
    });
    (url, heads)
}

fn beaconry(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_beaconry")).args(args).env_remove("BEACONRY_HEADERS").output().unwrap()
}

fn journal() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("events-2026-01-01.jsonl"), format!("{LINE}\n")).unwrap();
    dir
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What it wrote last, of a run that failed.
fn failure(output: &Output) -> String {
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr);
    text[text.rfind("beaconry: ").unwrap()..].to_owned()
}

#[test]
fn a_server_that_refuses_everything_does_not_get_the_journal_set_aside() {
    let (url, _heads) = other_server("HTTP/1.1 400 Bad Request\r\ncontent-length: 3\r\n\r\nno!");
    for kind in ["loki", "otlp"] {
        let data = journal();
        let output = beaconry(&["forward", "--once", "--to", kind, &url, "--data", path(data.path())]);
        let error = failure(&output);
        assert!(error.contains("of nothing: no!") && error.contains("Check the address"), "{error}");
        let mut names: Vec<_> =
            fs::read_dir(data.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["consumers", "events-2026-01-01.jsonl"]);
    }
}

#[test]
fn a_page_that_says_yes_is_no_target() {
    let (url, _heads) =
        other_server("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>");
    for kind in ["loki", "otlp"] {
        let data = journal();
        let error =
            failure(&beaconry(&["forward", "--once", "--to", kind, &url, "--data", path(data.path())]));
        assert!(error.contains("Check the address"), "{error}");
    }
}

#[test]
fn nobody_there_is_told_with_the_next_step() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (data, url) = (journal(), format!("http://127.0.0.1:{port}"));
    let state = data.path().join("state");
    let file = data.path().join("events-2026-01-01.jsonl");
    let error = failure(&beaconry(&["import", "--to", "loki", &url, "--state", path(&state), path(&file)]));
    assert!(error.contains(&url) && error.contains("Is it running"), "{error}");
}

#[test]
fn a_secret_comes_from_a_file_and_is_sent() {
    let (url, heads) = other_server("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n");
    let data = journal();
    let headers = data.path().join("headers");
    fs::write(&headers, "Authorization: Bearer s3cret\n").unwrap();
    let output = beaconry(&[
        "forward",
        "--once",
        "--to",
        "loki",
        &url,
        "--data",
        path(data.path()),
        "--header-file",
        path(&headers),
    ]);
    let error = failure(&output);
    assert!(error.contains("401") && error.contains("--header-file") && !error.contains("s3cret"), "{error}");
    assert!(heads.recv().unwrap().to_ascii_lowercase().contains("authorization: bearer s3cret"));
}

#[test]
fn an_import_of_something_else_is_refused_before_anything_is_brought() {
    let dir = tempfile::tempdir().unwrap();
    let (log, state) = (dir.path().join("access.log"), dir.path().join("state"));
    fs::write(&log, "GET / 200\n".repeat(1_000)).unwrap();
    let import = |file: &Path| {
        failure(&beaconry(&[
            "import",
            "--to",
            "loki",
            "http://127.0.0.1:9",
            "--state",
            path(&state),
            path(file),
        ]))
    };
    assert!(import(&log).contains("is no journal"));
    assert!(import(&dir.path().join("missing.jsonl")).contains("missing.jsonl: No such file"));
    assert!(import(dir.path()).contains("has no journal files"));
    assert!(!state.exists());
}
