//! The exports of the npm package's module: functions of numbers alone. It imports nothing and needs no glue; an instance of
//! it is one client's core.

use crate::core::Core;
use std::cell::RefCell;
use wasm_bindgen::prelude::*;

thread_local! {
    static CORE: RefCell<Core> = const { RefCell::new(Core::new()) };
}

/// See [`Core::track`].
#[wasm_bindgen]
pub fn track(bytes: u32, priority: u32) -> u32 {
    CORE.with_borrow_mut(|core| core.track(bytes, priority))
}

/// See [`Core::push`].
#[wasm_bindgen]
pub fn push(word: u32) {
    CORE.with_borrow_mut(|core| core.push(word));
}

/// See [`Core::tell`].
#[wasm_bindgen]
pub fn tell(now: f64) -> u32 {
    CORE.with_borrow_mut(|core| core.tell(now))
}

/// See [`Core::poll`].
#[wasm_bindgen]
pub fn poll() -> u32 {
    CORE.with_borrow_mut(Core::poll)
}

/// See [`Core::word`].
#[wasm_bindgen]
pub fn word(at: u32) -> u32 {
    CORE.with_borrow(|core| core.word(at))
}
