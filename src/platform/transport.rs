//! The two ways out: `fetch`, which brings an answer, and `sendBeacon`, which outlives the page.

use super::host::Host;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// Posts `body`, in a task of its own; [`REPLIED`](super::told::REPLIED) follows once.
    #[wasm_bindgen(method)]
    pub(crate) fn post(this: &Host, id: u32, stream: &str, body: &str);

    /// Whether the browser took the beacon.
    #[wasm_bindgen(method)]
    pub(crate) fn beacon(this: &Host, stream: &str, body: &str) -> bool;
}
