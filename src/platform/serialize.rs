//! The serialiser that the facade has too: `pkg-template/serialize.js`. In the npm package both load the same file.

use js_sys::Array;
use wasm_bindgen::prelude::*;

#[cfg_attr(feature = "npm", wasm_bindgen(raw_module = "../serialize.js"))]
#[cfg_attr(not(feature = "npm"), wasm_bindgen(module = "/pkg-template/serialize.js"))]
extern "C" {
    /// One event as it travels: never throws, at most 32 KiB, whatever `data` is.
    #[wasm_bindgen(js_name = eventLine)]
    pub(crate) fn event_line(kind: &str, data: &JsValue, ts: f64) -> String;

    /// The line of a call such as `log(level, message, data)`.
    #[wasm_bindgen(js_name = callLine)]
    pub(crate) fn call_line(method: &str, arguments: &Array, ts: f64) -> String;
}
