//! Alarms.

use super::host::Host;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// Tells `what` once after `ms`, instead of when it was set for before; infinity for never. It may be early.
    #[wasm_bindgen(method, js_name = setAlarm)]
    pub(crate) fn set_alarm(this: &Host, what: u32, ms: f64);
}
