//! A page whose wasm never comes: the facade's writer numbers, persists and beacons; behind it stands the drain. Both are JavaScript;
//! this does what they do.

mod drain;

use crate::page::{BEACON_BYTES, Life, event_line};
use crate::storage::batch_key;
use crate::trace::{lines, name};
use crate::world::{SECOND, World};
use beaconry_core::{Identity, Number, Range, Ranges, Reason, RequestId, StreamId, StreamLine, Via, wire};

/// Where locks and answers tell these pages from those with a core.
pub const PLAIN: usize = 1_000_000;

/// The writer's stream is taken at most so often; and how often it looks for what others have left.
const TAKE_EVERY: u64 = 60 * SECOND;

/// How long an event waits for company otherwise.
const EVENT: u64 = 5 * SECOND;

/// One batch.
#[derive(Clone)]
struct Lot {
    range: Range,
    /// Each event's line with its line break.
    lines: Vec<u8>,
    is_stored: bool,
    is_sent: bool,
}

/// A stream that is delivered. Nothing is written to it any more.
struct Parcel {
    line: StreamLine,
    lots: Vec<Lot>,
    /// Wants to be asked for, or has a drop to tell.
    has_news: bool,
    /// Several were refused together.
    is_alone: bool,
}

pub struct Plain {
    pub life: Life,
    /// The writer's stream: nobody else writes to it before it is a parcel.
    writer: Parcel,
    has_line: bool,
    parcels: Vec<Parcel>,
    /// The request that is out, and the batches that it carries.
    flight: Option<(RequestId, Vec<Range>)>,
    requests: u32,
    taken: u64,
    failures: u32,
    /// True time: nothing is sent before.
    waits_until: u64,
    /// When the next round is.
    round: u64,
    was_refused: bool,
}

impl Lot {
    fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        wire::write_batch_line(self.range.start(), self.range.len(), b"", &mut text);
        text.extend_from_slice(&self.lines);
        text
    }
}

impl Parcel {
    fn new(stream: StreamId) -> Self {
        let line = StreamLine::new(stream, Identity::default());
        Self { line, lots: Vec::new(), has_news: false, is_alone: false }
    }

    fn encode(&self) -> Vec<u8> {
        let mut line = self.line.clone();
        line.holds = self.lots.iter().map(|lot| lot.range).collect();
        let mut text = Vec::new();
        line.encode(&mut text);
        text
    }

    /// What it accounts for by itself.
    fn knows(&self) -> Ranges {
        let mut known: Ranges = self.lots.iter().map(|lot| lot.range).collect();
        self.line.dropped.iter().for_each(|(_, numbers)| known.extend(numbers));
        known
    }
}

impl Plain {
    pub fn is_alive(&self) -> bool {
        self.life != Life::Dead
    }

    /// Whether all of it is delivered.
    pub fn is_done(&self) -> bool {
        self.parcels.is_empty() && self.writer.line.tracked == 0 && self.flight.is_none()
    }

    pub fn own(&self) -> StreamId {
        self.writer.line.stream
    }

    fn streams(&self) -> impl Iterator<Item = &Parcel> {
        self.parcels.iter().chain([&self.writer])
    }

    /// What it has of a stream, or counted.
    pub fn knows(&self, stream: StreamId) -> Ranges {
        let its = self.streams().filter(|parcel| parcel.line.stream == stream);
        let mut known = Ranges::new();
        its.for_each(|parcel| known.extend(&parcel.knows()));
        known
    }
}

// ── The writer ──

impl World {
    pub fn open_plain(&mut self) -> usize {
        let own = self.new_stream();
        let at = self.plain.len();
        self.say(|| format!("page {} opens without wasm, with {}", PLAIN + at, name(own)));
        assert!(self.locks.take(own, PLAIN + at), "a new stream is free");
        self.plain.push(Plain {
            life: Life::Visible,
            writer: Parcel::new(own),
            has_line: false,
            parcels: Vec::new(),
            flight: None,
            requests: 0,
            taken: 0,
            failures: 0,
            waits_until: 0,
            round: 0,
            was_refused: false,
        });
        self.round_at(at, self.now + SECOND);
        at
    }

    /// One task of so many events.
    pub fn track_plain(&mut self, at: usize, events: u64, bytes: usize) {
        for _ in 0..events {
            let own = self.plain[at].own();
            let number = self.plain[at].writer.line.tracked;
            let is_poison = self.rng.chance(self.poison);
            let line = event_line(own, number, bytes, is_poison);
            self.truth.entry(own).or_default().lines.push(line.as_bytes().to_vec());
            self.append(at, number, line.as_bytes());
        }
        self.save(at);
        if self.plain[at].life == Life::Hidden {
            self.beacon_plain(at, false);
        }
        let next = self.now.max(self.plain[at].taken + TAKE_EVERY - EVENT) + EVENT;
        if next < self.plain[at].round {
            self.round_at(at, next);
        }
    }

    fn append(&mut self, at: usize, number: Number, line: &[u8]) {
        let most = self.config.max_rewritten_bytes as usize;
        let last = self.plain[at].writer.lots.last();
        if last.is_none_or(|lot| lot.is_sent || lot.lines.len() + line.len() > most) {
            self.save(at);
            self.bound(at);
            let range = Range::one(number).unwrap();
            let lot = Lot { range, lines: Vec::new(), is_stored: false, is_sent: false };
            self.plain[at].writer.lots.push(lot);
        }
        let writer = &mut self.plain[at].writer;
        writer.line.tracked = number + 1;
        let lot = writer.lots.last_mut().unwrap();
        lot.range = Range::new(lot.range.start(), number + 1).unwrap();
        lot.lines.extend_from_slice(line);
        lot.lines.push(b'\n');
        lot.is_stored = false;
    }

    /// Past the limit the oldest batches are dropped.
    fn bound(&mut self, at: usize) {
        let most = self.config.memory_bytes as usize;
        while self.plain[at].writer.lots.iter().map(|lot| lot.lines.len()).sum::<usize>() > most {
            let blank = Parcel::new(self.plain[at].own());
            let mut writer = std::mem::replace(&mut self.plain[at].writer, blank);
            self.let_lot_go(at, &mut writer, 0, Some(Reason::Full));
            self.reach("a page without wasm was full");
            self.plain[at].writer = writer;
        }
    }

    /// Writes the open batch, behind the stream line.
    fn save(&mut self, at: usize) {
        let writer = &self.plain[at].writer;
        let Some(lot) = writer.lots.last().filter(|lot| !lot.is_stored) else { return };
        let (own, line) = (writer.line.stream, writer.encode());
        let (key, text) = (batch_key(own, lot.range.start()), lot.text());
        let has_line = self.plain[at].has_line || self.write_plain(at, (own, 0), &line);
        self.plain[at].has_line = has_line;
        let is_stored = has_line && self.write_plain(at, key, &text);
        self.plain[at].writer.lots.last_mut().unwrap().is_stored = is_stored;
    }

    fn write_plain(&mut self, at: usize, key: crate::storage::Key, value: &[u8]) -> bool {
        let value = value.strip_suffix(b"\n").filter(|_| key.1 == 0).unwrap_or(value);
        let is_taken = self.storage.write(self.now, key, value);
        self.say(|| {
            format!("page {}: writes {} {}, {is_taken}{}", PLAIN + at, name(key.0), key.1, lines(value))
        });
        self.plain[at].was_refused |= !is_taken;
        is_taken
    }

    /// What no beacon has taken yet, whole batches; what is stored only where no Retry-After holds.
    fn beacon_plain(&mut self, at: usize, is_closed: bool) {
        let is_throttled = self.gate_left() > 0;
        self.plain[at].writer.line.closed |= is_closed;
        let writer = &self.plain[at].writer;
        let mut room = BEACON_BYTES as usize - writer.encode().len();
        let fits = |lot: &&Lot| !(lot.is_sent || is_throttled && lot.is_stored);
        let mut chosen: Vec<Lot> = writer.lots.iter().filter(fits).cloned().collect();
        chosen.retain(|lot| {
            lot.text().len() <= room && {
                room -= lot.text().len();
                true
            }
        });
        if chosen.is_empty() {
            return;
        }
        while self.rng.chance(self.weather.no_beacon) {
            chosen.truncate(chosen.len() / 2);
            if chosen.is_empty() {
                return;
            }
        }
        let (stream, mut body) = (writer_id(&self.plain[at]), self.plain[at].writer.encode());
        chosen.iter().for_each(|lot| body.extend(lot.text()));
        for lot in &mut self.plain[at].writer.lots {
            lot.is_sent |= chosen.iter().any(|sent| sent.range == lot.range);
        }
        self.post_plain(at, stream, Via::Beacon, body);
    }

    pub fn hide_plain(&mut self, at: usize) {
        self.plain[at].life = Life::Hidden;
        self.beacon_plain(at, false);
    }

    /// `pagehide`, and the end.
    pub fn close_plain(&mut self, at: usize) {
        self.beacon_plain(at, true);
        self.kill_plain(at);
    }

    pub fn kill_plain(&mut self, at: usize) {
        if !self.plain[at].is_alive() {
            return;
        }
        self.say(|| format!("page {} dies", PLAIN + at));
        self.plain[at].life = Life::Dead;
        self.locks.release_all(PLAIN + at);
        let streams: Vec<_> = self.plain[at].streams().map(|parcel| parcel.line.stream).collect();
        for stream in streams {
            let mut lost = self.unknown(stream);
            self.subtract_held_elsewhere(PLAIN + at, stream, &mut lost);
            assert!(lost.is_empty() || self.plain[at].was_refused, "{} {lost:?} were stored", name(stream));
            self.excuse(stream, &lost, "in the memory of a page without wasm");
        }
    }
}

fn writer_id(page: &Plain) -> StreamId {
    page.writer.line.stream
}
