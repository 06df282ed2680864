//! The client in a real browser, against its real storage, locks, events and timers. Only the network is played.
//!
//! `wasm-pack test --headless --chrome . -p beaconry`, or `cargo xtask test client`.

// The npm package has the methods in JavaScript: `e2e/` tests that one.
#![cfg(not(feature = "npm"))]
#![cfg(target_arch = "wasm32")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod adoption;
mod delivery;
mod gate;
mod lease;
mod mirror;
mod page_life;
mod reentrancy;
mod storage;
mod support;
#[cfg(feature = "serde")]
mod typed;

use wasm_bindgen_test::wasm_bindgen_test_configure;

wasm_bindgen_test_configure!(run_in_browser);
