//! Counters since the start, for `GET /stats`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// Counts what came and what became of it.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    requests: AtomicU64,
    events_stored: AtomicU64,
    events_known: AtomicU64,
    stale: AtomicU64,
    /// Requests that were refused and batches that were rejected, by reason. Reasons are literals: the maps are small.
    refused: Mutex<BTreeMap<&'static str, u64>>,
    rejected: Mutex<BTreeMap<&'static str, u64>>,
}

/// The counters at one moment.
#[derive(Debug, Serialize)]
pub(crate) struct Snapshot {
    /// POSTs to `/v1/events`.
    requests: u64,
    events: Events,
    /// Requests of streams too old to be known.
    stale: u64,
    refused: BTreeMap<&'static str, u64>,
    rejected: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Serialize)]
struct Events {
    /// Written to the journal.
    stored: u64,
    /// Arrived again and were there already.
    known: u64,
}

impl Stats {
    pub(crate) fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stored(&self, new: u64, known: u64) {
        self.events_stored.fetch_add(new, Ordering::Relaxed);
        self.events_known.fetch_add(known, Ordering::Relaxed);
    }

    pub(crate) fn stale(&self) {
        self.stale.fetch_add(1, Ordering::Relaxed);
    }

    /// A request was answered with an error.
    pub(crate) fn refused(&self, reason: &'static str) {
        count(&self.refused, reason);
    }

    /// A batch of a request was not taken.
    pub(crate) fn rejected(&self, reason: &'static str) {
        count(&self.rejected, reason);
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let copy =
            |counts: &Mutex<BTreeMap<_, _>>| counts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Snapshot {
            requests: read(&self.requests),
            events: Events { stored: read(&self.events_stored), known: read(&self.events_known) },
            stale: read(&self.stale),
            refused: copy(&self.refused),
            rejected: copy(&self.rejected),
        }
    }
}

fn count(counts: &Mutex<BTreeMap<&'static str, u64>>, reason: &'static str) {
    *counts.lock().unwrap_or_else(PoisonError::into_inner).entry(reason).or_default() += 1;
}
