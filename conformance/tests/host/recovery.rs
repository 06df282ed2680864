//! Each request is a start: whatever state the one before was killed in, or the power left, is mended by the next.

use std::fs;
use std::path::PathBuf;

use beaconry_conformance::journal;
use beaconry_conformance::process;
use beaconry_conformance::target::{Kind, Target};
use serde_json::json;

use crate::common::{first_ids, ids, post, store, stream};

fn start() -> Target {
    Target::start(Kind::Nginx).unwrap()
}

fn journal_file(target: &Target) -> PathBuf {
    target.data().join(journal::file_names(target.data()).unwrap().pop().unwrap())
}

/// The index and its side file.
fn index_files(target: &Target) -> Vec<PathBuf> {
    let files = fs::read_dir(target.data()).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.to_string_lossy().contains("/index-")).collect()
}

fn append(target: &Target, bytes: &[u8]) {
    let path = journal_file(target);
    let before = fs::read(&path).unwrap();
    fs::write(path, [&before, bytes].concat()).unwrap();
}

fn torn(target: &Target) -> Vec<u8> {
    let files = fs::read_dir(target.data()).unwrap().map(|entry| entry.unwrap().path());
    let side = files.into_iter().find(|path| path.to_string_lossy().ends_with(".torn.php")).unwrap();
    let text = fs::read(side).unwrap();
    text.split_inclusive(|byte| *byte == b'\n').skip(1).collect::<Vec<_>>().concat()
}

#[test]
fn killed_in_the_append_the_torn_line_goes_and_the_resend_fills_the_rest() {
    let target = start();
    store(&target, &stream(1), 0, 2);
    // Two and a half of five lines.
    let line = |number: u32| {
        fs::read_to_string(journal_file(&target))
            .unwrap()
            .lines()
            .last()
            .unwrap()
            .replace(".1\"", &format!(".{number}\""))
            + "\n"
    };
    let (second, third, half) = (line(2), line(3), line(4)[..40].to_owned());
    append(&target, format!("{second}{third}{half}").as_bytes());
    store(&target, &stream(1), 2, 5);
    assert_eq!(ids(&target), first_ids(&stream(1), 7));
    assert_eq!(torn(&target), half.as_bytes());
}

#[test]
fn killed_before_the_index_what_is_in_the_journal_is_known() {
    let target = start();
    store(&target, &stream(1), 0, 2);
    let index =
        index_files(&target).into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect::<Vec<_>>();
    store(&target, &stream(1), 2, 3);
    for (bytes, path) in index {
        fs::write(path, bytes).unwrap();
    }
    store(&target, &stream(1), 0, 6);
    assert_eq!(ids(&target), first_ids(&stream(1), 6));
}

#[test]
fn a_hole_that_a_power_cut_left_is_taken_out_and_the_lines_behind_it_stay() {
    let target = start();
    store(&target, &stream(1), 0, 1);
    let index =
        index_files(&target).into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect::<Vec<_>>();
    store(&target, &stream(1), 1, 3);
    for (bytes, path) in index {
        fs::write(path, bytes).unwrap();
    }
    let path = journal_file(&target);
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let hole = "\0".repeat(lines[2].len() - 1) + "\n";
    fs::write(&path, lines[..2].concat() + &hole + &lines[3..].concat()).unwrap();
    process::give(&path).unwrap();
    store(&target, &stream(1), 0, 4);
    let expected = [0, 2, 3, 1].map(|number| format!("{}.{number}", stream(1)));
    assert_eq!(ids(&target), expected);
    assert!(torn(&target).starts_with(b"\0\0\0"));
}

#[test]
fn a_lost_index_is_made_again() {
    let target = start();
    store(&target, &stream(1), 0, 50);
    index_files(&target).into_iter().for_each(|path| fs::remove_file(path).unwrap());
    store(&target, &stream(1), 0, 51);
    assert_eq!(ids(&target), first_ids(&stream(1), 51));
    // From before the first day that is left nothing is known.
    let day = 86_400_000;
    let old =
        beaconry_core::StreamId::new(crate::common::now() - 2 * day, [9; 10]).to_text().as_str().to_owned();
    assert_eq!(post(&target, &old, 0, 1).body, r#"{"stale":true}"#);
}

#[test]
fn a_lost_index_takes_nothing_from_streams_that_files_which_are_gone_may_have_had() {
    let target = start();
    let at =
        |born: u64, seed: u8| beaconry_core::StreamId::new(born, [seed; 10]).to_text().as_str().to_owned();
    let now = crate::common::now();
    let old = at(now - 86_400_000, 1);
    store(&target, &old, 0, 2);
    index_files(&target).into_iter().for_each(|path| fs::remove_file(path).unwrap());
    // Known, but not all of it: it was born before the day of the first file.
    assert_eq!(post(&target, &old, 0, 3).body, r#"{"stale":true}"#);

    // The day's first file is gone too: what was born before a minute after the second began may have been in it.
    let name = journal_file(&target);
    let text = fs::read_to_string(&name).unwrap();
    let received = text.split("\"received\":").nth(1).unwrap().split(',').next().unwrap();
    let text = text.replace(received, &(now - 120_000).to_string());
    fs::write(name.to_string_lossy().replace(".jsonl", ".2.jsonl"), text).unwrap();
    fs::remove_file(name).unwrap();
    process::give(&journal_file(&target)).unwrap();
    index_files(&target).into_iter().for_each(|path| fs::remove_file(path).unwrap());
    assert_eq!(post(&target, &at(now - 90_000, 2), 0, 1).body, r#"{"stale":true}"#);
    let young = at(now - 30_000, 3);
    store(&target, &young, 0, 1);
    assert_eq!(ids(&target), [format!("{old}.0"), format!("{old}.1"), format!("{young}.0")]);
}

#[test]
fn a_damaged_index_is_made_again_by_the_next_request() {
    let damages: [fn(&mut Vec<u8>); 3] = [
        |bytes| *bytes = b"no database at all, but long enough to be one's first page".repeat(20),
        // All pages but the first, which tells where the others are.
        |bytes| bytes[4096..].fill(0x5a),
        |bytes| bytes.truncate(6000),
    ];
    for damage in damages {
        let target = start();
        store(&target, &stream(1), 0, 3);
        let is_index = |path: &PathBuf| path.to_string_lossy().ends_with(".sqlite.php");
        let path = index_files(&target).into_iter().find(is_index).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
        let answer = post(&target, &stream(1), 0, 4);
        assert_eq!((answer.status, &answer.json()["error"]), (503, &json!("disk")), "{}", answer.body);
        assert_eq!(answer.header("retry-after").as_deref(), Some("2"));
        store(&target, &stream(1), 0, 4);
        assert_eq!(ids(&target), first_ids(&stream(1), 4));
    }
}

#[test]
fn a_journal_that_lost_what_was_synced_is_told_and_nothing_is_guessed() {
    let target = start();
    store(&target, &stream(1), 0, 3);
    let text = fs::read_to_string(journal_file(&target)).unwrap();
    fs::write(journal_file(&target), &text[..text.len() - 20]).unwrap();
    let answer = post(&target, &stream(1), 3, 1);
    assert_eq!((answer.status, &answer.json()["error"]), (503, &json!("setup")));
    assert!(answer.json()["message"].as_str().unwrap().contains("put the file back"), "{}", answer.body);
    fs::write(journal_file(&target), text).unwrap();
    store(&target, &stream(1), 3, 1);
    assert_eq!(ids(&target), first_ids(&stream(1), 4));
}

#[test]
fn a_journal_that_somebody_took_away_is_forgotten_and_what_was_stored_is_not() {
    let target = start();
    store(&target, &stream(1), 0, 3);
    fs::remove_file(journal_file(&target)).unwrap();
    store(&target, &stream(1), 0, 4);
    assert_eq!(ids(&target), [format!("{}.3", stream(1))]);
}
