//! The window of the index: streams fall silent and come back over months, old files are deleted, the index is lost. Nothing is ever
//! stored twice, and no event vanishes from the sums.

use std::collections::{BTreeMap, BTreeSet};

use beaconry_core::{Identity, Number, Range, Ranges, Reason, StreamId, StreamLine};

use super::disk::{Rng, SimDisk};
use super::{START, accounted, request};
use crate::config::Keep;
use crate::disk::Disk;
use crate::files::{self, SYNCED_FILE};
use crate::index::books::{LOST, OUTSTANDING, STORED, STREAMS, TRACKED, TWICE_REFUSED};
use crate::index::{self, DAY_MS, WINDOW_MS};
use crate::journal::MAX_FILE_BYTES;
use crate::store::{Store, Verdict};
use crate::upkeep::pass::{Pass, Policy};

const SEEDS: u64 = 10;
const STEPS: u64 = 150;
const KEEP_TEN_DAYS: Policy = Policy { compress: false, keep: Keep { days: Some(10), bytes: None } };

fn numbers(start: Number, end: Number) -> Range {
    Range::new(start, end).unwrap()
}

fn open(disk: &SimDisk, now: u64) -> Store<SimDisk> {
    Store::open(disk.clone(), MAX_FILE_BYTES, now).unwrap()
}

/// What a stream was promised, and what the collector was told of it.
struct Page {
    line: StreamLine,
    stored: Ranges,
    heard: Option<u64>,
}

struct Months {
    rng: Rng,
    disk: SimDisk,
    store: Store<SimDisk>,
    pages: Vec<Page>,
    now: u64,
    /// Ids of all lines that ever were in the journal, and how far each file was read.
    written: BTreeSet<String>,
    read: BTreeMap<String, usize>,
    twice: u64,
    loses_index: bool,
}

impl Months {
    fn new(seed: u64, loses_index: bool) -> Months {
        let mut rng = Rng::new(seed);
        let disk = SimDisk::new(rng.next());
        let (store, now) = (open(&disk, START), START);
        let (pages, written, read) = (Vec::new(), BTreeSet::new(), BTreeMap::new());
        Months { rng, disk, store, pages, now, written, read, twice: 0, loses_index }
    }

    fn run(&mut self) {
        for _ in 0..STEPS {
            self.now += self.rng.below(DAY_MS);
            match self.rng.below(12) {
                0..3 => self.page_opens(),
                3..9 => self.page_sends(),
                9 => self.files_are_deleted(),
                10 => self.power_fails(),
                _ if self.loses_index => self.index_is_lost(),
                _ => {}
            }
            self.checkpoint();
            self.check();
        }
    }

    fn page_opens(&mut self) {
        let id = StreamId::new(self.now, [u8::try_from(self.pages.len() % 251).unwrap(); 10]);
        let line = StreamLine::new(id, Identity::default());
        self.pages.push(Page { line, stored: Ranges::new(), heard: None });
    }

    /// Mostly a young one; now and then one that nobody has heard of for months.
    fn page_sends(&mut self) {
        let Some(newest) = self.pages.len().checked_sub(1) else { return };
        let reach = if self.rng.one_in(4) { 60 } else { 5 };
        let back = self.rng.below(reach);
        let page = &mut self.pages[newest.saturating_sub(usize::try_from(back).unwrap())];
        let start = u32::try_from(self.rng.below(20)).unwrap();
        let batch = numbers(start, start + 1 + u32::try_from(self.rng.below(5)).unwrap());
        let mut line = page.line.clone();
        line.tracked = line.tracked.max(batch.end() + u32::try_from(self.rng.below(3)).unwrap());
        if self.rng.one_in(5) {
            line.dropped.insert(Reason::Full, numbers(start, start + 1));
        }
        line.closed |= self.rng.one_in(5);
        let (verdicts, _) = self.store.commit(&[request(&line, &[batch], self.now)]).unwrap();
        if let [Verdict::Stale] = verdicts[..] {
            let age = self.now - line.stream.birth_unix_ms();
            assert!(age > WINDOW_MS || self.loses_index, "a page of {age} ms is refused");
            return;
        }
        let silent = page.heard.map_or(0, |heard| self.now - heard);
        assert!(silent <= WINDOW_MS + DAY_MS, "what the window let go of is refused");
        let (stored, new, known) = accounted(&verdicts);
        assert_eq!(new + known, u64::from(batch.len()));
        assert!(page.stored.iter().all(|range| stored.contains_range(range)), "a promise holds");
        (page.line, page.stored, page.heard) = (line, stored, Some(self.now));
        self.twice += known;
    }

    fn files_are_deleted(&mut self) {
        self.note_lines();
        let Some(newest) = self.store.newest() else { return };
        let closed_files = self.store.closed_files();
        let pass =
            Pass { disk: &self.disk, policy: KEEP_TEN_DAYS, closed_files: &closed_files, ends: &|| false };
        assert_eq!(pass.run(&[], newest.name, self.now).problems, [""; 0]);
    }

    fn power_fails(&mut self) {
        self.disk.crash();
        self.store = open(&self.disk, self.now);
    }

    fn index_is_lost(&mut self) {
        self.disk.remove(index::FILE).unwrap();
        self.disk.sync_dir().unwrap();
        self.store = open(&self.disk, self.now);
    }

    fn checkpoint(&mut self) {
        self.store.checkpoint(self.now).unwrap();
    }

    fn note_lines(&mut self) {
        for (name, packing) in files::journal_files(self.disk.list().unwrap()) {
            let content = self.disk.content(&name.packed(packing));
            let read = self.read.entry(name.to_string()).or_default();
            for line in content[*read..].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let line: serde_json::Value = serde_json::from_slice(line).unwrap();
                let id = line["id"].as_str().unwrap();
                let is_new = self.written.insert(id.to_owned());
                // What is told of drops is numbered anew after a lost index has forgotten how often it was.
                assert!(is_new || (self.loses_index && id.contains('~')), "{id} is stored twice");
            }
            *read = content.len();
        }
    }

    fn cells(&mut self) -> BTreeMap<&'static str, i64> {
        let books = self.store.books().unwrap().1;
        books.iter().map(|(_, cell, count)| (cell, count)).collect()
    }

    /// The sums against each other and, where the index knows all, against what was sent.
    fn check(&mut self) {
        self.note_lines();
        let cells = self.cells();
        let sum = |names: &[&str]| names.iter().filter_map(|name| cells.get(name)).sum::<i64>();
        assert_eq!(sum(&[TRACKED]), sum(&[STORED, "full", OUTSTANDING, LOST]));
        let events = self.written.iter().filter(|id| !id.contains('~')).count();
        assert!(sum(&[STORED]) <= i64::try_from(events).unwrap());
        let pages = self.pages.iter().filter(|page| page.heard.is_some());
        let missing = pages.map(|page| page.line.missing(&page.stored).count()).sum::<u64>();
        let told = sum(&[OUTSTANDING, LOST]);
        assert!(told <= i64::try_from(missing).unwrap(), "nothing is called lost that is stored");
        if self.loses_index {
            return;
        }
        let known = |count: &dyn Fn(&Page) -> u64| {
            let pages = self.pages.iter().filter(|page| page.heard.is_some());
            i64::try_from(pages.map(count).sum::<u64>()).unwrap()
        };
        assert_eq!(sum(&[STREAMS]), known(&|_| 1));
        assert_eq!(sum(&[TRACKED]), known(&|page| page.line.tracked.into()));
        assert_eq!(sum(&[STORED]), known(&|page| page.stored.count()));
        assert_eq!(sum(&[TWICE_REFUSED]), i64::try_from(self.twice).unwrap());
        let missing = |page: &Page| page.line.missing(&page.stored).count();
        assert_eq!(sum(&[OUTSTANDING, LOST]), known(&missing));
        let first_kept = self.now.saturating_sub(WINDOW_MS) / DAY_MS;
        let is_lost =
            |page: &Page| page.line.closed || page.heard.is_some_and(|heard| heard / DAY_MS < first_kept);
        assert_eq!(sum(&[LOST]), known(&|page| if is_lost(page) { missing(page) } else { 0 }));
    }
}

#[test]
fn over_months_every_event_is_stored_once_and_goes_on_counting_under_one_fate() {
    for seed in 0..SEEDS {
        Months::new(seed, false).run();
    }
}

#[test]
fn over_months_in_which_the_index_is_lost_nothing_is_stored_twice() {
    for seed in 0..SEEDS {
        Months::new(seed, true).run();
    }
}

fn page(birth: u64) -> StreamLine {
    StreamLine::new(StreamId::new(birth, [9; 10]), Identity::default())
}

fn is_stale(store: &mut Store<SimDisk>, birth: u64, now: u64) -> bool {
    let (verdicts, _) = store.commit(&[request(&page(birth), &[numbers(0, 1)], now)]).unwrap();
    verdicts == [Verdict::Stale]
}

#[test]
fn an_index_that_was_lost_knows_nothing_of_the_day_before_its_first_file_if_another_file_began_it() {
    let disk = SimDisk::new(1);
    let mut store = open(&disk, START);
    store.commit(&[request(&page(START), &[numbers(0, 1)], START)]).unwrap();
    store.rotate(START).unwrap().unwrap();
    let hour = 3_600_000;
    store.commit(&[request(&page(START + hour), &[numbers(0, 1)], START + hour)]).unwrap();
    drop(store);
    disk.remove("events-2025-11-24.jsonl").unwrap();
    disk.remove(index::FILE).unwrap();
    let mut store = open(&disk, START + 2 * hour);
    assert!(is_stale(&mut store, START, START + 2 * hour), "its events were in the file that is gone");
    assert!(is_stale(&mut store, START + 1, START + 2 * hour), "they may have been");
    assert!(is_stale(&mut store, START + hour, START + 2 * hour), "lines may stand a minute out of order");
    assert!(!is_stale(&mut store, START + hour + hour / 2, START + 2 * hour), "born since");
}

#[test]
fn an_index_that_was_lost_with_the_newest_file_knows_from_now_on() {
    let disk = SimDisk::new(1);
    let mut store = open(&disk, START);
    let (_, position) = store.commit(&[request(&page(START), &[numbers(0, 1)], START)]).unwrap();
    store.publish(&position.unwrap()).unwrap();
    drop(store);
    disk.remove("events-2025-11-24.jsonl").unwrap();
    disk.remove(index::FILE).unwrap();
    assert!(disk.list().unwrap().iter().any(|name| name == SYNCED_FILE));
    let mut store = open(&disk, START + 10);
    assert!(is_stale(&mut store, START, START + 20), "it was stored once");
    assert!(!is_stale(&mut store, START + 11, START + 20));
}

#[test]
fn the_files_of_each_day_tell_what_the_streams_dropped_that_were_heard_in_it() {
    let disk = SimDisk::new(1);
    let mut store = open(&disk, START);
    let mut line = page(START);
    line.dropped.insert(Reason::Full, numbers(3, 4));
    line.closed = true;
    store.commit(&[request(&line, &[numbers(0, 2)], START)]).unwrap();
    let next_day = START + DAY_MS;
    store.commit(&[request(&line, &[numbers(2, 3)], next_day)]).unwrap();
    let told = store.record(line.stream).unwrap();
    store.commit(&[request(&line, &[], next_day + 1)]).unwrap();
    let again = store.record(line.stream).unwrap();
    assert_eq!((told.deliveries, again.deliveries), (2, 2), "once a day");
    drop(store);
    disk.remove("events-2025-11-24.jsonl").unwrap();
    disk.remove(index::FILE).unwrap();
    let found = open(&disk, next_day).record(line.stream).unwrap();
    assert_eq!((found.stored, found.line.closed), (Ranges::from_iter([numbers(2, 3)]), true));
    assert_eq!(found.line.dropped, line.dropped);
}
