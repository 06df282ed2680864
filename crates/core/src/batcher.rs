//! The open batch of the own stream: the only bytes that still grow.

use crate::{Context, Instant, Number, Priority, Range, batch::Batch, batch::Saved, config::HEAD_ROOM, wire};
use alloc::vec::Vec;

/// Empty between a seal and the next event.
#[derive(Debug)]
pub(crate) struct Batcher {
    first: Number,
    count: u32,
    lines: Vec<u8>,
    context: Vec<u8>,
    priority: Priority,
    since: Instant,
    /// How many of its lines the storage has; none after a refusal.
    saved: u32,
    /// A write of just these lines was refused.
    refused: bool,
    has_key: bool,
}

impl Batcher {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            first: 0,
            count: 0,
            lines: Vec::new(),
            context: Vec::new(),
            priority: Priority::Low,
            since: now,
            saved: 0,
            refused: false,
            has_key: false,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn range(&self) -> Option<Range> {
        Range::new(self.first, self.end())
    }

    pub(crate) fn first(&self) -> Number {
        self.first
    }

    pub(crate) fn end(&self) -> Number {
        self.first.saturating_add(self.count)
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    pub(crate) fn since(&self) -> Instant {
        self.since
    }

    /// Bytes on the wire, were it sealed now; never less than what a seal makes of it.
    pub(crate) fn bytes(&self) -> usize {
        if self.is_empty() { 0 } else { HEAD_ROOM + self.context.len() + self.lines.len() }
    }

    /// Bytes on the wire with one more line.
    pub(crate) fn bytes_with(&self, line: usize) -> usize {
        HEAD_ROOM + self.context.len() + self.lines.len() + line + 1 // its line break
    }

    /// The hot path: two appends to a buffer that keeps its capacity from batch to batch.
    pub(crate) fn append(&mut self, now: Instant, number: Number, line: &str, priority: Priority) {
        if self.count == 0 {
            self.first = number;
            self.since = now;
            self.priority = priority;
        }
        self.count += 1;
        self.priority = self.priority.max(priority);
        self.refused = false;
        self.lines.extend_from_slice(line.as_bytes());
        self.lines.push(b'\n');
    }

    pub(crate) fn context(&self) -> &[u8] {
        &self.context
    }

    /// Only while empty: the context of sealed lines is theirs.
    pub(crate) fn set_context(&mut self, context: Context<'_>) {
        self.context.clear();
        self.context.extend_from_slice(context.members.as_bytes());
    }

    pub(crate) fn is_unsaved(&self) -> bool {
        self.saved < self.count && !self.refused
    }

    /// The storage has every line of it.
    pub(crate) fn is_saved(&self) -> bool {
        self.saved == self.count
    }

    /// Something was erased: it may fit now.
    pub(crate) fn retry_write(&mut self) {
        self.refused = false;
    }

    /// The bytes as they stand.
    pub(crate) fn value(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes());
        wire::write_batch_line(self.first, self.count, &self.context, &mut out);
        out.extend_from_slice(&self.lines);
        out
    }

    /// The storage took the lines below `end`, or refused them.
    pub(crate) fn stored(&mut self, end: Number, taken: bool) {
        if taken {
            self.saved = end.saturating_sub(self.first).min(self.count);
            self.has_key = true;
        } else {
            self.refused = end == self.end();
        }
    }

    /// Seals what is there and begins anew under the same context.
    pub(crate) fn seal(&mut self, expires: Instant) -> Option<Batch> {
        let range = self.range()?;
        let mut batch = Batch::new(range, self.value(), self.priority, expires);
        batch.has_key = self.has_key;
        batch.saved = match (self.is_saved(), self.refused) {
            (true, _) => Saved::Yes,
            (_, true) => Saved::Refused,
            _ => Saved::No,
        };
        self.count = 0;
        self.lines.clear();
        self.saved = 0;
        self.refused = false;
        self.has_key = false;
        Some(batch)
    }
}
