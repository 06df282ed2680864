//! Brings entries to a target: waits while it is away, finds the ones it refuses, and comes to an end.

use std::time::{Duration, Instant};

use crate::forward::entry::Entry;
use crate::forward::push::{Outcome, Target};
use crate::forward::stop::Stop;

/// The first wait is up to this; it doubles.
const BASE: Duration = Duration::from_millis(500);
/// A target that comes back waits no longer than this for its events.
const CAP: Duration = Duration::from_secs(60);
/// No busy loop, however the dice fall.
const FLOOR: Duration = Duration::from_millis(100);

/// How long a target may be away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// A follower waits: the journal keeps what it has not brought.
    Forever,
    /// A command that someone waits for gives up after so long without a success, and at once where a person has to mend something.
    Until(Duration),
}

/// Why a delivery did not come to its end. Nothing is lost: the place of the last success stands.
#[derive(Debug, thiserror::Error)]
pub enum NotDelivered {
    /// The target was away for too long, or wants something else than what it is sent.
    #[error("{url} does not take events: {why}.\n{next}")]
    Target {
        /// Where it was tried.
        url: String,
        /// What came back.
        why: String,
        /// What to do.
        next: &'static str,
    },
    /// The end was wished while the target was away.
    #[error("stopped before all was delivered")]
    Stopped,
}

/// What became of a batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Delivered {
    /// Entries that were refused, by their place in the batch, and why.
    pub(crate) refused: Vec<(usize, String)>,
}

/// Pushes all entries until each is stored or refused.
///
/// A refused push may have been stored in part, so it is halved until the refused ones stand alone; what is pushed again
/// that way is stored once, for it is the same bytes.
pub(crate) fn deliver(
    target: &dyn Target,
    entries: &[Entry],
    patience: Patience,
    stop: &Stop,
) -> Result<Delivered, NotDelivered> {
    let mut delivered = Delivered::default();
    let whole = 0..entries.len();
    let mut open = vec![whole];
    let mut waiting = Waiting { target, patience, stop, failures: 0, since: Instant::now() };
    while let Some(range) = open.pop() {
        let Some(piece) = entries.get(range.clone()).filter(|piece| !piece.is_empty()) else { continue };
        match target.push(piece) {
            Outcome::Stored => waiting.succeeded(),
            Outcome::Refused(reason) => {
                waiting.succeeded();
                if piece.len() == 1 {
                    delivered.refused.push((range.start, reason));
                } else {
                    let middle = range.start + piece.len() / 2;
                    open.extend([middle..range.end, range.start..middle]);
                }
            }
            Outcome::Later { after, why, needs_mending } => {
                waiting.failed(after, why, needs_mending)?;
                open.push(range);
            }
        }
    }
    Ok(delivered)
}

struct Waiting<'a> {
    target: &'a dyn Target,
    patience: Patience,
    stop: &'a Stop,
    failures: u32,
    /// The last success.
    since: Instant,
}

impl Waiting<'_> {
    fn succeeded(&mut self) {
        if self.failures > 0 {
            tracing::info!(url = self.target.url(), "takes events again");
        }
        (self.failures, self.since) = (0, Instant::now());
    }

    fn failed(
        &mut self,
        after: Option<Duration>,
        why: String,
        needs_mending: bool,
    ) -> Result<(), NotDelivered> {
        let url = self.target.url();
        let next = next_step(needs_mending);
        let gives_up = match self.patience {
            Patience::Forever => false,
            Patience::Until(limit) => needs_mending || self.since.elapsed() >= limit,
        };
        if gives_up {
            return Err(NotDelivered::Target { url: url.to_owned(), why, next });
        }
        let wait = after.unwrap_or_default().max(backoff(self.failures, fastrand::f64()));
        let seconds = wait.as_secs_f32();
        tracing::warn!(
            url,
            why,
            next,
            seconds,
            "the target does not take events; nothing is lost, trying again"
        );
        self.failures += 1;
        if self.stop.wait(wait) { Err(NotDelivered::Stopped) } else { Ok(()) }
    }
}

fn next_step(needs_mending: bool) -> &'static str {
    if needs_mending {
        "Check the address, and what it asks for: --header 'X-Scope-OrgID: team' names a tenant, \
         --header 'Authorization: Bearer …' a token"
    } else {
        "Is it running, and does this address reach it? For a Loki, `curl URL/ready` says `ready`"
    }
}

/// Full jitter: uniform between nothing and a bound that doubles.
fn backoff(failures: u32, dice: f64) -> Duration {
    let bound = BASE.saturating_mul(1 << failures.min(16)).min(CAP);
    bound.mul_f64(dice).max(FLOOR)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::user_agent::Agents;

    /// Refuses what has the word, is away for the first pushes, and remembers what it stored.
    struct Picky {
        away: Mutex<u32>,
        needs_mending: bool,
        stored: Mutex<Vec<String>>,
    }

    impl Target for Picky {
        fn push(&self, entries: &[Entry]) -> Outcome {
            let mut away = self.away.lock().unwrap();
            if *away > 0 {
                *away -= 1;
                let after = Some(Duration::from_millis(1));
                return Outcome::Later { after, why: "away".into(), needs_mending: self.needs_mending };
            }
            let (bad, good): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.line.contains("bad"));
            self.stored.lock().unwrap().extend(good.into_iter().map(|entry| entry.id.clone()));
            bad.first().map_or(Outcome::Stored, |entry| Outcome::Refused(format!("no {}", entry.id)))
        }

        fn url(&self) -> &str {
            "http://picky"
        }
    }

    fn picky(away: u32, needs_mending: bool) -> Picky {
        Picky { away: Mutex::new(away), needs_mending, stored: Mutex::default() }
    }

    fn entries(words: &[&str]) -> Vec<Entry> {
        let line = |(n, word): (usize, &&str)| {
            format!(r#"{{"id":"S.{n}","ts":1,"app":"a","type":"log","data":{{"m":"{word}"}}}}"#)
        };
        let lines = words.iter().enumerate().map(line);
        lines.map(|line| Entry::parse(line.as_bytes(), &Agents::default()).unwrap()).collect()
    }

    #[test]
    fn the_refused_are_found_and_all_others_stored() {
        let target = picky(1, false);
        let entries = entries(&["ok", "bad", "ok", "ok", "ok", "bad", "ok"]);
        let delivered = deliver(&target, &entries, Patience::Forever, &Stop::default()).unwrap();
        assert_eq!(delivered.refused, [(1, "no S.1".to_owned()), (5, "no S.5".to_owned())]);
        let mut stored = target.stored.into_inner().unwrap();
        stored.sort();
        stored.dedup();
        assert_eq!(stored, ["S.0", "S.2", "S.3", "S.4", "S.6"]);
    }

    #[test]
    fn who_is_waited_for_gives_up_with_the_next_step() {
        let stop = Stop::default();
        let entries = entries(&["ok"]);
        let error = deliver(&picky(9, true), &entries, Patience::Until(Duration::from_secs(60)), &stop);
        assert!(error.unwrap_err().to_string().contains("--header"));
        let error = deliver(&picky(9, false), &entries, Patience::Until(Duration::ZERO), &stop);
        assert!(error.unwrap_err().to_string().contains("Is it running"));
    }

    #[test]
    fn a_wish_to_end_cuts_the_wait_short() {
        let stop = Stop::default();
        stop.set();
        let error = deliver(&picky(1, false), &entries(&["ok"]), Patience::Forever, &stop).unwrap_err();
        assert!(matches!(error, NotDelivered::Stopped));
    }

    #[test]
    fn waits_double_up_to_the_cap() {
        assert_eq!(backoff(0, 1.0), BASE);
        assert_eq!(backoff(3, 0.5), BASE * 4);
        assert_eq!((backoff(40, 1.0), backoff(40, 0.0)), (CAP, FLOOR));
    }
}
