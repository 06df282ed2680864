//! Timers, microtasks and what waits for them.

use super::host::Host;
use js_sys::Promise;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// Tells `what` once after `ms`, instead of when it was set for before; infinity for never. It may be early.
    #[wasm_bindgen(method, js_name = setAlarm)]
    pub(crate) fn set_alarm(this: &Host, what: u32, ms: f64);

    /// [`WAKE`](super::told::WAKE) follows at the end of the task.
    #[wasm_bindgen(method, js_name = wakeAtEndOfTask)]
    pub(crate) fn wake_at_end_of_task(this: &Host);

    /// A promise of a flush's result; [`FLUSH_TIMED_OUT`](super::told::FLUSH_TIMED_OUT) follows after `how.timeout` ms, or
    /// after `otherwise`.
    #[wasm_bindgen(method)]
    pub(crate) fn flush(this: &Host, id: u32, how: &JsValue, otherwise: f64) -> Promise;

    /// Resolves the promises of a flush, or of all.
    #[wasm_bindgen(method)]
    pub(crate) fn finish(this: &Host, result: &str, id: Option<u32>);
}
