//! What a target answers, in the words that the queue acts on.

use std::time::Duration;

use crate::forward::entry::Entry;
use crate::forward::http::Answer;

/// Takes entries, such as a Loki.
pub(crate) trait Target: Send {
    /// One push of all of them.
    fn push(&self, entries: &[Entry]) -> Outcome;
    /// Asks, without an entry, whether it is the kind of server that it should be. Any refusal after a `None` is one of
    /// the entries, not of a wrong server.
    fn probe(&self) -> Option<Later>;
    /// The address, for people.
    fn url(&self) -> &str;
}

/// What became of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All are stored.
    Stored,
    /// So many were refused for good, the target does not say which; the others are stored and must not be pushed again.
    StoredBut {
        /// At least one.
        refused: usize,
        /// The target's words.
        reason: String,
    },
    /// At least one entry was refused for good; the others may be stored or not.
    Refused(String),
    /// Nothing is known to be stored.
    Later(Later),
}

/// Why a push is to be tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Later {
    /// Not before this.
    pub(crate) after: Option<Duration>,
    pub(crate) why: String,
    pub(crate) trouble: Trouble,
}

/// Whose the trouble is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// No answer came: nothing listens, or the network fails.
    Away,
    /// It asks for patience (408, 425, 429). Less at once may pass.
    Busy,
    /// It answers that it failed (5xx): over everything, or over an entry that it cannot digest.
    Failing,
    /// A person has to mend something: the address, a password, a tenant.
    Wrong,
}

impl Later {
    /// No answer came.
    pub(crate) fn away(why: String) -> Later {
        Later { after: None, why, trouble: Trouble::Away }
    }

    /// An answer that this kind of server does not give.
    pub(crate) fn wrong(why: String) -> Later {
        Later { after: None, why, trouble: Trouble::Wrong }
    }
}

/// What a status means when it is not the target's success.
pub(crate) fn failure(answer: &Answer) -> Outcome {
    let trouble = match answer.status {
        400 | 413 | 422 => return Outcome::Refused(answer.reason()),
        408 | 425 | 429 => Trouble::Busy,
        500..=599 => Trouble::Failing,
        _ => Trouble::Wrong,
    };
    let why = format!("{} {}", answer.status, answer.reason());
    Outcome::Later(Later { after: answer.retry_after, why, trouble })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_whose_the_trouble_is() {
        let answer =
            |status| Answer { status, retry_after: None, kind: String::new(), body: b"why".to_vec() };
        let trouble = |status| match failure(&answer(status)) {
            Outcome::Later(later) => Some(later.trouble),
            _ => None,
        };
        assert_eq!(failure(&answer(400)), Outcome::Refused("why".into()));
        assert_eq!((trouble(413), trouble(422)), (None, None));
        assert_eq!(trouble(429), Some(Trouble::Busy));
        assert_eq!((trouble(500), trouble(503)), (Some(Trouble::Failing), Some(Trouble::Failing)));
        // A redirect, a password, a path; and a success that is not this target's.
        for status in [200, 302, 401, 403, 404, 405] {
            assert_eq!(trouble(status), Some(Trouble::Wrong), "{status}");
        }
    }
}
