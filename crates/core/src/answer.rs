//! Answers: the one place where HTTP statuses get their meaning.

use crate::{Duration, Instant, Number, Range, Ranges, ranges::write_number};
use alloc::vec::Vec;

/// The longest that a Retry-After can hold a client back. A day: a longer one is a broken clock.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<'a> {
    /// A collector answered: all numbers of the stream that are stored, and the batches that it refused.
    Accounted {
        /// All that is stored of the stream. Stored wins over refused.
        stored: &'a [Range],
        /// First numbers of the refused batches.
        rejected: &'a [Number],
    },
    /// A collector no longer knows streams that old: 200 with `{"stale":true}`.
    Stale,
    /// The browser took the beacon; what became of it nobody says.
    HandedOff,
    /// The browser refused the beacon: nothing was sent.
    NotSent,
    /// Nobody answered who knows the protocol: no connection, a time-out, 5xx, or a proxy's page.
    Unreachable,
    /// 429 or 503 with a Retry-After.
    Throttled {
        /// No request before.
        until: Instant,
    },
    /// 413 of a collector.
    TooLarge,
    /// 400 of a collector.
    Unreadable,
    /// 401, 403, 404, 405: the key, the origin or the address is refused, and may be mended.
    Denied,
    /// 410 of a collector: telemetry is off.
    SwitchedOff,
}

/// What a response's body says, as far as a client cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// Nothing that a collector says: no JSON, or another's.
    Nothing,
    /// `{"stored":[[0,117]],"rejected":[{"batch":117,"reason":"json"}]}`.
    Accounted {
        /// See [`Answer::Accounted`].
        stored: &'a [Range],
        /// See [`Answer::Accounted`].
        rejected: &'a [Number],
    },
    /// `{"stale":true}`.
    Stale,
    /// `{"error":…}`: a collector refuses.
    Error,
    /// `{"phase":"DISABLED"}`.
    Disabled,
}

impl<'a> Answer<'a> {
    /// The meaning of a response. `status` is 0 where there was none; `retry_after` is the header's delay, if there was
    /// one that could be read.
    #[must_use]
    pub fn from_http(now: Instant, status: u32, retry_after: Option<Duration>, said: Said<'a>) -> Self {
        match (status, said) {
            (200..=299, Said::Accounted { stored, rejected }) => Self::Accounted { stored, rejected },
            (200..=299, Said::Stale) => Self::Stale,
            (413, Said::Error) => Self::TooLarge,
            (400, Said::Error) => Self::Unreadable,
            (401 | 403 | 404 | 405, _) => Self::Denied,
            (410, Said::Disabled) => Self::SwitchedOff,
            (429 | 503, _) => retry_after.map_or(Self::Unreachable, |delay| Self::Throttled {
                until: now + delay.min(MAX_RETRY_AFTER),
            }),
            _ => Self::Unreachable,
        }
    }
}

/// Appends the body of a 200: all that is stored of the stream, and the refused batches with the collector's reason.
pub fn encode_accounted<'a>(
    stored: &Ranges,
    rejected: impl Iterator<Item = (Number, &'a str)>,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"{\"stored\":");
    stored.encode(out);
    out.extend_from_slice(b",\"rejected\":[");
    for (i, (first, reason)) in rejected.enumerate() {
        out.extend_from_slice(if i == 0 { b"{\"batch\":" } else { b",{\"batch\":" });
        write_number(first, out);
        out.extend_from_slice(b",\"reason\":");
        crate::json::write_string(reason, out);
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
}
