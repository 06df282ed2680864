//! When the endpoint may be tried again. One gate for all streams: they share the endpoint and the key.

use crate::{Config, Duration, Instant, answer::MAX_RETRY_AFTER, rng::Rng};

/// Doubling ends here: a millionfold base lies over every sensible cap.
const MAX_DOUBLINGS: u32 = 20;

#[derive(Debug)]
pub(crate) struct Gate {
    /// A Retry-After, ours or another tab's: nothing but its end opens this.
    throttled: Instant,
    /// After failures, with full jitter. Coming online ends it.
    backoff: Instant,
    /// The key is refused. Coming online changes nothing about that.
    denied: Instant,
    /// What the browser says.
    is_offline: bool,
    /// While it says so: a hint, so this delays and never forbids.
    offline: Instant,
    failures: u32,
    denials: u32,
}

impl Gate {
    /// An open one.
    pub(crate) const fn new() -> Self {
        let past = Instant::from_millis(0);
        Self {
            throttled: past,
            backoff: past,
            denied: past,
            is_offline: false,
            offline: past,
            failures: 0,
            denials: 0,
        }
    }

    /// No fetch before this.
    #[inline(never)]
    pub(crate) fn opens_at(&self) -> Instant {
        self.throttled.max(self.backoff).max(self.denied).max(self.offline)
    }

    /// Nobody says that the collector cannot be reached.
    pub(crate) fn is_open(&self, now: Instant) -> bool {
        self.failures == 0 && now >= self.opens_at()
    }

    /// A Retry-After holds: beacons carry only what no storage has.
    #[inline(never)]
    pub(crate) fn is_throttled(&self, now: Instant) -> bool {
        now < self.throttled
    }

    pub(crate) fn succeeded(&mut self, now: Instant) {
        self.failures = 0;
        self.denials = 0;
        self.backoff = now;
        self.denied = now;
        self.offline = now;
    }

    /// `max(retry_after, uniform(0, min(cap, base · 2ⁿ)))`, the "full jitter" of AWS's "Exponential Backoff And
    /// Jitter": the fewest calls of all variants that were compared there. The maximum with Retry-After is taken in
    /// [`opens_at`](Self::opens_at).
    pub(crate) fn failed(&mut self, now: Instant, config: &Config, rng: &mut Rng) {
        let ceiling = doubled(config.backoff_base, self.failures, config.backoff_cap);
        self.failures += 1;
        self.backoff = now + rng.up_to(ceiling);
        if self.is_offline {
            self.offline = now + config.offline_delay;
        }
    }

    /// 401, 403, 404, 405: minutes, then hours. Half of it is fixed, so that jitter cannot turn hours into nothing.
    pub(crate) fn denied(&mut self, now: Instant, config: &Config, rng: &mut Rng) {
        let ceiling = doubled(config.denied_base, self.denials, config.denied_cap);
        self.denials += 1;
        let half = ceiling.half();
        self.denied = now + half + rng.up_to(half);
    }

    /// Returns until when, at most a day ahead. The longest of several holds.
    pub(crate) fn throttle(&mut self, now: Instant, until: Instant) -> Instant {
        let until = until.min(now + MAX_RETRY_AFTER);
        self.throttled = self.throttled.max(until);
        until
    }

    pub(crate) fn went_offline(&mut self, now: Instant, config: &Config) {
        self.is_offline = true;
        self.offline = now + config.offline_delay;
    }

    /// Ends a backoff, never a Retry-After or a refusal.
    pub(crate) fn came_online(&mut self, now: Instant) {
        self.is_offline = false;
        self.offline = now;
        self.backoff = now;
        self.failures = 0;
    }
}

fn doubled(base: Duration, times: u32, cap: Duration) -> Duration {
    let mut wait = base;
    for _ in 0..times.min(MAX_DOUBLINGS) {
        wait = wait.twice();
    }
    wait.min(cap)
}
