//! Jitter. Seeded by the driver: the core owns no randomness, so a seed replays a run.

use crate::Duration;

/// xorshift32 (Marsaglia 2003): four instructions and no 64-bit state. Spreads retries; guards no secret.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u32);

impl Rng {
    pub(crate) const fn new(seed: u32) -> Self {
        Self(if seed == 0 { 0x9e37_79b9 } else { seed })
    }

    /// Uniform in `0..=max`.
    pub(crate) fn up_to(&mut self, max: Duration) -> Duration {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        let span = u64::from(max.as_millis()) + 1;
        // Multiply and shift instead of a remainder: no 64-bit division in the wasm.
        Duration::from_millis((u64::from(self.0) * span) >> 32)
    }
}
