//! The report for people: a line a group, a line for all of it, and how much is known.

use super::question::By;
use super::report::{Group, Kind, Report, Row, Source};

/// Between columns.
const GAP: &str = "  ";

/// A column: its heading, and in each row a count with its share, where it has one.
struct Column {
    heading: String,
    cells: Vec<(String, String)>,
}

pub(super) fn table(report: &Report) -> String {
    let heading = match report.by {
        None => "",
        Some(By::Release) => "release",
        Some(By::Browser) => "browser",
        Some(By::Day) => "day",
        Some(By::App) => "app",
    };
    let names: Vec<String> =
        report.groups.iter().map(name).chain(std::iter::once("total".to_owned())).collect();
    let rows: Vec<&Row> =
        report.groups.iter().map(|group| &group.row).chain(std::iter::once(&report.total)).collect();
    let columns = columns(report, &rows);
    let first = width(names.iter().map(String::as_str).chain([heading]));
    let mut text = line(first, heading, columns.iter().map(Column::header));
    for (n, name) in names.iter().enumerate() {
        text += &line(first, name, columns.iter().map(|column| column.cell(n)));
    }
    text + "\n" + &notes(report)
}

fn columns(report: &Report, rows: &[&Row]) -> Vec<Column> {
    let plain = |heading: &str, count: fn(&Row) -> u64| Column {
        heading: heading.to_owned(),
        cells: rows.iter().map(|row| (count(row).to_string(), String::new())).collect(),
    };
    let shared = |heading: &str, count: &dyn Fn(&Row) -> Option<u64>| Column {
        heading: heading.to_owned(),
        cells: rows.iter().map(|row| cell(count(row), row.tracked)).collect(),
    };
    let mut columns = vec![
        plain("streams", |row| row.streams),
        plain("tracked", |row| row.tracked),
        shared("stored", &|row| Some(row.stored)),
        shared("twice refused", &|row| row.twice_refused),
        shared("dropped", &|row| Some(row.dropped)),
    ];
    // What no group has is left out, as most reasons are.
    for (reason, _) in report.total.dropped_by_reason.iter().filter(|(_, count)| **count > 0) {
        columns.push(shared(&format!("as {reason}"), &|row| row.dropped_by_reason.get(reason).copied()));
    }
    columns.push(shared("outstanding", &|row| Some(row.outstanding)));
    columns.push(shared("lost", &|row| Some(row.lost)));
    columns
}

fn cell(count: Option<u64>, tracked: u64) -> (String, String) {
    match count {
        Some(count) => (count.to_string(), percent(count, tracked)),
        None => ("?".into(), String::new()),
    }
}

/// Neither all nor nothing is shown where it is not.
#[allow(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn percent(count: u64, tracked: u64) -> String {
    if tracked == 0 {
        return "–".into();
    }
    let percent = count as f64 / tracked as f64 * 100.0;
    match percent {
        _ if count == 0 || count == tracked => format!("{percent:.1} %"),
        small if small < 0.1 => "<0.1 %".into(),
        great if great > 99.9 && great < 100.0 => ">99.9 %".into(),
        _ => format!("{percent:.1} %"),
    }
}

impl Column {
    fn widths(&self) -> (usize, usize) {
        let counts = width(self.cells.iter().map(|(count, _)| count.as_str()));
        (counts, width(self.cells.iter().map(|(_, share)| share.as_str())))
    }

    fn width(&self) -> usize {
        let (counts, shares) = self.widths();
        let gap = if shares > 0 { 1 } else { 0 };
        (counts + gap + shares).max(self.heading.chars().count())
    }

    fn header(&self) -> String {
        format!("{:>width$}", self.heading, width = self.width())
    }

    fn cell(&self, row: usize) -> String {
        let (counts, shares) = self.widths();
        let Some((count, share)) = self.cells.get(row) else { return String::new() };
        let text = if shares > 0 { format!("{count:>counts$} {share:>shares$}") } else { count.clone() };
        format!("{text:>width$}", width = self.width())
    }
}

fn line(first: usize, name: &str, cells: impl Iterator<Item = String>) -> String {
    let cells: String = cells.map(|cell| format!("{GAP}{cell}")).collect();
    format!("{name:<first$}{cells}\n")
}

fn width<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(|text| text.chars().count()).max().unwrap_or(0)
}

/// Clients choose the names: what would move a terminal's cursor is not passed on.
fn name(group: &Group) -> String {
    match group.kind {
        Kind::Named => harmless(group.name.as_deref().unwrap_or_default()),
        Kind::Unknown => "(not told)".into(),
        Kind::Others => "(others)".into(),
        Kind::Forgotten => "(silent for 35 days)".into(),
    }
}

fn harmless(name: &str) -> String {
    name.chars().map(|it| if it.is_control() { '\u{FFFD}' } else { it }).collect()
}

fn notes(report: &Report) -> String {
    let knows = &report.knows;
    let from = match knows.source {
        Source::Server => "the running server",
        Source::Files => "index and journal",
        Source::Journal => "the journal alone",
    };
    let mut notes = vec![format!("As of {}, from {from}. Shares are of tracked.", report.at)];
    notes.push(match &knows.since {
        None => "All streams that ever sent anything are counted.".into(),
        Some(since) => format!(
            "Known are streams born since {since}: the index was made again from the journal. What clients had numbered by then \
             and not sent is known again once they are heard of."
        ),
    });
    notes.push(match &knows.twice_refused_since {
        Some(since) => format!("What came twice has been counted since {since}."),
        None => "What came twice is not known: only an index tells.".into(),
    });
    notes.push(match &knows.journal_since {
        Some(since) => format!("The journal's oldest file is of {}.", since.get(..10).unwrap_or(since)),
        None => "No journal file is left.".into(),
    });
    notes.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_cannot_write_to_the_terminal() {
        assert_eq!(harmless("1.0\u{1b}[2J\n"), "1.0\u{FFFD}[2J\u{FFFD}");
    }

    #[test]
    fn neither_all_nor_nothing_is_shown_where_it_is_not() {
        let shown = [(0, 10), (10, 10), (1, 100_000), (99_999, 100_000), (1, 3), (0, 0)]
            .map(|(count, tracked)| percent(count, tracked));
        assert_eq!(shown, ["0.0 %", "100.0 %", "<0.1 %", ">99.9 %", "33.3 %", "–"]);
    }
}
