//! The oracle: a collector of the core's own wire layer, with a journal that survives and an index that follows it.

use crate::trace::name;
use crate::world::DAY;
use beaconry_core::{Body, Dropped, Identity, Number, Range, Ranges, StreamId, StreamLine, answer};
use std::collections::{BTreeMap, BTreeSet};

/// Twice the client's maximum age, and a week.
pub const WINDOW_MS: u64 = 35 * 24 * 60 * 60 * 1000;

/// A line with this in it is no JSON to the collector.
pub const POISON: &[u8] = b"poison";

pub struct Response {
    pub status: u16,
    /// Seconds.
    pub retry_after: Option<u64>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn new(status: u16, body: &str) -> Self {
        Self { status, retry_after: None, body: body.as_bytes().to_vec() }
    }
}

/// A request as it travels.
#[derive(Clone)]
pub struct Sent {
    /// `now` in the URL.
    pub by_clock: u64,
    pub body: Vec<u8>,
}

/// What goes wrong inside, while one request is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    None,
    /// Killed before the fsync: so many event lines were on the disk, and perhaps the line of the delivery.
    CrashBefore {
        kept: usize,
        delivery: bool,
    },
    /// Killed after the fsync, before the index and the answer.
    CrashAfter,
    /// The fsync fails: cut back, 503.
    FsyncFails,
}

struct Known {
    stored: Ranges,
    line: StreamLine,
    /// The day of its last `delivery` line.
    told_on: Option<u64>,
    last_seen: u64,
}

impl Known {
    fn new(id: StreamId, last_seen: u64) -> Self {
        let line = StreamLine::new(id, Identity::default());
        Self { stored: Ranges::new(), line, told_on: None, last_seen }
    }
}

/// A line of the journal.
enum Entry {
    Event(StreamId, Number),
    /// Of type `delivery`: the merged stream line.
    Delivery(Box<StreamLine>),
}

#[derive(Default)]
pub struct Collector {
    /// Everything that was ever on the disk and not cut off.
    pub journal: BTreeMap<(StreamId, Number), Vec<u8>>,
    /// What the journal's files have that are not deleted yet, by day since 1970.
    files: BTreeMap<u64, Vec<Entry>>,
    /// Unix ms. An index that was made again knows no stream that was born before.
    since: u64,
    index: BTreeMap<StreamId, Known>,
    /// All drops that it ever answered for.
    heard: BTreeMap<StreamId, Dropped>,
    closed: BTreeSet<StreamId>,
    /// Streams that left the window: their books are history.
    forgotten: BTreeMap<StreamId, (Ranges, StreamLine)>,
    /// Streams of which a request was refused as stale.
    pub stale: BTreeSet<StreamId>,
    /// Bytes of a body; over it 413.
    pub limit: Option<usize>,
    pub is_off: bool,
}

impl Collector {
    /// None: nobody answers.
    pub fn receive(&mut self, now: u64, sent: &Sent, mishap: Mishap) -> Option<Response> {
        let body = &sent.body[..];
        if self.limit.is_some_and(|limit| body.len() > limit) {
            return Some(Response::new(413, r#"{"error":"too_large","message":"too large"}"#));
        }
        let Ok(request) = Body::decode(body) else {
            return Some(Response::new(400, r#"{"error":"stream","message":"no stream line"}"#));
        };
        let id = request.line.stream;
        self.forget(now);
        // Both by the client's own clock, so that a wrong one makes no stream old.
        let age = sent.by_clock.saturating_sub(id.birth_unix_ms());
        let is_unknown = !self.index.contains_key(&id) && age > WINDOW_MS;
        if is_unknown || now.saturating_sub(age) < self.since {
            self.stale.insert(id);
            return Some(Response::new(200, r#"{"stale":true}"#));
        }
        if mishap == Mishap::FsyncFails {
            return Some(Response::new(503, r#"{"error":"disk","message":"fsync"}"#));
        }
        let line = request.line.clone();
        let (fresh, rejected) = self.fresh_events(id, request);
        let kept = if let Mishap::CrashBefore { kept, .. } = mishap { kept } else { fresh.len() };
        self.append(now, &line, fresh.into_iter().take(kept), mishap);
        if matches!(mishap, Mishap::CrashBefore { .. } | Mishap::CrashAfter) {
            return None;
        }
        if self.is_off {
            return Some(Response::new(410, r#"{"phase":"DISABLED"}"#));
        }
        let mut body = Vec::new();
        let rejected = rejected.iter().map(|first| (*first, "json"));
        answer::encode_accounted(&self.stored(id), rejected, &mut body);
        Some(Response { status: 200, retry_after: None, body })
    }

    /// What the request has and the journal has not; and the batches that are refused whole.
    fn fresh_events(&self, id: StreamId, request: Body<'_>) -> (Vec<(Number, Vec<u8>)>, Vec<Number>) {
        let mut seen = self.stored(id);
        let (mut fresh, mut rejected) = (Vec::new(), Vec::new());
        for batch in request {
            let head = batch.head.expect("a batch line");
            let lines: Vec<&[u8]> =
                batch.events.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
            assert_eq!(lines.len(), head.n as usize, "as many lines as the batch says");
            if lines.iter().any(|line| line.windows(POISON.len()).any(|part| part == POISON)) {
                rejected.push(head.first);
                continue;
            }
            for range in seen.gaps(head.range().unwrap()).iter() {
                for number in range.start()..range.end() {
                    fresh.push((number, lines[(number - head.first) as usize].to_vec()));
                }
                seen.insert(range);
            }
        }
        if self.is_off { (Vec::new(), Vec::new()) } else { (fresh, rejected) }
    }

    fn append(
        &mut self,
        now: u64,
        line: &StreamLine,
        fresh: impl Iterator<Item = (Number, Vec<u8>)>,
        mishap: Mishap,
    ) {
        let id = line.stream;
        let known = self.index.entry(id).or_insert_with(|| Known::new(id, now));
        known.last_seen = now;
        for (number, event) in fresh {
            assert!(
                self.journal.insert((id, number), event).is_none(),
                "{}.{number} is stored twice",
                name(id)
            );
            known.stored.insert(Range::one(number).unwrap());
            self.files.entry(now / DAY).or_default().push(Entry::Event(id, number));
        }
        let mut merged = known.line.clone();
        merged.tracked = merged.tracked.max(known.stored.end());
        let today = now / DAY;
        // A crash leaves what the journal says: a line of type `delivery` when something changed, and again on each later day.
        let is_told = merged.merge(line) || known.told_on.is_some_and(|day| day < today);
        let survives = match mishap {
            Mishap::CrashBefore { delivery, .. } => delivery && is_told,
            Mishap::CrashAfter => is_told,
            _ => true,
        };
        if survives {
            let is_late = known.line.closed && !line.closed;
            assert!(
                !is_late || merged.holds == known.line.holds,
                "a late line replaced what {} holds",
                name(id)
            );
            assert!(merged.tracked >= known.line.tracked, "tracked of {} went back", name(id));
            if is_told {
                self.files.entry(today).or_default().push(Entry::Delivery(Box::new(merged.clone())));
                known.told_on = Some(today);
            }
            known.line = merged;
            self.heard.entry(id).or_default().extend(&line.dropped);
            if line.closed {
                self.closed.insert(id);
            }
        }
    }

    /// Streams last seen before the window leave the index.
    fn forget(&mut self, now: u64) {
        let first_kept = now.saturating_sub(WINDOW_MS) / DAY;
        let is_old = |known: &Known| known.last_seen / DAY < first_kept;
        let old: Vec<_> = self.index.iter().filter(|(_, known)| is_old(known)).map(|(id, _)| *id).collect();
        for id in old {
            if let Some(known) = self.index.remove(&id) {
                self.bury(id, &known);
            }
        }
    }

    fn bury(&mut self, id: StreamId, known: &Known) {
        let grave = self.forgotten.entry(id).or_insert_with(|| (Ranges::new(), known.line.clone()));
        grave.0.extend(&known.stored);
        grave.1.merge(&known.line);
    }

    /// The index is lost, after retention has deleted all but so many days of the journal. It is made again from the
    /// files that remain: what it had beyond them is history.
    pub fn lose_index(&mut self, days: u64) {
        let Some(last) = self.files.keys().next_back().copied() else { return };
        self.files = self.files.split_off(&(last + 1).saturating_sub(days));
        self.since = self.files.keys().next().map_or(0, |day| day * DAY);
        for (id, known) in std::mem::take(&mut self.index) {
            self.bury(id, &known);
        }
        let files = std::mem::take(&mut self.files);
        for (day, entry) in files.iter().flat_map(|(day, entries)| entries.iter().map(move |it| (day, it))) {
            let id = match entry {
                Entry::Event(id, _) => *id,
                Entry::Delivery(line) => line.stream,
            };
            let known = self.index.entry(id).or_insert_with(|| Known::new(id, day * DAY));
            known.last_seen = day * DAY;
            match entry {
                Entry::Event(_, number) => known.stored.insert(Range::one(*number).unwrap()),
                Entry::Delivery(line) => {
                    known.line.merge(line);
                    known.told_on = Some(*day);
                }
            }
        }
        self.files = files;
    }

    pub fn stored(&self, id: StreamId) -> Ranges {
        self.index.get(&id).map_or_else(Ranges::new, |known| known.stored.clone())
    }

    /// All that was ever stored of it, also before the window.
    pub fn ever_stored(&self, id: StreamId) -> Ranges {
        let mut stored = self.stored(id);
        if let Some((before, _)) = self.forgotten.get(&id) {
            stored.extend(before);
        }
        stored
    }

    /// The merged line, as long as the index has the stream; then as it was.
    pub fn line(&self, id: StreamId) -> Option<&StreamLine> {
        self.lines(id).next()
    }

    fn lines(&self, id: StreamId) -> impl Iterator<Item = &StreamLine> {
        let now = self.index.get(&id).map(|known| &known.line);
        let before = self.forgotten.get(&id).map(|(_, line)| line);
        now.into_iter().chain(before)
    }

    /// All numbers that the books ever showed as dropped.
    pub fn told(&self, id: StreamId) -> Ranges {
        let mut told = Ranges::new();
        for (_, numbers) in self.lines(id).flat_map(|line| line.dropped.iter()) {
            told.extend(numbers);
        }
        told
    }

    /// What a journal never loses: a drop that was told, and that a stream is closed.
    pub fn check(&self) {
        for (id, heard) in &self.heard {
            for (reason, numbers) in heard.iter() {
                let mut untold = numbers.clone();
                self.lines(*id).for_each(|line| untold.subtract(line.dropped.get(reason)));
                assert!(untold.is_empty(), "the books forgot drops of {}: {reason:?} {untold:?}", name(*id));
            }
        }
        for id in &self.closed {
            assert!(self.lines(*id).any(|line| line.closed), "{} opened again", name(*id));
        }
    }
}
