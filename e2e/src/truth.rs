//! What the page says it has tracked, to compare the journal with.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::journal::{Journal, Stored};
use crate::wait;

/// The marks (`data.mark`, one an event) that pages have reported as tracked.
#[derive(Debug, Default)]
pub struct Truth {
    marks: BTreeSet<String>,
}

/// As many as show a pattern.
const FEW: usize = 10;

/// What became of tracked events, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fates {
    /// In the journal.
    pub stored: usize,
    /// In the journal more than once.
    pub twice: usize,
    /// In the journal, though no page has tracked them.
    pub unknown: usize,
    /// Not in the journal, and told as dropped, by reason.
    pub dropped: BTreeMap<String, usize>,
    /// The first marks that are not in the journal.
    pub missing: Vec<String>,
}

impl Truth {
    /// Takes what `page.track(…)` of a test page returned: the marks of what it has tracked.
    ///
    /// # Errors
    /// When that is no list of marks, or a mark was there before: then the test is wrong.
    pub fn add(&mut self, reported: &Value) -> Result<()> {
        for mark in reported.as_array().context("the page reports no list")? {
            let mark = mark.as_str().context("a mark is a text")?.to_owned();
            ensure!(self.marks.insert(mark.clone()), "{mark} was tracked twice: the test is wrong");
        }
        Ok(())
    }

    /// How many events were tracked.
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Whether nothing was tracked.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// Waits until all is stored, and returns it by mark. Each is there exactly once, and nothing else is.
    ///
    /// # Errors
    /// When something is missing at the deadline, is there twice, or was never tracked.
    pub async fn stored_once(&self, journal: &Journal) -> Result<BTreeMap<String, Stored>> {
        let all_there = wait::until("everything tracked is in the journal", || async {
            let stored = by_mark(journal)?;
            Ok(self.marks.iter().all(|mark| stored.contains_key(mark)).then_some(stored))
        });
        let stored = match all_there.await {
            Ok(stored) => stored,
            Err(error) => return Err(error.context(self.missing(journal)?)),
        };
        for mark in stored.keys() {
            ensure!(self.marks.contains(mark), "{mark} is stored, but no page said that it tracked it");
        }
        Ok(stored)
    }

    /// How many of the tracked events are stored now.
    ///
    /// # Errors
    /// When the journal is broken, or an event is there twice.
    pub fn stored(&self, journal: &Journal) -> Result<usize> {
        let stored = by_mark(journal)?;
        Ok(self.marks.iter().filter(|mark| stored.contains_key(*mark)).count())
    }

    /// What has become of everything by now. Numbers that are both stored and told as dropped are stored.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn fates(&self, journal: &Journal) -> Result<Fates> {
        let mut fates = Fates::default();
        let mut seen = BTreeMap::<String, u32>::new();
        let mut numbers = BTreeMap::<String, BTreeSet<u64>>::new();
        for event in journal.events_as_they_are()? {
            *seen.entry(event.mark().unwrap_or_default().to_owned()).or_default() += 1;
            numbers.entry(event.stream().to_owned()).or_default().insert(event.number().into());
        }
        for (mark, times) in &seen {
            let count = if self.marks.contains(mark) { &mut fates.stored } else { &mut fates.unknown };
            *count += 1;
            fates.twice += usize::from(*times > 1);
        }
        let missing = self.marks.iter().filter(|mark| !seen.contains_key(*mark));
        fates.missing = missing.take(FEW).cloned().collect();
        for (stream, line) in journal.books()? {
            let stored = numbers.remove(&stream).unwrap_or_default();
            for (reason, ranges) in line["dropped"].as_object().into_iter().flatten() {
                let ranges = ranges.as_array().into_iter().flatten();
                let told = ranges.filter_map(|range| Some(range[0].as_u64()?..range[1].as_u64()?)).flatten();
                let count = told.filter(|number| !stored.contains(number)).count();
                if count > 0 {
                    *fates.dropped.entry(reason.clone()).or_default() += count;
                }
            }
        }
        Ok(fates)
    }

    fn missing(&self, journal: &Journal) -> Result<String> {
        let stored = by_mark(journal)?;
        let missing: Vec<&String> = self.marks.iter().filter(|mark| !stored.contains_key(*mark)).collect();
        let first: Vec<&&String> = missing.iter().take(10).collect();
        Ok(format!("{} of {} events are missing, the first: {first:?}", missing.len(), self.len()))
    }
}

fn by_mark(journal: &Journal) -> Result<BTreeMap<String, Stored>> {
    let mut stored = BTreeMap::new();
    for event in journal.events()? {
        let mark =
            event.mark().with_context(|| format!("{} has no mark: {}", event.id, event.line))?.to_owned();
        let before = stored.insert(mark.clone(), event);
        ensure!(before.is_none(), "{mark} is stored twice, under two ids");
    }
    Ok(stored)
}
