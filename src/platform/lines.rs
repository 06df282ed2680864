//! The serialiser that the facade has too: `pkg-template/serialize.js`. In the npm package both load the same file.

use super::host::Host;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// One event as it travels: never throws, at most 32 KiB, whatever `data` is.
    #[wasm_bindgen(method, js_name = eventLine)]
    pub(crate) fn event_line(this: &Host, kind: &str, data: &JsValue) -> String;

    /// The line of a call such as `log(level, message, data)`.
    #[wasm_bindgen(method, js_name = callLine)]
    pub(crate) fn call_line(
        this: &Host,
        method: &str,
        first: &JsValue,
        second: &JsValue,
        third: &JsValue,
    ) -> String;
}
