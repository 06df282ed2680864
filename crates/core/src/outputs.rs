//! What waits to be polled and cannot be read off the state.

use crate::Output;
use alloc::collections::VecDeque;

/// Bounded by the inputs: each call adds a few, and the driver drains after each.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    /// Before the writes of this drain.
    pub(crate) news: VecDeque<Output>,
    /// After them: erases, and what has to follow an erase.
    pub(crate) after: VecDeque<Output>,
}
