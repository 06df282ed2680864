//! Time, as JavaScript tells it with everything else: one look at each clock a task.

use beaconry_core::Instant;
use std::cell::Cell;

/// What the two clocks said last, in ms.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    now: Cell<f64>,
    unix: Cell<f64>,
}

impl Clock {
    pub(crate) fn set(&self, now: f64, unix: f64) {
        self.now.set(now);
        self.unix.set(unix);
    }

    /// Milliseconds since the page began (High Resolution Time, 4); never goes back.
    pub(crate) fn now(&self) -> Instant {
        Instant::from_millis(whole(self.now.get()))
    }

    /// Milliseconds since 1970 by the client's own clock, which may be wrong and may go back.
    pub(crate) fn unix_ms(&self) -> u64 {
        whole(self.unix.get())
    }
}

/// Whole and not negative; what is no number is zero.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
pub(crate) fn whole(value: f64) -> u64 {
    value as u64
}
