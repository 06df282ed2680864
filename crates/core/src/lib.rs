//! The core of Beaconry.
#![no_std]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

extern crate alloc;

pub mod answer;
pub mod flag;
pub mod json;
mod ranges;
mod reason;
mod stream;
mod time;
pub mod wire;

pub use answer::Answer;
pub use flag::Flag;
pub use ranges::{BadRanges, MAX_RANGES, Number, Range, Ranges};
pub use reason::{Dropped, Reason};
pub use stream::{BadStreamId, STREAM_ID_LEN, Stream, StreamId, StreamIdText};
pub use time::{Duration, Instant};
pub use wire::{BatchLine, Body, DecodeError, Identity, RawBatch, StreamLine};
