//! What JavaScript sees: exports only. Every one takes `&self` and none throws.

use crate::driver::Driver;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// Telemetry of one page: takes events, and accounts for each.
///
/// It never throws: wrong options are named in the console and the client stays off; data of any shape is stored in a
/// bounded form or counted.
#[wasm_bindgen]
#[derive(Debug)]
pub struct TelemetryClient {
    /// None where the options were wrong.
    #[cfg_attr(feature = "npm", expect(dead_code, reason = "it lives as long as this"))]
    pub(crate) driver: Option<Rc<Driver>>,
}

#[wasm_bindgen]
impl TelemetryClient {
    /// `options` as in the package's `TelemetryOptions`, without its `flag`: whoever constructs this has decided. `handover`
    /// is what the facade wrote before; it gets the `host` that the facade then talks to.
    #[wasm_bindgen(constructor)]
    #[expect(clippy::needless_pass_by_value, reason = "wasm-bindgen's exports own what they are given")]
    pub fn new(options: JsValue, handover: JsValue) -> Self {
        Self { driver: Driver::start(&options, &handover) }
    }
}

/// The npm package has these in JavaScript, where they are a fraction of the bytes: `pkg-template/client.js`.
#[cfg(not(feature = "npm"))]
mod methods {
    use super::TelemetryClient;
    use crate::platform::host::Host;
    use js_sys::{JSON, Promise};
    use wasm_bindgen::prelude::*;

    #[wasm_bindgen]
    extern "C" {
        #[wasm_bindgen(method)]
        fn track(this: &Host, kind: &str, data: &JsValue);
        #[wasm_bindgen(method)]
        fn call(this: &Host, method: &str, first: &JsValue, second: &JsValue, third: &JsValue);
        #[wasm_bindgen(method, js_name = trackLine)]
        fn track_line(this: &Host, line: &str);
        #[wasm_bindgen(method, js_name = setUser)]
        fn set_user(this: &Host, user: &JsValue);
        #[wasm_bindgen(method, js_name = setContext)]
        fn set_context(this: &Host, context: &JsValue);
        #[wasm_bindgen(method)]
        fn flush(this: &Host, options: &JsValue) -> Promise;
        #[wasm_bindgen(method)]
        fn stats(this: &Host) -> JsValue;
        #[wasm_bindgen(method)]
        fn dispose(this: &Host);
    }

    impl TelemetryClient {
        fn host(&self) -> Option<&Host> {
            self.driver.as_ref().map(|driver| &driver.host)
        }

        fn call(&self, method: &str, first: &JsValue, second: &JsValue, third: &JsValue) {
            if let Some(host) = self.host() {
                host.call(method, first, second, third);
            }
        }
    }

    #[wasm_bindgen]
    impl TelemetryClient {
        /// Any event: a type (log, error, metric, event, vital) and what belongs to it.
        pub fn track(&self, kind: &str, data: &JsValue) {
            if let Some(host) = self.host() {
                host.track(kind, data);
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
            if let Some(host) = self.host() {
                host.track_line(line);
            }
        }

        /// Who uses the page from now on: a string of at most 256 characters, or null for nobody.
        #[wasm_bindgen(js_name = setUser)]
        pub fn set_user(&self, user: &JsValue) {
            if let Some(host) = self.host() {
                host.set_user(user);
            }
        }

        /// What goes with every event from now on: an object of at most 1 KiB of JSON, or null.
        #[wasm_bindgen(js_name = setContext)]
        pub fn set_context(&self, context: &JsValue) {
            if let Some(host) = self.host() {
                host.set_context(context);
            }
        }

        /// Sends what may be sent. Resolves to `{delivered, held, dropped}` when everything tracked before is delivered or
        /// dropped, or after `options.timeout` ms (5,000); never rejects.
        pub fn flush(&self, options: &JsValue) -> Promise {
            const NOTHING: &str = r#"{"delivered":0,"held":0,"dropped":0}"#;
            let nothing = || Promise::resolve(&JSON::parse(NOTHING).unwrap_or_default());
            self.host().map_or_else(nothing, |host| host.flush(options))
        }

        /// `{stream, tracked, held, delivered, released, dropped: {reason: count}, storedBytes}`, in events since the page
        /// began, those of adopted streams included.
        pub fn stats(&self) -> JsValue {
            self.host().map_or(JsValue::UNDEFINED, Host::stats)
        }

        /// Stores and sends what is left, then lets go of every listener, timer and lock. Later calls do nothing.
        pub fn dispose(&self) {
            if let Some(host) = self.host() {
                host.dispose();
            }
        }
    }
}
