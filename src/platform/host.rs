//! What one client has of the browser. Its methods are spread over the files beside this, by API.

use wasm_bindgen::prelude::*;

/// How JavaScript tells what happened; see [`super::told`].
pub(crate) type Tell = Closure<dyn Fn(u32, u32, u32, f64, String, f64, f64)>;

#[cfg_attr(feature = "npm", wasm_bindgen(raw_module = "../platform/host.js"))]
#[cfg_attr(feature = "one-file", wasm_bindgen(module = "/pkg/host.js"))]
#[cfg_attr(
    not(any(feature = "npm", feature = "one-file")),
    wasm_bindgen(module = "/pkg-template/platform/host.js")
)]
extern "C" {
    /// Its options, and the listeners, timers and locks that it has.
    #[derive(Debug)]
    pub(crate) type Host;

    /// `None` where an option is missing or wrong: then the console names it.
    pub(crate) fn open(options: &JsValue, handover: &JsValue, tell: &Tell) -> Option<Host>;
}

#[wasm_bindgen]
extern "C" {
    /// What the client begins with, in the form of a request's body; a new stream if `anew`, or where there is no facade.
    #[wasm_bindgen(method)]
    pub(crate) fn beginning(this: &Host, anew: bool) -> String;

    /// A new stream's id.
    #[wasm_bindgen(method, js_name = newId)]
    pub(crate) fn new_id(this: &Host) -> String;

    /// Nine numbers: the two clocks, a seed from 0 to 1; memory, storage and batch in bytes, flush after and age in ms, each 0
    /// where the app chose none; and 1 if there is a storage.
    #[wasm_bindgen(method)]
    pub(crate) fn limits(this: &Host) -> Vec<f64>;

    /// Calls the app's `onDrop`, and swallows what it throws.
    #[wasm_bindgen(method)]
    pub(crate) fn dropped(this: &Host, reason: &str, count: u32);

    /// Lets go of every listener, timer and lock; if `forever`, nothing is told any more.
    #[wasm_bindgen(method, js_name = letGo)]
    pub(crate) fn let_go(this: &Host, forever: bool);

    /// Switched off by the collector.
    #[wasm_bindgen(method)]
    pub(crate) fn off(this: &Host);
}

/// The files that it imports in turn: outside of the npm package only what is named here comes along.
#[cfg(not(any(feature = "npm", feature = "one-file")))]
mod imported {
    macro_rules! name {
        ($($file:ident = $path:tt)*) => { $(
            mod $file {
                #[wasm_bindgen::prelude::wasm_bindgen(module = $path)]
                extern "C" {
                    #[allow(dead_code, reason = "names the file, and is never called")]
                    fn named();
                }
            }
        )* };
    }
    name! {
        flag = "/pkg-template/flag.js"
        options = "/pkg-template/options.js"
        serialize = "/pkg-template/serialize.js"
        writer = "/pkg-template/writer.js"
        gate = "/pkg-template/platform/gate.js"
        books = "/pkg-template/platform/books.js"
        inbox = "/pkg-template/platform/inbox.js"
        last_line = "/pkg-template/platform/last-line.js"
        lines = "/pkg-template/platform/lines.js"
        locks = "/pkg-template/platform/locks.js"
        page = "/pkg-template/platform/page.js"
        storage = "/pkg-template/platform/storage.js"
        timer = "/pkg-template/platform/timer.js"
        told = "/pkg-template/platform/told.js"
        transport = "/pkg-template/platform/transport.js"
    }
}
