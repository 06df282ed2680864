//! Promises of functions that anyone may have patched: what comes back need not be one.

use js_sys::Function;
use std::cell::RefCell;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// Something that should have a method `then`.
    #[derive(Clone, Debug)]
    pub(crate) type Thenable;

    #[wasm_bindgen(method, structural, catch)]
    pub(crate) fn then(this: &Thenable, done: &Function, failed: &Function) -> Result<Thenable, JsValue>;
}

/// A function that JavaScript calls with one value.
pub(crate) type Callback = Closure<dyn FnMut(JsValue) -> JsValue>;

pub(crate) fn callback(call: impl FnMut(JsValue) -> JsValue + 'static) -> Callback {
    Closure::wrap(Box::new(call))
}

pub(crate) fn function(callback: &Callback) -> &Function {
    callback.as_ref().unchecked_ref()
}

/// A promise, and the function that resolves it.
pub(crate) fn pending() -> (js_sys::Promise, Option<Function>) {
    let resolve = RefCell::new(None);
    let promise = js_sys::Promise::new(&mut |function: Function, _: Function| {
        resolve.replace(Some(function));
    });
    (promise, resolve.into_inner())
}
