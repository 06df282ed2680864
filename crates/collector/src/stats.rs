//! Counters since the start: `GET /metrics` for Prometheus, `GET /stats` for people and tests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use serde::Serialize;

use crate::books::{Books, Fates};
use crate::upkeep::Report;

/// What `GET /metrics` is (OpenMetrics 1.0, "Overall Structure").
pub(crate) const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Counts what came and what became of it.
#[derive(Debug)]
pub(crate) struct Stats {
    requests: Counter,
    stored: Counter,
    known: Counter,
    stale: Counter,
    refused: ByReason,
    rejected: ByReason,
    books: Arc<Books>,
    registry: Registry,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Label {
    reason: &'static str,
}

/// Prometheus' counters cannot be listed: the map is what `/stats` shows of them. Reasons are literals, so it is small.
#[derive(Debug, Default)]
struct ByReason {
    counters: Family<Label, Counter>,
    counts: Mutex<BTreeMap<&'static str, u64>>,
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
    /// Of all streams that the index knows, not since the start.
    books: Fates,
}

#[derive(Debug, Serialize)]
struct Events {
    /// Written to the journal.
    stored: u64,
    /// Arrived again and were there already.
    known: u64,
}

impl Stats {
    /// `books` are the store's.
    pub(crate) fn new(books: Arc<Books>) -> Self {
        let stats = Self {
            requests: Counter::default(),
            stored: Counter::default(),
            known: Counter::default(),
            stale: Counter::default(),
            refused: ByReason::default(),
            rejected: ByReason::default(),
            books,
            registry: Registry::default(),
        };
        stats.registered()
    }

    fn registered(mut self) -> Self {
        let mut registry = Registry::with_prefix("beaconry");
        registry.register("build", "The collector", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
        registry.register("requests", "POSTs of events", self.requests.clone());
        registry.register("events_stored", "Events written to the journal", self.stored.clone());
        registry.register(
            "events_duplicate",
            "Events that came again and were stored already",
            self.known.clone(),
        );
        registry.register("requests_stale", "Requests of streams too old to be known", self.stale.clone());
        registry.register(
            "requests_refused",
            "Requests answered with an error",
            self.refused.counters.clone(),
        );
        registry.register("batches_rejected", "Batches that were not taken", self.rejected.counters.clone());
        registry.register_collector(Box::new(self.books.clone()));
        self.registry = registry;
        self
    }

    pub(crate) fn request(&self) {
        self.requests.inc();
    }

    pub(crate) fn stored(&self, new: u64, known: u64) {
        self.stored.inc_by(new);
        self.known.inc_by(known);
    }

    pub(crate) fn stale(&self) {
        self.stale.inc();
    }

    /// A request was answered with an error.
    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused.count(reason);
    }

    /// A batch of a request was not taken.
    pub(crate) fn rejected(&self, reason: &'static str) {
        self.rejected.count(reason);
    }

    /// A pass over the closed journal files was made.
    pub(crate) fn upkeep(&self, report: &Report) {
        let _ = report;
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            requests: self.requests.get(),
            events: Events { stored: self.stored.get(), known: self.known.get() },
            stale: self.stale.get(),
            refused: self.refused.copy(),
            rejected: self.rejected.copy(),
            books: self.books.get(),
        }
    }

    /// The counters as Prometheus reads them.
    pub(crate) fn metrics(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        text
    }
}

impl ByReason {
    fn count(&self, reason: &'static str) {
        self.counters.get_or_create(&Label { reason }).inc();
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(reason).or_default() += 1;
    }

    fn copy(&self) -> BTreeMap<&'static str, u64> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
