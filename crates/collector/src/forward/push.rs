//! What a target answers, in the words that the delivery acts on.

use std::time::Duration;

use crate::forward::entry::Entry;
use crate::forward::http::Answer;

/// Takes entries, such as a Loki.
pub(crate) trait Target: Send {
    /// One push of all of them.
    fn push(&self, entries: &[Entry]) -> Outcome;
    /// The address, for people.
    fn url(&self) -> &str;
}

/// What became of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All are stored.
    Stored,
    /// At least one entry was refused for good; the others may be stored or not.
    Refused(String),
    /// Nothing is known to be stored: later it may work.
    Later {
        /// Not before this.
        after: Option<Duration>,
        /// Why.
        why: String,
        /// Whether a person has to mend something, such as a password.
        needs_mending: bool,
    },
}

/// What a status means when it is not the target's success.
pub(crate) fn failure(answer: &Answer) -> Outcome {
    let why = format!("{} {}", answer.status, answer.reason());
    match answer.status {
        400 | 413 | 422 => Outcome::Refused(answer.reason()),
        408 | 425 | 429 | 500..=599 => {
            Outcome::Later { after: answer.retry_after, why, needs_mending: false }
        }
        _ => Outcome::Later { after: answer.retry_after, why, needs_mending: true },
    }
}

/// No answer came.
pub(crate) fn unreachable(why: String) -> Outcome {
    Outcome::Later { after: None, why, needs_mending: false }
}
