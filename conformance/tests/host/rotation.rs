//! `rotate-logs.php` packs what is closed and deletes what is old, and loses nothing on the way.

use std::fs;
use std::io::Read;
use std::path::Path;

use beaconry_conformance::php::program;
use beaconry_conformance::target::{Kind, Target};
use beaconry_conformance::{journal, process};
use flate2::read::MultiGzDecoder;

use crate::common::{day, first_ids, ids, store, stream};

fn rename_journal(target: &Target, day: &str) -> String {
    let name = journal::file_names(target.data()).unwrap().pop().unwrap();
    fs::rename(target.data().join(&name), target.data().join(format!("events-{day}.jsonl.php"))).unwrap();
    format!("events-{day}.jsonl.gz.php")
}

fn unpacked(path: &Path) -> String {
    let mut text = String::new();
    MultiGzDecoder::new(fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

fn exists(target: &Target, name: &str) -> bool {
    target.data().join(name).exists()
}

#[test]
fn closed_days_are_packed_and_still_known_and_old_ones_are_deleted() {
    let target = Target::start(Kind::Nginx).unwrap();
    let site = target.site().unwrap();
    store(&target, &stream(1), 0, 3);
    let old = rename_journal(&target, &day(91)).replace(".gz", "");
    store(&target, &stream(2), 0, 3);
    let lines =
        fs::read_to_string(target.data().join(journal::file_names(target.data()).unwrap().pop().unwrap()))
            .unwrap();
    let packed = rename_journal(&target, &day(1));
    store(&target, &stream(3), 0, 1);

    let said = site.rotate().unwrap();
    assert!(
        said.contains(&format!("{packed}: packed")) && said.contains(&format!("{old}: deleted")),
        "{said}"
    );
    assert!(
        exists(&target, &packed) && !exists(&target, &packed.replace(".gz", "")) && !exists(&target, &old)
    );
    let without_guard = lines.split_once('\n').unwrap().1;
    assert_eq!(unpacked(&target.data().join(&packed)), without_guard, "an unpacker finds the lines alone");
    assert_eq!(site.rotate().unwrap(), "", "nothing is left to do");

    store(&target, &stream(2), 0, 4);
    assert_eq!(
        ids(&target),
        [format!("{}.0", stream(3)), format!("{}.3", stream(2))],
        "what was packed is not stored again"
    );
}

#[test]
fn a_lost_index_is_made_from_packed_files_too() {
    let target = Target::start(Kind::Nginx).unwrap();
    store(&target, &stream(1), 0, 3);
    rename_journal(&target, &day(1));
    target.site().unwrap().rotate().unwrap();
    for entry in fs::read_dir(target.data()).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.to_string_lossy().contains("/index-") {
            fs::remove_file(entry).unwrap();
        }
    }
    store(&target, &stream(1), 0, 4);
    assert_eq!(ids(&target), [format!("{}.3", stream(1))]);
}

#[test]
fn killed_after_the_packing_the_plain_file_counts_and_the_next_run_ends_the_work() {
    let target = Target::start(Kind::Nginx).unwrap();
    let site = target.site().unwrap();
    store(&target, &stream(1), 0, 3);
    let packed = rename_journal(&target, &day(1));
    let plain = target.data().join(packed.replace(".gz", ""));
    let text = fs::read(&plain).unwrap();
    site.rotate().unwrap();
    fs::write(&plain, text).unwrap();
    process::give(&plain).unwrap();
    store(&target, &stream(1), 0, 4);
    assert!(site.rotate().unwrap().contains("packed"));
    assert!(!plain.exists());
    assert_eq!(unpacked(&target.data().join(packed)).lines().count(), 3);
    assert_eq!(ids(&target), [format!("{}.3", stream(1))]);
}

#[test]
fn a_day_whose_file_is_packed_goes_on_in_the_next() {
    let target = Target::start(Kind::Nginx).unwrap();
    store(&target, &stream(1), 0, 3);
    let name = journal::file_names(target.data()).unwrap().pop().unwrap();
    rename_journal(&target, &day(1));
    target.site().unwrap().rotate().unwrap();
    // As if the clock had been set back: today's file is packed already.
    let packed = target.data().join(format!("events-{}.jsonl.gz.php", day(1)));
    fs::rename(packed, target.data().join(name.replace(".jsonl", ".jsonl.gz"))).unwrap();
    store(&target, &stream(1), 0, 5);
    assert_eq!(journal::file_names(target.data()).unwrap(), [name.replace(".jsonl", ".2.jsonl")]);
    assert_eq!(ids(&target), first_ids(&stream(1), 5)[3..]);
}

#[test]
fn killed_in_any_step_the_packing_loses_nothing_and_is_done_by_the_next_run() {
    const CALLS: &str = "write,pwrite64,fsync,fdatasync,ftruncate,rename,unlink";
    let target = Target::start(Kind::Nginx).unwrap();
    let site = target.site().unwrap();
    store(&target, &stream(1), 0, 50);
    let packed = target.data().join(rename_journal(&target, &day(1)));
    let plain = target.data().join(packed.file_name().unwrap().to_string_lossy().replace(".gz", ""));
    let whole = fs::read(&plain).unwrap();
    let lines = String::from_utf8(whole.clone()).unwrap().split_once('\n').unwrap().1.to_owned();
    for step in 1..200 {
        let strace = program(&["strace"]).unwrap().to_string_lossy().into_owned();
        let inject = format!("inject={CALLS}:signal=KILL:when={step}");
        let trace = format!("trace={CALLS}");
        let wrapper =
            [strace.as_str(), "-qqq", "-o", "/dev/null", "-e", &trace, "-e", &inject].map(str::to_owned);
        let killed = !site.rotation_under(&wrapper).unwrap().status().unwrap().success();
        assert!(plain.exists() || unpacked(&packed) == lines, "step {step}");
        store(&target, &stream(1), 0, 50);
        site.rotate().unwrap();
        assert!(!plain.exists() && unpacked(&packed) == lines, "step {step}");
        if !killed {
            assert!(step > 15, "only {step} steps");
            return;
        }
        fs::remove_file(&packed).unwrap();
        fs::write(&plain, &whole).unwrap();
        process::give(&plain).unwrap();
    }
    panic!("the steps have no end");
}
