//! Reads the journal in order, whole lines only, and never beyond what the collector has synced.

use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files::{self, JournalFile, SYNCED_FILE};

/// Bytes of lines taken at once: a Loki takes 4 MB a second by default, and so a batch at any time.
pub(crate) const BATCH_BYTES: usize = 1024 * 1024;
/// Lines taken at once: that many are halved in a few hundred pushes if some are refused.
pub(crate) const BATCH_LINES: usize = 2_000;

/// A place in the journal: everything before it has been read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// `events-….jsonl`, also where the file is compressed by now. Empty: before the first.
    pub(crate) file: String,
    /// Uncompressed bytes.
    pub(crate) offset: u64,
}

/// Reads on from a place.
#[derive(Debug)]
pub(crate) struct Reader {
    dir: PathBuf,
    place: Place,
    open: Option<Open>,
}

struct Open {
    name: String,
    source: BufReader<Box<dyn Read + Send>>,
    /// A line that is not whole yet.
    part: Vec<u8>,
    /// Whether only a part of the file was synced when it was opened.
    was_growing: bool,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Reader {
    pub(crate) fn new(dir: &Path, place: Place) -> Reader {
        Reader { dir: dir.to_owned(), place, open: None }
    }

    /// Everything before it was given out.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// The next lines without their newlines; none when all there is was given out.
    pub(crate) fn read(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let synced = synced(&self.dir)?;
        // What was buffered beyond the synced length then may have been cut back and written anew since.
        self.open = self.open.take().filter(|open| !open.was_growing);
        let (mut lines, mut bytes) = (Vec::new(), 0);
        while bytes < BATCH_BYTES && lines.len() < BATCH_LINES {
            let limit = self.limit(synced.as_ref());
            if let Some(line) = self.read_line(limit)? {
                bytes += line.len() + 1;
                lines.push(line);
            } else if let Some(next) = self.next_file(synced.as_ref())? {
                // Now that a later file is there nothing more comes into this one; until now something may have.
                match self.read_line(limit)? {
                    Some(line) => lines.push(line),
                    None => self.go_to(next),
                }
            } else {
                break;
            }
        }
        Ok(lines)
    }

    /// How far the current file may be read.
    fn limit(&self, synced: Option<&Place>) -> u64 {
        match synced {
            Some(synced) if synced.file == self.place.file => synced.offset,
            Some(synced) if files::is_before(&synced.file, &self.place.file) => 0,
            _ => u64::MAX,
        }
    }

    fn read_line(&mut self, limit: u64) -> io::Result<Option<Vec<u8>>> {
        if self.place.offset >= limit {
            return Ok(None);
        }
        let start = self.place.offset;
        let Some(open) = self.open(limit)? else { return Ok(None) };
        let length = open.source.read_until(b'\n', &mut open.part);
        match length {
            Ok(_) if open.part.last() == Some(&b'\n') => {}
            // Half a line: the rest is yet to be written, or never was.
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(None),
            Err(error) => return Err(error),
        }
        let length = open.part.len() as u64;
        if start + length > limit {
            // Beyond what is synced: it may be cut back, so it is read anew.
            self.open = None;
            return Ok(None);
        }
        let mut line = std::mem::take(&mut open.part);
        line.pop();
        self.place.offset = start + length;
        Ok(Some(line))
    }

    /// The current file at the current offset.
    fn open(&mut self, limit: u64) -> io::Result<Option<&mut Open>> {
        if self.open.as_ref().is_none_or(|open| open.name != self.place.file) {
            let source = files::open_at(&self.dir, &self.place.file, self.place.offset)?;
            let Some(source) = source else { return Ok(None) };
            self.open = Some(Open {
                name: self.place.file.clone(),
                source: BufReader::with_capacity(64 * 1024, source),
                part: Vec::new(),
                was_growing: limit != u64::MAX,
            });
        }
        Ok(self.open.as_mut())
    }

    /// The file after the current one, if there is one and nothing more can come into the current one.
    fn next_file(&self, synced: Option<&Place>) -> io::Result<Option<JournalFile>> {
        let files = files::list(&self.dir)?;
        let at = &self.place.file;
        let is_gone = !at.is_empty() && !files.iter().any(|file| file.name == *at);
        let next = files.into_iter().find(|file| at.is_empty() || files::is_before(at, &file.name));
        let next =
            next.filter(|next| synced.is_none_or(|synced| !files::is_before(&synced.file, &next.name)));
        if let Some(next) = next.as_ref().filter(|_| is_gone) {
            tracing::warn!(file = at, next = next.name, "the journal file is gone; reading on with the next");
        }
        Ok(next)
    }

    fn go_to(&mut self, next: JournalFile) {
        if self.open.as_ref().is_some_and(|open| !open.part.is_empty()) {
            tracing::warn!(
                file = self.place.file,
                "the file ends with half a line, which nobody acknowledged"
            );
        }
        self.place = Place { file: next.name, offset: 0 };
        self.open = None;
    }
}

/// `None` where no collector writes it: journals of the PHP drop-in, downloads.
fn synced(dir: &Path) -> io::Result<Option<Place>> {
    match fs::read(dir.join(SYNCED_FILE)) {
        // It is written over in place: one that is half written is read again in a moment, and nothing meanwhile.
        Ok(text) => Ok(Some(serde_json::from_slice(&text).unwrap_or_default())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;
    use std::sync::Mutex;

    use super::*;
    use crate::upkeep::pass::{Pass, Policy};

    fn texts(reader: &mut Reader) -> Vec<String> {
        let mut all = Vec::new();
        loop {
            let lines = reader.read().unwrap();
            if lines.is_empty() {
                return all;
            }
            all.extend(lines.into_iter().map(|line| String::from_utf8(line).unwrap()));
        }
    }

    fn gz(path: &Path, text: &str) {
        let mut writer =
            flate2::write::GzEncoder::new(File::create(path).unwrap(), flate2::Compression::fast());
        writer.write_all(text.as_bytes()).unwrap();
        writer.finish().unwrap();
    }

    fn reader(dir: &Path) -> Reader {
        Reader::new(dir, Place::default())
    }

    #[test]
    fn files_are_read_in_order_and_a_place_survives_rotation_and_compression() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::write(path("events-2026-01-01.jsonl"), "a\nb\nc\n").unwrap();
        let mut first = reader(dir.path());
        assert_eq!(first.read().unwrap().len(), 3);
        let place = Place { file: "events-2026-01-01.jsonl".into(), offset: 2 };
        fs::remove_file(path("events-2026-01-01.jsonl")).unwrap();
        gz(&path("events-2026-01-01.jsonl.gz"), "a\nb\nc\n");
        fs::write(path("events-2026-01-01.10.jsonl"), "f\n").unwrap();
        fs::write(path("events-2026-01-01.2.jsonl"), "d\ne\n").unwrap();
        fs::write(path("events-2026-01-02.jsonl"), "g\nhalf").unwrap();
        assert_eq!(texts(&mut first), ["d", "e", "f", "g"]);
        assert_eq!(texts(&mut Reader::new(dir.path(), place)), ["b", "c", "d", "e", "f", "g"]);
        File::options()
            .append(true)
            .open(path("events-2026-01-02.jsonl"))
            .unwrap()
            .write_all(b" no more\nh\n")
            .unwrap();
        assert_eq!(texts(&mut first), ["half no more", "h"]);
    }

    #[test]
    fn nothing_is_read_beyond_what_is_synced() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::write(path("events-2026-01-01.jsonl"), "a\nb\n").unwrap();
        fs::write(path("events-2026-01-01.2.jsonl"), "c\n").unwrap();
        let sync = |file: &str, offset: u64| {
            fs::write(path("synced"), format!("{{\"file\":\"{file}\",\"offset\":{offset}}}\n")).unwrap();
        };
        sync("events-2026-01-01.jsonl", 2);
        let mut reader = reader(dir.path());
        assert_eq!(texts(&mut reader), ["a"]);
        fs::write(path("synced"), "{\"fi").unwrap();
        assert_eq!(texts(&mut reader), [""; 0]);
        sync("events-2026-01-01.jsonl", 4);
        assert_eq!(texts(&mut reader), ["b"]);
        sync("events-2026-01-01.2.jsonl", 2);
        assert_eq!(texts(&mut reader), ["c"]);
    }

    #[test]
    fn a_line_that_was_cut_back_is_not_given_out() {
        let dir = tempfile::tempdir().unwrap();
        let (file, synced) = (dir.path().join("events-2026-01-01.jsonl"), dir.path().join("synced"));
        let sync = |offset: u64| {
            fs::write(&synced, format!("{{\"file\":\"events-2026-01-01.jsonl\",\"offset\":{offset}}}"))
                .unwrap();
        };
        fs::write(&file, "a\nlost").unwrap();
        sync(2);
        let mut reader = reader(dir.path());
        assert_eq!(texts(&mut reader), ["a"]);
        fs::write(&file, "a\nkept\n").unwrap();
        sync(7);
        assert_eq!(texts(&mut reader), ["kept"]);
    }

    #[test]
    fn a_place_in_a_file_that_is_gone_goes_on_with_the_next() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("events-2026-01-03.jsonl"), "x\n").unwrap();
        let place = Place { file: "events-2026-01-01.jsonl".into(), offset: 5 };
        assert_eq!(texts(&mut Reader::new(dir.path(), place)), ["x"]);
    }

    #[test]
    fn a_place_survives_rotation_and_packing_by_the_collector() {
        let dir = tempfile::tempdir().unwrap();
        let names = ["events-2026-01-01.jsonl", "events-2026-01-01.2.jsonl"];
        fs::write(dir.path().join(names[0]), "a\nb\nc\n").unwrap();
        fs::write(dir.path().join(names[1]), "d\n").unwrap();
        let mut open = reader(dir.path());
        assert_eq!(open.read_line(u64::MAX).unwrap(), None, "before the first file");
        let first = open.next_file(None).unwrap().unwrap();
        open.go_to(first);
        assert_eq!(open.read_line(u64::MAX).unwrap().unwrap(), b"a");
        let disk = crate::disk::RealDisk::open_dir(dir.path()).unwrap();
        let (policy, closed_files) = (Policy { compress: true, ..Policy::default() }, Mutex::new(()));
        let pass = Pass { disk: &disk, policy, closed_files: &closed_files, ends: &|| false };
        let current = files::Name::parse(names[1]).unwrap();
        assert_eq!(pass.run(&[], current, 0).packed, ["events-2026-01-01.jsonl.zst"]);
        assert!(!dir.path().join(names[0]).exists());
        let place = open.place().clone();
        assert_eq!(texts(&mut open), ["b", "c", "d"], "who has it open reads on");
        assert_eq!(texts(&mut Reader::new(dir.path(), place)), ["b", "c", "d"], "and who comes back to it");
    }
}
