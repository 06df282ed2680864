//! Entries that a target refuses for good, set aside with its reason: `DIR/refused-NAME.jsonl`.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::json;

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
    pub(crate) fn append(&self, refused: &[(String, String)]) -> io::Result<u64> {
        let mut text = String::new();
        for (reason, line) in refused {
            text.push_str(&json!({ "reason": reason, "line": line }).to_string());
            text.push('\n');
        }
        let mut file = File::options().create(true).append(true).open(&self.path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        Ok(file.metadata()?.len())
    }
}
