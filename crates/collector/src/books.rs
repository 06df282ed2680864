//! The books: what became of all events that clients have numbered, over all streams that the index knows.

use std::ops::{AddAssign, SubAssign};
use std::sync::{Mutex, PoisonError};

use beaconry_core::{Range, Reason};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::index::Record;

/// How many events met which fate. Every number below a stream's `tracked` has exactly one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Fates {
    /// In the journal, whatever the client says.
    pub(crate) stored: u64,
    /// Given up by the client, in the order of [`Reason::ALL`].
    pub(crate) dropped: [u64; Reason::ALL.len()],
    /// Held by a client, or by a stream that has not ended: they may still come.
    pub(crate) outstanding: u64,
    /// Of an ended stream, and nobody knows where they are.
    pub(crate) missing: u64,
}

impl Fates {
    /// Of one stream.
    pub(crate) fn of(record: &Record) -> Fates {
        let line = &record.line;
        let Some(tracked) = Range::new(0, line.tracked) else { return Fates::default() };
        let mut rest = record.stored.gaps(tracked);
        let mut dropped = [0; Reason::ALL.len()];
        for (count, reason) in dropped.iter_mut().zip(Reason::ALL) {
            let before = rest.count();
            rest.subtract(line.dropped.get(reason));
            *count = before - rest.count();
        }
        let absent = rest.count();
        if line.closed {
            rest.subtract(&line.holds);
        }
        let missing = if line.closed { rest.count() } else { 0 };
        Fates { stored: record.stored.count(), dropped, outstanding: absent - missing, missing }
    }

    /// Name of the fate, reason of a drop, and how many.
    fn rows(&self) -> impl Iterator<Item = (&'static str, Option<Reason>, u64)> {
        let dropped = self.dropped.into_iter().zip(Reason::ALL);
        [
            ("stored", None, self.stored),
            ("outstanding", None, self.outstanding),
            ("missing", None, self.missing),
        ]
        .into_iter()
        .chain(dropped.map(|(count, reason)| ("dropped", Some(reason), count)))
    }

    fn combine(&mut self, other: &Fates, with: impl Fn(u64, u64) -> u64) {
        self.stored = with(self.stored, other.stored);
        self.outstanding = with(self.outstanding, other.outstanding);
        self.missing = with(self.missing, other.missing);
        for (mine, its) in self.dropped.iter_mut().zip(other.dropped) {
            *mine = with(*mine, its);
        }
    }
}

impl AddAssign for Fates {
    fn add_assign(&mut self, other: Fates) {
        self.combine(&other, u64::saturating_add);
    }
}

impl SubAssign for Fates {
    fn sub_assign(&mut self, other: Fates) {
        self.combine(&other, u64::saturating_sub);
    }
}

/// `{"stored":1,"outstanding":0,"missing":0,"dropped":{"full":2}}`, reasons without events left out.
impl Serialize for Fates {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct ByReason<'a>(&'a Fates);
        impl Serialize for ByReason<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let rows = self.0.rows().filter(|(_, _, count)| *count > 0);
                serializer.collect_map(rows.filter_map(|(_, reason, count)| Some((reason?.as_str(), count))))
            }
        }
        let mut map = serializer.serialize_map(Some(4))?;
        for (fate, _, count) in self.rows().filter(|(_, reason, _)| reason.is_none()) {
            map.serialize_entry(fate, &count)?;
        }
        map.serialize_entry("dropped", &ByReason(self))?;
        map.end()
    }
}

/// The sums as whoever asks for them sees them: at most a second old.
#[derive(Debug, Default)]
pub(crate) struct Books(Mutex<Fates>);

impl Books {
    pub(crate) fn set(&self, fates: Fates) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fates;
    }

    pub(crate) fn get(&self) -> Fates {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `beaconry_events{fate="…",reason="…"}`, a gauge: what was dropped may be stored after all, and streams grow old.
impl Collector for Books {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let help = "What became of the events that clients have numbered in the last 35 days";
        let mut family = encoder.encode_descriptor("events", help, None, MetricType::Gauge)?;
        for (fate, reason, count) in self.get().rows() {
            let mut labels = vec![("fate", fate)];
            labels.extend(reason.map(|reason| ("reason", reason.as_str())));
            let gauge = ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX));
            gauge.encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use beaconry_core::{Number, StreamId};

    use super::*;

    fn record(tracked: Number) -> Record {
        let mut record = Record::new(StreamId::new(1, [7; 10]), 1);
        record.line.tracked = tracked;
        record
    }

    fn range(start: Number, end: Number) -> Range {
        Range::new(start, end).unwrap()
    }

    #[test]
    fn every_number_has_one_fate_and_stored_wins() {
        let mut record = record(20);
        record.stored.insert(range(0, 5));
        record.line.dropped.insert(Reason::Full, range(3, 8));
        record.line.holds.insert(range(8, 10));
        let mut open = Fates { stored: 5, outstanding: 12, ..Fates::default() };
        open.dropped[Reason::ALL.iter().position(|reason| *reason == Reason::Full).unwrap()] = 3;
        assert_eq!(Fates::of(&record), open);
        record.line.closed = true;
        assert_eq!(Fates::of(&record), Fates { outstanding: 2, missing: 10, ..open });
    }

    #[test]
    fn what_is_added_can_be_taken_away() {
        let mut record = record(4);
        record.stored.insert(range(1, 3));
        let mut sum = Fates::default();
        sum += Fates::of(&record);
        sum += Fates::of(&record);
        assert_eq!((sum.stored, sum.outstanding), (4, 4));
        sum -= Fates::of(&record);
        assert_eq!(sum, Fates::of(&record));
    }

    #[test]
    fn people_see_only_the_reasons_that_occur() {
        let mut record = record(3);
        record.line.dropped.insert(Reason::Age, range(0, 2));
        let json = serde_json::to_string(&Fates::of(&record)).unwrap();
        assert_eq!(json, r#"{"stored":0,"outstanding":1,"missing":0,"dropped":{"age":2}}"#);
    }
}
