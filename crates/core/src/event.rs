//! What the application hands in: one JSON line an event, and the context that its batch carries.

use crate::wire::BATCH_MARK;

/// How much an event matters. A batch's priority is the highest of its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Dropped first when memory is full.
    Low,
    /// What most events are.
    Normal,
    /// Errors: due within a second, first on exit, dropped last. The driver drains at once after such a `track`.
    High,
}

/// One event on its way in.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// One JSON object, from `{` to `}`, without a line break: exactly the bytes that the journal gets.
    pub line: &'a str,
    /// See [`Priority`].
    pub priority: Priority,
}

/// Why an event was not taken. All but `Off` used up a number, under which the loss is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackError {
    /// Longer than [`Config::max_event_bytes`](crate::Config::max_event_bytes): counted as `too_large`.
    TooLarge,
    /// Not one line from `{` to `}`, or one that would pass for a batch line: counted as `invalid`.
    Invalid,
    /// No memory is left, and nothing of lower or equal priority could go: counted as `full`.
    Full,
    /// Switched off, or the own stream is closed (after `pagehide`, before the next
    /// [`begin_stream`](crate::Pipeline::begin_stream)): nothing was numbered.
    Off,
}

/// What all events of a batch share. A new context seals the open batch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// The raw JSON members for the batch line, such as `"page":"/cart","user":"u1"`; or nothing.
    pub members: &'a str,
}

/// The context is longer than [`Config::max_context_bytes`](crate::Config::max_context_bytes) or holds a control
/// character. From then on batches carry no context: a stale one could name a user who has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadContext;

impl Event<'_> {
    /// Whether the line stays one line on the wire and in the journal. Its JSON is the collector's to check.
    pub(crate) fn is_one_object(&self) -> bool {
        let bytes = self.line.as_bytes();
        let is_object = bytes.first() == Some(&b'{') && bytes.last() == Some(&b'}');
        is_object && !bytes.starts_with(BATCH_MARK) && !has_control(bytes)
    }
}

impl Context<'_> {
    pub(crate) fn is_one_line(&self) -> bool {
        !has_control(self.members.as_bytes())
    }
}

/// JSON allows no raw control character within strings, and a compact line has none between them (RFC 8259, 7).
fn has_control(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| *byte < 0x20)
}
