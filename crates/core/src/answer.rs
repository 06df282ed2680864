//! Answers: what the collector says, and the one place where HTTP statuses get their meaning.

use crate::{Duration, Instant, Number, Ranges, json::Scanner, ranges::write_number};
use alloc::vec::Vec;

/// The longest that a Retry-After can hold a client back. A day: a longer one is a broken clock.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A collector answered: all numbers of the stream that are stored, and the batches that it refused.
    Accounted {
        /// All that is stored of the stream. Stored wins over refused.
        stored: Ranges,
        /// First numbers of the refused batches.
        rejected: Vec<Number>,
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

impl Answer {
    /// The meaning of a response. `retry_after` is the header's delay, if there was one that could be read.
    #[must_use]
    pub fn from_http(now: Instant, status: u16, retry_after: Option<Duration>, body: &[u8]) -> Self {
        match (status, retry_after) {
            (200..=299, _) => Said::read(body).map_or(Self::Unreachable, Said::answer),
            (429 | 503, Some(delay)) => Self::Throttled { until: now + delay.min(MAX_RETRY_AFTER) },
            (413, _) if Said::read(body).is_some_and(|said| said.error) => Self::TooLarge,
            (400, _) if Said::read(body).is_some_and(|said| said.error) => Self::Unreadable,
            (401 | 403 | 404 | 405, _) => Self::Denied,
            (410, _) if Said::read(body).is_some_and(|said| said.disabled) => Self::SwitchedOff,
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

/// What an answer's body says, as far as a client cares.
#[derive(Default)]
struct Said {
    stored: Option<Ranges>,
    rejected: Vec<Number>,
    stale: bool,
    error: bool,
    disabled: bool,
}

impl Said {
    fn read(body: &[u8]) -> Option<Self> {
        let mut said = Self::default();
        let mut scanner = Scanner::new(body);
        scanner.enter(b'{')?;
        while let Some(name) = scanner.member()? {
            said.member(&mut scanner, name)?;
        }
        scanner.at_end().then_some(said)
    }

    fn member(&mut self, scanner: &mut Scanner<'_>, name: &[u8]) -> Option<()> {
        match name {
            b"stored" => self.stored = Some(Ranges::scan(scanner)?),
            b"rejected" => self.rejections(scanner)?,
            b"stale" => self.stale = scanner.boolean()?,
            b"error" => self.error = scanner.value().is_some(),
            b"phase" => self.disabled = scanner.value()? == b"\"DISABLED\"",
            _ => drop(scanner.value()?),
        }
        Some(())
    }

    fn rejections(&mut self, scanner: &mut Scanner<'_>) -> Option<()> {
        scanner.enter(b'[')?;
        while scanner.item()? {
            scanner.enter(b'{')?;
            while let Some(name) = scanner.member()? {
                match name {
                    b"batch" => self.rejected.push(scanner.number()?),
                    _ => drop(scanner.value()?),
                }
            }
        }
        Some(())
    }

    fn answer(self) -> Answer {
        match self.stored {
            _ if self.stale => Answer::Stale,
            Some(stored) => Answer::Accounted { stored, rejected: self.rejected },
            None => Answer::Unreachable,
        }
    }
}
