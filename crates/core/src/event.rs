//! What the driver tells of events. It keeps their texts: the core deals in numbers and sizes.

use crate::{Duration, Number};

/// The driver's name for a stream: the core never sees the id. A name is used for one stream alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey(pub u32);

/// A stream to begin with.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    /// Its name from here on.
    pub key: StreamKey,
    /// The next number: how many others gave out before.
    pub next: Number,
    /// Time since its birth, by the client's own clock.
    pub age: Duration,
}

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

/// Where an event went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// Its number.
    pub number: Number,
    /// It is the first of a batch. The batch before it, if there was one, is sealed: its text never changes again.
    pub begins_batch: bool,
}

/// Why an event was not taken. All but `Off` used up a number, under which the loss is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackError {
    /// Without a byte, as a driver tells of what is no event: counted as `invalid`.
    Invalid,
    /// Longer than [`Config::max_event_bytes`](crate::Config::max_event_bytes): counted as `too_large`.
    TooLarge,
    /// No memory is left, and nothing of lower or equal priority could go: counted as `full`.
    Full,
    /// Switched off, or the own stream is closed (after `pagehide`, before the next
    /// [`begin_stream`](crate::Pipeline::begin_stream)): nothing was numbered.
    Off,
}

/// What the driver tells of a batch that it [offers](crate::Pipeline::offer).
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    /// Bytes of its text.
    pub bytes: u32,
    /// The storage has it.
    pub is_stored: bool,
    /// See [`Priority`].
    pub priority: Priority,
}
