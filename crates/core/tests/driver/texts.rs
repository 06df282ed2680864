//! What a driver keeps in memory: the lines of each batch. The JavaScript does the same.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

use beaconry_core::{Number, Priority, Range, StreamKey, Tracked, wire};
use std::collections::{BTreeMap, BTreeSet};

/// One batch.
struct Text {
    /// For the batch line, as raw JSON.
    members: Vec<u8>,
    /// Each with its line break.
    lines: Vec<u8>,
    /// Where in `lines` each ends.
    ends: Vec<usize>,
    priority: Priority,
    /// Followed by another batch, sent, or read from the storage: never changes again.
    is_sealed: bool,
}

impl Text {
    fn push(&mut self, line: &str, priority: Priority) {
        self.lines.extend_from_slice(line.as_bytes());
        self.lines.push(b'\n');
        self.ends.push(self.lines.len());
        self.priority = self.priority.max(priority);
    }

    fn range(&self, first: Number) -> Range {
        Range::new(first, first + self.ends.len() as u32).unwrap()
    }

    /// The first `n` lines under their batch line.
    fn build(&self, first: Number, n: u32) -> Vec<u8> {
        let mut out = self.head(first, n);
        out.extend_from_slice(&self.lines[..self.ends[n as usize - 1]]);
        out
    }

    fn head(&self, first: Number, n: u32) -> Vec<u8> {
        let mut out = Vec::new();
        wire::write_batch_line(first, n, &self.members, &mut out);
        out
    }
}

/// A batch in memory, as it is offered after a trap.
pub struct Kept {
    pub range: Range,
    pub bytes: u32,
    pub priority: Priority,
}

#[derive(Default)]
pub struct Texts {
    texts: BTreeMap<(StreamKey, Number), Text>,
    /// The first number of each batch that this driver has, or has offered: outputs name no others.
    known: BTreeSet<(StreamKey, Number)>,
}

impl Texts {
    /// A line was tracked.
    pub fn add(
        &mut self,
        stream: StreamKey,
        tracked: Tracked,
        members: &str,
        line: &str,
        priority: Priority,
    ) {
        let Tracked { number, begins_batch } = tracked;
        if begins_batch {
            self.seal(stream);
            let members = members.as_bytes().to_vec();
            let mut text = Text { members, lines: Vec::new(), ends: Vec::new(), priority, is_sealed: false };
            text.push(line, priority);
            self.known.insert((stream, number));
            assert!(self.texts.insert((stream, number), text).is_none(), "{number} begins a batch twice");
            return;
        }
        let last = self.texts.range_mut((stream, 0)..=(stream, number)).next_back();
        let ((_, first), text) = last.unwrap_or_else(|| panic!("{number} grows a batch that is not here"));
        assert!(!text.is_sealed, "{number} grows the batch of {first}, which is sealed");
        assert_eq!(text.range(*first).end(), number, "{number} grows the batch of {first}");
        assert_eq!(text.members, members.as_bytes(), "{number} grows a batch of another context");
        text.push(line, priority);
    }

    /// No batch of the stream grows any more.
    pub fn seal(&mut self, stream: StreamKey) {
        for (_, text) in self.texts.range_mut((stream, 0)..=(stream, Number::MAX)) {
            text.is_sealed = true;
        }
    }

    /// A batch is offered. What was in memory of a shorter one is worth nothing any more.
    pub fn know(&mut self, stream: StreamKey, range: Range) {
        self.known.insert((stream, range.start()));
        if self.range(stream, range.start()).is_some_and(|known| known.end() < range.end()) {
            self.texts.remove(&(stream, range.start()));
        }
    }

    /// A batch that was in memory before this pipeline began.
    pub fn keep(&mut self, stream: StreamKey, first: Number, lines: &[&str]) {
        let (members, ends, priority) = (Vec::new(), Vec::new(), Priority::Normal);
        let mut text = Text { members, lines: Vec::new(), ends, priority, is_sealed: true };
        lines.iter().for_each(|line| text.push(line, priority));
        self.known.insert((stream, first));
        self.texts.insert((stream, first), text);
    }

    /// The text of just these numbers, which must be in memory.
    pub fn text(&self, stream: StreamKey, range: Range) -> Vec<u8> {
        let first = range.start();
        let text = self.texts.get(&(stream, first));
        let text = text.unwrap_or_else(|| panic!("{range:?} of {stream:?} is not in memory"));
        assert!(text.range(first).contains_range(range), "{range:?} of {:?}", text.range(first));
        text.build(first, range.len())
    }

    /// The text of a batch that is sent, if it is in memory: all of it, and from here on it never changes.
    pub fn text_to_send(&mut self, stream: StreamKey, range: Range) -> Option<Vec<u8>> {
        assert!(self.knows(stream, range), "{range:?} of {stream:?} begins no batch");
        let text = self.texts.get_mut(&(stream, range.start()))?;
        assert_eq!(text.range(range.start()), range, "a part of a batch is sent");
        text.is_sealed = true;
        Some(self.text(stream, range))
    }

    /// Whether the outputs may name a batch that begins so.
    pub fn knows(&self, stream: StreamKey, range: Range) -> bool {
        self.known.contains(&(stream, range.start()))
    }

    /// The storage has it: it can be read there. The driver may do so with any batch that grows no more.
    pub fn leave_to_storage(&mut self, stream: StreamKey, range: Range) {
        if self.range(stream, range.start()) == Some(range) && self.texts[&(stream, range.start())].is_sealed
        {
            self.texts.remove(&(stream, range.start()));
        }
    }

    pub fn forget(&mut self, stream: StreamKey, range: Range) {
        assert!(self.knows(stream, range), "{range:?} of {stream:?} begins no batch");
        self.texts.remove(&(stream, range.start()));
    }

    /// What is in memory of the batch that begins so.
    pub fn range(&self, stream: StreamKey, first: Number) -> Option<Range> {
        self.texts.get(&(stream, first)).map(|text| text.range(first))
    }

    /// All of a stream that is in memory.
    pub fn of(&self, stream: StreamKey) -> Vec<Kept> {
        let texts = self.texts.range((stream, 0)..=(stream, Number::MAX));
        texts.map(|((_, first), text)| kept(*first, text)).collect()
    }

    /// The batches in memory, and whose they are.
    pub fn iter(&self) -> impl Iterator<Item = (StreamKey, Range)> + '_ {
        self.texts.iter().map(|((stream, first), text)| (*stream, text.range(*first)))
    }

    /// Bytes that only memory has.
    pub fn bytes_but(&self, is_stored: impl Fn(StreamKey, Range) -> bool) -> u32 {
        let texts = self.texts.iter().map(|((stream, first), text)| (*stream, kept(*first, text)));
        texts.filter(|(stream, kept)| !is_stored(*stream, kept.range)).map(|(_, kept)| kept.bytes).sum()
    }
}

fn kept(first: Number, text: &Text) -> Kept {
    let range = text.range(first);
    let bytes = (text.head(first, range.len()).len() + text.lines.len()) as u32;
    Kept { range, bytes, priority: text.priority }
}
