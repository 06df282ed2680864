//! Reads the options object, field by field: deserialising it would double the client's size.

use crate::{
    keys::Keys,
    platform::clock::whole,
    text::{push_number, quoted},
};
use beaconry_core::{Config, Duration, Identity, StreamId};
use js_sys::Function;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = Reflect, catch)]
    fn get(target: &JsValue, key: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_name = encodeURIComponent, catch)]
    fn encode_uri_component(text: &str) -> Result<String, JsValue>;
}

const SDK: &str = concat!("\"beaconry/", env!("CARGO_PKG_VERSION"), "\"");

/// Bytes that one client stores by default. 1 MiB: a fifth of what an origin's localStorage takes.
const STORAGE_BYTES: usize = 1024 * 1024;

/// Characters of a text: some travel with every request.
const MAX_TEXT: usize = 1024;

/// Bytes of a batch: below, its own head would be most of it; above, a write costs ten times as much (107 µs for 16 KB).
const BATCH_BYTES: core::ops::RangeInclusive<usize> = 1024..=4096;

/// The name of the option that is missing or wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadOption(pub(crate) &'static str);

/// What the app chose.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) config: Config,
    pub(crate) keys: Keys,
    /// Up to and with `&stream=`.
    address: String,
    /// A fixed name of the page; else its path, read in every task.
    pub(crate) page: Option<String>,
    pub(crate) persist: bool,
    pub(crate) storage_bytes: usize,
    pub(crate) on_drop: Option<Function>,
}

impl Settings {
    /// # Errors
    /// The first option that is missing or wrong.
    pub(crate) fn read(options: &JsValue, session: Option<String>) -> Result<Self, BadOption> {
        let url = required(options, "url")?;
        let key = required(options, "key")?;
        let app = text(options, "app")?;
        let limits = member(options, "limits");
        let token = |value: Option<String>| value.map(|value| quoted(&value));
        let mut config = Config {
            identity: Identity {
                sdk: Some(String::from(SDK)),
                release: token(text(options, "release")?),
                env: token(text(options, "env")?),
                session: token(session.map_or_else(|| text(options, "session"), |it| Ok(Some(it)))?),
            },
            ..Config::default()
        };
        let mut storage_bytes = STORAGE_BYTES;
        limit(&limits, "memoryBytes", &mut config.memory_bytes)?;
        limit(&limits, "storageBytes", &mut storage_bytes)?;
        limit(&limits, "batchBytes", &mut config.max_batch_bytes)?;
        config.max_batch_bytes = config.max_batch_bytes.clamp(*BATCH_BYTES.start(), *BATCH_BYTES.end());
        span(&limits, "flushAfter", &mut config.flush_after)?;
        span(&limits, "maxAge", &mut config.max_age)?;
        Ok(Self {
            keys: Keys::new(&url, app.as_deref().unwrap_or(&key)),
            address: address(&url, &key),
            page: text(options, "page")?,
            persist: member(options, "persist").as_bool() != Some(false),
            on_drop: function(options, "onDrop")?,
            config,
            storage_bytes,
        })
    }

    /// Where a stream's requests go; `now` is the client's clock in unix ms.
    pub(crate) fn address(&self, stream: StreamId, now: u64) -> String {
        let mut address = self.address.clone();
        address.push_str(stream.to_text().as_str());
        address.push_str("&now=");
        push_number(&mut address, now);
        address
    }
}

fn address(url: &str, key: &str) -> String {
    let mut address = String::from(url);
    address.push(if url.contains('?') { '&' } else { '?' });
    address.push_str("key=");
    address.push_str(&encode_uri_component(key).unwrap_or_default());
    address.push_str("&stream=");
    address
}

/// A member of anything; undefined where there is none, or where a getter throws.
pub(crate) fn member(target: &JsValue, name: &str) -> JsValue {
    if target.is_object() { get(target, name).unwrap_or(JsValue::UNDEFINED) } else { JsValue::UNDEFINED }
}

fn required(options: &JsValue, name: &'static str) -> Result<String, BadOption> {
    text(options, name)?.ok_or(BadOption(name))
}

fn text(options: &JsValue, name: &'static str) -> Result<Option<String>, BadOption> {
    let value = member(options, name);
    if value.is_undefined() || value.is_null() {
        return Ok(None);
    }
    value
        .as_string()
        .filter(|text| !text.is_empty() && text.len() <= MAX_TEXT)
        .map(Some)
        .ok_or(BadOption(name))
}

fn function(options: &JsValue, name: &'static str) -> Result<Option<Function>, BadOption> {
    let value = member(options, name);
    if value.is_undefined() || value.is_null() {
        return Ok(None);
    }
    if value.is_function() { Ok(Some(value.unchecked_into())) } else { Err(BadOption(name)) }
}

fn positive(limits: &JsValue, name: &'static str) -> Result<Option<u64>, BadOption> {
    let value = member(limits, name);
    if value.is_undefined() {
        return Ok(None);
    }
    value.as_f64().map(whole).filter(|number| *number > 0).map(Some).ok_or(BadOption(name))
}

fn limit(limits: &JsValue, name: &'static str, bytes: &mut usize) -> Result<(), BadOption> {
    if let Some(number) = positive(limits, name)? {
        *bytes = usize::try_from(number).unwrap_or(usize::MAX >> 1);
    }
    Ok(())
}

fn span(limits: &JsValue, name: &'static str, span: &mut Duration) -> Result<(), BadOption> {
    if let Some(ms) = positive(limits, name)? {
        *span = Duration::from_millis(ms);
    }
    Ok(())
}
