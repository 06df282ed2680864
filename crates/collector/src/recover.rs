//! What a start does: takes torn lines out of the journal, and reads into the index what it does not know yet.
//!
//! Before a crash only the last, unsynced group can be torn. Its pages may have reached the disk in any order, so
//! besides a torn end there may be a hole with whole lines behind it. Bytes that are no line go to a side file.

use std::collections::HashMap;
use std::io::{self, BufReader, Read as _};

use beaconry_core::StreamId;

use crate::disk::{Disk, DiskFile, FileReader, read_full_at, write_all_at};
use crate::files::{self, MAX_HEADER, Name, Packing, SYNCED_FILE};
use crate::group::MAX_UNSYNCED_BYTES;
use crate::index::record::Record;
use crate::index::{self, Change, Index, IndexError};
use crate::journal;
use crate::line::{Line, MAX_LINE, What};
use crate::since;
use crate::user_agent;

/// Bytes read at once.
const CHUNK: usize = 256 * 1024;
/// Streams held in memory before they go to the index. A record is about 1 KB.
const MAX_STREAMS: usize = 4_096;

/// Why the collector cannot start, and what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecoverError {
    /// The file system fails.
    #[error("{name} cannot be read or mended: {error}")]
    Io { name: String, error: io::Error },
    /// A file has lost what was synced: nothing of ours does that.
    #[error(
        "{name} has {len} bytes, but the index knows {known} of it: put the file back as it was, or delete {} to make \
         the index again from the files that are there",
        index::FILE
    )]
    Shrunk { name: String, len: u64, known: u64 },
    /// The index cannot be used.
    #[error(transparent)]
    Index(#[from] IndexError),
}

/// Opens the index and brings it up to the journal. An index that cannot be opened is made again. `now` is our clock (unix ms).
pub(crate) fn recover<D: Disk>(disk: &D, now: u64) -> Result<Index, RecoverError> {
    let names = disk.list().map_err(|error| failed("the data directory", error))?;
    let was_published = names.iter().any(|name| name == SYNCED_FILE);
    let had_index = names.iter().any(|name| name == index::FILE);
    let files = files::journal_files(names);
    let mut index = match Index::open(disk) {
        Ok(index) => index,
        Err(IndexError::Database(error)) if had_index && is_damage(&error) => {
            tracing::error!(%error, "the index is damaged and is made again from the journal");
            disk.remove(index::FILE).map_err(|error| failed(index::FILE, error))?;
            Index::open(disk)?
        }
        Err(error) => return Err(error.into()),
    };
    // Also one that a crash has kept from being finished.
    let since = if index.is_new() { since::since(disk, &files, was_published, now) } else { Ok(0) };
    let since = since.map_err(|error| failed("the journal", error))?;
    let known = index.files()?;
    for (name, packing) in &files {
        let known = known.get(&name.to_string()).copied().unwrap_or(0);
        match packing {
            Packing::Plain => catch_up(disk, &mut index, &name.to_string(), known, since)?,
            packed => read_packed(disk, &mut index, *name, *packed, known, since)?,
        }
    }
    let is_there = |known: &str| files.iter().any(|(name, _)| Name::parse(known) == Some(*name));
    index.forget_files(known.keys().filter(|name| !is_there(name)))?;
    if index.is_new() {
        if since > 0 {
            let since = journal::day_at(since);
            tracing::warn!(%since, "the index was lost; streams of before are not known and are refused");
        }
        index.set_since(since)?;
    }
    index.sync()?;
    Ok(index)
}

/// A full or failing disk is no reason to throw an index away; bytes that are no database are, as a power cut leaves them
/// that came while the database was made.
fn is_damage(error: &redb::Error) -> bool {
    match error {
        redb::Error::Io(error) => {
            matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
        }
        redb::Error::PreviousIo | redb::Error::DatabaseAlreadyOpen => false,
        _ => true,
    }
}

/// Mends one journal file beyond `known` and reads it into the index.
fn catch_up<D: Disk>(
    disk: &D,
    index: &mut Index,
    name: &str,
    known: u64,
    since: u64,
) -> Result<(), RecoverError> {
    let mut file = disk.open(name).map_err(|error| failed(name, error))?;
    let len = file.len().map_err(|error| failed(name, error))?;
    if len < known {
        return Err(RecoverError::Shrunk { name: name.to_owned(), len, known });
    }
    let mut read = Read { since, ..Read::default() };
    let mut bad = Vec::new();
    let source = FileReader::new(disk.open(name).map_err(|error| failed(name, error))?, known);
    let scanned = scan(source, known, |span, line| {
        match Line::parse(line) {
            Some(line) => read.take(index, &line)?,
            None => bad.push(span),
        }
        if read.records.len() >= MAX_STREAMS { read.put(index, None) } else { Ok(()) }
    });
    scanned.map_err(|error| error.of(name))?;
    let good = len - bad.iter().map(|span: &Span| span.end - span.start).sum::<u64>();
    if !bad.is_empty() {
        tracing::warn!(file = name, bytes = len - good, "torn lines are taken out into a side file");
        mend(disk, &mut file, name, &bad, len).map_err(|error| failed(name, error))?;
    }
    rewrite_end(&mut file, known, good).map_err(|error| failed(name, error))?;
    if good > known {
        tracing::info!(file = name, from = known, to = good, "journal read into the index");
    }
    Ok(read.put(index, Some((name, good)))?)
}

/// Reads what a packed file has beyond `known` into the index. It was closed and synced before it was packed, so there is
/// nothing to mend.
fn read_packed<D: Disk>(
    disk: &D,
    index: &mut Index,
    name: Name,
    packing: Packing,
    known: u64,
    since: u64,
) -> Result<(), RecoverError> {
    let (name, path) = (name.to_string(), name.packed(packing));
    let io = |error| failed(&path, error);
    let file = disk.open(&path).map_err(io)?;
    let mut head = [0; MAX_HEADER];
    let head_len = read_full_at(&file, &mut head, 0).map_err(io)?;
    let len = files::unpacked_len(head.get(..head_len).unwrap_or_default());
    if len == Some(known) {
        return Ok(());
    }
    let mut source = files::unpacked(BufReader::new(FileReader::new(file, 0))).map_err(io)?;
    let skipped = io::copy(&mut source.by_ref().take(known), &mut io::sink()).map_err(io)?;
    if skipped < known {
        return Err(RecoverError::Shrunk { name: path, len: skipped, known });
    }
    let (mut read, mut bad, mut len) = (Read { since, ..Read::default() }, 0_u64, known);
    let scanned = scan(source, known, |span, line| {
        len = span.end;
        match Line::parse(line) {
            Some(line) => read.take(index, &line)?,
            None => bad += span.end - span.start,
        }
        if read.records.len() >= MAX_STREAMS { read.put(index, None) } else { Ok(()) }
    });
    scanned.map_err(|error| error.of(&path))?;
    if bad > 0 {
        tracing::warn!(file = path, bytes = bad, "a packed file has bytes that are no lines");
    }
    tracing::info!(file = path, from = known, to = len, "journal read into the index");
    Ok(read.put(index, Some((&name, len)))?)
}

/// Makes durable what is about to be called known. It may have outlived its process in the page cache alone; and after a
/// failed sync the kernel may hold it for clean, so that only bytes that are written again are sure to reach the disk.
fn rewrite_end<F: DiskFile>(file: &mut F, known: u64, len: u64) -> io::Result<()> {
    let mut at = known.max(len.saturating_sub(MAX_UNSYNCED_BYTES as u64));
    let mut chunk = vec![0; CHUNK];
    while at < len {
        let read = read_full_at(file, &mut chunk, at)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        write_all_at(file, chunk.get(..read).unwrap_or_default(), at)?;
        at += read as u64;
    }
    file.sync()
}

/// Streams between the journal and the index.
#[derive(Default)]
struct Read {
    /// Streams born before (unix ms) are known in part.
    since: u64,
    records: HashMap<StreamId, Record>,
}

impl Read {
    fn take(&mut self, index: &Index, line: &Line) -> Result<(), IndexError> {
        let record = match self.records.entry(line.stream) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let known = index.get(line.stream)?;
                let is_partial = line.stream.birth_unix_ms() < self.since;
                entry.insert(known.unwrap_or_else(|| Record {
                    is_partial,
                    ..Record::new(line.stream, line.received, line.app.clone())
                }))
            }
        };
        record.last = record.last.max(line.received);
        record.see_browser(line.browser.as_deref());
        if let (None, Some(ua)) = (&record.browser, &line.ua) {
            record.see_browser(user_agent::parse(ua).browser.as_deref());
        }
        match &line.what {
            What::Event(range) => {
                record.store(*range);
                if record.line.identity.release.is_none() {
                    record.line.identity.release.clone_from(&line.release);
                }
            }
            What::Delivery(count, stream_line) => {
                record.deliveries = record.deliveries.max(*count);
                record.told = record.told.max(line.received);
                record.merge(stream_line);
            }
        }
        Ok(())
    }

    fn put(&mut self, index: &mut Index, file: Option<(&str, u64)>) -> Result<(), IndexError> {
        let records = self.records.iter().map(|(stream, record)| (*stream, record)).collect();
        index.put(&Change { records, file })?;
        self.records.clear();
        Ok(())
    }
}

/// Bytes of a file, half-open.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u64,
    end: u64,
}

enum ScanError {
    Io(io::Error),
    Index(IndexError),
}

impl From<IndexError> for ScanError {
    fn from(error: IndexError) -> ScanError {
        ScanError::Index(error)
    }
}

impl ScanError {
    fn of(self, name: &str) -> RecoverError {
        match self {
            ScanError::Io(error) => failed(name, error),
            ScanError::Index(error) => RecoverError::Index(error),
        }
    }
}

/// Gives each line from `from` on, without its newline. What has no newline, or is too long, is given as an empty one.
fn scan(
    mut source: impl io::Read,
    from: u64,
    mut each: impl FnMut(Span, &[u8]) -> Result<(), IndexError>,
) -> Result<(), ScanError> {
    let mut held: Vec<u8> = Vec::new();
    let mut start = from;
    let mut chunk = vec![0; CHUNK];
    let mut at = from;
    loop {
        let read = match source.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.map_err(ScanError::Io)?,
        };
        let bytes = chunk.get(..read).unwrap_or_default();
        at += read as u64;
        if bytes.is_empty() {
            break;
        }
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            held.extend_from_slice(piece);
            let ended = piece.last() == Some(&b'\n');
            if ended || held.len() > MAX_LINE {
                let end = start + held.len() as u64;
                let line = if ended { held.trim_ascii_end() } else { &[] };
                each(Span { start, end }, line)?;
                start = end;
                held.clear();
            }
        }
    }
    if start < at {
        each(Span { start, end: at }, &[])?;
    }
    Ok(())
}

/// Takes bytes that are no lines out of a file, after they are safe in a side file.
fn mend<D: Disk>(disk: &D, file: &mut D::File, name: &str, bad: &[Span], len: u64) -> io::Result<()> {
    let side_name = format!("{}.torn", name.trim_end_matches(".jsonl"));
    let mut side = disk.open(&side_name)?;
    let mut end = side.len()?;
    for span in bad {
        end += copy(file, *span, &mut side, end)?;
    }
    side.sync()?;
    disk.sync_dir()?;
    let suffix_start = suffix(bad, len);
    if let [first, ..] = bad
        && first.start == suffix_start
    {
        return file.set_len(suffix_start);
    }
    // Lines stand behind a hole: the file is written again without it, and takes the old one's name when it is whole.
    let new_name = format!("{name}.new");
    let mut new = disk.open(&new_name)?;
    new.set_len(0)?;
    let mut written = 0;
    for span in good_spans(bad, len) {
        written += copy(file, span, &mut new, written)?;
    }
    new.sync()?;
    disk.rename(&new_name, name)?;
    disk.sync_dir()?;
    *file = new;
    Ok(())
}

/// Where the bad bytes that reach the end begin; the end if none do.
fn suffix(bad: &[Span], len: u64) -> u64 {
    bad.iter().rev().fold(len, |start, span| if span.end == start { span.start } else { start })
}

fn good_spans(bad: &[Span], len: u64) -> impl Iterator<Item = Span> {
    let starts = std::iter::once(0).chain(bad.iter().map(|span| span.end));
    let ends = bad.iter().map(|span| span.start).chain(std::iter::once(len));
    starts.zip(ends).map(|(start, end)| Span { start, end }).filter(|span| span.start < span.end)
}

fn copy<F: DiskFile>(from: &F, span: Span, to: &mut F, at: u64) -> io::Result<u64> {
    let mut chunk = vec![0; CHUNK];
    let mut done = 0;
    while span.start + done < span.end {
        let want = usize::try_from(span.end - span.start - done).unwrap_or(CHUNK).min(CHUNK);
        let read = read_full_at(from, chunk.get_mut(..want).unwrap_or_default(), span.start + done)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        write_all_at(to, chunk.get(..read).unwrap_or_default(), at + done)?;
        done += read as u64;
    }
    Ok(done)
}

fn failed(name: &str, error: io::Error) -> RecoverError {
    RecoverError::Io { name: name.to_owned(), error }
}
