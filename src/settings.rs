//! What the app chose, as the core has it.

use crate::platform::clock::whole;
use beaconry_core::{Config, Duration, Identity};

/// Bytes that one client stores by default. 1 MiB: a fifth of what an origin's localStorage takes.
const STORAGE_BYTES: usize = 1024 * 1024;

/// Bytes of a batch: below, its own head would be most of it; above, a write costs ten times as much (107 µs for 16 KB).
const MIN_BATCH_BYTES: usize = 1024;
const MAX_BATCH_BYTES: usize = 4096;

/// Bytes that send at once. 48 KiB: what waits still fits into the beacon budget, and a `fetch` takes the main thread 0.3 ms.
const FLUSH_BYTES: usize = 48 * 1024;

/// The core's limits, and the driver's own.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) config: Config,
    /// 0 where nothing is stored.
    pub(crate) storage_bytes: usize,
}

impl Settings {
    /// `limits` as [`limits`](crate::platform::host::Host::limits) gives them, from the memory on.
    pub(crate) fn new(identity: Identity, limits: &[f64]) -> Self {
        let mut config = Config { identity, flush_bytes: FLUSH_BYTES, ..Config::default() };
        let &[memory, storage, batch, flush_after, max_age, has_storage] = limits else {
            return Self { config, storage_bytes: 0 };
        };
        let chosen = |limit: f64, otherwise: usize| {
            if limit > 0.0 { usize::try_from(whole(limit)).unwrap_or(usize::MAX) } else { otherwise }
        };
        config.memory_bytes = chosen(memory, config.memory_bytes);
        config.max_batch_bytes =
            chosen(batch, config.max_batch_bytes).clamp(MIN_BATCH_BYTES, MAX_BATCH_BYTES);
        if flush_after > 0.0 {
            config.flush_after = Duration::from_millis(whole(flush_after));
        }
        if max_age > 0.0 {
            config.max_age = Duration::from_millis(whole(max_age));
        }
        Self { config, storage_bytes: if has_storage > 0.0 { chosen(storage, STORAGE_BYTES) } else { 0 } }
    }
}
