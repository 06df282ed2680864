//! Web Locks: who holds a stream's lock may erase what it has stored. Plain http has none.

use super::{
    global::{Global, global},
    json,
    promise::{Callback, Thenable, callback, function, pending},
};
use js_sys::Function;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    type Navigator;
    type LockManager;

    #[wasm_bindgen(method, getter, structural)]
    fn navigator(this: &Global) -> Navigator;

    #[wasm_bindgen(method, getter, structural)]
    fn locks(this: &Navigator) -> Option<LockManager>;

    #[wasm_bindgen(method, structural, catch)]
    fn request(
        this: &LockManager,
        name: &str,
        options: &JsValue,
        granted: &Function,
    ) -> Result<Thenable, JsValue>;
}

/// A lock that is held, or will be once it is granted.
#[derive(Debug)]
#[must_use = "the lock is given back when this is dropped"]
pub(crate) struct Lock {
    /// Resolves the promise that holds it.
    give_back: Option<Function>,
    _asking: Option<Asking>,
}

/// A question for a lock.
#[derive(Debug)]
#[must_use = "the answer is not heard when this is dropped"]
pub(crate) struct Asking {
    _granted: Callback,
    _settled: Callback,
}

impl Lock {
    /// One that somebody else asked for, with the function that gives it back.
    pub(crate) fn of(give_back: Function) -> Self {
        Self { give_back: Some(give_back), _asking: None }
    }

    /// Asks for a lock that nobody else has a reason to hold. `None` without Web Locks.
    pub(crate) fn hold(name: &str) -> Option<Self> {
        let (held, give_back) = pending();
        let asking = ask(name, "{}", callback(move |_| held.clone().into()))?;
        Some(Self { give_back, _asking: Some(asking) })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(give_back) = &self.give_back {
            drop(give_back.call0(&JsValue::UNDEFINED));
        }
    }
}

/// Asks for a lock only if it is free, and tells whether it was. `None` without Web Locks.
pub(crate) fn if_free(name: &str, mut told: impl FnMut(Option<Lock>) + 'static) -> Option<Asking> {
    let granted = callback(move |lock| {
        if lock.is_null() {
            told(None);
            return JsValue::UNDEFINED;
        }
        let (held, give_back) = pending();
        told(Some(Lock { give_back, _asking: None }));
        held.into()
    });
    ask(name, "{\"ifAvailable\":true}", granted)
}

/// `LockManager.request`; a sandboxed frame is refused by a rejection, which nobody needs to hear of.
fn ask(name: &str, options: &str, granted: Callback) -> Option<Asking> {
    let manager = global(Global::navigator).locks()?;
    let request = manager.request(name, &json::parse(options).ok()?, function(&granted)).ok()?;
    let settled = callback(|_| JsValue::UNDEFINED);
    request.then(function(&settled), function(&settled)).ok()?;
    Some(Asking { _granted: granted, _settled: settled })
}
