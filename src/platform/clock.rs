//! Time: a monotonic clock for the core, the wall clock for births and for what tabs tell each other.

use beaconry_core::Instant;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;

    #[wasm_bindgen(js_namespace = Date, js_name = now)]
    fn date_now() -> f64;
}

/// Milliseconds since the page began (High Resolution Time, 4); never goes back.
pub(crate) fn now() -> Instant {
    Instant::from_millis(whole(performance_now()))
}

/// Milliseconds since 1970 by the client's own clock, which may be wrong and may go back.
pub(crate) fn unix_ms() -> u64 {
    whole(date_now())
}

/// Whole and not negative; what is no number is zero.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
pub(crate) fn whole(value: f64) -> u64 {
    value as u64
}
