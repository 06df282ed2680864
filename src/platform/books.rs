//! What is told of the books: Rust counts, JavaScript gives it its form.

use super::host::Host;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// One of the counts: held, delivered, released, stored bytes, then the drops in the order of `Reason::ALL`.
    #[wasm_bindgen(method)]
    pub(crate) fn count(this: &Host, at: u32, count: f64);

    /// Who asked for a flush last waits for this one.
    #[wasm_bindgen(method)]
    pub(crate) fn flushing(this: &Host, id: u32);

    /// Resolves the promises of a flush.
    #[wasm_bindgen(method)]
    pub(crate) fn finish(this: &Host, id: u32);
}
