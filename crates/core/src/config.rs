//! Limits and times. Each default carries its reason.

use crate::Duration;

/// What the application may tune. [`Default`] is meant for production.
#[derive(Clone, Debug)]
pub struct Config {
    /// Bytes of all batches that only memory has: open, sealed and in flight. At least twice the largest batch.
    ///
    /// 1 MiB: some 8,000 events, and less than one image of the page.
    pub memory_bytes: u32,
    /// Bytes of a batch with several events, its batch line included.
    ///
    /// 16 KiB: a burst costs less in few values, for each write and each erase comes back as messages of the browser's process; of
    /// larger ones too few fill a beacon.
    pub max_batch_bytes: u32,
    /// Of a batch that more than one drain fills, and each writes anew: at most as many. 4 KiB: the whole value is written each time.
    pub max_rewritten_bytes: u32,
    /// Events of a batch. 256 bounds the work that one bad line spoils.
    pub max_batch_events: u32,
    /// Bytes of one event; over it the event is dropped as `too_large`.
    ///
    /// 32 KiB: half of what one beacon carries.
    pub max_event_bytes: u32,
    /// Bytes of a context, which the driver keeps to. 1 KiB: an eighth of a batch.
    pub max_context_bytes: u32,
    /// Bytes of a stream line without its ranges: ids, release and the like. The driver knows better.
    pub line_bytes: u32,
    /// Bytes of the first fetches and of those after a failure, but for a single larger batch. Quick answers let them double twice.
    ///
    /// 128 KiB: about three seconds of slow 3G (400 kbit/s), so a cut repeats little.
    pub first_request_bytes: u32,
    /// Bytes of a beacon where the driver named no budget.
    ///
    /// 64 KiB are shared by all beacons and keepalive fetches in flight (Fetch, 4.6); 4 KiB are left to the page.
    pub max_beacon_bytes: u32,
    /// An event waits at most so long for company. 5 s: a visitor who clicks and leaves has been heard.
    pub flush_after: Duration,
    /// From so many bytes on it sends soon, within 100 ms. 16 KiB: what waits usually fits into the beacon budget.
    pub flush_bytes: u32,
    /// An error waits at most so long. 1 s: the protocol's promise.
    pub error_after: Duration,
    /// What is older is dropped as `age`. 14 d: the collector keeps its index for twice that and a week.
    pub max_age: Duration,
    /// First backoff, doubled with each failure. 1 s: about one round trip on a bad link.
    pub backoff_base: Duration,
    /// Longest backoff. 5 min: a healed collector hears every open page within that.
    pub backoff_cap: Duration,
    /// First wait after the key was refused. 5 min.
    pub denied_base: Duration,
    /// Longest wait after the key was refused. 4 h: a mended key is found the same working day.
    pub denied_cap: Duration,
    /// How long "offline" delays an attempt. 1 min: the hint is wrong on some VPNs, so it never forbids.
    pub offline_delay: Duration,
    /// A visible page asks so long after a beacon what became of it. 3 s: the collector's fsync and a slow link.
    pub beacon_ask_after: Duration,
    /// A hidden page that lives on asks after so long. 1 min: Chromium throttles hidden timers to that.
    pub hidden_ask_after: Duration,
}

/// How soon that is. 100 ms: most bursts are over by then. A request beside one makes each of its writes dearer, and goes out less full.
pub(crate) const BURST_PAUSE: Duration = Duration::from_millis(100);

/// A batch line without its context: `{"batch":4294967295,"n":4294967295,}` and the line break, rounded up.
pub(crate) const HEAD_ROOM: u32 = 48;

impl Default for Config {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Config {
    /// What [`Default`] gives, as a constant.
    pub const DEFAULT: Self = Self {
        memory_bytes: 1024 * 1024,
        max_batch_bytes: 16 * 1024,
        max_rewritten_bytes: 4 * 1024,
        max_batch_events: 256,
        max_event_bytes: 32 * 1024,
        max_context_bytes: 1024,
        line_bytes: 512,
        first_request_bytes: 128 * 1024,
        max_beacon_bytes: 60 * 1024,
        flush_after: Duration::from_secs(5),
        flush_bytes: 16 * 1024,
        error_after: Duration::from_secs(1),
        max_age: Duration::from_secs(14 * 24 * 60 * 60),
        backoff_base: Duration::from_secs(1),
        backoff_cap: Duration::from_secs(5 * 60),
        denied_base: Duration::from_secs(5 * 60),
        denied_cap: Duration::from_secs(4 * 60 * 60),
        offline_delay: Duration::from_secs(60),
        beacon_ask_after: Duration::from_secs(3),
        hidden_ask_after: Duration::from_secs(60),
    };

    /// Bounds what would stall the pipeline: memory for less than two batches could hold nothing while one is sent. And what
    /// contradicts itself.
    pub(crate) fn bound(&mut self) {
        self.memory_bytes = self.memory_bytes.max(2 * self.largest_batch());
        self.max_rewritten_bytes = self.max_rewritten_bytes.min(self.max_batch_bytes);
    }

    /// Bytes of the largest batch that this configuration can make.
    pub(crate) fn largest_batch(&self) -> u32 {
        let lone = HEAD_ROOM + self.max_context_bytes + self.max_event_bytes + 1;
        lone.max(self.max_batch_bytes)
    }
}
