//! What JavaScript sees: exports only. Every one takes `&self` and none throws.

use crate::{
    driver::Driver,
    handover::Handover,
    options::{Settings, member},
    platform::{
        clock::{unix_ms, whole},
        json, serialize,
    },
    stats,
};
use beaconry_core::Priority;
use js_sys::{Array, Promise};
use std::rc::Rc;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console, js_name = error)]
    fn console_error(text: &str);
}

/// How long `flush` waits where no time is given, in ms.
const FLUSH_MS: u64 = 5_000;

/// Characters of a user's id: it is repeated in every batch.
const MAX_USER: usize = 256;

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
        let handover = Handover::read(&handover);
        let session = handover.as_ref().and_then(|handover| handover.session.clone());
        match Settings::read(&options, session) {
            Ok(settings) => Self { driver: Some(Driver::start(settings, handover)) },
            Err(bad) => {
                let mut text = String::from("beaconry: options.");
                text.push_str(bad.0);
                text.push_str(" is missing or wrong; telemetry stays off");
                console_error(&text);
                Self { driver: None }
            }
        }
    }

    /// Any event: a type (log, error, metric, event, vital) and what belongs to it.
    pub fn track(&self, kind: &str, data: &JsValue) {
        self.track_line(&serialize::event_line(kind, data, now()), kind == "error");
    }

    /// A log line.
    pub fn log(&self, level: &JsValue, message: &JsValue, data: &JsValue) {
        self.call("log", &Array::of3(level, message, data));
    }

    /// Whatever was thrown.
    pub fn error(&self, error: &JsValue, data: &JsValue) {
        self.call("error", &Array::of2(error, data));
    }

    /// A number.
    pub fn metric(&self, name: &JsValue, value: &JsValue, data: &JsValue) {
        self.call("metric", &Array::of3(name, value, data));
    }

    /// Something that happened.
    pub fn event(&self, name: &JsValue, data: &JsValue) {
        self.call("event", &Array::of2(name, data));
    }

    /// A web vital.
    pub fn vital(&self, name: &JsValue, value: &JsValue, data: &JsValue) {
        self.call("vital", &Array::of3(name, value, data));
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
            let user = user.as_string().filter(|user| !user.is_empty());
            driver.set_user(
                user.map(|user| crate::text::quoted(&user.chars().take(MAX_USER).collect::<String>())),
            );
        }
    }

    /// What goes with every event from now on: an object of at most 1 KiB of JSON, or null.
    #[wasm_bindgen(js_name = setContext)]
    pub fn set_context(&self, context: &JsValue) {
        if let Some(driver) = &self.driver {
            let text = json::stringify(context).ok().flatten();
            driver.set_context(text.filter(|text| text.starts_with('{')));
        }
    }

    /// Sends what may be sent. Resolves to `{delivered, held, dropped}` when everything tracked before is delivered or
    /// dropped, or after `options.timeout` ms (5,000); never rejects.
    pub fn flush(&self, options: &JsValue) -> Promise {
        let timeout = member(options, "timeout").as_f64().map_or(FLUSH_MS, whole);
        match &self.driver {
            Some(driver) => driver.flush(timeout),
            None => Promise::resolve(&parsed(&stats::flush_result(&beaconry_core::Totals::default()))),
        }
    }

    /// `{stream, tracked, held, delivered, released, dropped: {reason: count}, storedBytes}`, in events since the page
    /// began, those of adopted streams included.
    pub fn stats(&self) -> JsValue {
        self.driver.as_ref().map_or(JsValue::UNDEFINED, |driver| parsed(&driver.stats()))
    }

    /// Stores and sends what is left, then lets go of every listener, timer and lock. Later calls do nothing.
    pub fn dispose(&self) {
        if let Some(driver) = &self.driver {
            driver.dispose();
        }
    }
}

impl TelemetryClient {
    fn call(&self, method: &str, arguments: &Array) {
        self.track_line(&serialize::call_line(method, arguments, now()), method == "error");
    }
}

impl Driver {
    pub(crate) fn stats(&self) -> String {
        let bytes = self.own_bytes.get() + self.adoptions.bytes.get();
        let (totals, released) = self.input(|core, _| {
            let books = core.books();
            (books.totals(), books.iter().map(|(_, book)| book.released().count()).sum())
        });
        stats::stats(self.own.get().id, &totals, released, bytes)
    }
}

fn parsed(text: &str) -> JsValue {
    json::parse(text).unwrap_or(JsValue::UNDEFINED)
}

#[expect(clippy::cast_precision_loss, reason = "exact until the year 287,396")]
fn now() -> f64 {
    unix_ms() as f64
}
