//! The client of Beaconry for browsers: drives [`beaconry_core`] with the browser's own storage, locks, clock and network.
//!
//! | what | where |
//! | --- | --- |
//! | what JavaScript and Rust apps call | [`TelemetryClient`] |
//! | what the app chose | `settings` |
//! | drains the core and carries out what it asks for | `driver`, `outputs` |
//! | takes over the streams of pages that are gone | `adoption` |
//! | goes on where the JavaScript facade stops | `handover` |
//! | one browser API a file, and its JavaScript in `pkg-template/platform` | `platform` |
//!
//! Nothing here throws into the app. No borrow is held while JavaScript runs: a patched `fetch` or `setItem` may call
//! back into the client at any time. Every listener, timer and lock is the host's (`platform::host`), which lets go of them all
//! with [`TelemetryClient::dispose`], and when the client is dropped.
//!
//! # What this crate does not do
//!
//! It knows nothing of batching, retries or HTTP statuses: those are the core's. It does not decide whether telemetry is
//! on: the facade does, before any WebAssembly is fetched.

mod adoption;
mod client;
mod driver;
mod handover;
mod outputs;
mod page_life;
mod platform;
mod settings;
#[cfg(feature = "serde")]
mod text;
#[cfg(feature = "serde")]
mod typed;

/// A list of free blocks instead of std's allocator: 3 kB less of gzip, and as fast with the few allocations of a batch.
#[cfg(all(feature = "npm", target_arch = "wasm32"))]
#[global_allocator]
static ALLOCATOR: lol_alloc::LockedAllocator<lol_alloc::FreeListAllocator> =
    lol_alloc::LockedAllocator::new(lol_alloc::FreeListAllocator::new());

pub use beaconry_core::Flag;
pub use client::TelemetryClient;
#[cfg(feature = "serde")]
pub use typed::{EventType, Limits, Options, Stats};
