//! The two ways out: `fetch`, which brings an answer, and `sendBeacon`, which outlives the page.

use super::{
    clock::{unix_ms, whole},
    global::{Global, global},
    json,
    promise::{Callback, Thenable, callback, function},
};
use beaconry_core::Duration;
use std::{cell::Cell, rc::Rc};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    type Response;
    type Headers;

    #[wasm_bindgen(method, structural, catch)]
    fn fetch(this: &Global, url: &str, init: &JsValue) -> Result<Thenable, JsValue>;

    #[wasm_bindgen(js_namespace = navigator, js_name = sendBeacon, catch)]
    fn send_beacon(url: &str, body: &str) -> Result<bool, JsValue>;

    #[wasm_bindgen(js_namespace = AbortSignal, catch)]
    fn timeout(ms: f64) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = Reflect, catch)]
    fn set(target: &JsValue, key: &str, value: &JsValue) -> Result<bool, JsValue>;

    #[wasm_bindgen(js_namespace = Date, js_name = parse)]
    fn parse_date(text: &str) -> f64;

    #[wasm_bindgen(method, getter, structural, catch)]
    fn status(this: &Response) -> Result<f64, JsValue>;

    #[wasm_bindgen(method, getter, structural, catch)]
    fn headers(this: &Response) -> Result<Headers, JsValue>;

    #[wasm_bindgen(method, structural, catch)]
    fn get(this: &Headers, name: &str) -> Result<Option<String>, JsValue>;

    #[wasm_bindgen(method, structural, catch)]
    fn text(this: &Response) -> Result<JsValue, JsValue>;
}

/// How long a request may take, in ms. 30 s: what a slow collector or a captive network needs; then it counts as unheard.
const TIMEOUT_MS: f64 = 30_000.0;

/// No cookies, no cache, no preflight: a string body is `text/plain;charset=UTF-8` (Fetch, 5.3).
const INIT: &str = r#"{"method":"POST","credentials":"omit","cache":"no-store"}"#;

/// A response, as far as the protocol looks at it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: String,
}

/// A request under way.
#[derive(Debug)]
#[must_use = "its answer is not heard when this is dropped"]
pub(crate) struct Fetching {
    _head: Callback,
    _done: Callback,
    _failed: Callback,
}

/// Posts `body`, and tells the reply once, or `None` where there is none. `None` at once if the browser refuses.
pub(crate) fn post(url: &str, body: &str, told: impl Fn(Option<Reply>) + 'static) -> Option<Fetching> {
    let init = json::parse(INIT).ok()?;
    set(&init, "body", &JsValue::from_str(body)).ok()?;
    if let Ok(signal) = timeout(TIMEOUT_MS) {
        drop(set(&init, "signal", &signal));
    }
    let reply = Rc::new(Cell::new(Reply::default()));
    let told = Rc::new(told);
    let head = callback({
        let reply = Rc::clone(&reply);
        move |response| {
            let (head, text) = read(&response.unchecked_into());
            reply.set(head);
            text
        }
    });
    let done = callback({
        let told = Rc::clone(&told);
        move |text| {
            told(Some(Reply { body: text.as_string().unwrap_or_default(), ..reply.take() }));
            JsValue::UNDEFINED
        }
    });
    let failed = callback(move |_| {
        told(None);
        JsValue::UNDEFINED
    });
    let response = global(|it| it.fetch(url, &init)).ok()?;
    let text = response.then(function(&head), &JsValue::UNDEFINED.unchecked_into()).ok()?;
    text.then(function(&done), function(&failed)).ok()?;
    Some(Fetching { _head: head, _done: done, _failed: failed })
}

/// Hands `body` to the browser; whether it took it.
pub(crate) fn beacon(url: &str, body: &str) -> bool {
    send_beacon(url, body).unwrap_or(false)
}

/// The head of a response, and the promise of its text.
fn read(response: &Response) -> (Reply, JsValue) {
    let status = u16::try_from(whole(response.status().unwrap_or(0.0))).unwrap_or(0);
    let retry_after = response.headers().ok().and_then(|headers| delay(&headers));
    (Reply { status, retry_after, body: String::new() }, response.text().unwrap_or(JsValue::UNDEFINED))
}

/// Retry-After: seconds, or a date that the server's own clock is asked about (RFC 9110, 10.2.3).
fn delay(headers: &Headers) -> Option<Duration> {
    let header = |name| headers.get(name).ok().flatten();
    let value = header("Retry-After")?;
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // What leaves 32 bits is longer than any limit of the core's.
        return Some(Duration::from_secs(
            value
                .bytes()
                .fold(0u64, |sum, digit| (sum * 10 + u64::from(digit - b'0')).min(u64::from(u32::MAX))),
        ));
    }
    let date = parse_date(&value);
    let now = header("Date").map_or(f64::NAN, |date| parse_date(&date));
    if date.is_nan() {
        return None;
    }
    let now = if now.is_nan() { unix_ms() } else { whole(now) };
    Some(Duration::from_millis(whole(date).saturating_sub(now)))
}
