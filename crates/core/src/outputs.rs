//! What waits to be polled and cannot be read off the state.

use crate::Output;
use alloc::vec::Vec;

/// A queue's first output; a drain is short, so moving the others up costs less than a ring buffer's code.
pub(crate) fn pop(queue: &mut Vec<Output>) -> Option<Output> {
    if queue.is_empty() { None } else { Some(queue.remove(0)) }
}

/// Bounded by the inputs: each call adds a few, and the driver drains after each.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    /// Before the writes of this drain.
    pub(crate) news: Vec<Output>,
    /// After them: erases, and what has to follow an erase.
    pub(crate) after: Vec<Output>,
}
