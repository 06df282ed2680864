//! Web Locks: who holds a stream's lock may erase what it has stored. Plain http has none.

use super::host::Host;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// Holds the lock of a new stream, or goes on to hold that of the facade's.
    #[wasm_bindgen(method)]
    pub(crate) fn hold(this: &Host, stream: &str);

    /// Asks for a lock only if it is free; [`LOCK`](super::told::LOCK) follows. False without Web Locks.
    #[wasm_bindgen(method)]
    pub(crate) fn ask(this: &Host, stream: &str) -> bool;

    /// Gives a lock back, if it is held.
    #[wasm_bindgen(method)]
    pub(crate) fn release(this: &Host, stream: &str);
}
