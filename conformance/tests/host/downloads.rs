//! Nobody downloads what was stored, though the folder lies in what the web server shows, overrides are off, and the URLs
//! are known.

use std::fs;
use std::path::{Path, PathBuf};

use beaconry_conformance::http::{self, Answer};
use beaconry_conformance::php::Site;
use beaconry_conformance::target::{Kind, Target};

use crate::common::{SECRET, day, first_ids, ids, store, stream};

fn shown(kind: Kind) -> Target {
    Target::start_with(kind, |site, settings| {
        settings.data = site.folder().join("data");
        Ok(())
    })
    .unwrap()
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn get(target: &Target, path: &str) -> Answer {
    // By HTTP/1.0, so that a page of unknown length comes in one piece.
    let request = format!("GET {path} HTTP/1.0\r\nhost: x\r\n\r\n");
    http::exchange(target.address(), request.as_bytes()).unwrap()
}

/// All kinds of files that the drop-in makes: a journal, torn lines beside it, a packed journal, the index.
fn fill(target: &Target, site: &Site) {
    store(target, &stream(1), 0, 20);
    let journal = fs::read_dir(target.data()).unwrap().map(|entry| entry.unwrap().path());
    let journal = journal.into_iter().find(|path| path.to_string_lossy().ends_with(".jsonl.php")).unwrap();
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, format!("{text}{{\"torn\":\"{SECRET}")).unwrap();
    store(target, &stream(2), 0, 1);
    fs::rename(&journal, target.data().join(format!("events-{}.jsonl.php", day(1)))).unwrap();
    store(target, &stream(3), 0, 2);
    site.rotate().unwrap();
    store(target, &stream(3), 2, 2);
    let names: Vec<String> = files(target.data()).iter().map(|path| path.display().to_string()).collect();
    for end in [".jsonl.php", ".jsonl.gz.php", ".torn.php", ".sqlite.php"] {
        assert!(names.iter().any(|name| name.ends_with(end)), "no {end} among {names:?}");
    }
}

fn nothing_is_shown(kind: Kind) {
    let target = shown(kind);
    let site = target.site().unwrap();
    fill(&target, site);
    let all = files(&site.folder());
    for file in &all {
        let path = file.strip_prefix(site.document_root()).unwrap();
        let body = get(&target, &format!("/{}", path.display())).body;
        assert!(!body.contains(SECRET) && !body.contains(&stream(3)[8..]), "{}: {body}", path.display());
        let is_data = file.starts_with(target.data()) && file.extension().is_some_and(|end| end == "php");
        if is_data {
            // A packed file has ten bytes before its guard.
            let is_packed = file.to_string_lossy().contains(".gz.");
            assert!(
                body.contains("Parse error") || body.chars().count() <= if is_packed { 10 } else { 0 },
                "{}: {body}",
                path.display()
            );
        }
    }
    let listing = get(&target, "/telemetry/data/").body;
    assert!(!listing.contains("index-") && !listing.contains("events-"), "{listing}");
    assert_eq!(get(&target, "/telemetry/rotate-logs.php").status, 404);
    assert_eq!(get(&target, "/telemetry/config.php").body, "");
    // It was not because nobody can read them.
    assert_eq!(ids(&target), first_ids(&stream(3), 4));
}

#[test]
fn apache_shows_nothing() {
    nothing_is_shown(Kind::Apache);
}

#[test]
fn nginx_shows_nothing() {
    nothing_is_shown(Kind::Nginx);
}

#[test]
fn a_journal_that_lost_its_guard_is_written_to_no_more() {
    let target = shown(Kind::Nginx);
    store(&target, &stream(1), 0, 1);
    let journal =
        files(target.data()).into_iter().find(|path| path.to_string_lossy().contains("events-")).unwrap();
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, text.replacen("<?php", "<!php", 1)).unwrap();
    let answer = crate::common::post(&target, &stream(1), 1, 1);
    assert_eq!(
        (answer.status, &answer.json()["error"]),
        (503, &serde_json::json!("disk")),
        "{}",
        answer.body
    );
    assert_eq!(fs::read_to_string(&journal).unwrap().len(), text.len());
}
