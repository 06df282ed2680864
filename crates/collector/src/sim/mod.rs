//! The store on a disk that fails in every way, over many seeds. A seed that fails prints itself:
//! `SEED=7 cargo test -p beaconry-collector replay -- --nocapture` shows it again.

mod disk;
mod interleavings;
mod upkeep;
mod window;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use beaconry_core::{Identity, Number, Range, Ranges, Reason, StreamId, StreamLine, wire::write_batch_line};
use disk::{Faults, Rng, SimDisk};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::config::Keep;
use crate::disk::Disk;
use crate::files::{self, Name, Packing};
use crate::index;
use crate::index::books::Books;
use crate::journal;
use crate::receive::{Arrival, decode};
use crate::store::{Request, Store, Verdict};
use crate::upkeep::pass::{Pass, Policy};
use crate::user_agent::Agent;

/// Ten in the morning of 2025-11-24.
const START: u64 = 1_763_978_400_000;
const SEEDS: u64 = 250;
const STEPS: u64 = 40;
/// Some twenty events, so that a day has several files.
const MAX_FILE: u64 = 16 * 1024;

/// A client of one stream: it sends any range of its events, again and again, and remembers what it was promised.
struct Client {
    id: StreamId,
    line: StreamLine,
    promised: Ranges,
    told: Vec<StreamLine>,
}

fn event(id: StreamId, number: Number) -> String {
    // Some are longer than a sector, so that a hole can lie within a line.
    let filler = "é".repeat((number as usize * 37) % 900);
    format!(
        r#"{{"type":"log","ts":{START},"data":{{"of":"{}.{number}","x":"{filler}"}}}}"#,
        id.to_text().as_str()
    )
}

fn body(line: &StreamLine, batches: &[Range]) -> Vec<u8> {
    let mut body = Vec::new();
    line.encode(&mut body);
    for batch in batches {
        write_batch_line(batch.start(), batch.len(), b"\"page\":\"/cart\"", &mut body);
        for number in batch.start()..batch.end() {
            body.extend_from_slice(event(line.stream, number).as_bytes());
            body.push(b'\n');
        }
    }
    body
}

fn request(line: &StreamLine, batches: &[Range], now: u64) -> Request {
    let stream = line.stream.to_text().as_str().to_owned();
    let arrival = Arrival { stream, now: Some(now), received: now, agent: String::new() };
    decode(&arrival, &"shop".into(), Arc::new(Agent::default()), &body(line, batches)).unwrap().request
}

/// Of one request: all that is stored of its stream, and how much of it was new, and known.
fn accounted(verdicts: &[Verdict]) -> (Ranges, u64, u64) {
    match verdicts {
        [Verdict::Accounted { stored, tally }] => (stored.clone(), tally.new.values().sum(), tally.known),
        other => panic!("{other:?}"),
    }
}

struct World {
    rng: Rng,
    disk: SimDisk,
    store: Option<Store<SimDisk>>,
    /// The file that was written to last, and when the index was last made durable.
    position: Option<Name>,
    settled: Option<Name>,
    clients: Vec<Client>,
    now: u64,
}

impl World {
    fn new(seed: u64) -> World {
        let mut rng = Rng::new(seed);
        let clients = (0..3).map(|n| {
            let id = StreamId::new(START + n, [u8::try_from(n).unwrap(); 10]);
            let line = StreamLine::new(id, Identity::default());
            Client { id, line, promised: Ranges::new(), told: Vec::new() }
        });
        let clients = clients.collect();
        let disk = SimDisk::new(rng.next());
        let mut world =
            World { rng, disk, store: None, position: None, settled: None, clients, now: START + 1_000 };
        world.open();
        world
    }

    /// Starts, again and again if the disk fails meanwhile.
    fn open(&mut self) {
        self.store = None;
        for _ in 0..50 {
            match Store::open(self.disk.clone(), MAX_FILE, self.now) {
                Ok(mut store) => {
                    self.position = store.newest().map(|position| position.name);
                    self.settled = self.position;
                    self.store = Some(store);
                    return;
                }
                Err(_) if self.disk.is_dead() => self.disk.crash(),
                Err(_) => self.disk.set_faults(Faults::default()),
            }
        }
        panic!("the store cannot be opened on a disk that works");
    }

    /// The power fails; one time in four it fails again while the collector starts.
    fn crash(&mut self) {
        self.power_off();
        if self.rng.one_in(4) {
            let operations = 1 + self.rng.below(60);
            self.disk.light_fuse(operations);
        }
        self.open();
    }

    /// The process dies, the page cache lives.
    fn restart(&mut self) {
        self.store = None;
        self.open();
    }

    fn lose_index(&mut self) {
        self.store = None;
        let _ = self.disk.remove(index::FILE);
        self.open();
    }

    fn power_off(&mut self) {
        self.disk.light_fuse(0);
        self.store = None;
        self.disk.crash();
    }

    fn chaos(&mut self) {
        for _ in 0..STEPS {
            self.now += self.rng.below(5_000);
            if self.rng.one_in(20) {
                // Midnight passes between two groups.
                self.now += 3_600_000;
            }
            match self.rng.below(15) {
                0 => self.crash(),
                1 => self.disk.set_faults(Faults { write: 4, short: 2, sync: 4, full: false }),
                2 => self.disk.set_faults(Faults { full: true, ..Faults::default() }),
                3 | 4 => self.disk.set_faults(Faults::default()),
                5 => {
                    let operations = 1 + self.rng.below(40);
                    self.disk.light_fuse(operations);
                }
                6 => self.checkpoint(),
                7 => self.rotate(),
                8 => self.pass(),
                9 if self.rng.one_in(4) => self.lose_index(),
                _ => self.send(),
            }
            if self.disk.is_dead() {
                self.crash();
            } else if self.store().stopped() || self.rng.one_in(20) {
                self.restart();
            }
        }
    }

    fn store(&mut self) -> &mut Store<SimDisk> {
        self.store.as_mut().unwrap()
    }

    fn checkpoint(&mut self) {
        if self.store().checkpoint(START).is_ok() {
            self.settled = self.position;
        }
    }

    fn rotate(&mut self) {
        let now = self.now;
        if let Ok(Some(rotated)) = self.store().rotate(now) {
            self.position = Some(rotated.position.name);
            self.checkpoint();
        }
    }

    /// Packs what is closed, and deletes nothing: what was promised must be found.
    fn pass(&mut self) {
        let Some(settled) = self.settled else { return };
        let closed_files = self.store().closed_files();
        let policy = Policy { compress: true, keep: Keep::default() };
        let pass = Pass { disk: &self.disk, policy, closed_files: &closed_files, ends: &|| false };
        pass.run(&[], settled, self.now);
    }

    /// A group of one to four requests.
    fn send(&mut self) {
        let count = 1 + self.rng.below(4);
        let sent: Vec<_> = (0..count).map(|_| self.pick_request()).collect();
        let requests: Vec<_> =
            sent.iter().map(|(_, line, batches)| request(line, batches, self.now)).collect();
        let Ok((verdicts, position)) = self.store().commit(&requests) else { return };
        self.position = position.map(|position| position.name).or(self.position);
        for ((of, line, batches), verdict) in sent.into_iter().zip(verdicts) {
            let Verdict::Accounted { stored, .. } = verdict else { panic!("refused: {verdict:?}") };
            let client = &mut self.clients[of];
            assert!(
                batches.iter().all(|batch| stored.contains_range(*batch)),
                "a 200 accounts for all that was sent"
            );
            client.promised.extend(&stored);
            client.told.push(line);
        }
    }

    fn pick_request(&mut self) -> (usize, StreamLine, Vec<Range>) {
        let of = usize::try_from(self.rng.below(self.clients.len() as u64)).unwrap();
        let rng = &mut self.rng;
        let mut batches = Ranges::new();
        for _ in 0..rng.below(3) {
            let start = u32::try_from(rng.below(40)).unwrap();
            batches.insert(Range::new(start, start + 1 + u32::try_from(rng.below(6)).unwrap()).unwrap());
        }
        let line = &mut self.clients[of].line;
        line.tracked = line.tracked.max(batches.end());
        if rng.one_in(6) {
            let number = u32::try_from(rng.below(40)).unwrap();
            line.dropped.insert(Reason::Full, Range::one(number).unwrap());
        }
        line.closed |= rng.one_in(40);
        (of, line.clone(), batches.iter().collect())
    }

    /// The disk works again: everything is sent once more, and everything must be there, once.
    fn heal(&mut self) {
        self.power_off();
        self.open();
        self.check();
        let all = Range::new(0, 46).unwrap();
        let requests: Vec<_> =
            self.clients.iter().map(|client| request(&client.line, &[all], self.now)).collect();
        let (verdicts, _) = self.store().commit(&requests).unwrap();
        for (client, verdict) in self.clients.iter_mut().zip(verdicts) {
            let Verdict::Accounted { stored, .. } = verdict else { panic!("refused: {verdict:?}") };
            assert_eq!(stored, Ranges::from(all));
            client.promised = stored;
            client.told.push(client.line.clone());
        }
        self.power_off();
        self.open();
        self.check();
    }

    /// The journal against what was promised, and the index against the journal.
    fn check(&mut self) {
        let journal = read_journal(&self.disk);
        let mut books = Books::default();
        for n in 0..self.clients.len() {
            let (id, line) = (self.clients[n].id, self.clients[n].line.clone());
            let found = journal.get(id.to_text().as_str()).cloned().unwrap_or_default();
            for range in self.clients[n].promised.iter() {
                assert!(
                    found.events.contains_range(range),
                    "{:?}: promised {range:?}, found {:?}",
                    id,
                    found.events
                );
            }
            let record = self.store().record(id);
            let stored = record.as_ref().map(|record| record.stored.clone()).unwrap_or_default();
            assert_eq!(stored, found.events, "the index knows what the journal has");
            books.change(None, record.as_ref());
            let Some(record) = record else { continue };
            assert_eq!(record.deliveries as usize, found.deliveries, "deliveries are numbered without a gap");
            for told in &self.clients[n].told {
                let mut merged = record.line.clone();
                assert!(!merged.merge(told), "a drop that was reported is not forgotten");
            }
            assert!(record.line.dropped.count() <= line.dropped.count());
        }
        let added = self.store().books().unwrap().1;
        let added: Vec<_> = added.iter().filter(|(_, _, count)| *count != 0).collect();
        assert_eq!(added, books.iter().collect::<Vec<_>>(), "what was added up is what a count gives");
    }
}

#[derive(Default, Clone)]
struct Found {
    events: Ranges,
    deliveries: usize,
}

/// Reads all files as anyone would: each line is whole, each id is there once, and each content is what was sent.
fn read_journal(disk: &SimDisk) -> BTreeMap<String, Found> {
    #[derive(Deserialize)]
    struct Line<'a> {
        id: &'a str,
        received: u64,
        app: &'a str,
        #[serde(borrow)]
        data: &'a RawValue,
    }
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for (name, packing) in files::journal_files(disk.list().unwrap()) {
        let content = disk.content(&name.packed(packing));
        let content =
            if packing == Packing::Plain { content } else { zstd::decode_all(&content[..]).unwrap() };
        let content = String::from_utf8(content).unwrap();
        assert!(content.is_empty() || content.ends_with('\n'), "{name} has a torn tail");
        for text in content.lines() {
            let line: Line<'_> = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert!(ids.insert(line.id.to_owned()), "{} is stored twice", line.id);
            assert_eq!(journal::day_at(line.received), name.day());
            assert_eq!(line.app, "shop");
            let (stream, number) = line.id.split_once('.').unwrap();
            let found = found.entry(stream.to_owned()).or_default();
            match number.strip_prefix('~') {
                Some(_) => found.deliveries += 1,
                None => {
                    let number: Number = number.parse().unwrap();
                    found.events.insert(Range::one(number).unwrap());
                    let sent = event(StreamId::parse(stream.as_bytes()).unwrap(), number);
                    assert!(
                        sent.ends_with(&format!("\"data\":{}}}", line.data.get())),
                        "{sent} became {text}"
                    );
                }
            }
        }
    }
    found
}

fn run(seed: u64) {
    let mut world = World::new(seed);
    world.chaos();
    world.heal();
}

#[test]
fn nothing_promised_is_lost_and_nothing_is_stored_twice_whatever_the_disk_forgets() {
    for seed in 0..SEEDS {
        if catch_unwind(AssertUnwindSafe(|| run(seed))).is_err() {
            panic!("seed {seed} fails: SEED={seed} cargo test -p beaconry-collector replay -- --nocapture");
        }
    }
}

#[test]
fn replay() {
    if let Some(seed) = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()) {
        run(seed);
    }
}
