//! What the driver is asked to do, and the words for what it tells in return.

use crate::{Instant, Number, Range, Reason, StreamId};
use alloc::vec::Vec;

/// One thing for the driver to do. Everything in it is owned: nothing stays borrowed while JavaScript runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Write `value`, exactly the bytes on the wire, under `slot`, then call
    /// [`handle_stored`](crate::Pipeline::handle_stored) before the next poll.
    Persist {
        /// Where.
        slot: Slot,
        /// What; replaces an earlier value whole.
        value: Vec<u8>,
    },
    /// Remove `slot` from the storage: its numbers are acknowledged, or dropped and counted.
    Erase {
        /// Where.
        slot: Slot,
        /// For a batch: read it again, and erase it only if its numbers lie inside; else
        /// [`offer`](crate::Pipeline::offer) it.
        range: Option<Range>,
    },
    /// Read the batch that starts at `range.start()` and [`offer`](crate::Pipeline::offer) it; if nothing readable is
    /// there, [`count_dropped`](crate::Pipeline::count_dropped) the range as [`Reason::Storage`].
    Load {
        /// The stream.
        stream: StreamId,
        /// The numbers that the storage is believed to have.
        range: Range,
    },
    /// Send a request and tell what came of it with [`handle_answer`](crate::Pipeline::handle_answer).
    Send(Request),
    /// These events are lost; for `onDrop` and the debug warning. The books have them already.
    Dropped {
        /// The stream.
        stream: StreamId,
        /// Why.
        reason: Reason,
        /// Which.
        range: Range,
    },
    /// Nothing that was tracked before this [`flush`](crate::Pipeline::flush) is held any more.
    Flushed(FlushId),
    /// An adopted stream is done and erased, or its line is unreadable and stays: give its lock back.
    Settled(StreamId),
    /// A Retry-After came: write it for the other tabs of the origin.
    Gate {
        /// Nothing is sent before this, but for beacons on exit.
        until: Instant,
    },
    /// The collector switched this client off (410): write the gate's off-until and stop, once drained.
    Off,
    /// Drained. Call [`handle_timeout`](crate::Pipeline::handle_timeout) then, or never, unless something else happens.
    Wait(Option<Instant>),
}

/// A place in the storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The stream.
    pub stream: StreamId,
    /// Which of its values.
    pub part: Part,
}

/// One of a stream's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The stream line.
    Line,
    /// The batch with this first number.
    Batch(Number),
}

/// One `POST`: a stream line and some batches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Names the request in its answer. Never used twice.
    pub id: RequestId,
    /// For the URL.
    pub stream: StreamId,
    /// UTF-8.
    pub body: Vec<u8>,
    /// How.
    pub via: Via,
}

/// See [`Request::id`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u32);

/// Names a [`flush`](crate::Pipeline::flush).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FlushId(pub u32);

/// How a request travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// `fetch` without keepalive: any size, and an answer.
    Fetch,
    /// `sendBeacon`: outlives the page; true means [`Answer::HandedOff`](crate::Answer::HandedOff), false
    /// [`Answer::NotSent`](crate::Answer::NotSent).
    Beacon,
}

/// A write failed: the storage is full, blocked or not there. What it was for stays in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreError;

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
