//! Who reads the journal, and how far each has come: `DIR/consumers/NAME.json`.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use serde::Deserialize;

use crate::files::Name;

/// The directory of the places.
const DIR: &str = "consumers";

/// One reader of the journal that keeps its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Consumer {
    pub(crate) name: String,
    /// `None`: it is before the first file, or its place cannot be read.
    pub(crate) file: Option<Name>,
    /// Unpacked bytes of that file.
    pub(crate) offset: u64,
}

#[derive(Debug, Deserialize, Default)]
struct Place {
    file: String,
    offset: u64,
}

impl Consumer {
    /// Whether it has read a closed file of `len` unpacked bytes to its end.
    pub(crate) fn has_passed(&self, file: Name, len: u64) -> bool {
        self.file > Some(file) || (self.file == Some(file) && self.offset >= len)
    }

    /// Bytes of a file of `len` unpacked bytes that it has not read.
    pub(crate) fn unread(&self, file: Name, len: u64) -> u64 {
        match self.file {
            Some(at) if at > file => 0,
            Some(at) if at == file => len.saturating_sub(self.offset),
            _ => len,
        }
    }
}

/// All of a data directory's consumers, by name. One whose place cannot be read counts as one that has read nothing.
pub(crate) fn list(data: &Path) -> io::Result<Vec<Consumer>> {
    let entries = match fs::read_dir(data.join(DIR)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut consumers = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".json")) else {
            continue;
        };
        let place = match fs::read(&path).map(|text| serde_json::from_slice::<Place>(&text)) {
            Ok(Ok(place)) => place,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            unreadable => {
                tracing::warn!(file = %path.display(), ?unreadable, "a consumer's place cannot be read: it counts as one that read nothing");
                Place::default()
            }
        };
        let file = Name::parse(&place.file);
        consumers.push(Consumer { name: name.to_owned(), file, offset: place.offset });
    }
    consumers.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(consumers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_says_what_was_read() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(list(dir.path()).unwrap(), []);
        fs::create_dir(dir.path().join(DIR)).unwrap();
        let put = |name: &str, text: &str| fs::write(dir.path().join(DIR).join(name), text).unwrap();
        put("loki.json", r#"{"file":"events-2026-01-02.jsonl","offset":7,"refused_bytes":0}"#);
        put("new.json", r#"{"file":"","offset":0}"#);
        put("torn.json", "{\"fi");
        put("loki.lock", "");
        let [loki, new, torn] = list(dir.path()).unwrap().try_into().unwrap();
        assert_eq!((loki.name.as_str(), new.name.as_str(), torn.name.as_str()), ("loki", "new", "torn"));
        let name = |text| Name::parse(text).unwrap();
        let (before, at) = (name("events-2026-01-01.2.jsonl"), name("events-2026-01-02.jsonl"));
        assert!(loki.has_passed(before, 1_000) && loki.has_passed(at, 7) && !loki.has_passed(at, 8));
        assert!(!new.has_passed(before, 0) && !torn.has_passed(before, 0));
        assert_eq!((loki.unread(before, 9), loki.unread(at, 9), new.unread(at, 9)), (0, 2, 9));
    }
}
