//! The journal's files: their names, their order, and reading one whatever it is packed with.
//!
//! A day begins with `events-YYYY-MM-DD.jsonl` and goes on in `events-YYYY-MM-DD.2.jsonl`, `.3`, …: by day, then by number,
//! as `ls -v` lists them. A closed file may be packed, and then has one more suffix; offsets are always of unpacked bytes.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use jiff::civil::Date;

/// A file is packed while somebody looks for it at most once; a second look finds the packed one.
const LOOKS: usize = 3;

/// What readers in other processes stop at: how far the newest file is synced.
pub(crate) const SYNCED_FILE: &str = "synced";

/// Bytes of a zstd frame's header, at most (RFC 8878, 3.1.1: magic, descriptor, window, dictionary, content size).
pub(crate) const MAX_HEADER: usize = 18;

/// The name of a journal file, without what says how it is packed. Names are ordered as the journal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name {
    day: Date,
    /// 1 is the one whose name has no number.
    number: u32,
}

/// How a file's bytes stand on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Packing {
    /// As they were written; what the journal still appends to.
    Plain,
    /// What the collector makes of closed files.
    Zstd,
    /// What people and log tools make of them.
    Gzip,
}

/// One file of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JournalFile {
    /// `events-….jsonl`, without what says how it is packed.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) packing: Packing,
}

impl Name {
    /// The day's first file.
    pub(crate) fn first_of(day: Date) -> Name {
        Name { day, number: 1 }
    }

    /// The file in which the same day goes on.
    pub(crate) fn next(self) -> Name {
        Name { number: self.number.saturating_add(1), ..self }
    }

    /// The UTC day that its events were received on.
    pub(crate) fn day(self) -> Date {
        self.day
    }

    /// Of an unpacked file's name; `None` for every other file.
    pub(crate) fn parse(text: &str) -> Option<Name> {
        let rest = text.strip_prefix("events-")?.strip_suffix(".jsonl")?;
        let (day, number) = match rest.split_once('.') {
            Some((day, number)) => (day, number.parse().ok()?),
            None => (rest, 1),
        };
        let name = Name { day: day.parse().ok()?, number };
        // One file has one name: neither `.1` nor `.02` nor a date in another form.
        (name.to_string() == text).then_some(name)
    }

    /// Of any file of the journal, with how it is packed.
    pub(crate) fn parse_packed(text: &str) -> Option<(Name, Packing)> {
        let packings = [Packing::Zstd, Packing::Gzip];
        let packed = packings.into_iter().find_map(|it| Some((text.strip_suffix(it.suffix())?, it)));
        let (name, packing) = packed.unwrap_or((text, Packing::Plain));
        Name::parse(name).map(|name| (name, packing))
    }

    /// What the file is called when it is packed so.
    pub(crate) fn packed(self, packing: Packing) -> String {
        format!("{self}{}", packing.suffix())
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            1 => write!(f, "events-{}.jsonl", self.day),
            number => write!(f, "events-{}.{number}.jsonl", self.day),
        }
    }
}

impl Packing {
    fn suffix(self) -> &'static str {
        match self {
            Packing::Plain => "",
            Packing::Zstd => ".zst",
            Packing::Gzip => ".gz",
        }
    }
}

/// Those of a directory's files that are the journal's, in order. While one is being packed both are there: the plain one
/// is whole, and is the one that counts.
pub(crate) fn journal_files(names: impl IntoIterator<Item = String>) -> Vec<(Name, Packing)> {
    let mut files: Vec<_> = names.into_iter().filter_map(|name| Name::parse_packed(&name)).collect();
    files.sort();
    files.dedup_by_key(|(name, _)| *name);
    files
}

/// All of the journal's files, in order.
pub(crate) fn list(dir: &Path) -> io::Result<Vec<JournalFile>> {
    let names = fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
    let names: Vec<String> = names.filter_map(Result::transpose).collect::<io::Result<_>>()?;
    let files = journal_files(names).into_iter().map(|(name, packing)| JournalFile {
        name: name.to_string(),
        path: dir.join(name.packed(packing)),
        packing,
    });
    Ok(files.collect())
}

/// With what the files of the PHP drop-in end, plain or packed: each is a program that ends at once, lest a web server gives it away.
const DROP_IN_SUFFIX: &str = ".php";

/// With what such a file begins, unless it is packed; its first line is none of the journal's.
pub(crate) const DROP_IN_GUARD: &[u8] = b"<?php";

/// All of the journal's files in a folder of downloads, in order: the collector's, or those of the PHP drop-in.
pub(crate) fn list_downloads(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let Ok(name) = entry?.file_name().into_string() else { continue };
        if let Some(order) = Name::parse_packed(name.strip_suffix(DROP_IN_SUFFIX).unwrap_or(&name)) {
            files.push((order, dir.join(name)));
        }
    }
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// Whether a name comes earlier in the journal. A name that is none comes before all.
pub(crate) fn is_before(name: &str, other: &str) -> bool {
    Name::parse(name) < Name::parse(other)
}

/// Opens the file of this name, packed or not, at an offset of its unpacked bytes; `None` where it is gone.
pub(crate) fn open_at(dir: &Path, name: &str, offset: u64) -> io::Result<Option<Box<dyn Read + Send>>> {
    for _ in 0..LOOKS {
        let Some(file) = list(dir)?.into_iter().find(|file| file.name == name) else { return Ok(None) };
        match file.open_at(offset) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            opened => return opened.map(Some),
        }
    }
    Ok(None)
}

impl JournalFile {
    /// Bytes that a packed file unpacks to, where its first bytes tell.
    pub(crate) fn unpacked_len(&self) -> io::Result<Option<u64>> {
        let mut head = Vec::new();
        File::open(&self.path)?.take(MAX_HEADER as u64).read_to_end(&mut head)?;
        Ok(unpacked_len(&head))
    }

    /// Opens it at an offset of its unpacked bytes.
    pub(crate) fn open_at(&self, offset: u64) -> io::Result<Box<dyn Read + Send>> {
        if self.packing == Packing::Plain {
            let mut plain = File::open(&self.path)?;
            plain.seek(SeekFrom::Start(offset))?;
            return Ok(Box::new(plain));
        }
        let mut source = open(&self.path)?;
        io::copy(&mut source.by_ref().take(offset), &mut io::sink())?;
        Ok(source)
    }
}

/// Opens any file unpacked, by what its first bytes say.
pub(crate) fn open(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    unpacked(BufReader::new(File::open(path)?))
}

/// What a reader gives, unpacked.
pub(crate) fn unpacked(mut source: impl BufRead + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    Ok(match source.fill_buf()? {
        // RFC 1952 and RFC 8878.
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(source)),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::stream::read::Decoder::with_buffer(source)?),
        _ => Box::new(source),
    })
}

/// Unpacked bytes of a packed file, where its first bytes tell (RFC 8878, 3.1.1.1.4): what the collector packs always does.
pub(crate) fn unpacked_len(head: &[u8]) -> Option<u64> {
    zstd::zstd_safe::get_frame_content_size(head).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ordered_by_day_then_by_number() {
        let in_order = [
            "events-2026-01-01.jsonl",
            "events-2026-01-01.2.jsonl",
            "events-2026-01-01.10.jsonl",
            "events-2026-01-02.jsonl",
        ];
        let listed = journal_files(in_order.iter().rev().map(ToString::to_string));
        let listed: Vec<String> = listed.iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(listed, in_order);
        assert!(in_order.is_sorted_by(|a, b| is_before(a, b)));
        assert!(is_before("", in_order[0]));
        let first = Name::first_of("2026-01-01".parse().unwrap());
        assert_eq!((first.to_string(), first.next().to_string()), (in_order[0].into(), in_order[1].into()));
    }

    #[test]
    fn downloads_of_the_drop_in_stand_in_the_journals_order() {
        let dir = tempfile::tempdir().unwrap();
        let in_order = [
            "events-2026-01-01.jsonl.gz.php",
            "events-2026-01-01.2.jsonl.php",
            "events-2026-01-01.10.jsonl.php",
            "events-2026-01-02.jsonl",
        ];
        for name in in_order.iter().rev().chain(&["index.php", "events-2026-01-02.torn.php"]) {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let expected = in_order.map(|name| dir.path().join(name));
        assert_eq!(list_downloads(dir.path()).unwrap(), expected);
    }

    #[test]
    fn only_journal_files_have_a_name() {
        for name in [
            "events-2025-11-24.torn",
            "events-2025-13-24.jsonl",
            "events-20251124.jsonl",
            "events-2025-11-24.1.jsonl",
            "events-2025-11-24.02.jsonl",
            "events-2025-11-24.x.jsonl",
            "events-.jsonl",
            "index.redb",
            "events-2025-11-24.jsonl.new",
            "events-2025-11-24.jsonl.zst.new",
        ] {
            assert_eq!(Name::parse_packed(name), None, "{name}");
        }
    }

    #[test]
    fn of_a_plain_and_a_packed_file_the_plain_one_counts() {
        let names =
            ["events-2026-01-01.jsonl.zst", "events-2026-01-01.jsonl", "events-2026-01-01.2.jsonl.gz"];
        let packings: Vec<Packing> =
            journal_files(names.map(String::from)).into_iter().map(|it| it.1).collect();
        assert_eq!(packings, [Packing::Plain, Packing::Gzip]);
    }

    #[test]
    fn a_file_is_read_from_an_unpacked_offset_however_it_is_packed() {
        let dir = tempfile::tempdir().unwrap();
        let name = "events-2026-01-01.2.jsonl";
        let read = |offset| {
            let mut text = String::new();
            open_at(dir.path(), name, offset).unwrap().unwrap().read_to_string(&mut text).unwrap();
            text
        };
        assert!(open_at(dir.path(), name, 0).unwrap().is_none());
        let packed = zstd::encode_all(&b"one\ntwo\n"[..], 3).unwrap();
        fs::write(dir.path().join(format!("{name}.zst")), packed).unwrap();
        assert_eq!((read(0), read(4), read(9)), ("one\ntwo\n".into(), "two\n".into(), String::new()));
        fs::write(dir.path().join(name), "one\ntwo\nthree\n").unwrap();
        assert_eq!(read(4), "two\nthree\n");
    }
}
