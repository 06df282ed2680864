//! The core of Beaconry: numbers, batches, persists, sends and accounts for telemetry events. It does no I/O, has no
//! clock, no randomness, and not even the events: a *driver* keeps their texts, tells it what happened, and does what it asks
//! for. The core decides, in numbers and sizes.
//!
//! # Map
//!
//! | what | where |
//! | --- | --- |
//! | the pipeline, and all that a driver calls | [`Pipeline`] |
//! | what it is told | [`Stream`], [`Priority`], [`Offer`], [`Config`] |
//! | what it asks for | [`Output`], [`Request`] |
//! | what became of a request | [`Answer`] |
//! | what became of every event | [`Fates`], [`Fate`], [`Totals`], [`Reason`] |
//! | the wire format, for both ends | [`StreamLine`], [`BatchLine`], [`Body`], [`mod@answer`] |
//! | numbers and time | [`Range`], [`Ranges`], [`Instant`], [`Duration`] |
//!
//! # The contract
//!
//! Three families of methods: commands (`track`, `flush`, …), `handle_*` for what happened outside, and
//! [`poll_output`](Pipeline::poll_output). After an input the driver drains: it polls and carries out until
//! [`Output::Wait`], which names the only deadline. It drains in one microtask after the first `track` of a task, at once
//! after a `track` of [`Priority::High`], and after every other input. Inputs may come in between polls. Outputs are carried
//! out in order: a batch is persisted before it is sent, the stream line before its first batch, and, whenever a drop was
//! counted, before anything is erased. Persists of one batch coalesce until they are drained.
//!
//! The driver keeps the lines of each batch: where one begins, [`Tracked`] says; the outputs name it by its numbers. A batch's
//! text is a batch line and its lines; it grows until the next one begins, or the batch is sent, and never changes after.
//! The driver forgets a batch when [`Output::Erase`] or [`Output::Forget`] says so, and at no other time; the text of one that the
//! storage has it may read there.
//!
//! `now` is monotonic and a parameter everywhere. Repeated, late and stray calls do nothing, and are therefore safe.
//!
//! ```
//! use beaconry_core::{
//!     Answer, Config, Duration, Instant, Output, Pipeline, Priority, Range, Said, Stream, StreamKey,
//! };
//!
//! let mut now = Instant::from_millis(0);
//! let stream = Stream { key: StreamKey(0), next: 0, age: Duration::ZERO };
//! let mut pipeline = Pipeline::new(now, Config::default(), stream, 42);
//! pipeline.track(now, 31, Priority::Normal).unwrap();
//! loop {
//!     match pipeline.poll_output() {
//!         Output::PersistLine(_) | Output::Persist { .. } => pipeline.handle_stored(now, true), // setItem
//!         Output::Send(request) => {
//!             // fetch, and later:
//!             let stored: Vec<Range> = pipeline.carried(request.id).collect();
//!             let said = Said::Accounted { stored: &stored, rejected: &[] };
//!             pipeline.handle_answer(now, request.id, Answer::from_http(now, 200, None, said));
//!         }
//!         Output::Wait(Some(span)) => {
//!             now = now + span; // setTimeout
//!             pipeline.handle_timeout(now);
//!         }
//!         Output::Wait(None) => break,
//!         _ => {} // Erase, Forget, Dropped, …
//!     }
//! }
//! assert_eq!(pipeline.totals().delivered(), 1);
//! ```
//!
//! # What this crate does not do
//!
//! It does not see events, read a clock, hold a lock, know of browsers or HTTP beyond [`Answer::from_http`], time
//! requests out, decide what to sample, or limit the storage: the driver refuses a write, and the pipeline
//! makes room among what is ours; what is evicted outside is counted with
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
mod books;
mod config;
mod drain;
mod event;
mod exit;
mod fates;
pub mod flag;
mod gate;
pub mod json;
mod line;
mod memory;
mod outbox;
mod output;
mod pipeline;
mod ranges;
mod reason;
mod rng;
mod sending;
mod stream;
mod time;
pub mod wire;

pub use answer::{Answer, Said};
pub use books::Totals;
pub use config::Config;
pub use event::{Offer, Priority, Stream, StreamKey, TrackError, Tracked};
pub use fates::{Fate, Fates, Run};
pub use flag::Flag;
pub use output::{Link, Output, Page, Request, RequestId, Via};
pub use pipeline::{Line, Pipeline};
pub use ranges::{BadRanges, MAX_RANGES, Number, Range, Ranges};
pub use reason::{Dropped, Reason};
pub use stream::{BadStreamId, STREAM_ID_LEN, StreamId, StreamIdText};
pub use time::{Duration, Instant};
pub use wire::{BatchLine, Body, DecodeError, Identity, RawBatch, StreamLine};
