//! What every test needs: a collector behind `fetch` and `sendBeacon`, virtual time, the page's life, and guards that put
//! everything back.

use beaconry::TelemetryClient;
use beaconry_core::{Body, Number, Ranges, StreamId, StreamLine, Via, answer, flag};
use js_sys::{Function, JSON, Object, Promise, Reflect};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/tests/browser/page.js")]
extern "C" {
    #[wasm_bindgen(js_name = patchMethod)]
    fn patch_method(target: &JsValue, name: &str, told: &JsValue, instead: bool) -> Function;
    #[wasm_bindgen(js_name = storagePrototype)]
    pub(crate) fn storage_prototype() -> JsValue;
    #[wasm_bindgen(js_name = blockStorage)]
    fn block_storage_() -> Function;
    #[wasm_bindgen(js_name = fillStorage)]
    fn fill_storage_() -> Function;
    #[wasm_bindgen(js_name = setVisibility)]
    fn set_visibility(state: &str) -> Function;
    #[wasm_bindgen(js_name = fire)]
    fn fire_(target: &JsValue, kind: &str, persisted: Option<bool>);
    fn respond(status: u16, body: &str, retry_after: Option<&str>, date_ahead: Option<f64>) -> JsValue;
    fn unreachable() -> JsValue;
    fn hang(init: &JsValue) -> JsValue;
    fn breath() -> Promise;
    #[wasm_bindgen(js_name = realNow)]
    fn real_now() -> f64;
    #[wasm_bindgen(js_name = storedKeys)]
    fn stored_keys() -> String;
    #[wasm_bindgen(js_name = storedValue)]
    pub(crate) fn stored_value(key: &str) -> Option<String>;
    #[wasm_bindgen(js_name = storeValue)]
    pub(crate) fn store_value(key: &str, value: &str);
    #[wasm_bindgen(js_name = throwingFunction)]
    pub(crate) fn throwing_function() -> JsValue;
    #[wasm_bindgen(js_name = throwingOptions)]
    pub(crate) fn throwing_options() -> JsValue;
    #[wasm_bindgen(js_name = clearStorage)]
    fn clear_storage();
    #[wasm_bindgen(js_name = holdLock)]
    fn hold_lock(name: &str) -> Promise;
    #[wasm_bindgen(js_name = heldLocks)]
    fn held_locks_() -> Promise;

    #[wasm_bindgen(js_name = mirrored)]
    fn mirrored_(name: &str) -> Promise;
    #[wasm_bindgen(js_name = mirror)]
    fn mirror_(name: &str, stream: &str, body: &str) -> Promise;
    #[wasm_bindgen(js_name = deleteDatabase)]
    fn delete_database(name: &str) -> Promise;
    #[wasm_bindgen(js_name = waysToBreak)]
    fn ways_to_break_() -> String;
    #[wasm_bindgen(js_name = breakIndexedDb)]
    fn break_indexed_db_(how: &str) -> Function;
    #[wasm_bindgen(js_name = hideLocks)]
    fn hide_locks_() -> Function;

    pub(crate) type Unhandled;
    #[wasm_bindgen(constructor)]
    pub(crate) fn new() -> Unhandled;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn told(this: &Unhandled) -> String;
    #[wasm_bindgen(method)]
    pub(crate) fn restore(this: &Unhandled);

    type FakeTime;
    #[wasm_bindgen(constructor)]
    fn new() -> FakeTime;
    #[wasm_bindgen(method)]
    fn advance(this: &FakeTime, ms: f64) -> Promise;
    #[wasm_bindgen(method, getter)]
    fn pending(this: &FakeTime) -> u32;
    #[wasm_bindgen(method)]
    fn restore(this: &FakeTime);

    type Listeners;
    #[wasm_bindgen(constructor)]
    fn new() -> Listeners;
    #[wasm_bindgen(method, getter)]
    fn live(this: &Listeners) -> u32;
    #[wasm_bindgen(method)]
    fn kinds(this: &Listeners) -> String;
    #[wasm_bindgen(method)]
    fn restore(this: &Listeners);
}

pub(crate) const URL: &str = "https://collector.invalid/v1/events";

/// Real milliseconds after which what should have happened never will. Nothing passes sooner or later by it: a machine may be slow.
pub(crate) const PATIENCE_MS: u32 = 60_000;

/// A small event line, as the facade makes them.
pub(crate) const LINE: &str = r#"{"type":"event","ts":1763877600123,"data":{"name":"click"}}"#;

/// An error's: written at once.
pub(crate) const ERROR_LINE: &str = r#"{"type":"error","ts":1763877600123,"data":{"message":"x"}}"#;

// ── Guards ──

/// Puts back what was patched.
#[must_use]
pub(crate) struct Undo {
    undo: Function,
    _told: Option<JsValue>,
}

impl Drop for Undo {
    fn drop(&mut self) {
        drop(self.undo.call0(&JsValue::UNDEFINED));
    }
}

pub(crate) fn block_storage() -> Undo {
    Undo { undo: block_storage_(), _told: None }
}

pub(crate) fn fill_storage() -> Undo {
    Undo { undo: fill_storage_(), _told: None }
}

pub(crate) fn ways_to_break_indexed_db() -> Vec<String> {
    ways_to_break_().lines().map(String::from).collect()
}

pub(crate) fn break_indexed_db(how: &str) -> Undo {
    Undo { undo: break_indexed_db_(how), _told: None }
}

/// As over plain http.
pub(crate) fn hide_locks() -> Undo {
    Undo { undo: hide_locks_(), _told: None }
}

pub(crate) fn hide_page() -> Undo {
    Undo { undo: set_visibility("hidden"), _told: None }
}

/// Calls `told` after every call of a method.
pub(crate) fn spy(target: &JsValue, name: &str, told: impl Fn(JsValue, JsValue) + 'static) -> Undo {
    let told: Closure<dyn Fn(JsValue, JsValue)> = Closure::new(told);
    let told = told.into_js_value();
    Undo { undo: patch_method(target, name, &told, false), _told: Some(told) }
}

/// Calls `told` instead of a function.
pub(crate) fn replace(
    target: &JsValue,
    name: &str,
    told: impl Fn(JsValue, JsValue) -> JsValue + 'static,
) -> Undo {
    let told: Closure<dyn Fn(JsValue, JsValue) -> JsValue> = Closure::new(told);
    let told = told.into_js_value();
    Undo { undo: patch_method(target, name, &told, true), _told: Some(told) }
}

/// Holds a Web Lock, as another tab does, until the guard goes.
pub(crate) async fn lock(name: &str) -> Undo {
    Undo { undo: hold_lock(name).await.unwrap().unchecked_into(), _told: None }
}

pub(crate) async fn held_locks() -> String {
    held_locks_().await.unwrap().as_string().unwrap()
}

/// Both clocks and all timers, until dropped.
pub(crate) struct Time(FakeTime);

impl Time {
    pub(crate) fn fake() -> Self {
        Self(FakeTime::new())
    }

    pub(crate) async fn advance(&self, ms: u32) {
        self.0.advance(f64::from(ms)).await.unwrap();
    }

    /// Advances until `condition` holds. Time waits for all that the browser was asked for.
    pub(crate) async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        for _ in 0..600 {
            if condition() {
                return;
            }
            self.advance(1_000).await;
            settle().await;
        }
        panic!("never happened in ten minutes: {what}");
    }

    pub(crate) fn pending(&self) -> u32 {
        self.0.pending()
    }
}

impl Drop for Time {
    fn drop(&mut self) {
        self.0.restore();
    }
}

/// Counts the page's listeners, until dropped.
pub(crate) struct ListenerCount(Listeners);

impl ListenerCount {
    pub(crate) fn start() -> Self {
        Self(Listeners::new())
    }

    pub(crate) fn live(&self) -> u32 {
        self.0.live()
    }

    pub(crate) fn kinds(&self) -> String {
        self.0.kinds()
    }
}

impl Drop for ListenerCount {
    fn drop(&mut self) {
        self.0.restore();
    }
}

// ── The page ──

pub(crate) fn global(name: &str) -> JsValue {
    Reflect::get(&js_sys::global(), &name.into()).unwrap()
}

pub(crate) fn fire_on_document(kind: &str) {
    fire_(&global("document"), kind, None);
}

pub(crate) fn fire_on_window(kind: &str, persisted: Option<bool>) {
    fire_(&js_sys::global(), kind, persisted);
}

/// Waits until `condition` holds; fails by name where it never does.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let start = real_now();
    while !condition() {
        assert!(real_now() - start < f64::from(PATIENCE_MS), "never happened: {what}");
        breath().await.unwrap();
    }
}

/// Lets everything that is under way come to an end, in a few rounds: an answer may make the client ask again.
pub(crate) async fn settle() {
    for _ in 0..5 {
        breath().await.unwrap();
    }
}

// ── The client under test ──

/// A client that is disposed at the end of its test. Each test names an app of its own, and so has a scope of its own.
pub(crate) struct App {
    pub(crate) client: Rc<TelemetryClient>,
    pub(crate) name: &'static str,
}

/// `{url, key, app, …}`; `more` are members as JSON, with a comma in front.
pub(crate) fn options(app: &str, more: &str) -> JsValue {
    JSON::parse(&format!(r#"{{"url":"{URL}","key":"k","app":"{app}"{more}}}"#)).unwrap()
}

pub(crate) fn with(options: JsValue, name: &str, value: &JsValue) -> JsValue {
    Reflect::set(&options, &name.into(), value).unwrap();
    options
}

pub(crate) fn json(text: &str) -> JsValue {
    JSON::parse(text).unwrap()
}

impl App {
    pub(crate) fn start(name: &'static str, more: &str) -> Self {
        Self::start_with(name, options(name, more))
    }

    pub(crate) fn start_with(name: &'static str, options: JsValue) -> Self {
        Self { client: Rc::new(TelemetryClient::new(options)), name }
    }

    pub(crate) fn track(&self) {
        self.client.track_line(LINE);
    }

    /// A count of `stats()`; 0 where there is none.
    pub(crate) fn count(&self, name: &str) -> u32 {
        number(&self.client.stats(), name)
    }

    pub(crate) fn dropped(&self, reason: &str) -> u32 {
        let dropped = Reflect::get(&self.client.stats(), &"dropped".into()).unwrap();
        number(&dropped, reason)
    }

    pub(crate) fn stream(&self) -> String {
        Reflect::get(&self.client.stats(), &"stream".into()).unwrap().as_string().unwrap()
    }

    /// Flushes, and gives `[delivered, held, dropped]`.
    pub(crate) async fn flush(&self, timeout: u32) -> [u32; 3] {
        let flushed = self.client.flush(&json(&format!(r#"{{"timeout":{timeout}}}"#))).await.unwrap();
        ["delivered", "held", "dropped"].map(|name| number(&flushed, name))
    }

    /// Numbers below `tracked` have exactly one fate.
    pub(crate) fn check_books(&self) {
        let stats = self.client.stats();
        let dropped: Object = Reflect::get(&stats, &"dropped".into()).unwrap().unchecked_into();
        let dropped: u32 = Object::values(&dropped).iter().map(|count| whole(&count)).sum();
        let [tracked, held, delivered, released] =
            ["tracked", "held", "delivered", "released"].map(|name| number(&stats, name));
        assert_eq!(tracked, held + delivered + dropped + released, "the books of {}", self.name);
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.client.dispose();
    }
}

fn number(object: &JsValue, name: &str) -> u32 {
    whole(&Reflect::get(object, &name.into()).unwrap())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts of tests are small")]
fn whole(value: &JsValue) -> u32 {
    value.as_f64().unwrap_or(0.0) as u32
}

// ── What is stored ──

/// An empty storage: every test begins with one. An app's mirror stays: one that begins again under the same name in a test finds
/// what it had.
pub(crate) fn empty_storage() {
    clear_storage();
}

/// `bcn1:<scope>:` of an app of these tests.
pub(crate) fn prefix(app: &str) -> String {
    let scope = flag::scope(URL, app);
    format!("bcn1:{}:", str::from_utf8(&scope).unwrap())
}

/// What is stored of an app, without the prefix, and without the mark that there is a mirror.
pub(crate) fn stored(app: &str) -> Vec<String> {
    let prefix = prefix(app);
    let keys = stored_keys();
    let keys = keys.split('\n').filter_map(|key| key.strip_prefix(&prefix));
    keys.filter(|key| *key != "mirror").map(String::from).collect()
}

/// What an app's mirror has, as one text; `None` where there is no such database.
pub(crate) async fn mirrored(app: &str) -> Option<String> {
    mirrored_(&prefix(app)).await.unwrap().as_string()
}

/// Waits until the mirror has what it should.
pub(crate) async fn until_mirrored(app: &str, what: &str, holds: impl Fn(&str) -> bool) {
    let start = real_now();
    loop {
        let text = mirrored(app).await.unwrap_or_default();
        if holds(&text) {
            return;
        }
        assert!(real_now() - start < f64::from(PATIENCE_MS), "the mirror never has {what}: {text:?}");
        breath().await.unwrap();
    }
}

/// Mirrors a body of a stream, as a page did whose browser was killed.
pub(crate) async fn mirror(app: &str, stream: StreamId, body: &str) {
    mirror_(&prefix(app), stream.to_text().as_str(), body).await.unwrap();
}

/// As a tab does in which telemetry is off; ends when the database is gone.
pub(crate) async fn delete_mirror(app: &str) {
    delete_database(&prefix(app)).await.unwrap();
}

/// A batch of `n` events, on the wire.
pub(crate) fn batch_text(first: Number, n: u32) -> String {
    let mut text = format!("{{\"batch\":{first},\"n\":{n},\"page\":\"/old\"}}\n");
    for _ in 0..n {
        text.push_str(LINE);
        text.push('\n');
    }
    text
}

/// A stream line on the wire, as a page wrote it that had tracked so many events.
pub(crate) fn line_text(stream: StreamId, tracked: Number, dropped: &str) -> String {
    let id = stream.to_text();
    format!(
        "{{\"stream\":\"{}\",\"v\":1,\"session\":\"old\",\"tracked\":{tracked},\"dropped\":{dropped},\"holds\":[],\"closed\":false}}",
        id.as_str()
    )
}

/// A dead page's stream, born `age_ms` ago by the page's clock.
pub(crate) fn dead_stream(age_ms: f64, seed: u8) -> StreamId {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a date")]
    StreamId::new((js_sys::Date::now() - age_ms) as u64, [seed; 10])
}

/// Stores a batch of `n` events as a page that died did.
pub(crate) fn store_batch(app: &str, stream: StreamId, first: Number, n: u32) -> String {
    let key = format!("{}{}:{first}", prefix(app), stream.to_text().as_str());
    store_value(&key, &batch_text(first, n));
    key
}

// ── The collector ──

/// What the collector says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mode {
    /// Stores, and says so.
    Accept,
    /// Refuses every batch.
    Reject,
    /// Says something else: status, body, Retry-After.
    Say(u16, &'static str, Option<&'static str>),
    /// 429 with a date, so many ms after the server's own.
    ThrottleUntil(f64),
    /// No connection.
    Unreachable,
    /// Never answers.
    Hang,
    /// Never answers, not even to an abort.
    Deaf,
}

/// A request as the collector read it.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) url: String,
    pub(crate) via: Via,
    /// The second argument of `fetch`.
    pub(crate) init: JsValue,
    pub(crate) body: String,
    pub(crate) line: StreamLine,
    /// Number of the first event, the batch line, the event lines.
    pub(crate) batches: Vec<(Number, String, Vec<String>)>,
}

/// A collector behind the page's `fetch` and `sendBeacon`, which answers with the core's own encoder.
pub(crate) struct Collector {
    state: Rc<State>,
    _patched: [Undo; 2],
}

type Hook = Rc<dyn Fn()>;

struct State {
    mode: Cell<Mode>,
    takes_beacons_of: Cell<usize>,
    received: RefCell<Vec<Received>>,
    refused_beacons: RefCell<Vec<usize>>,
    malformed: RefCell<Vec<String>>,
    stored: RefCell<Vec<(StreamId, Ranges)>>,
    inside: RefCell<Option<Hook>>,
}

impl Collector {
    pub(crate) fn start(mode: Mode) -> Self {
        let state = Rc::new(State {
            mode: Cell::new(mode),
            takes_beacons_of: Cell::new(65_536),
            received: RefCell::default(),
            refused_beacons: RefCell::default(),
            malformed: RefCell::default(),
            stored: RefCell::default(),
            inside: RefCell::default(),
        });
        let fetch = Rc::clone(&state);
        let beacon = Rc::clone(&state);
        let patched = [
            replace(&js_sys::global(), "fetch", move |url, init| fetch.fetch(&url, &init)),
            replace(&global("navigator"), "sendBeacon", move |url, body| beacon.beacon(&url, &body).into()),
        ];
        Self { state, _patched: patched }
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.state.mode.set(mode);
    }

    /// The browser takes beacons of at most so many bytes.
    pub(crate) fn take_beacons_of(&self, bytes: usize) {
        self.state.takes_beacons_of.set(bytes);
    }

    /// Runs inside every call of the patched `fetch` and `sendBeacon`.
    pub(crate) fn run_inside(&self, hook: impl Fn() + 'static) {
        self.state.inside.replace(Some(Rc::new(hook)));
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        assert_eq!(*self.state.malformed.borrow(), Vec::<String>::new(), "malformed requests");
        self.state.received.borrow().clone()
    }

    pub(crate) fn requests(&self) -> usize {
        self.received().len()
    }

    pub(crate) fn beacons(&self) -> usize {
        self.received().iter().filter(|request| request.via == Via::Beacon).count()
    }

    /// Bytes of the beacons that were refused.
    pub(crate) fn refused_beacons(&self) -> Vec<usize> {
        self.state.refused_beacons.borrow().clone()
    }

    /// How many numbers of a stream, or of all, are stored.
    pub(crate) fn stored(&self, stream: Option<StreamId>) -> u64 {
        let stored = self.state.stored.borrow();
        stored.iter().filter(|(id, _)| stream.is_none_or(|it| it == *id)).map(|(_, it)| it.count()).sum()
    }
}

impl State {
    fn fetch(&self, url: &JsValue, init: &JsValue) -> JsValue {
        let body = Reflect::get(init, &"body".into()).ok().and_then(|body| body.as_string());
        let mode = self.mode.get();
        let answer = self.receive(url, init.clone(), body.unwrap_or_default(), Via::Fetch, mode);
        match mode {
            Mode::Accept | Mode::Reject => respond(200, &answer, None, None),
            Mode::Say(status, body, retry_after) => respond(status, body, retry_after, None),
            Mode::ThrottleUntil(ahead) => respond(429, "", None, Some(ahead)),
            Mode::Unreachable => unreachable(),
            Mode::Hang => hang(init),
            Mode::Deaf => hang(&json("{}")),
        }
    }

    fn beacon(&self, url: &JsValue, body: &JsValue) -> bool {
        let body = body.as_string().unwrap_or_default();
        let is_taken = body.len() <= self.takes_beacons_of.get();
        if is_taken {
            self.receive(url, JsValue::UNDEFINED, body, Via::Beacon, self.mode.get());
        } else {
            self.refused_beacons.borrow_mut().push(body.len());
        }
        is_taken
    }

    /// Reads and stores as the collector does; gives the body of its answer.
    fn receive(&self, url: &JsValue, init: JsValue, text: String, via: Via, mode: Mode) -> String {
        let hook = self.inside.borrow().clone();
        if let Some(hook) = hook {
            hook();
        }
        let Ok(body) = Body::decode(text.as_bytes()) else {
            self.malformed.borrow_mut().push(text);
            return String::new();
        };
        let line = body.line.clone();
        let mut rejected = Vec::new();
        let mut batches = Vec::new();
        let mut new = Ranges::new();
        for batch in body {
            let events = str::from_utf8(batch.events).unwrap_or_default();
            let events: Vec<String> = events.lines().map(String::from).collect();
            let head = batch.head.ok();
            let (Some(range), Some(head)) = (head.as_ref().and_then(|head| head.range()), head) else {
                self.malformed.borrow_mut().push(text.clone());
                continue;
            };
            if events.len() != head.n as usize {
                self.malformed.borrow_mut().push(text.clone());
            }
            let is_head = |it: &&str| it.starts_with(&format!("{{\"batch\":{},", head.first));
            let head_line = text.lines().find(is_head).unwrap_or_default();
            batches.push((head.first, String::from(head_line), events));
            match mode {
                Mode::Accept => new.insert(range),
                Mode::Reject => rejected.push((head.first, "json")),
                _ => {}
            }
        }
        let mut out = Vec::new();
        answer::encode_accounted(&self.store(line.stream, &new), rejected.into_iter(), &mut out);
        let url = url.as_string().unwrap_or_default();
        self.received.borrow_mut().push(Received { url, via, init, body: text, line, batches });
        String::from_utf8(out).unwrap_or_default()
    }

    fn store(&self, stream: StreamId, new: &Ranges) -> Ranges {
        let mut stored = self.stored.borrow_mut();
        let at = stored.iter().position(|(id, _)| *id == stream).unwrap_or_else(|| {
            stored.push((stream, Ranges::new()));
            stored.len() - 1
        });
        stored[at].1.extend(new);
        stored[at].1.clone()
    }
}
