//! localStorage. Any call may throw: it is full, blocked by the user, or the frame has no origin.

use super::global::{Global, global};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// localStorage.
    #[derive(Clone, Debug)]
    pub(crate) type Storage;

    #[wasm_bindgen(method, getter, structural, catch, js_name = localStorage)]
    fn local_storage(this: &Global) -> Result<Option<Storage>, JsValue>;

    #[wasm_bindgen(method, structural, catch, js_name = getItem)]
    fn get_item(this: &Storage, key: &str) -> Result<Option<String>, JsValue>;

    #[wasm_bindgen(method, structural, catch, js_name = setItem)]
    fn set_item(this: &Storage, key: &str, value: &str) -> Result<(), JsValue>;

    #[wasm_bindgen(method, structural, catch, js_name = removeItem)]
    fn remove_item(this: &Storage, key: &str) -> Result<(), JsValue>;

    #[wasm_bindgen(method, structural, catch)]
    fn key(this: &Storage, index: u32) -> Result<Option<String>, JsValue>;
}

/// The value could not be written: no room, or no right to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotStored;

impl Storage {
    /// None where the browser denies it.
    pub(crate) fn open() -> Option<Self> {
        global(Global::local_storage).ok().flatten()
    }

    pub(crate) fn get(&self, key: &str) -> Option<String> {
        self.get_item(key).ok().flatten()
    }

    pub(crate) fn set(&self, key: &str, value: &str) -> Result<(), NotStored> {
        self.set_item(key, value).map_err(|_| NotStored)
    }

    /// What cannot be removed now is removed by who finds it later.
    pub(crate) fn remove(&self, key: &str) {
        drop(self.remove_item(key));
    }

    /// All keys of the origin.
    pub(crate) fn keys(&self) -> Vec<String> {
        (0..).map_while(|index| self.key(index).ok().flatten()).collect()
    }
}
