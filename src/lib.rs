//! The client of Beaconry for browsers, as far as it is WebAssembly: [`beaconry_core`] behind an interface of numbers. The driver,
//! which has the texts and the browser, is JavaScript: `pkg-template/driver.js`.
//!
//! | what | where |
//! | --- | --- |
//! | the core in numbers | [`Core`], `messages` |
//! | what the npm package's module exports | `exports` (feature `npm`) |
//! | what Rust front ends call | [`TelemetryClient`], and with the feature `serde` [`Options`], [`Stats`], [`EventType`] |
//!
//! No text enters or leaves the WebAssembly, and it calls no JavaScript: so whatever the app does inside of a patched `setItem` or
//! `fetch`, the core is never on the stack, and when it traps nothing is lost with it.
//!
//! # What this crate does not do
//!
//! It knows nothing of batching, retries or HTTP statuses: those are the core's. It does not decide whether telemetry is
//! on: the facade does, before any WebAssembly is fetched.

#[cfg(not(feature = "npm"))]
mod client;
mod core;
#[cfg(feature = "npm")]
pub mod exports;
mod messages;
#[cfg(feature = "serde")]
mod typed;

/// A list of free blocks instead of std's allocator: 3 kB less of gzip, and as fast with the few allocations of a batch.
#[cfg(all(feature = "npm", target_arch = "wasm32"))]
#[global_allocator]
static ALLOCATOR: lol_alloc::LockedAllocator<lol_alloc::FreeListAllocator> =
    lol_alloc::LockedAllocator::new(lol_alloc::FreeListAllocator::new());

pub use crate::core::Core;
pub use beaconry_core::Flag;
#[cfg(not(feature = "npm"))]
pub use client::TelemetryClient;
#[cfg(feature = "serde")]
pub use typed::{EventType, Limits, Options, Stats};
