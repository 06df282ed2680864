//! The numbers in which driver and core talk, as in `pkg-template/messages.js`: a test there compares the two.
//!
//! A message is a row of 32-bit words, the first of which says what it is. Streams go by the keys that the driver gave them,
//! numbers of events by `start` and `end`, times by the ms until then (or since), events by their number of bytes.

/// What the driver tells.
pub(crate) mod told {
    /// Begins: a seed, the limits (memory, batch, flush after, maximum age; 0 for the default, but of a batch), bytes of a stream line
    /// without its ranges; then as [`BEGIN`].
    pub(crate) const START: u32 = 0;
    /// Time has passed.
    pub(crate) const TIME: u32 = 1;
    /// The members of the batch lines take other bytes than before.
    pub(crate) const CONTEXT: u32 = 2;
    /// Lost outside of the core: stream, reason, start, end.
    pub(crate) const LOST: u32 = 3;
    /// A batch that memory or storage has: stream, start, end, bytes in memory, whether it is stored, priority. Answered by 1
    /// where its text is to be kept.
    pub(crate) const OFFER: u32 = 4;
    /// Someone waits for everything to be delivered.
    pub(crate) const FLUSH: u32 = 5;
    /// Another stream begins: its key, the next number, its age.
    pub(crate) const BEGIN: u32 = 6;
    /// A dead page's stream, whose lock is held: as [`BEGIN`].
    pub(crate) const ADOPT: u32 = 7;
    /// An adopted stream goes back: its key.
    pub(crate) const RELEASE: u32 = 8;
    /// Another tab was switched off.
    pub(crate) const SWITCH_OFF: u32 = 9;
    /// Another tab has to wait so long.
    pub(crate) const GATE: u32 = 10;
    /// Whether the browser believes to be online.
    pub(crate) const LINK: u32 = 11;
    /// The page is shown (0), hidden (1) or gone (2).
    pub(crate) const PAGE: u32 = 12;
    /// The page may end, and beacons take so many bytes.
    pub(crate) const EXIT: u32 = 13;
    /// A request's answer: its id, the status (0 for none), the Retry-After ([`NEVER`](super::NEVER) for none), what it
    /// says ([`said`](super::said)); then how many ranges are stored, they, and the first numbers of rejected batches.
    pub(crate) const ANSWER: u32 = 14;
    /// A beacon's id, and whether the browser took it.
    pub(crate) const HANDED: u32 = 15;
    /// Whether the storage took what was asked for last.
    pub(crate) const STORED: u32 = 16;
    /// The books are to be told, as an output: held, delivered, given out before, left, then the dropped by reason. Answered
    /// by their number.
    pub(crate) const COUNT: u32 = 17;
    /// Lost and counted before this core began: as [`LOST`].
    pub(crate) const KNOWN: u32 = 18;
}

/// What an answer says.
pub(crate) mod said {
    /// What is stored, and what is rejected.
    pub(crate) const ACCOUNTED: u32 = 1;
    /// The stream is too old.
    pub(crate) const STALE: u32 = 2;
    /// A collector refuses.
    pub(crate) const ERROR: u32 = 3;
    /// Telemetry is off.
    pub(crate) const DISABLED: u32 = 4;
}

/// What the core asks for: see [`Output`](beaconry_core::Output).
pub(crate) mod asked {
    /// Nothing more, before so many ms have passed.
    pub(crate) const WAIT: u32 = 0;
    /// Stream; then the line ([`Core::poll`](crate::core::Core::poll)).
    pub(crate) const PERSIST_LINE: u32 = 1;
    /// Stream, start, end, as for all that concerns a batch.
    pub(crate) const PERSIST: u32 = 2;
    /// Stream.
    pub(crate) const ERASE_LINE: u32 = 3;
    /// A batch.
    pub(crate) const ERASE: u32 = 4;
    /// A batch.
    pub(crate) const FORGET: u32 = 5;
    /// Stream, how many batches, 0, id, their first numbers; then the line.
    pub(crate) const FETCH: u32 = 7;
    /// Stream, start, end, reason.
    pub(crate) const DROPPED: u32 = 8;
    /// All that a flush waits for is delivered or dropped.
    pub(crate) const FLUSHED: u32 = 9;
    /// Stream.
    pub(crate) const SETTLED: u32 = 10;
    /// The ms for which nobody of the origin sends.
    pub(crate) const GATED: u32 = 11;
    /// The collector switched telemetry off.
    pub(crate) const OFF: u32 = 12;
    /// As `FETCH`.
    pub(crate) const BEACON: u32 = 13;
}

/// What became of a tracked event.
pub(crate) mod tracked {
    /// It belongs to the batch of the one before.
    pub(crate) const JOINED: u32 = 0;
    /// It is the first of a batch.
    pub(crate) const BEGAN: u32 = 1;
    /// It has a number, under which its loss is counted.
    pub(crate) const COUNTED: u32 = 2;
    /// It has none: telemetry is off, or the stream is over.
    pub(crate) const REFUSED: u32 = 3;
}

/// A time that does not come.
pub(crate) const NEVER: u32 = u32::MAX;
