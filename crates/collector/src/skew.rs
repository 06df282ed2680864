//! The client's clock against ours.

/// Less than this cannot be told from the time that a request was on its way (ms).
const NOTICEABLE_MS: u64 = 5_000;

/// How far the client's clock lies from ours, as far as one request can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Skew {
    /// To be added to the client's times (ms).
    offset: i64,
    received: u64,
}

impl Skew {
    /// `now` is the client's clock when it sent, `received` ours when it arrived. A closed stream may have been written
    /// under another clock than the one of the page that sends it: its times stay.
    pub(crate) fn measure(now: Option<u64>, received: u64, closed: bool) -> Skew {
        let offset = match now {
            Some(now) if !closed && now.abs_diff(received) >= NOTICEABLE_MS => {
                i64::try_from(i128::from(received) - i128::from(now)).unwrap_or(0)
            }
            _ => 0,
        };
        Skew { offset, received }
    }

    /// The event's time by our clock; never after its receipt.
    pub(crate) fn correct(self, ts: i64) -> i64 {
        ts.saturating_add(self.offset).min(i64::try_from(self.received).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_763_877_600_000;

    fn corrected(client_now: Option<u64>, closed: bool, ts: u64) -> i64 {
        Skew::measure(client_now, NOW, closed).correct(ts as i64)
    }

    #[test]
    fn a_clock_an_hour_behind_is_corrected() {
        assert_eq!(corrected(Some(NOW - 3_600_000), false, NOW - 3_601_000), NOW as i64 - 1_000);
    }

    #[test]
    fn a_clock_an_hour_ahead_is_corrected() {
        assert_eq!(corrected(Some(NOW + 3_600_000), false, NOW + 3_599_000), NOW as i64 - 1_000);
    }

    #[test]
    fn the_time_of_travel_is_no_skew() {
        assert_eq!(corrected(Some(NOW - 900), false, NOW - 1_000), NOW as i64 - 1_000);
    }

    #[test]
    fn no_event_lies_after_its_receipt() {
        assert_eq!(corrected(Some(NOW + 2_000), false, NOW + 1_500), NOW as i64);
        assert_eq!(corrected(None, true, NOW + 1_500), NOW as i64);
    }

    #[test]
    fn a_closed_stream_keeps_its_times() {
        assert_eq!(corrected(Some(NOW - 3_600_000), true, NOW - 7_200_000), NOW as i64 - 7_200_000);
    }

    #[test]
    fn absurd_clocks_overflow_nothing() {
        assert_eq!(Skew::measure(Some(u64::MAX), NOW, false).correct(i64::MIN), i64::MIN);
        assert_eq!(Skew::measure(Some(0), u64::MAX, false).correct(i64::MAX), i64::MAX);
    }
}
