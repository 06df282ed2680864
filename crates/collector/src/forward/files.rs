//! The journal's files in order, whatever they are packed with.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// What a packed file's name has more.
const PACKED: [&str; 2] = [".zst", ".gz"];

/// One file of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JournalFile {
    /// `events-….jsonl`, without what says how it is packed.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

/// All of them: by day, then by number.
pub(crate) fn list(dir: &Path) -> io::Result<Vec<JournalFile>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let name = PACKED.iter().find_map(|packed| name.strip_suffix(packed)).unwrap_or(name).to_owned();
        if order(&name).is_some() {
            files.push(JournalFile { name, path });
        }
    }
    // While a file is being packed both are there: the plain one is whole.
    files.sort_by(|a, b| (order(&a.name), &a.path).cmp(&(order(&b.name), &b.path)));
    files.dedup_by(|later, earlier| later.name == earlier.name);
    Ok(files)
}

/// The one of this name, packed or not.
pub(crate) fn find(dir: &Path, name: &str) -> io::Result<Option<JournalFile>> {
    Ok(list(dir)?.into_iter().find(|file| file.name == name))
}

/// Whether a name comes earlier in the journal. A name that is none comes before all.
pub(crate) fn is_before(name: &str, other: &str) -> bool {
    order(name) < order(other)
}

/// Opens a file unpacked, by what its first bytes say.
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

/// Day and number of a name.
fn order(name: &str) -> Option<(&str, u32)> {
    let rest = name.strip_prefix("events-")?.strip_suffix(".jsonl")?;
    let (day, number) = match rest.split_once('.') {
        Some((day, number)) => (day, number.parse().ok()?),
        None => (rest, 0),
    };
    day.parse::<jiff::civil::Date>().ok().map(|_| (day, number))
}
