//! From when on an index knows that was made again: of older streams, events may have been stored in files that are gone.

use std::io::{self, BufRead as _, BufReader, Read as _};

use serde::Deserialize;

use crate::disk::{Disk, FileReader, read_full_at};
use crate::files::{self, Name, Packing, SYNCED_FILE};
use crate::journal;
use crate::line::{Line, MAX_LINE};

/// Lines stand in the order in which they were written, which is that of their receipt but for so much: a body may take 30 s,
/// then it waits for the writer.
const MAX_DISORDER_MS: u64 = 60_000;

/// Unix ms; 0 where nothing was ever stored. `was_published` says whether other processes were told of a file.
pub(crate) fn since<D: Disk>(
    disk: &D,
    files: &[(Name, Packing)],
    was_published: bool,
    now: u64,
) -> io::Result<u64> {
    let newest = if was_published { published(disk)? } else { None };
    if let Some(gone) = newest.filter(|newest| files.iter().all(|(name, _)| name != newest)) {
        tracing::error!(%gone, "the index was lost, and so was the newest file of the journal");
        return Ok(now);
    }
    let Some((name, packing)) = files.first().copied() else { return Ok(0) };
    if name == Name::first_of(name.day()) {
        return Ok(journal::start_of(name.day()));
    }
    // The day began in a file that is gone.
    let first = first_receipt(disk, &name.packed(packing))?;
    Ok(first.map_or(now, |received| received + MAX_DISORDER_MS))
}

/// When the first event of a file was received.
fn first_receipt<D: Disk>(disk: &D, path: &str) -> io::Result<Option<u64>> {
    let file = BufReader::new(FileReader::new(disk.open(path)?, 0));
    let mut line = Vec::new();
    BufReader::new(files::unpacked(file)?.take(MAX_LINE as u64)).read_until(b'\n', &mut line)?;
    Ok(Line::parse(line.trim_ascii_end()).map(|line| line.received))
}

/// The file that was written to last, as other processes were told.
fn published<D: Disk>(disk: &D) -> io::Result<Option<Name>> {
    #[derive(Deserialize)]
    struct Published<'a> {
        file: &'a str,
    }
    // One short line, see `Store::publish`.
    let mut text = [0; 256];
    let len = read_full_at(&disk.open(SYNCED_FILE)?, &mut text, 0)?;
    let published: Option<Published<'_>> = serde_json::from_slice(text.get(..len).unwrap_or_default()).ok();
    Ok(published.and_then(|published| Name::parse(published.file)))
}
