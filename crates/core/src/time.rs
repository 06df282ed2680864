//! Monotonic time in milliseconds. The core owns no clock: every input brings its `now`.

use core::ops::Add;

/// A point on the driver's monotonic clock, in milliseconds since an origin of the driver's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

/// A span of time in milliseconds, 49 days at most: the longest that the protocol knows is 35.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(u32);

impl Instant {
    /// No clock gets there: what happens then does not happen.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// The instant `ms` milliseconds after the clock's origin.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the clock's origin.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Time since `earlier`; zero where `earlier` is later.
    #[must_use]
    #[inline(never)]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0 + u64::from(span.0))
    }
}

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span of `ms` milliseconds; saturates.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "checked in the same line")]
    pub const fn from_millis(ms: u64) -> Self {
        Self(if ms > u32::MAX as u64 { u32::MAX } else { ms as u32 })
    }

    /// A span of `seconds`; saturates.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self::from_millis(seconds.saturating_mul(1000))
    }

    /// Milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u32 {
        self.0
    }

    /// What is left without `other`; zero where that is longer.
    pub(crate) const fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Half of it.
    pub(crate) const fn half(self) -> Self {
        Self(self.0 >> 1)
    }

    /// Twice as long; saturates.
    pub(crate) const fn twice(self) -> Self {
        Self(self.0.saturating_mul(2))
    }
}
