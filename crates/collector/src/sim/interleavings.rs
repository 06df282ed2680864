//! What must hold on such a disk, case by case; the interleavings of the protocol by their number.

use beaconry_core::{Identity, Number, Range, Reason, StreamId, StreamLine};

use super::disk::{Faults, SimDisk};
use super::{START, accounted, read_journal, request};
use crate::disk::Disk;
use crate::index;
use crate::journal::MAX_FILE_BYTES;
use crate::store::{Store, Verdict};

fn numbers(start: Number, end: Number) -> Range {
    Range::new(start, end).unwrap()
}

fn one_client() -> (SimDisk, StreamLine) {
    let line = StreamLine::new(StreamId::new(START, [7; 10]), Identity::default());
    (SimDisk::new(1), line)
}

fn open(disk: &SimDisk) -> Store<SimDisk> {
    Store::open(disk.clone(), MAX_FILE_BYTES, START).unwrap()
}

const FILE: &str = "events-2025-11-24.jsonl";

#[test]
fn interleaving_4_killed_after_two_and_a_half_of_five_lines_then_the_resend() {
    let (disk, line) = one_client();
    open(&disk).commit(&[request(&line, &[numbers(0, 5)], START)]).unwrap();
    let whole = disk.content(FILE);
    let third = whole.split_inclusive(|byte| *byte == b'\n').take(2).map(<[u8]>::len).sum::<usize>() + 40;
    let disk = SimDisk::new(2);
    disk.overwrite(FILE, &whole[..third]);

    let mut store = open(&disk);
    assert_eq!(
        disk.content("events-2025-11-24.torn"),
        &whole[third - 40..third],
        "the torn line is kept aside"
    );
    let (verdicts, _) = store.commit(&[request(&line, &[numbers(0, 5)], START)]).unwrap();
    assert_eq!(accounted(&verdicts), (numbers(0, 5).into(), 3, 2));
    assert_eq!(disk.content(FILE), whole);
}

#[test]
fn interleaving_5_the_same_batch_twice_in_one_group_and_the_sync_fails() {
    let (disk, line) = one_client();
    let mut store = open(&disk);
    let group = || [request(&line, &[numbers(0, 3)], START), request(&line, &[numbers(0, 3)], START)];
    disk.set_faults(Faults { sync: 1, ..Faults::default() });
    assert!(store.commit(&group()).is_err());
    disk.set_faults(Faults::default());
    if store.stopped() {
        assert!(store.commit(&group()).is_err(), "nothing is taken before a restart");
        drop(store);
        disk.crash();
        store = open(&disk);
    }
    let (verdicts, _) = store.commit(&group()).unwrap();
    let counts: u64 = verdicts
        .iter()
        .map(|verdict| match verdict {
            Verdict::Accounted { tally, stored } => {
                assert_eq!(*stored, numbers(0, 3).into());
                tally.new.values().sum::<u64>()
            }
            other => panic!("{other:?}"),
        })
        .sum();
    let found = read_journal(&disk);
    assert!(counts <= 3 && found[line.stream.to_text().as_str()].events == numbers(0, 3).into());
}

#[test]
fn a_failed_sync_that_can_be_undone_stops_nothing() {
    let (disk, line) = one_client();
    let mut store = open(&disk);
    store.commit(&[request(&line, &[numbers(0, 2)], START)]).unwrap();
    let before = disk.content(FILE);
    disk.set_faults(Faults { full: true, ..Faults::default() });
    let error = store.commit(&[request(&line, &[numbers(2, 4)], START)]).unwrap_err();
    assert!(error.is_full() && !store.stopped());
    assert_eq!(disk.content(FILE), before, "what was half written is cut off");
    disk.set_faults(Faults::default());
    let (verdicts, _) = store.commit(&[request(&line, &[numbers(2, 4)], START)]).unwrap();
    assert_eq!(accounted(&verdicts), (numbers(0, 4).into(), 2, 0));
}

#[test]
fn interleaving_6_stored_and_evicted_is_stored_and_evicted_and_back_is_stored() {
    let (disk, mut line) = one_client();
    let mut store = open(&disk);
    store.commit(&[request(&line, &[numbers(0, 3)], START)]).unwrap();
    line.tracked = 6;
    line.dropped.insert(Reason::Full, numbers(1, 6));
    store.commit(&[request(&line, &[], START)]).unwrap();
    let record = store.record(line.stream).unwrap();
    assert_eq!(record.stored, numbers(0, 3).into(), "stored wins over dropped");
    assert!(record.line.missing(&record.stored).is_empty());

    store.commit(&[request(&line, &[numbers(4, 6)], START)]).unwrap();
    let record = store.record(line.stream).unwrap();
    let mut shown = record.line.dropped.get(Reason::Full).clone();
    shown.subtract(&record.stored);
    assert_eq!(shown, numbers(3, 4).into(), "what came back after it was counted is stored");
}

#[test]
fn interleaving_18_a_late_beacon_of_an_adopted_stream_is_stored_and_turns_nothing_back() {
    let (disk, mut line) = one_client();
    let mut store = open(&disk);
    let own = StreamLine { tracked: 4, holds: numbers(0, 4).into(), ..line.clone() };
    line = StreamLine { tracked: 5, holds: numbers(4, 5).into(), closed: true, ..line };
    store.commit(&[request(&line, &[numbers(0, 2)], START)]).unwrap();
    let (verdicts, _) = store.commit(&[request(&own, &[numbers(2, 4)], START)]).unwrap();
    assert_eq!(accounted(&verdicts), (numbers(0, 4).into(), 2, 0));
    let record = store.record(line.stream).unwrap();
    assert!(record.line.closed && record.line.tracked == 5);
    assert_eq!(record.line.holds, numbers(4, 5).into());
    assert_eq!(record.deliveries, 1, "closed is told once");
}

#[test]
fn a_lost_index_is_made_again_and_knows_from_when_on_it_knows() {
    let (disk, line) = one_client();
    open(&disk).commit(&[request(&line, &[numbers(0, 5)], START)]).unwrap();
    disk.remove(index::FILE).unwrap();
    let mut store = open(&disk);
    let (verdicts, _) = store.commit(&[request(&line, &[numbers(0, 5)], START)]).unwrap();
    assert_eq!(accounted(&verdicts), (numbers(0, 5).into(), 0, 5));

    let of_before = StreamLine::new(StreamId::new(START - 2 * index::DAY_MS, [1; 10]), Identity::default());
    let (verdicts, _) = store.commit(&[request(&of_before, &[numbers(0, 5)], START)]).unwrap();
    assert_eq!(verdicts, [Verdict::Stale]);
}

#[test]
fn a_stream_that_a_lost_index_knows_only_in_part_is_refused_and_stored_no_second_time() {
    let (disk, line) = one_client();
    let mut store = open(&disk);
    store.commit(&[request(&line, &[numbers(0, 5)], START)]).unwrap();
    let next_day = START + index::DAY_MS;
    store.commit(&[request(&line, &[numbers(5, 7)], next_day)]).unwrap();
    drop(store);
    disk.remove(FILE).unwrap(); // by retention
    disk.remove(index::FILE).unwrap();
    let mut store = open(&disk);
    assert_eq!(store.record(line.stream).unwrap().stored, numbers(5, 7).into());
    let (verdicts, _) = store.commit(&[request(&line, &[numbers(0, 5)], next_day)]).unwrap();
    assert_eq!(verdicts, [Verdict::Stale]);
}

#[test]
fn a_lost_index_is_made_again_from_packed_files_too() {
    let (disk, line) = one_client();
    open(&disk).commit(&[request(&line, &[numbers(0, 5)], START)]).unwrap();
    disk.overwrite(&format!("{FILE}.zst"), &zstd::bulk::compress(&disk.content(FILE), 3).unwrap());
    disk.remove(FILE).unwrap();
    disk.remove(index::FILE).unwrap();
    assert_eq!(open(&disk).record(line.stream).unwrap().stored, numbers(0, 5).into());

    // The length in the frame's header says that nothing is new: the second start does not unpack.
    let mut bytes = disk.content(&format!("{FILE}.zst"));
    bytes.truncate(30);
    disk.overwrite(&format!("{FILE}.zst"), &bytes);
    assert_eq!(open(&disk).record(line.stream).unwrap().stored, numbers(0, 5).into());
}

#[test]
fn a_lost_index_is_known_as_lost_though_the_power_fails_while_it_is_made_again() {
    let mut is_whole = false;
    for fuse in 1.. {
        let (disk, line) = one_client();
        open(&disk).commit(&[request(&line, &[numbers(0, 5)], START)]).unwrap();
        disk.remove(index::FILE).unwrap();
        disk.sync_dir().unwrap();
        disk.light_fuse(fuse);
        is_whole = Store::open(disk.clone(), MAX_FILE_BYTES, START).is_ok() && !disk.is_dead();
        disk.crash();
        let of_before =
            StreamLine::new(StreamId::new(START - 2 * index::DAY_MS, [1; 10]), Identity::default());
        let (verdicts, _) = open(&disk).commit(&[request(&of_before, &[numbers(0, 5)], START)]).unwrap();
        assert_eq!((fuse, &verdicts[..]), (fuse, &[Verdict::Stale][..]));
        if is_whole {
            break;
        }
    }
    assert!(is_whole);
}

#[test]
fn the_index_outlives_journal_files_but_not_its_window() {
    let (disk, line) = one_client();
    let mut store = open(&disk);
    let told = StreamLine { tracked: 8, ..line.clone() };
    store.commit(&[request(&told, &[numbers(0, 5)], START)]).unwrap();
    drop(store);
    disk.remove(FILE).unwrap();
    let mut store = open(&disk);
    store.checkpoint(START + 34 * index::DAY_MS).unwrap();
    assert!(store.record(line.stream).is_some());
    store.checkpoint(START + 37 * index::DAY_MS).unwrap();
    assert!(store.record(line.stream).is_none());
    let (streams, books) = store.books().unwrap();
    let books: Vec<_> = books.iter().map(|(_, cell, count)| (cell, count)).collect();
    let kept = [("lost", 3), ("stored", 5), ("streams", 1), ("tracked", 8)];
    assert_eq!((streams, &books[..]), (0, &kept[..]), "but its events go on counting");
    let late = START + 37 * index::DAY_MS;
    let (verdicts, _) = store.commit(&[request(&line, &[numbers(0, 5)], late)]).unwrap();
    assert_eq!(verdicts, [Verdict::Stale], "what the index let go of is refused, not stored again");
    assert!(store.record(line.stream).is_none(), "nothing of it is recorded");
}

#[test]
fn an_index_from_before_there_were_books_gets_them() {
    const STREAMS: redb::TableDefinition<'_, &str, &[u8]> = redb::TableDefinition::new("streams");
    const META: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("meta");
    let (disk, line) = one_client();
    let id = line.stream.to_text();
    let id = id.as_str();
    let entry = format!(
        r#"{{"stored":[[0,5]],"line":{{"stream":"{id}","v":1,"tracked":7}},"deliveries":0,"first":1,"last":{START}}}"#
    );
    let backend = disk.open_backend(index::FILE).unwrap();
    let database = redb::Database::builder().create_with_backend(backend).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(STREAMS).unwrap().insert(id, entry.as_bytes()).unwrap();
    transaction.open_table(META).unwrap().insert("since", 0).unwrap();
    transaction.commit().unwrap();
    drop(database);

    let mut store = open(&disk);
    let (streams, books) = store.books().unwrap();
    let books: Vec<_> = books.iter().map(|(app, fate, count)| (&**app, fate, count)).collect();
    let expected = [("outstanding", 2), ("stored", 5), ("streams", 1), ("tracked", 7)];
    assert_eq!((streams, &books[..]), (1, &expected.map(|(cell, count)| ("", cell, count))[..]));
    let (verdicts, _) = store.commit(&[request(&line, &[numbers(0, 6)], START)]).unwrap();
    assert_eq!(accounted(&verdicts), (numbers(0, 6).into(), 1, 5));
}

#[test]
fn whole_lines_behind_a_hole_stay_and_the_hole_goes_aside() {
    let (disk, line) = one_client();
    open(&disk).commit(&[request(&line, &[numbers(0, 5)], START)]).unwrap();
    let mut bytes = disk.content(FILE);
    let lines: Vec<usize> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::len).collect();
    bytes[lines[0] + 3..lines[0] + 20].fill(0);
    let disk = SimDisk::new(3);
    disk.overwrite(FILE, &bytes);
    let mut store = open(&disk);
    let record = store.record(line.stream).unwrap();
    assert_eq!(record.stored, [numbers(0, 1), numbers(2, 5)].into_iter().collect());
    assert_eq!(read_journal(&disk).len(), 1);
    assert_eq!(disk.content("events-2025-11-24.torn"), &bytes[lines[0]..lines[0] + lines[1]]);
}

#[test]
fn a_journal_that_lost_what_was_synced_stops_the_start_with_advice() {
    let (disk, line) = one_client();
    let mut store = open(&disk);
    store.commit(&[request(&line, &[numbers(0, 5)], START)]).unwrap();
    store.checkpoint(START).unwrap();
    drop(store);
    disk.overwrite(FILE, b"");
    let error = Store::open(disk.clone(), MAX_FILE_BYTES, START).unwrap_err().to_string();
    assert!(error.contains(FILE) && error.contains("delete index.redb"), "{error}");
    disk.remove(index::FILE).unwrap();
    open(&disk);
}

#[test]
fn a_stream_in_more_pieces_than_the_wire_can_carry_is_refused_without_a_trace() {
    let (disk, mut line) = one_client();
    let mut store = open(&disk);
    store.commit(&[request(&line, &[numbers(0, 1)], START)]).unwrap();
    let before = disk.content(FILE);
    let singles: Vec<Range> = (1..=4_096).map(|n| numbers(2 * n, 2 * n + 1)).collect();
    for single in &singles {
        line.dropped.insert(Reason::Full, *single);
    }
    store.commit(&[request(&line, &[], START)]).unwrap();
    let told = disk.content(FILE);
    assert!(told.len() > before.len());
    let more = StreamLine { tracked: 9_000, ..StreamLine::new(line.stream, Identity::default()) };
    let (mut pieces, mut bytes) = (more.clone(), more);
    pieces.dropped.insert(Reason::Full, numbers(9_000, 9_001));
    // Another reason has room for as many pieces, but the line grows over its limit.
    singles[..3_000].iter().for_each(|single| bytes.dropped.insert(Reason::Age, *single));
    for too_much in [pieces, bytes] {
        let (verdicts, _) = store.commit(&[request(&too_much, &[numbers(20, 21)], START)]).unwrap();
        assert_eq!(verdicts, [Verdict::Shredded]);
        assert_eq!(disk.content(FILE), told);
    }
    drop(store);
    assert!(open(&disk).record(line.stream).is_some(), "what was told can be read again");
}
