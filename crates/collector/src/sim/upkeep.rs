//! Closed files on such a disk: packed and deleted while the power fails at every single step.

use beaconry_core::{Identity, Number, Range, StreamId, StreamLine};

use super::disk::{Faults, SimDisk};
use super::{START, accounted, read_journal, request};
use crate::config::Keep;
use crate::disk::Disk;
use crate::files::Name;
use crate::index::DAY_MS;
use crate::journal::MAX_FILE_BYTES;
use crate::store::Store;
use crate::upkeep::consumers::Consumer;
use crate::upkeep::pass::{Pass, Policy, Report};

const FIRST: &str = "events-2025-11-24.jsonl";
const PACK: Policy = Policy { compress: true, keep: Keep { days: None, bytes: None } };
const DROP: Policy = Policy { compress: false, keep: Keep { days: None, bytes: Some(0) } };

fn numbers(start: Number, end: Number) -> Range {
    Range::new(start, end).unwrap()
}

fn open(disk: &SimDisk) -> Store<SimDisk> {
    Store::open(disk.clone(), MAX_FILE_BYTES, START).unwrap()
}

/// Five events in a closed file, and a store that goes on in the next.
fn closed(seed: u64) -> (SimDisk, Store<SimDisk>, StreamLine, Name) {
    let line = StreamLine::new(StreamId::new(START, [7; 10]), Identity::default());
    let disk = SimDisk::new(seed);
    let mut store = open(&disk);
    store.commit(&[request(&line, &[numbers(0, 5)], START)]).unwrap();
    let rotated = store.rotate(START).unwrap().unwrap();
    assert_eq!(rotated.closed.to_string(), FIRST);
    store.checkpoint(START).unwrap();
    (disk, store, line, rotated.position.name)
}

fn pass(
    disk: &SimDisk,
    store: &Store<SimDisk>,
    policy: Policy,
    consumers: &[Consumer],
    current: Name,
) -> Report {
    let closed_files = store.closed_files();
    Pass { disk, policy, closed_files: &closed_files, ends: &|| false }.run(consumers, current, START)
}

fn known_again(store: &mut Store<SimDisk>, line: &StreamLine) {
    let (verdicts, _) = store.commit(&[request(line, &[numbers(0, 5)], START)]).unwrap();
    assert_eq!(accounted(&verdicts), (numbers(0, 5).into(), 0, 5));
}

fn is_there(disk: &SimDisk, name: &str) -> bool {
    disk.list().unwrap().iter().any(|it| it == name)
}

#[test]
fn a_rotation_closes_once_and_the_day_goes_on_in_a_file_with_a_number() {
    let (disk, mut store, line, current) = closed(1);
    assert_eq!(current.to_string(), "events-2025-11-24.2.jsonl");
    assert_eq!(store.rotate(START).unwrap(), None, "nothing was written since");
    store.commit(&[request(&line, &[numbers(5, 6)], START)]).unwrap();
    assert!(!disk.content("events-2025-11-24.2.jsonl").is_empty());
    let next_day = store.rotate(START + DAY_MS).unwrap().unwrap();
    assert_eq!(next_day.position.name.to_string(), "events-2025-11-25.jsonl");
    drop(store);
    let mut store = open(&disk);
    let (_, position) = store.commit(&[request(&line, &[numbers(6, 7)], START)]).unwrap();
    assert_eq!(position.unwrap().name, next_day.position.name, "a clock that goes back opens no closed file");
}

#[test]
fn a_file_that_is_full_goes_on_in_the_next_and_a_restart_goes_on_there() {
    let line = StreamLine::new(StreamId::new(START, [7; 10]), Identity::default());
    let disk = SimDisk::new(1);
    for n in 0..4 {
        let mut store = Store::open(disk.clone(), 1, START).unwrap();
        store.commit(&[request(&line, &[numbers(n, n + 1)], START)]).unwrap();
    }
    let names: Vec<String> =
        disk.list().unwrap().into_iter().filter(|name| name.starts_with("events")).collect();
    let numbered =
        [".2.jsonl", ".3.jsonl", ".4.jsonl", ".jsonl"].map(|end| format!("events-2025-11-24{end}"));
    assert_eq!(names, numbered);
    assert_eq!(open(&disk).record(line.stream).unwrap().stored, numbers(0, 4).into());
}

#[test]
fn the_power_fails_at_every_step_of_packing_and_every_line_is_there_once() {
    for fuse in 1.. {
        let (disk, store, line, current) = closed(fuse);
        disk.light_fuse(fuse);
        pass(&disk, &store, PACK, &[], current);
        let survived = !disk.is_dead();
        drop(store);
        disk.crash();
        let mut store = open(&disk);
        assert_eq!(read_journal(&disk)[line.stream.to_text().as_str()].events, numbers(0, 5).into());
        known_again(&mut store, &line);
        let report = pass(&disk, &store, PACK, &[], current);
        assert_eq!(report.problems, [""; 0], "fuse {fuse}");
        assert!(!is_there(&disk, FIRST) && is_there(&disk, &format!("{FIRST}.zst")));
        assert!(!disk.list().unwrap().iter().any(|name| name.ends_with(".new")), "nothing is left behind");
        assert_eq!(read_journal(&disk)[line.stream.to_text().as_str()].events, numbers(0, 5).into());
        // The index can be made again from what was packed.
        drop(store);
        disk.remove(crate::index::FILE).unwrap();
        known_again(&mut open(&disk), &line);
        if survived {
            assert!(fuse > 10, "packing takes more steps than {fuse}");
            return;
        }
    }
}

#[test]
fn the_power_fails_at_every_step_of_a_deletion_and_nothing_of_it_is_stored_again() {
    for fuse in 1.. {
        let (disk, store, line, current) = closed(fuse);
        disk.light_fuse(fuse);
        pass(&disk, &store, DROP, &[], current);
        let survived = !disk.is_dead();
        drop(store);
        disk.crash();
        let mut store = open(&disk);
        known_again(&mut store, &line);
        pass(&disk, &store, DROP, &[], current);
        assert!(!is_there(&disk, FIRST));
        known_again(&mut store, &line);
        if survived {
            return;
        }
    }
}

#[test]
fn a_full_disk_packs_nothing_and_leaves_nothing_behind() {
    let (disk, store, line, current) = closed(1);
    disk.set_faults(Faults { full: true, ..Faults::default() });
    let report = pass(&disk, &store, PACK, &[], current);
    assert!(report.packed.is_empty() && report.problems.len() == 1, "{report:?}");
    assert!(is_there(&disk, FIRST) && !disk.list().unwrap().iter().any(|name| name.contains("zst")));
    disk.set_faults(Faults::default());
    assert_eq!(pass(&disk, &store, PACK, &[], current).packed, [format!("{FIRST}.zst")]);
    assert_eq!(read_journal(&disk)[line.stream.to_text().as_str()].events, numbers(0, 5).into());
}

#[test]
fn a_file_waits_for_its_last_consumer_and_what_must_go_all_the_same_is_told() {
    let (disk, store, _, current) = closed(1);
    let len = disk.content(FIRST).len() as u64;
    let consumer = |name: &str, file: Option<Name>, offset| Consumer { name: name.into(), file, offset };
    let done = consumer("done", Some(current), 0);
    let behind = consumer("behind", Name::parse(FIRST), len - 10);
    let new = consumer("new", None, 0);
    for waiting in [&behind, &new] {
        let report = pass(&disk, &store, PACK, &[done.clone(), waiting.clone()], current);
        assert_eq!(report, Report::default(), "{}", waiting.name);
    }
    let report = pass(&disk, &store, DROP, &[behind.clone(), done.clone(), new], current);
    assert_eq!(report.deleted[0].unread, [("behind".into(), 10), ("new".into(), len)]);
    assert!(!is_there(&disk, FIRST));

    let (disk, store, _, current) = closed(2);
    let at_its_end = consumer("end", Name::parse(FIRST), len);
    assert_eq!(pass(&disk, &store, PACK, &[at_its_end, done], current).packed.len(), 1);
}

#[test]
fn the_file_that_is_written_to_is_neither_packed_nor_deleted() {
    let (disk, mut store, line, current) = closed(1);
    store.commit(&[request(&line, &[numbers(5, 9)], START)]).unwrap();
    let both = Policy { compress: true, keep: Keep { days: Some(0), bytes: Some(0) } };
    let closed_files = store.closed_files();
    let late = Pass { disk: &disk, policy: both, closed_files: &closed_files, ends: &|| false };
    late.run(&[], current, START + 100 * DAY_MS);
    assert!(!is_there(&disk, FIRST) && !is_there(&disk, &format!("{FIRST}.zst")));
    assert!(!disk.content(&current.to_string()).is_empty());
}

#[test]
fn a_wish_to_end_leaves_the_plain_file() {
    let (disk, store, _, current) = closed(1);
    let closed_files = store.closed_files();
    Pass { disk: &disk, policy: PACK, closed_files: &closed_files, ends: &|| true }.run(&[], current, START);
    assert!(is_there(&disk, FIRST) && !disk.list().unwrap().iter().any(|name| name.contains("zst")));
}
