//! What the app chose, as the core has it.

use beaconry_core::{Config, Duration, Identity};

/// Bytes that one client stores by default. 1 MiB: a fifth of what an origin's localStorage takes.
const STORAGE_BYTES: usize = 1024 * 1024;

/// Bytes of a batch: below, its own head would be most of it; above, a write costs ten times as much (107 µs for 16 KB).
const MIN_BATCH_BYTES: usize = 1024;
const MAX_BATCH_BYTES: usize = 4096;

/// The core's limits, and the driver's own.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) config: Config,
    /// 0 where nothing is stored.
    pub(crate) storage_bytes: usize,
}

impl Settings {
    /// `limits` as [`limits`](crate::platform::host::limits) gives them.
    pub(crate) fn new(identity: Identity, limits: &[u32]) -> Self {
        let mut config = Config { identity, ..Config::default() };
        let &[memory, storage, batch, flush_after, max_age, has_storage] = limits else {
            return Self { config, storage_bytes: 0 };
        };
        if memory > 0 {
            config.memory_bytes = memory as usize;
        }
        if batch > 0 {
            config.max_batch_bytes = (batch as usize).clamp(MIN_BATCH_BYTES, MAX_BATCH_BYTES);
        }
        if flush_after > 0 {
            config.flush_after = Duration::from_millis(flush_after.into());
        }
        if max_age > 0 {
            config.max_age = Duration::from_millis(max_age.into());
        }
        let storage_bytes = if storage > 0 { storage as usize } else { STORAGE_BYTES };
        Self { config, storage_bytes: if has_storage > 0 { storage_bytes } else { 0 } }
    }
}
