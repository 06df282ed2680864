//! The page: its life, its path, and what the app says of who uses it.

use super::host::Host;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// Whether the user cannot see the page.
    #[wasm_bindgen(method, js_name = isHidden)]
    pub(crate) fn is_hidden(this: &Host) -> bool;

    /// Listens to the page's life, or no more.
    #[wasm_bindgen(method)]
    pub(crate) fn listen(this: &Host, on: bool);

    /// The members of the batch lines from now on, as raw JSON; `None` where they are as before.
    #[wasm_bindgen(method)]
    pub(crate) fn members(this: &Host) -> Option<String>;

    #[wasm_bindgen(method, js_name = setUser)]
    pub(crate) fn set_user(this: &Host, user: &JsValue);

    #[wasm_bindgen(method, js_name = setContext)]
    pub(crate) fn set_context(this: &Host, context: &JsValue);
}
