//! What the driver is asked to do, and the words for what it tells in return.

use crate::{Duration, Range, Reason, StreamKey};

/// One thing for the driver to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Write a stream's line, as [`Pipeline::line`](crate::Pipeline::line) has it now, then call
    /// [`handle_stored`](crate::Pipeline::handle_stored) before the next poll.
    PersistLine(StreamKey),
    /// Write the batch with these numbers, its text as it is now, under its first number; then call
    /// [`handle_stored`](crate::Pipeline::handle_stored) before the next poll.
    Persist {
        /// The stream.
        stream: StreamKey,
        /// The numbers that the batch has now: the open one may grow.
        range: Range,
    },
    /// Remove the stream's line from the storage: nothing is left to be told.
    EraseLine(StreamKey),
    /// Forget the batch's text, and remove it from the storage: its numbers are acknowledged, or dropped and counted.
    /// Read it again before: if what the storage has is longer, [`offer`](crate::Pipeline::offer) that instead.
    Erase {
        /// The stream.
        stream: StreamKey,
        /// The numbers.
        range: Range,
    },
    /// Forget the batch, and leave the storage alone: it never had it, or is not ours.
    Forget {
        /// The stream.
        stream: StreamKey,
        /// The numbers.
        range: Range,
    },
    /// Send the stream's line and the batches that the request [carries](crate::Pipeline::carried), and tell what came
    /// of it with [`handle_answer`](crate::Pipeline::handle_answer). A batch that memory has no more is read from the storage; what
    /// cannot be read is left out, and [counted](crate::Pipeline::count_dropped) as [`Reason::Storage`].
    Send(Request),
    /// These events are lost; for `onDrop` and the debug warning. The books have them already.
    Dropped {
        /// The stream.
        stream: StreamKey,
        /// Why.
        reason: Reason,
        /// Which.
        range: Range,
    },
    /// Nothing that was tracked before the last [`flush`](crate::Pipeline::flush) is held any more.
    Flushed,
    /// An adopted stream is done and erased, or its line is unreadable and stays: give its lock back.
    Settled(StreamKey),
    /// A Retry-After came: write for the other tabs of the origin that nobody sends for so long.
    Gate(Duration),
    /// The collector switched this client off (410): write the gate's off-until and stop, once drained.
    Off,
    /// Drained. Call [`handle_timeout`](crate::Pipeline::handle_timeout) after so long, or never, unless something else happens.
    Wait(Option<Duration>),
}

/// One `POST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Names the request in its answer. Never used twice.
    pub id: RequestId,
    /// Whose line and batches.
    pub stream: StreamKey,
    /// How.
    pub via: Via,
}

/// See [`Request::id`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u32);

impl RequestId {
    /// No request has this.
    pub const NONE: Self = Self(0);
}

/// How a request travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// `fetch` without keepalive: any size, and an answer.
    Fetch,
    /// `sendBeacon`: outlives the page; true means [`Answer::HandedOff`](crate::Answer::HandedOff), false
    /// [`Answer::NotSent`](crate::Answer::NotSent).
    Beacon,
}

/// What the browser believes of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Ends a backoff, never a Retry-After.
    Online,
    /// Delays, never forbids.
    Offline,
}

/// What the user sees of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// Shown, or shown again.
    Visible,
    /// `visibilitychange` to hidden, or `freeze`: maybe the last that is heard. Every drain ends in a beacon.
    Hidden,
    /// `pagehide`: the own stream is closed and its lock about to go; nothing more is numbered in it.
    Gone,
}
