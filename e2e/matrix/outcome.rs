//! What became of the events of one run, and whether the promise was kept.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use anyhow::Error;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Numbers of events, but for the last three.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// `track` took them, says the page.
    pub(crate) accepted: usize,
    /// In the journal before the user came back.
    pub(crate) before: usize,
    /// In the journal at the end.
    pub(crate) stored: usize,
    /// In the journal more than once.
    pub(crate) twice: usize,
    /// In the journal, but no page has tracked them.
    pub(crate) unknown: usize,
    /// Told as dropped and not stored, by reason.
    pub(crate) dropped: BTreeMap<String, usize>,
    /// The first that are not in the journal, by their marks.
    pub(crate) missing: Vec<String>,
    /// What the pages threw.
    pub(crate) thrown: Vec<String>,
    /// Where `beaconry delivery` says something else.
    pub(crate) differs: Option<String>,
    /// Why the scenario did not come to its end.
    pub(crate) failed: Option<String>,
    pub(crate) seconds: f32,
}

/// Whether the promise was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Accepted = stored + dropped, nothing twice, nothing thrown.
    Kept,
    /// It was not, and why.
    Miss(String),
}

impl Outcome {
    pub(crate) fn failed(error: &Error) -> Self {
        Self { failed: Some(format!("{error:#}")), ..Self::default() }
    }

    pub(crate) fn took(self, time: Duration) -> Self {
        Self { seconds: time.as_secs_f32(), ..self }
    }

    /// Compares with the answer of `beaconry delivery --json`, once every event is stored or counted.
    pub(crate) fn compare(&mut self, delivery: &Value) {
        let total = &delivery["total"];
        let known = json!({
            "tracked": self.accepted,
            "stored": self.stored,
            "dropped": self.dropped(),
            "outstanding": 0,
            "lost": 0,
        });
        let is_as_known = known.as_object().into_iter().flatten().all(|(name, count)| total[name] == *count);
        let told = total["dropped_by_reason"].as_object().into_iter().flatten();
        let told: BTreeMap<&str, u64> = told
            .filter_map(|(reason, count)| Some((reason.as_str(), count.as_u64()?)))
            .filter(|(_, count)| *count > 0)
            .collect();
        let dropped = self.dropped.iter().map(|(reason, count)| (reason.as_str(), *count as u64)).collect();
        if !is_as_known || told != dropped {
            self.differs = Some(format!("`beaconry delivery` says {total}, and it is {known}, {dropped:?}"));
        }
    }

    pub(crate) fn dropped(&self) -> usize {
        self.dropped.values().sum()
    }

    /// The law. Where nothing may be dropped, all has to be stored: see [`Self::verdict_of`].
    pub(crate) fn verdict(&self, may_drop: bool) -> Verdict {
        let lost = self.accepted as i64 - (self.stored + self.dropped()) as i64;
        let reasons = [
            self.failed.clone(),
            (lost != 0).then(|| {
                format!(
                    "{lost} of {} are neither stored nor counted, of these: {:?}",
                    self.accepted, self.missing
                )
            }),
            self.differs.clone(),
            (!may_drop && self.dropped() > 0).then(|| format!("{:?} were dropped", self.dropped)),
            (self.twice > 0).then(|| format!("{} are stored twice", self.twice)),
            (self.unknown > 0).then(|| format!("{} were never tracked", self.unknown)),
            (!self.thrown.is_empty()).then(|| format!("the page threw {:?}", self.thrown)),
            (self.accepted == 0).then(|| "nothing was tracked".to_owned()),
        ];
        let reasons: Vec<String> = reasons.into_iter().flatten().collect();
        if reasons.is_empty() { Verdict::Kept } else { Verdict::Miss(reasons.join("; ")) }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { accepted, before, stored, seconds, .. } = self;
        write!(f, "{seconds:>6.1} s  {accepted} accepted, {before} stored before, {stored} after")?;
        if !self.dropped.is_empty() {
            write!(f, ", dropped {:?}", self.dropped)?;
        }
        Ok(())
    }
}
