//! What Rust apps call, and JavaScript through wasm-bindgen: the driver in JavaScript around a core of this module.

use crate::core::Core;
use js_sys::{JSON, Promise};
use wasm_bindgen::prelude::*;

#[cfg_attr(feature = "one-file", wasm_bindgen(module = "/pkg/open.js"))]
#[cfg_attr(not(feature = "one-file"), wasm_bindgen(module = "/pkg-template/open.js"))]
extern "C" {
    #[derive(Debug)]
    type Client;

    /// `None` where an option is missing or wrong: then the console names it.
    fn open(options: &JsValue, core: Core) -> Option<Client>;

    #[wasm_bindgen(method)]
    fn track(this: &Client, kind: &str, data: &JsValue);
    #[wasm_bindgen(method)]
    fn call(this: &Client, method: &str, first: &JsValue, second: &JsValue, third: &JsValue);
    #[wasm_bindgen(method, js_name = trackLine)]
    fn track_line(this: &Client, line: &str);
    #[wasm_bindgen(method, js_name = setUser)]
    fn set_user(this: &Client, user: &JsValue);
    #[wasm_bindgen(method, js_name = setContext)]
    fn set_context(this: &Client, context: &JsValue);
    #[wasm_bindgen(method)]
    fn flush(this: &Client, options: &JsValue) -> Promise;
    #[wasm_bindgen(method)]
    fn stats(this: &Client) -> JsValue;
    #[wasm_bindgen(method)]
    fn dispose(this: &Client);
}

/// The files that it imports in turn: only what is named here comes along.
#[cfg(not(feature = "one-file"))]
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
        adoption = "/pkg-template/adoption.js"
        answer = "/pkg-template/answer.js"
        books = "/pkg-template/books.js"
        constants = "/pkg-template/constants.js"
        drain = "/pkg-template/drain.js"
        driver = "/pkg-template/driver.js"
        flag = "/pkg-template/flag.js"
        keeper = "/pkg-template/keeper.js"
        last_line = "/pkg-template/last-line.js"
        messages = "/pkg-template/messages.js"
        options = "/pkg-template/options.js"
        outputs = "/pkg-template/outputs.js"
        parcel = "/pkg-template/parcel.js"
        restore = "/pkg-template/restore.js"
        serialize = "/pkg-template/serialize.js"
        streams = "/pkg-template/streams.js"
        writer = "/pkg-template/writer.js"
        gate = "/pkg-template/platform/gate.js"
        lease = "/pkg-template/platform/lease.js"
        locks = "/pkg-template/platform/locks.js"
        mirror = "/pkg-template/platform/mirror.js"
        page = "/pkg-template/platform/page.js"
        storage = "/pkg-template/platform/storage.js"
        timer = "/pkg-template/platform/timer.js"
        transport = "/pkg-template/platform/transport.js"
    }
}

/// Telemetry of one page: takes events, and accounts for each.
///
/// It never throws: wrong options are named in the console and the client stays off; data of any shape is stored in a
/// bounded form or counted. Dropped, it is disposed of.
#[wasm_bindgen]
#[derive(Debug)]
pub struct TelemetryClient {
    /// None where the options were wrong.
    client: Option<Client>,
}

#[wasm_bindgen]
impl TelemetryClient {
    /// `options` as in the package's `TelemetryOptions`, without its `flag`: whoever constructs this has decided.
    #[wasm_bindgen(constructor)]
    #[expect(clippy::needless_pass_by_value, reason = "wasm-bindgen's exports own what they are given")]
    pub fn new(options: JsValue) -> Self {
        Self { client: open(&options, Core::new()) }
    }

    /// Any event: a type (log, error, metric, event, vital) and what belongs to it.
    pub fn track(&self, kind: &str, data: &JsValue) {
        if let Some(client) = &self.client {
            client.track(kind, data);
        }
    }

    /// A log line.
    pub fn log(&self, level: &JsValue, message: &JsValue, data: &JsValue) {
        self.call("log", level, message, data);
    }

    /// Whatever was thrown.
    pub fn error(&self, error: &JsValue, data: &JsValue) {
        self.call("error", error, data, &JsValue::UNDEFINED);
    }

    /// A number.
    pub fn metric(&self, name: &JsValue, value: &JsValue, data: &JsValue) {
        self.call("metric", name, value, data);
    }

    /// Something that happened.
    pub fn event(&self, name: &JsValue, data: &JsValue) {
        self.call("event", name, data, &JsValue::UNDEFINED);
    }

    /// A web vital.
    pub fn vital(&self, name: &JsValue, value: &JsValue, data: &JsValue) {
        self.call("vital", name, value, data);
    }

    /// An event that is a JSON line already: `{"type":…,"ts":…,"data":{…}}`. An error's is written at once.
    #[wasm_bindgen(js_name = trackLine)]
    pub fn track_line(&self, line: &str) {
        if let Some(client) = &self.client {
            client.track_line(line);
        }
    }

    /// Who uses the page from now on: a string of at most 256 characters, or null for nobody.
    #[wasm_bindgen(js_name = setUser)]
    pub fn set_user(&self, user: &JsValue) {
        if let Some(client) = &self.client {
            client.set_user(user);
        }
    }

    /// What goes with every event from now on: an object of at most 1 KiB of JSON, or null.
    #[wasm_bindgen(js_name = setContext)]
    pub fn set_context(&self, context: &JsValue) {
        if let Some(client) = &self.client {
            client.set_context(context);
        }
    }

    /// Sends what may be sent. Resolves to `{delivered, held, dropped}` when everything tracked before is delivered or
    /// dropped, or after `options.timeout` ms (5,000); never rejects.
    pub fn flush(&self, options: &JsValue) -> Promise {
        const NOTHING: &str = r#"{"delivered":0,"held":0,"dropped":0}"#;
        let nothing = || Promise::resolve(&JSON::parse(NOTHING).unwrap_or_default());
        self.client.as_ref().map_or_else(nothing, |client| client.flush(options))
    }

    /// `{stream, tracked, held, delivered, released, dropped: {reason: count}, storedBytes}`, in events since the page
    /// began, those of adopted streams included.
    pub fn stats(&self) -> JsValue {
        self.client.as_ref().map_or(JsValue::UNDEFINED, Client::stats)
    }

    /// Stores and sends what is left, then lets go of every listener, timer and lock. Later calls do nothing.
    pub fn dispose(&self) {
        if let Some(client) = &self.client {
            client.dispose();
        }
    }
}

impl TelemetryClient {
    fn call(&self, method: &str, first: &JsValue, second: &JsValue, third: &JsValue) {
        if let Some(client) = &self.client {
            client.call(method, first, second, third);
        }
    }
}

impl Drop for TelemetryClient {
    fn drop(&mut self) {
        self.dispose();
    }
}
