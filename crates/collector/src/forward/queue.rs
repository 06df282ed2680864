//! Brings entries to a target: waits while it is away, finds the ones that it refuses or chokes on, and comes to an end.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::forward::entry::Entry;
use crate::forward::push::{Later, Outcome, Target, Trouble};
use crate::forward::refused::Refused;
use crate::forward::stop::{Stop, Time};

/// The first wait is up to this; it doubles.
const BASE: Duration = Duration::from_millis(500);
/// A target that comes back waits no longer than this for its events.
const CAP: Duration = Duration::from_secs(60);
/// No busy loop, however the dice fall.
const FLOOR: Duration = Duration::from_millis(100);
/// A push that failed so often is halved: a target that restarts answers before, an entry that it chokes on is soon found.
const HALVE_AFTER: u32 = 3;
/// An entry alone that the target fails over for so long, while it stores others, is set aside: longer than a restart.
const CHOKED_FOR: Duration = Duration::from_secs(120);
/// So many such entries wait at once for others to tell whether the target works. More is a target that does not.
const MAX_SUSPECTS: usize = 16;

/// A target that restarts is back by then; `--once` and `import` are waited for.
pub(crate) const ONCE_PATIENCE: Duration = Duration::from_secs(60);
/// Whoever mistyped an address hears of it sooner.
const START_PATIENCE: Duration = Duration::from_secs(5);

/// How long a target may be away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// A follower waits: the journal keeps what it has not brought.
    Forever,
    /// A command that someone waits for gives up after so long without a success, and at once where a person has to mend something.
    Until(Duration),
}

/// Why a delivery did not come to its end. Nothing is lost: what was settled before stays settled, the rest comes again.
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
    /// The end was wished while there was more to bring.
    #[error("stopped before all was delivered")]
    Stopped,
}

/// Asks the target whether it is one, before anything is pushed to it. A follower waits for it; whoever is waited for does
/// not for long.
pub(crate) fn check(target: &dyn Target, patience: Patience, stop: &Stop) -> Result<(), NotDelivered> {
    let patience = match patience {
        Patience::Forever => Patience::Forever,
        Patience::Until(_) => Patience::Until(START_PATIENCE),
    };
    Queue::new(target, patience, stop).probe()
}

/// What is on its way to a target.
pub(crate) struct Queue<'a> {
    target: &'a dyn Target,
    time: &'a dyn Time,
    patience: Patience,
    pieces: VecDeque<Piece>,
    settled: Settled,
    /// Failures since the last success.
    failures: u32,
    /// When it last stored or refused anything, or the start.
    answered: Instant,
    /// When it last stored anything.
    stored: Option<Instant>,
}

/// What has come to its end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) stored: usize,
    /// Entries refused for good: fewer than stand in `aside` where a target does not say which.
    pub(crate) refused: usize,
    pub(crate) aside: Vec<Refused>,
}

/// What is pushed at once.
#[derive(Debug, Default)]
struct Piece {
    entries: Vec<Entry>,
    failures: u32,
    /// When it, or what it was a part of, failed first.
    since: Option<Instant>,
    /// When it failed first as an entry alone.
    alone: Option<Instant>,
}

impl<'a> Queue<'a> {
    pub(crate) fn new(target: &'a dyn Target, patience: Patience, time: &'a dyn Time) -> Queue<'a> {
        let (pieces, settled, answered) = (VecDeque::new(), Settled::default(), time.now());
        Queue { target, time, patience, pieces, settled, failures: 0, answered, stored: None }
    }

    /// Waits until the target says that it is what it should be.
    pub(crate) fn probe(&mut self) -> Result<(), NotDelivered> {
        while let Some(later) = self.target.probe() {
            self.wait(&later, false)?;
        }
        self.answered();
        Ok(())
    }

    pub(crate) fn add(&mut self, entries: Vec<Entry>) {
        if !entries.is_empty() {
            self.pieces.push_back(Piece { entries, ..Piece::default() });
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// What was settled since it was asked last.
    pub(crate) fn take_settled(&mut self) -> Settled {
        std::mem::take(&mut self.settled)
    }

    /// Pushes until everything is settled; a follower's also ends when all that is left needs other entries to be told
    /// from a target that fails over everything. Then add more, and run again.
    ///
    /// A refused push may have been stored in part, so it is halved until the refused ones stand alone; what is pushed
    /// again that way is stored once, for it is the same bytes.
    pub(crate) fn run(&mut self) -> Result<(), NotDelivered> {
        let mut is_probed = false;
        while let Some(piece) = self.pieces.pop_front() {
            match self.target.push(&piece.entries) {
                Outcome::Stored => {
                    self.settled.stored += piece.entries.len();
                    self.stored = Some(self.answered());
                }
                Outcome::StoredBut { refused, reason } => {
                    self.stored = Some(self.answered());
                    self.stored_but(piece, refused, &reason);
                }
                Outcome::Refused(reason) => {
                    // A wrong server refuses everything: the journal must not move into the file of the refused.
                    if !is_probed && let Some(later) = self.target.probe() {
                        self.pieces.push_front(piece);
                        self.wait(&later, false)?;
                        continue;
                    }
                    is_probed = true;
                    self.refused(piece, &reason);
                }
                Outcome::Later(later) => self.failed(piece, &later)?,
            }
            if self.needs_others() {
                break;
            }
        }
        Ok(())
    }

    fn stored_but(&mut self, piece: Piece, refused: usize, reason: &str) {
        let all = piece.entries.len();
        let refused = refused.min(all);
        self.settled.stored += all - refused;
        if refused < all {
            let reason = format!("{refused} of these {all}, the target does not say which: {reason}");
            self.set_aside(piece, refused, &reason);
        } else {
            self.set_aside(piece, refused, reason);
        }
    }

    fn refused(&mut self, mut piece: Piece, reason: &str) {
        self.answered();
        if piece.entries.len() > 1 {
            let second = piece.entries.split_off(piece.entries.len() / 2);
            self.pieces.push_front(Piece { entries: second, ..Piece::default() });
            self.pieces.push_front(Piece { entries: piece.entries, ..Piece::default() });
        } else {
            self.set_aside(piece, 1, reason);
        }
    }

    fn failed(&mut self, mut piece: Piece, later: &Later) -> Result<(), NotDelivered> {
        let now = self.time.now();
        piece.failures += 1;
        piece.since.get_or_insert(now);
        let may_be_its_fault = matches!(later.trouble, Trouble::Busy | Trouble::Failing);
        let others_pass = self.stored > piece.since;
        if piece.entries.len() > 1 {
            if may_be_its_fault && piece.failures >= HALVE_AFTER {
                self.halve(piece);
            } else {
                self.pieces.push_front(piece);
            }
        } else if later.trouble == Trouble::Failing {
            let alone = *piece.alone.get_or_insert(now);
            if others_pass && now.duration_since(alone) >= CHOKED_FOR {
                let seconds = CHOKED_FOR.as_secs();
                let reason = format!("for {seconds} s, while others were stored: {}", later.why);
                self.set_aside(piece, 1, &reason);
                return Ok(());
            }
            self.pieces.push_back(piece);
        } else {
            self.pieces.push_front(piece);
        }
        self.wait(later, others_pass)
    }

    /// To the end of the queue, so that what the target can digest comes first. One more failure halves them again.
    fn halve(&mut self, mut piece: Piece) {
        let second = piece.entries.split_off(piece.entries.len() / 2);
        for entries in [piece.entries, second] {
            self.pieces.push_back(Piece {
                entries,
                failures: HALVE_AFTER - 1,
                since: piece.since,
                alone: None,
            });
        }
    }

    fn set_aside(&mut self, piece: Piece, refused: usize, reason: &str) {
        self.settled.refused += refused;
        let aside =
            piece.entries.into_iter().map(|entry| Refused { reason: reason.to_owned(), line: entry.line });
        self.settled.aside.extend(aside);
    }

    /// Whether all that is left are single entries that the target fails over, and nothing else that it could store.
    fn needs_others(&self) -> bool {
        let is_lone = |piece: &Piece| piece.alone.is_some() && self.stored <= piece.since;
        self.patience == Patience::Forever
            && !self.pieces.is_empty()
            && self.pieces.len() <= MAX_SUSPECTS
            && self.pieces.iter().all(is_lone)
    }

    fn answered(&mut self) -> Instant {
        if self.failures > 0 {
            tracing::info!(url = self.target.url(), "takes events again");
        }
        (self.failures, self.answered) = (0, self.time.now());
        self.answered
    }

    /// `others_pass`: the target works, so that waiting has an end of its own.
    fn wait(&mut self, later: &Later, others_pass: bool) -> Result<(), NotDelivered> {
        let (url, why) = (self.target.url(), later.why.as_str());
        let next = next_step(later.trouble);
        let after = later.after.unwrap_or_default();
        let until = self.time.now().duration_since(self.answered) + after;
        let gives_up = match self.patience {
            Patience::Forever => false,
            Patience::Until(limit) => later.trouble == Trouble::Wrong || until >= limit && !others_pass,
        };
        if gives_up {
            return Err(NotDelivered::Target { url: url.to_owned(), why: why.to_owned(), next });
        }
        let wait = after.max(backoff(self.failures, fastrand::f64()));
        let seconds = wait.as_secs_f32();
        tracing::warn!(
            url,
            why,
            next,
            seconds,
            "the target does not take events; nothing is lost, trying again"
        );
        self.failures += 1;
        if self.time.wait(wait) { Err(NotDelivered::Stopped) } else { Ok(()) }
    }
}

fn next_step(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::Away => {
            "Is it running, and does this address reach it? For a Loki, `curl URL/ready` says `ready`"
        }
        Trouble::Busy => "It asks for patience: see its limits of bytes and requests a second",
        Trouble::Failing => "It fails by its own account: see its log",
        Trouble::Wrong => {
            "Check the address, and what it asks for: --header 'X-Scope-OrgID: team' names a tenant, \
             --header-file FILE keeps a token out of the list of processes"
        }
    }
}

/// Full jitter: uniform between nothing and a bound that doubles.
fn backoff(failures: u32, dice: f64) -> Duration {
    let bound = BASE.saturating_mul(1 << failures.min(16)).min(CAP);
    bound.mul_f64(dice).max(FLOOR)
}

#[cfg(test)]
mod tests;
