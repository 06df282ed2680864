//! The collector's word for all tabs of the origin, kept in the storage.

use super::host::Host;
use wasm_bindgen::prelude::*;

/// "Not before", "off until", as in `pkg-template/flag.js`.
pub(crate) const NOT_BEFORE: u32 = 0;
pub(crate) const OFF_UNTIL: u32 = 1;

#[wasm_bindgen]
extern "C" {
    /// The ms for which a word still holds; 0 for none. One that is further ahead than it can be is none.
    #[wasm_bindgen(method)]
    pub(crate) fn gated(this: &Host, which: u32) -> f64;

    /// Makes a word hold for at least so many ms.
    #[wasm_bindgen(method)]
    pub(crate) fn close(this: &Host, which: u32, ms: f64);
}
