//! The page's life; what the app says of who uses it, JavaScript tells as the members of the batch lines.

use super::host::Host;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// The client has begun: from here on JavaScript tells.
    #[wasm_bindgen(method)]
    pub(crate) fn ready(this: &Host);

    /// Listens to the page's life, or no more.
    #[wasm_bindgen(method)]
    pub(crate) fn listen(this: &Host, on: bool);
}
