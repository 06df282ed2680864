//! How far a consumer has brought the journal to its target: `DIR/consumers/NAME.json`.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::forward::reader::Place;

/// What the target has confirmed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Confirmed {
    #[serde(flatten)]
    pub(crate) place: Place,
    /// Length of the file of refused entries at this place: what stands behind it is written again.
    #[serde(default)]
    pub(crate) refused_bytes: u64,
    /// Events stored and refused since the place was begun, for people.
    #[serde(default)]
    pub(crate) stored: u64,
    #[serde(default)]
    pub(crate) refused: u64,
}

/// One consumer's file. While this lives no other process has it.
#[derive(Debug)]
pub(crate) struct Offsets {
    path: PathBuf,
    _lock: File,
}

impl Offsets {
    /// Fails with `WouldBlock` while another process forwards under the name.
    pub(crate) fn open(data: &Path, name: &str) -> io::Result<Offsets> {
        let dir = data.join("consumers");
        fs::create_dir_all(&dir)?;
        let lock = File::create(dir.join(format!("{name}.lock")))?;
        lock.try_lock()?;
        Ok(Offsets { path: dir.join(format!("{name}.json")), _lock: lock })
    }

    pub(crate) fn load(&self) -> io::Result<Confirmed> {
        match fs::read(&self.path) {
            Ok(text) => Ok(serde_json::from_slice(&text)?),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Confirmed::default()),
            Err(error) => Err(error),
        }
    }

    /// On disk when it returns; a crash leaves the old one or the new one.
    pub(crate) fn store(&self, confirmed: &Confirmed) -> io::Result<()> {
        let temporary = self.path.with_extension("tmp");
        let mut file = File::create(&temporary)?;
        file.write_all(&serde_json::to_vec(confirmed)?)?;
        file.sync_all()?;
        fs::rename(&temporary, &self.path)?;
        self.path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
    }
}
