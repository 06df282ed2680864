//! The core of Beaconry: numbers, batches, persists, sends and accounts for telemetry events. It does no I/O, has no
//! clock and no randomness: a *driver* tells it what happened and does what it asks for.
//!
//! # Map
//!
//! | what | where |
//! | --- | --- |
//! | the pipeline, and all that a driver calls | [`Pipeline`] |
//! | what it is given | [`Event`], [`Context`], [`Stream`], [`Config`] |
//! | what it asks for | [`Output`], [`Request`], [`Slot`] |
//! | what became of a request | [`Answer`] |
//! | what became of every event | [`Books`], [`Book`], [`Reason`] |
//! | the wire format, for both ends | [`StreamLine`], [`BatchLine`], [`Body`], [`mod@answer`] |
//! | numbers and time | [`Range`], [`Ranges`], [`Instant`], [`Duration`] |
//!
//! # The contract
//!
//! Three families of methods: commands (`track`, `flush`, …), `handle_*` for what happened outside, and
//! [`poll_output`](Pipeline::poll_output). After an input the driver drains: it polls and carries out until
//! [`Output::Wait`], which names the only deadline. It drains in one microtask after the first `track` of a task, at once
//! after a `track` of [`Priority::High`], when [`wants_drain`](Pipeline::wants_drain), and after every other input. Inputs
//! may come in between polls. Outputs are carried out in order: a batch is persisted before it is sent, the stream line
//! before its first batch, and, whenever a drop was counted, before anything is erased. Persists of one batch coalesce
//! until they are drained.
//!
//! `now` is monotonic and a parameter everywhere. Repeated, late and stray calls do nothing, and are therefore safe.
//!
//! ```
//! use beaconry_core::{Answer, Config, Duration, Event, Instant, Output, Pipeline, Priority, Ranges, Stream, StreamId};
//!
//! let mut now = Instant::from_millis(0);
//! let stream = Stream { id: StreamId::new(1_763_877_600_000, [7; 10]), next: 0, age: Duration::ZERO };
//! let mut pipeline = Pipeline::new(now, Config::default(), stream, 42);
//! pipeline.track(now, Event { line: r#"{"type":"log","ts":1,"data":{}}"#, priority: Priority::Normal }).unwrap();
//! loop {
//!     match pipeline.poll_output() {
//!         Output::Persist { slot, .. } => pipeline.handle_stored(now, slot, Ok(())), // setItem
//!         Output::Send(request) => {
//!             // fetch, and later:
//!             let answer = Answer::from_http(now, 200, None, br#"{"stored":[[0,1]],"rejected":[]}"#);
//!             pipeline.handle_answer(now, request.id, answer);
//!         }
//!         Output::Wait(Some(at)) => {
//!             now = at; // setTimeout
//!             pipeline.handle_timeout(now);
//!         }
//!         Output::Wait(None) => break,
//!         _ => {} // Erase, Load, Dropped, …
//!     }
//! }
//! assert_eq!(pipeline.books().totals().delivered, 1);
//! ```
//!
//! # What this crate does not do
//!
//! It does not parse events, read a clock, hold a lock, know of browsers or HTTP beyond [`Answer::from_http`], time
//! requests out, decide what to sample, or limit the storage: the driver evicts, and counts with
//! [`count_dropped`](Pipeline::count_dropped). Nor does it begin streams by itself: ids need randomness.
#![no_std]
#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

extern crate alloc;

mod adoption;
pub mod answer;
mod answers;
mod batch;
mod batcher;
mod books;
mod config;
mod drain;
mod event;
mod exit;
pub mod flag;
mod gate;
pub mod json;
mod line;
mod memory;
mod outbox;
mod output;
mod outputs;
mod pipeline;
mod ranges;
mod reason;
mod rng;
mod sending;
mod stream;
mod streams;
mod time;
pub mod wire;

pub use answer::Answer;
pub use books::{Book, Books, Totals};
pub use config::Config;
pub use event::{BadContext, Context, Event, Priority, TrackError};
pub use flag::Flag;
pub use output::{FlushId, Link, Output, Page, Part, Request, RequestId, Slot, StoreError, Via};
pub use pipeline::Pipeline;
pub use ranges::{BadRanges, MAX_RANGES, Number, Range, Ranges};
pub use reason::{Dropped, Reason};
pub use stream::{BadStreamId, STREAM_ID_LEN, Stream, StreamId, StreamIdText};
pub use time::{Duration, Instant};
pub use wire::{BatchLine, Body, DecodeError, Identity, RawBatch, StreamLine};
