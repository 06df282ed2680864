//! JSON for what passes the border as a whole: contexts come in, statistics go out.

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// `None` for what JSON leaves out. A `toJSON` may throw.
    #[wasm_bindgen(js_namespace = JSON, catch)]
    pub(crate) fn stringify(value: &JsValue) -> Result<Option<String>, JsValue>;

    #[wasm_bindgen(js_namespace = JSON, catch)]
    pub(crate) fn parse(text: &str) -> Result<JsValue, JsValue>;
}
