//! The life of the page: shown, hidden, gone, back, and what the browser believes of the network.

use super::{
    global::{Global, global},
    promise::{Callback, callback, function},
};
use js_sys::Function;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    type Document;
    type Location;
    type Event;
    #[wasm_bindgen(extends = Document)]
    type Target;

    #[wasm_bindgen(method, getter, structural)]
    fn document(this: &Global) -> Option<Target>;

    #[wasm_bindgen(method, getter, structural, js_name = visibilityState)]
    fn visibility_state(this: &Document) -> String;

    #[wasm_bindgen(method, getter, structural)]
    fn location(this: &Global) -> Option<Location>;

    #[wasm_bindgen(method, getter, structural)]
    fn pathname(this: &Location) -> Option<String>;

    #[wasm_bindgen(method, getter, structural, js_name = type)]
    fn kind(this: &Event) -> String;

    #[wasm_bindgen(method, getter, structural)]
    fn persisted(this: &Event) -> Option<bool>;

    #[wasm_bindgen(method, structural, js_name = addEventListener)]
    fn add_event_listener(this: &Target, kind: &str, listener: &Function);

    #[wasm_bindgen(method, structural, js_name = removeEventListener)]
    fn remove_event_listener(this: &Target, kind: &str, listener: &Function);
}

/// What happened to the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageEvent {
    /// `visibilitychange` to visible.
    Shown,
    /// `visibilitychange` to hidden, or `freeze`: maybe the last that is heard.
    Hidden,
    /// `beforeunload`: the page may go, or stay.
    Leaving,
    /// `pagehide`: it goes, maybe into the back/forward cache.
    Gone,
    /// `pageshow` out of the back/forward cache.
    Back,
    /// `online`: a hint.
    Online,
    /// `offline`: a hint.
    Offline,
}

/// What is listened to on the document, and on the window. Never `unload`: it costs the back/forward cache everywhere.
const OF_DOCUMENT: [&str; 2] = ["visibilitychange", "freeze"];
const OF_WINDOW: [&str; 5] = ["beforeunload", "pagehide", "pageshow", "online", "offline"];

/// Listens to the page's life.
#[derive(Debug)]
#[must_use = "the listeners are removed when this is dropped"]
pub(crate) struct Listening {
    listener: Callback,
}

impl Listening {
    pub(crate) fn start(told: impl Fn(PageEvent) + 'static) -> Self {
        let listener = callback(move |event| {
            if let Some(event) = read(&event.unchecked_into()) {
                told(event);
            }
            JsValue::UNDEFINED
        });
        each_target(|target, kind| target.add_event_listener(kind, function(&listener)));
        Self { listener }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        each_target(|target, kind| target.remove_event_listener(kind, function(&self.listener)));
    }
}

/// The path of the page, without query and fragment: those may hold what is nobody's business.
pub(crate) fn path() -> String {
    global(Global::location).and_then(|location| location.pathname()).unwrap_or_default()
}

/// Whether the user cannot see the page.
pub(crate) fn is_hidden() -> bool {
    global(Global::document).is_some_and(|document| document.visibility_state() == "hidden")
}

fn each_target(call: impl Fn(&Target, &str)) {
    if let Some(document) = global(Global::document) {
        OF_DOCUMENT.iter().for_each(|kind| call(&document, kind));
    }
    let window: Target = global(|it| JsValue::from(it).unchecked_into());
    OF_WINDOW.iter().for_each(|kind| call(&window, kind));
}

fn read(event: &Event) -> Option<PageEvent> {
    Some(match event.kind().as_str() {
        "visibilitychange" if !is_hidden() => PageEvent::Shown,
        "visibilitychange" | "freeze" => PageEvent::Hidden,
        "beforeunload" => PageEvent::Leaving,
        "pagehide" => PageEvent::Gone,
        "pageshow" if event.persisted() == Some(true) => PageEvent::Back,
        "online" => PageEvent::Online,
        "offline" => PageEvent::Offline,
        _ => return None,
    })
}
