//! `GET /v1/tail?after=OFFSET`: what the journal has gained, for the demo page. Only what is synced is shown.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde::Serialize;

use crate::journal::Position;

/// Bytes given at once.
const MAX_BYTES: u64 = 256 * 1024;
/// What a reader without an offset gets: the last lines within so many bytes.
const FIRST_BYTES: u64 = 16 * 1024;

/// A piece of the journal.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct Tail {
    /// The file the lines are from; empty before anything was written.
    pub(crate) file: String,
    /// What to ask for next. Offsets are of one file; after midnight they begin again.
    pub(crate) next: u64,
    /// Whole lines, as they stand in the file.
    pub(crate) lines: String,
}

/// Lines of the current file from `after` on. An offset that the file does not have is one of yesterday's.
pub(crate) fn read(dir: &Path, synced: &Position, after: Option<u64>) -> io::Result<Tail> {
    let asked = after.map(|after| if after <= synced.good { after } else { 0 });
    let start = asked.unwrap_or_else(|| synced.good.saturating_sub(FIRST_BYTES));
    let len = usize::try_from((synced.good - start).min(MAX_BYTES)).unwrap_or(0);
    let mut bytes = vec![0; len];
    File::open(dir.join(synced.name.to_string()))?.read_exact_at(&mut bytes, start)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    bytes.truncate(whole);
    let next = start + whole as u64;
    if asked.is_none() && start > 0 {
        let first = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |first| first + 1);
        bytes.drain(..first);
    }
    Ok(Tail { file: synced.name.to_string(), next, lines: String::from_utf8_lossy(&bytes).into_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Name;

    const NAME: &str = "events-2026-01-01.2.jsonl";

    #[test]
    fn a_reader_gets_each_line_once() {
        let dir = tempfile::tempdir().unwrap();
        let text: String = (0..5_000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
        std::fs::write(dir.path().join(NAME), format!("{text}torn")).unwrap();
        let synced = Position { name: Name::parse(NAME).unwrap(), good: text.len() as u64 };
        let (mut after, mut seen) = (0, String::new());
        while after < synced.good {
            let tail = read(dir.path(), &synced, Some(after)).unwrap();
            assert!(tail.next > after);
            seen.push_str(&tail.lines);
            after = tail.next;
        }
        assert_eq!(seen, text);
        assert_eq!(read(dir.path(), &synced, Some(after)).unwrap().lines, "");
    }

    #[test]
    fn a_new_reader_gets_the_last_whole_lines() {
        let dir = tempfile::tempdir().unwrap();
        let text: String = (0..5_000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
        std::fs::write(dir.path().join(NAME), &text).unwrap();
        let synced = Position { name: Name::parse(NAME).unwrap(), good: text.len() as u64 };
        let tail = read(dir.path(), &synced, None).unwrap();
        assert!(tail.lines.starts_with("{\"n\":") && tail.lines.ends_with("{\"n\":4999}\n"));
        assert_eq!(tail.next, synced.good);
        assert!(read(dir.path(), &synced, Some(u64::MAX)).unwrap().next > 0);
    }
}
