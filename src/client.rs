//! What JavaScript sees: exports only. Every one takes `&self` and none throws.

use crate::{driver::Driver, platform::host::parse_json, stats};
use beaconry_core::{Priority, Totals};
use js_sys::Promise;
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
    pub(crate) driver: Option<Rc<Driver>>,
}

#[wasm_bindgen]
impl TelemetryClient {
    /// `options` as in the package's `TelemetryOptions`, without its `flag`: whoever constructs this has decided. `handover`
    /// is what the facade wrote before.
    #[wasm_bindgen(constructor)]
    #[expect(clippy::needless_pass_by_value, reason = "wasm-bindgen's exports own what they are given")]
    pub fn new(options: JsValue, handover: JsValue) -> Self {
        Self { driver: Driver::start(&options, &handover) }
    }

    /// Any event: a type (log, error, metric, event, vital) and what belongs to it.
    pub fn track(&self, kind: &str, data: &JsValue) {
        if let Some(driver) = &self.driver {
            self.track_line(&driver.host.event_line(kind, data), kind == "error");
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

    /// An event that is a JSON line already: `{"type":…,"ts":…,"data":{…}}`. `high`: an error, written at once.
    #[wasm_bindgen(js_name = trackLine)]
    pub fn track_line(&self, line: &str, high: bool) {
        if let Some(driver) = &self.driver {
            driver.track_line(line, if high { Priority::High } else { Priority::Normal });
        }
    }

    /// Who uses the page from now on: a string of at most 256 characters, or null for nobody.
    #[wasm_bindgen(js_name = setUser)]
    pub fn set_user(&self, user: &JsValue) {
        if let Some(driver) = &self.driver {
            driver.host.set_user(user);
            driver.share_members();
        }
    }

    /// What goes with every event from now on: an object of at most 1 KiB of JSON, or null.
    #[wasm_bindgen(js_name = setContext)]
    pub fn set_context(&self, context: &JsValue) {
        if let Some(driver) = &self.driver {
            driver.host.set_context(context);
            driver.share_members();
        }
    }

    /// Sends what may be sent. Resolves to `{delivered, held, dropped}` when everything tracked before is delivered or
    /// dropped, or after `options.timeout` ms (5,000); never rejects.
    pub fn flush(&self, options: &JsValue) -> Promise {
        match &self.driver {
            Some(driver) => driver.flush(options),
            None => Promise::resolve(&parse_json(&stats::flush_result(&Totals::default()))),
        }
    }

    /// `{stream, tracked, held, delivered, released, dropped: {reason: count}, storedBytes}`, in events since the page
    /// began, those of adopted streams included.
    pub fn stats(&self) -> JsValue {
        self.driver.as_ref().map_or(JsValue::UNDEFINED, |driver| parse_json(&driver.stats()))
    }

    /// Stores and sends what is left, then lets go of every listener, timer and lock. Later calls do nothing.
    pub fn dispose(&self) {
        if let Some(driver) = &self.driver {
            driver.dispose();
        }
    }
}

impl TelemetryClient {
    fn call(&self, method: &str, first: &JsValue, second: &JsValue, third: &JsValue) {
        if let Some(driver) = &self.driver {
            self.track_line(&driver.host.call_line(method, first, second, third), method == "error");
        }
    }
}

impl Driver {
    fn stats(&self) -> String {
        let bytes = self.own_bytes.get() + self.others_bytes.get();
        let (totals, released) = self.input(|core, _| {
            let books = core.books();
            (books.totals(), books.iter().map(|(_, book)| book.released().count()).sum())
        });
        stats::stats(self.own.get().id, &totals, released, bytes)
    }
}
