//! Which closed files have to go, by age and by the bytes of all.

use jiff::ToSpan as _;
use jiff::civil::Date;

use crate::config::Keep;
use crate::files::Name;

/// Why a file has to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// It is older than [`Keep::days`].
    Age,
    /// With it there are more than [`Keep::bytes`].
    Size,
}

impl Due {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Due::Age => "age",
            Due::Size => "size",
        }
    }
}

/// The closed files that have to go. `closed` has them in order with their bytes on disk; `open` bytes have the others.
pub(crate) fn due(closed: &[(Name, u64)], open: u64, keep: Keep, today: Date) -> Vec<(Name, Due)> {
    let oldest = keep.days.map(|days| today.saturating_sub(i64::from(days).days()));
    let mut total = open + closed.iter().map(|(_, bytes)| bytes).sum::<u64>();
    let mut due = Vec::new();
    for (name, bytes) in closed {
        let why = if oldest.is_some_and(|oldest| name.day() < oldest) {
            Due::Age
        } else if keep.bytes.is_some_and(|most| total > most) {
            Due::Size
        } else {
            continue;
        };
        total -= bytes;
        due.push((*name, why));
    }
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn closed() -> [(Name, u64); 4] {
        [
            (name("events-2026-01-01.jsonl"), 10),
            (name("events-2026-01-01.2.jsonl"), 20),
            (name("events-2026-01-02.jsonl"), 30),
            (name("events-2026-01-05.jsonl"), 40),
        ]
    }

    fn gone(keep: Keep, today: &str) -> Vec<(String, Due)> {
        let due = due(&closed(), 5, keep, today.parse().unwrap());
        due.into_iter().map(|(name, due)| (name.to_string(), due)).collect()
    }

    #[test]
    fn nothing_said_keeps_all() {
        assert_eq!(gone(Keep::default(), "2036-01-01"), []);
    }

    #[test]
    fn a_day_is_kept_for_as_many_whole_days_after_it() {
        let keep = Keep { days: Some(3), bytes: None };
        assert_eq!(gone(keep, "2026-01-04"), []);
        let first_day = [("events-2026-01-01.jsonl", Due::Age), ("events-2026-01-01.2.jsonl", Due::Age)];
        assert_eq!(gone(keep, "2026-01-05"), first_day.map(|(name, due)| (name.into(), due)));
        assert_eq!(gone(Keep { days: Some(0), bytes: None }, "2026-01-05").len(), 3, "today stays");
    }

    #[test]
    fn the_oldest_go_until_the_rest_fits() {
        let keep = |bytes| Keep { days: None, bytes: Some(bytes) };
        assert_eq!(gone(keep(105), "2026-01-06"), []);
        assert_eq!(gone(keep(104), "2026-01-06"), [("events-2026-01-01.jsonl".into(), Due::Size)]);
        assert_eq!(gone(keep(75), "2026-01-06").len(), 2);
        assert_eq!(gone(keep(0), "2026-01-06").len(), 4);
        let both = Keep { days: Some(3), bytes: Some(75) };
        let dues: Vec<Due> = gone(both, "2026-01-05").into_iter().map(|it| it.1).collect();
        assert_eq!(dues, [Due::Age, Due::Age], "what goes by age makes room");
    }
}
