//! Counts the streams of a snapshot: their sums, and those of groups of them. `docs/delivery.md` has its JSON.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

use beaconry_core::Reason;
use serde::{Deserialize, Serialize};

use super::question::{By, Question};
use crate::files;
use crate::index::IndexError;
use crate::index::books::{self, LOST, OUTSTANDING, STORED, STREAMS, TRACKED, TWICE_REFUSED};
use crate::index::record::Record;
use crate::index::snapshot::Snapshot;
use crate::journal;

/// Changes with the meaning of a member, or when one goes; new ones may come.
const SCHEMA: u32 = 1;
/// Clients name their releases, so there can be any number: more groups than anyone reads are one.
const MAX_GROUPS: usize = 1_000;
/// Letters of a group's name.
const MAX_NAME: usize = 200;

/// Who counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source {
    /// The server that has the directory.
    Server,
    /// The command itself, from index and journal.
    Files,
    /// The command itself, from the journal alone: there is no index, or a damaged one.
    Journal,
}

/// When, by whom and from what is counted (unix ms).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) now: u64,
    pub(crate) source: Source,
    /// Day of the oldest file.
    pub(crate) journal: Option<u64>,
}

impl Counted {
    /// In this directory.
    pub(super) fn of(data: &Path, now: u64, source: Source) -> io::Result<Counted> {
        let files = files::list(data)?;
        let oldest = files.first().and_then(|file| files::Name::parse(&file.name));
        Ok(Counted { now, source, journal: oldest.map(|oldest| journal::start_of(oldest.day())) })
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    schema: u32,
    pub(super) at: String,
    pub(super) by: Option<By>,
    app: Option<String>,
    pub(super) knows: Knows,
    pub(super) total: Row,
    pub(super) groups: Vec<Group>,
}

/// How much is known. Times are RFC 3339.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Knows {
    pub(super) source: Source,
    /// Only streams born from here on, for the index was lost; `None`: all that ever were.
    pub(super) since: Option<String>,
    /// From when on events that came twice were counted; `None`: that is not known.
    pub(super) twice_refused_since: Option<String>,
    /// Start of the day of the oldest journal file: older events are counted, but their lines are gone.
    pub(super) journal_since: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Group {
    pub(super) kind: Kind,
    /// Of a group of kind `named`.
    pub(super) name: Option<String>,
    #[serde(flatten)]
    pub(super) row: Row,
}

/// What a group is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Streams that have a name in common.
    Named,
    /// Streams that told none.
    Unknown,
    /// The smallest of too many.
    Others,
    /// Streams that the index has let go of, after 35 days of silence: what was outstanding is lost.
    Forgotten,
}

/// `tracked` = `stored` + `dropped` + `outstanding` + `lost`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(super) streams: u64,
    pub(super) tracked: u64,
    pub(super) stored: u64,
    pub(super) twice_refused: Option<u64>,
    pub(super) dropped: u64,
    pub(super) dropped_by_reason: BTreeMap<String, u64>,
    pub(super) outstanding: u64,
    pub(super) lost: u64,
    pub(super) shares: Option<Shares>,
}

/// Of `tracked`; there are none of nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Shares {
    stored: f64,
    twice_refused: Option<f64>,
    dropped: f64,
    dropped_by_reason: BTreeMap<String, f64>,
    outstanding: f64,
    lost: f64,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotCounted {
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("the server ends")]
    Ends,
}

/// Counts by cell, see [`books`].
type Sums = BTreeMap<&'static str, u64>;
type Key = (Kind, Option<String>);

impl Report {
    /// `ends` says whether to give up.
    pub(crate) fn of(
        snapshot: &Snapshot,
        question: &Question,
        counted: Counted,
        ends: impl Fn() -> bool,
    ) -> Result<Report, NotCounted> {
        let is_meant = |app: &str| question.app.as_deref().is_none_or(|it| it == app);
        let mut groups: HashMap<Key, Sums> = HashMap::new();
        for record in snapshot.streams()? {
            if ends() {
                return Err(NotCounted::Ends);
            }
            let record = record?;
            if is_meant(&record.app) {
                let sums = groups.entry(key(&record, question.by)).or_default();
                books::cells(&record).for_each(|(cell, count)| *sums.entry(cell).or_default() += count);
            }
        }
        for (app, cell, count) in snapshot.forgotten()?.iter().filter(|(app, ..)| is_meant(app)) {
            let key = if question.by == Some(By::App) { named(Some(app)) } else { (Kind::Forgotten, None) };
            let sums = groups.entry(key).or_default();
            *sums.entry(cell).or_default() += u64::try_from(count).unwrap_or(0);
        }
        let twice_refused_since = snapshot.counting_since()?;
        let row = |sums: &Sums| Row::of(sums, twice_refused_since.is_some());
        let mut total = Sums::new();
        groups.values().for_each(|sums| add(&mut total, sums));
        let groups = if question.by.is_some() { sorted(groups, question.by) } else { Vec::new() };
        let source = if twice_refused_since.is_some() { counted.source } else { Source::Journal };
        Ok(Report {
            schema: SCHEMA,
            at: time(counted.now),
            by: question.by,
            app: question.app.clone(),
            knows: Knows {
                source,
                since: snapshot.since()?.map(time),
                twice_refused_since: twice_refused_since.map(time),
                journal_since: counted.journal.map(time),
            },
            total: row(&total),
            groups: groups
                .iter()
                .map(|((kind, name), sums)| Group { kind: *kind, name: name.clone(), row: row(sums) })
                .collect(),
        })
    }
}

/// The group of a stream; all are one where nobody asks.
fn key(record: &Record, by: Option<By>) -> Key {
    match by {
        None => (Kind::Unknown, None),
        Some(By::Release) => {
            let release = record.line.identity.release.as_deref();
            let text: Option<String> = release.and_then(|token| serde_json::from_str(token).ok());
            named(text.as_deref())
        }
        Some(By::Browser) => named(record.browser.as_deref()),
        Some(By::Day) => named(Some(&journal::day_at(record.line.stream.birth_unix_ms()).to_string())),
        Some(By::App) => named(Some(&record.app)),
    }
}

fn named(name: Option<&str>) -> Key {
    match name.filter(|name| !name.is_empty()) {
        Some(name) => (Kind::Named, Some(name.chars().take(MAX_NAME).collect())),
        None => (Kind::Unknown, None),
    }
}

/// Days in their order, other names by what was tracked; then whatever has no name.
fn sorted(groups: HashMap<Key, Sums>, by: Option<By>) -> Vec<(Key, Sums)> {
    let mut groups: Vec<_> = groups.into_iter().collect();
    let tracked = |sums: &Sums| Reverse(sums.get(TRACKED).copied().unwrap_or(0));
    groups.sort_by(|(a, a_sums), (b, b_sums)| {
        a.0.cmp(&b.0).then_with(|| tracked(a_sums).cmp(&tracked(b_sums))).then_with(|| a.1.cmp(&b.1))
    });
    let named = groups.iter().take_while(|((kind, _), _)| *kind == Kind::Named).count();
    if named > MAX_GROUPS {
        let mut others = Sums::new();
        groups.drain(MAX_GROUPS..named).for_each(|(_, sums)| add(&mut others, &sums));
        groups.push(((Kind::Others, None), others));
    }
    if by == Some(By::Day) {
        groups.sort_by(|(a, _), (b, _)| a.cmp(b));
    } else {
        groups.sort_by_key(|((kind, _), _)| *kind);
    }
    groups
}

fn add(sums: &mut Sums, more: &Sums) {
    more.iter().for_each(|(cell, count)| *sums.entry(cell).or_default() += count);
}

impl Row {
    fn of(sums: &Sums, knows_twice: bool) -> Row {
        let sum = |cell| sums.get(cell).copied().unwrap_or(0);
        let reasons = Reason::ALL.into_iter().map(Reason::as_str);
        let dropped_by_reason: BTreeMap<String, u64> =
            reasons.map(|reason| (reason.to_owned(), sum(reason))).collect();
        let row = Row {
            streams: sum(STREAMS),
            tracked: sum(TRACKED),
            stored: sum(STORED),
            twice_refused: knows_twice.then(|| sum(TWICE_REFUSED)),
            dropped: dropped_by_reason.values().sum(),
            dropped_by_reason,
            outstanding: sum(OUTSTANDING),
            lost: sum(LOST),
            shares: None,
        };
        Row { shares: row.shares(), ..row }
    }

    fn shares(&self) -> Option<Shares> {
        let share = |count| share(count, self.tracked);
        let of_reasons =
            self.dropped_by_reason.iter().map(|(reason, count)| Some((reason.clone(), share(*count)?)));
        Some(Shares {
            stored: share(self.stored)?,
            twice_refused: self.twice_refused.and_then(share),
            dropped: share(self.dropped)?,
            dropped_by_reason: of_reasons.collect::<Option<_>>()?,
            outstanding: share(self.outstanding)?,
            lost: share(self.lost)?,
        })
    }
}

/// A part of the whole, to a millionth; there is none of nothing.
#[allow(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub(super) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| (part as f64 / whole as f64 * 1e6).round() / 1e6)
}

fn time(unix_ms: u64) -> String {
    let time = i64::try_from(unix_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.unwrap_or(jiff::Timestamp::MAX).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_groups_than_anyone_reads_are_one_and_no_event_leaves_the_sums() {
        let of = |tracked: u64| Sums::from([(TRACKED, tracked)]);
        let releases = (1..=MAX_GROUPS as u64 + 5).map(|n| (named(Some(&format!("r{n}"))), of(n)));
        let groups: HashMap<Key, Sums> =
            releases.chain([((Kind::Forgotten, None), of(7)), (named(None), of(3))]).collect();
        let all: u64 = groups.values().map(|sums| sums[TRACKED]).sum();
        let groups = sorted(groups, Some(By::Release));
        assert_eq!(groups.iter().map(|(_, sums)| sums[TRACKED]).sum::<u64>(), all);
        assert_eq!(groups[0].0, named(Some(&format!("r{}", MAX_GROUPS + 5))), "the largest is first");
        let nameless: Vec<_> =
            groups[MAX_GROUPS..].iter().map(|((kind, _), sums)| (*kind, sums[TRACKED])).collect();
        let smallest = 1 + 2 + 3 + 4 + 5;
        assert_eq!(nameless, [(Kind::Unknown, 3), (Kind::Others, smallest), (Kind::Forgotten, 7)]);
    }
}
