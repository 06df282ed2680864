//! For Rust front ends (cargo feature `serde`): options and statistics as structs, events of any `Serialize` value.

use crate::{TelemetryClient, core::whole};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use wasm_bindgen::prelude::*;

/// What an app chooses; see the package's `TelemetryOptions`. Whether telemetry is on is decided before: [`crate::Flag`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// The collector's endpoint: `https://telemetry.example.com/v1/events`.
    pub url: String,
    /// Names the app to the collector. Public.
    pub key: String,
    /// Keeps clients of one origin apart; without it the key does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// The app's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Such as `production`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
    /// The visit's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The page's name; without it `location.pathname`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
    /// `Some(false)` keeps events in memory only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persist: Option<bool>,
    /// Bounds; what is `None` has its default.
    pub limits: Limits,
}

/// Bounds of memory, storage and time.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Limits {
    /// Bytes of events in memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u32>,
    /// Bytes of events in localStorage.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_bytes: Option<u32>,
    /// Bytes of a batch, 2,048 to 16,384, above 2,048 at most a quarter of `storage_bytes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_bytes: Option<u32>,
    /// Milliseconds that an event waits for company.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flush_after: Option<u32>,
    /// Milliseconds after which an undelivered event is dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u32>,
}

/// What became of the events, those of adopted streams included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Stats {
    /// The stream that numbers events now.
    pub stream: String,
    /// Always held + delivered + dropped + released.
    pub tracked: u64,
    /// In memory or in the storage.
    pub held: u64,
    /// Stored by the collector.
    pub delivered: u64,
    /// Left in the storage for whoever adopts it.
    pub released: u64,
    /// Lost, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// Bytes of batches in localStorage.
    pub stored_bytes: u64,
}

/// The type of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    /// A line of a log.
    Log,
    /// Something failed: written at once, sent within a second.
    Error,
    /// A number.
    Metric,
    /// Something happened.
    Event,
    /// A web vital.
    Vital,
}

impl EventType {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Error => "error",
            Self::Metric => "metric",
            Self::Event => "event",
            Self::Vital => "vital",
        }
    }
}

impl TelemetryClient {
    /// A client of these options. It never fails: a wrong option is named in the console, and the client stays off.
    #[must_use]
    pub fn with_options(options: &Options) -> Self {
        let options = serde_wasm_bindgen::to_value(options).unwrap_or(JsValue::UNDEFINED);
        Self::new(options)
    }

    /// Tracks any value: a struct or map as it is, anything else as the member `value`. What cannot be serialised is counted
    /// as `invalid`.
    pub fn track_value<T: Serialize + ?Sized>(&self, kind: EventType, data: &T) {
        let mut data = serde_json::to_string(data).unwrap_or_default();
        if !data.starts_with('{') && !data.is_empty() {
            data = ["{\"value\":", &data, "}"].concat();
        }
        let (kind, ts) = (kind.as_str(), whole(js_sys::Date::now()));
        // An event without data is none: the client counts it.
        let line =
            if data.is_empty() { data } else { format!(r#"{{"type":"{kind}","ts":{ts},"data":{data}}}"#) };
        self.track_line(&line);
    }

    /// [`stats`](Self::stats) as a struct.
    #[must_use]
    pub fn typed_stats(&self) -> Stats {
        serde_wasm_bindgen::from_value(self.stats()).unwrap_or_default()
    }
}
