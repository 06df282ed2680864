//! Counters since the start: `GET /metrics` for Prometheus, `GET /stats` for people and tests. `docs/metrics.md` has them all.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use serde::Serialize;

use crate::event_line::TYPES;
use crate::gauges::{Gauges, Observed};
use crate::store::Tally;
use crate::upkeep::pass::Report;
use crate::upkeep::retain::Due;

/// What `GET /metrics` is (OpenMetrics 1.0, "Overall Structure").
pub(crate) const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Counts what came and what became of it.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    requests: Counter,
    answered: Family<Answered, Counter>,
    stored: Family<OfType, Counter>,
    duplicate: Family<OfApp, Counter>,
    dropped: Family<OfReason, Counter>,
    stale: Family<OfApp, Counter>,
    refused: Family<Reason, Counter>,
    rejected: Family<OfReason, Counter>,
    packed: Counter,
    deleted: Family<Reason, Counter>,
    unread: Family<OfConsumer, Counter>,
    problems: Counter,
    snapshot: Mutex<Snapshot>,
    exposed: Mutex<Exposed>,
}

/// What is written out; one at a time, for gauges are set before.
#[derive(Debug, Default)]
struct Exposed {
    registry: Registry,
    gauges: Gauges,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    code: u16,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfType {
    app: String,
    r#type: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfApp {
    app: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfReason {
    app: String,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Reason {
    reason: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfConsumer {
    consumer: String,
}

/// The counters of all apps at one moment: Prometheus' own cannot be listed.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Snapshot {
    /// POSTs to `/v1/events`.
    requests: u64,
    events: Events,
    /// Requests of streams too old to be known.
    stale: u64,
    refused: BTreeMap<&'static str, u64>,
    rejected: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Clone, Default, Serialize)]
struct Events {
    /// Written to the journal.
    stored: u64,
    /// Arrived again and were there already.
    known: u64,
}

impl Stats {
    /// Of the collector of these apps. What can be known ahead is there from the start, as 0: a counter that appears with its
    /// first event hides that event from a rate.
    pub(crate) fn new<'a>(apps: impl IntoIterator<Item = &'a str>) -> Self {
        let stats = Self::default();
        for app in apps.into_iter().map(str::to_owned) {
            for kind in TYPES {
                inc(&stats.stored, &OfType { app: app.clone(), r#type: kind }, 0);
            }
            for reason in beaconry_core::Reason::ALL {
                inc(&stats.dropped, &OfReason { app: app.clone(), reason: reason.as_str() }, 0);
            }
            inc(&stats.duplicate, &OfApp { app: app.clone() }, 0);
            inc(&stats.stale, &OfApp { app }, 0);
        }
        for due in [Due::Age, Due::Size] {
            inc(&stats.deleted, &Reason { reason: due.as_str().to_owned() }, 0);
        }
        inc(&stats.answered, &Answered { code: 200, reason: "stored" }, 0);
        let mut registry = Registry::with_prefix("beaconry");
        registry.register("build", "The collector", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
        registry.register("requests", "POSTs of events", stats.requests.clone());
        registry.register("responses", "Answers to POSTs of events", stats.answered.clone());
        registry.register("events_stored", "Events written to the journal", stats.stored.clone());
        registry.register(
            "events_duplicate",
            "Events that came again and were stored already",
            stats.duplicate.clone(),
        );
        registry.register(
            "events_dropped",
            "Events that clients say they dropped, when they said so first",
            stats.dropped.clone(),
        );
        registry.register("requests_stale", "Requests of streams too old to be known", stats.stale.clone());
        registry.register("requests_refused", "Requests answered with an error", stats.refused.clone());
        registry.register("batches_rejected", "Batches that were not taken", stats.rejected.clone());
        registry.register("journal_files_packed", "Journal files that were packed", stats.packed.clone());
        registry.register("journal_files_deleted", "Journal files that were deleted", stats.deleted.clone());
        registry.register(
            "journal_unread_deleted_bytes",
            "Bytes of the journal that were deleted before a consumer had read them",
            stats.unread.clone(),
        );
        registry.register(
            "upkeep_problems",
            "Failures to pack or delete closed journal files",
            stats.problems.clone(),
        );
        let gauges = Gauges::register(&mut registry);
        Self { exposed: Mutex::new(Exposed { registry, gauges }), ..stats }
    }

    pub(crate) fn request(&self) {
        self.requests.inc();
        self.note(|snapshot| snapshot.requests += 1);
    }

    /// A request was taken; what it added.
    pub(crate) fn stored(&self, app: &str, tally: &Tally) {
        self.answered(200, "stored");
        for (kind, count) in &tally.new {
            inc(&self.stored, &OfType { app: app.to_owned(), r#type: kind }, *count);
        }
        for (reason, count) in &tally.dropped {
            inc(&self.dropped, &OfReason { app: app.to_owned(), reason }, *count);
        }
        inc(&self.duplicate, &OfApp { app: app.to_owned() }, tally.known);
        self.note(|snapshot| {
            snapshot.events.stored += tally.new.values().sum::<u64>();
            snapshot.events.known += tally.known;
        });
    }

    pub(crate) fn stale(&self, app: &str) {
        self.answered(200, "stale");
        inc(&self.stale, &OfApp { app: app.to_owned() }, 1);
        self.note(|snapshot| snapshot.stale += 1);
    }

    /// A request was answered with an error.
    pub(crate) fn refused(&self, code: u16, reason: &'static str) {
        self.answered(code, reason);
        inc(&self.refused, &Reason { reason: reason.to_owned() }, 1);
        self.note(|snapshot| *snapshot.refused.entry(reason).or_default() += 1);
    }

    /// A batch of a request was not taken.
    pub(crate) fn rejected(&self, app: &str, reason: &'static str) {
        inc(&self.rejected, &OfReason { app: app.to_owned(), reason }, 1);
        self.note(|snapshot| *snapshot.rejected.entry(reason).or_default() += 1);
    }

    /// A pass over the closed journal files was made.
    pub(crate) fn upkeep(&self, report: &Report) {
        self.packed.inc_by(report.packed.len() as u64);
        self.problems.inc_by(report.problems.len() as u64);
        for deleted in &report.deleted {
            inc(&self.deleted, &Reason { reason: deleted.why.clone() }, 1);
            for (consumer, bytes) in &deleted.unread {
                inc(&self.unread, &OfConsumer { consumer: consumer.clone() }, *bytes);
            }
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counters, and gauges as they were just observed, as Prometheus reads them.
    pub(crate) fn metrics(&self, observed: &Observed) -> String {
        let exposed = self.exposed.lock().unwrap_or_else(PoisonError::into_inner);
        exposed.gauges.set(observed);
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &exposed.registry);
        text
    }

    fn answered(&self, code: u16, reason: &'static str) {
        inc(&self.answered, &Answered { code, reason }, 1);
    }

    fn note(&self, change: impl FnOnce(&mut Snapshot)) {
        change(&mut self.snapshot.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn inc<L: Clone + Hash + Eq + Debug>(family: &Family<L, Counter>, labels: &L, by: u64) {
    family.get_or_create_owned(labels).inc_by(by);
}
