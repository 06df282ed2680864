//! Timers and microtasks.

use super::global::{Global, global};
use js_sys::Function;
use std::cell::Cell;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(method, structural, js_name = setTimeout)]
    fn set_timeout(this: &Global, callback: &Function, ms: f64) -> f64;

    #[wasm_bindgen(method, structural, js_name = clearTimeout)]
    fn clear_timeout(this: &Global, id: f64);

    #[wasm_bindgen(method, structural, js_name = queueMicrotask)]
    fn queue_microtask(this: &Global, callback: &Function);
}

/// The longest delay that `setTimeout` takes; a longer one fires at once (HTML, 8.6: a 32-bit integer).
const MAX_DELAY_MS: f64 = 2_147_483_647.0;

/// One alarm that can be set again and again.
#[derive(Debug)]
#[must_use = "the alarm is cancelled when this is dropped"]
pub(crate) struct Alarm {
    callback: Function,
    /// The pending timer; 0 for none, which `setTimeout` never returns.
    id: Cell<f64>,
}

impl Alarm {
    pub(crate) fn new(callback: &Function) -> Self {
        Self { callback: callback.clone(), id: Cell::new(0.0) }
    }

    /// Fires once after `ms`, instead of when it was set for before. It may fire early or more than once.
    pub(crate) fn set(&self, ms: u64) {
        self.clear();
        #[expect(clippy::cast_precision_loss, reason = "capped far below")]
        let delay = (ms as f64).min(MAX_DELAY_MS);
        self.id.set(global(|it| it.set_timeout(&self.callback, delay)));
    }

    pub(crate) fn clear(&self) {
        let id = self.id.replace(0.0);
        if id != 0.0 {
            global(|it| it.clear_timeout(id));
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Runs `callback` at the end of the current task.
pub(crate) fn at_end_of_task(callback: &Function) {
    global(|it| it.queue_microtask(callback));
}
