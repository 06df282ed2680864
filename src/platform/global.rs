//! The global object. Its getters are imported one by one: a cast to `Window` would cost glue, and workers have none.

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// `globalThis`.
    pub(crate) type Global;

    #[wasm_bindgen(thread_local_v2, js_name = globalThis)]
    static GLOBAL: Global;
}

/// Calls `with` with the global object.
pub(crate) fn global<T>(with: impl FnOnce(&Global) -> T) -> T {
    GLOBAL.with(with)
}
