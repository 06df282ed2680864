//! Lines that a target refuses for good or that are no events, set aside with the reason: `DIR/refused-NAME.jsonl`.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Refused {
    pub(crate) reason: String,
    /// The journal line, without its newline.
    pub(crate) line: String,
}

impl Refused {
    /// A line that is no event.
    pub(crate) fn of(line: &[u8], why: &dyn std::fmt::Display) -> Refused {
        Refused { reason: why.to_string(), line: String::from_utf8_lossy(line).into_owned() }
    }
}

/// The file; made with the first refused entry.
#[derive(Debug)]
pub(crate) struct RefusedFile {
    path: PathBuf,
}

impl RefusedFile {
    pub(crate) fn new(data: &Path, name: &str) -> RefusedFile {
        RefusedFile { path: data.join(format!("refused-{name}.jsonl")) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Cuts off what a crash left without a confirmed place: it comes again.
    pub(crate) fn cut_to(&self, bytes: u64) -> io::Result<()> {
        match File::options().write(true).open(&self.path) {
            Ok(file) if file.metadata()?.len() > bytes => file.set_len(bytes).and_then(|()| file.sync_all()),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Appends `{"reason":…,"line":…}` for each and syncs; gives the file's length.
    pub(crate) fn append(&self, refused: &[Refused]) -> io::Result<u64> {
        let mut text = Vec::new();
        for one in refused {
            serde_json::to_writer(&mut text, one)?;
            text.push(b'\n');
        }
        let mut file = File::options().create(true).append(true).open(&self.path)?;
        file.write_all(&text)?;
        file.sync_all()?;
        Ok(file.metadata()?.len())
    }
}
