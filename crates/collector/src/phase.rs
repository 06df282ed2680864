//! The switch: `DIR/phases.json` names the keys that are off. A running server sees a change with the next request.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

const FILE: &str = "phases.json";

/// Whether the clients of a key may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "UPPERCASE")]
#[clap(rename_all = "UPPER")]
pub enum Phase {
    /// Clients are told to switch off (410).
    Disabled,
    /// Events are taken: what holds without a word.
    Enabled,
}

/// Why the phases cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum PhaseError {
    /// The file system says no.
    #[error("{path} cannot be read or written: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Someone wrote something else into it.
    #[error(
        "{path} is not as `beaconry phase` writes it ({error}): mend it, or delete it to enable all keys"
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// Where it goes wrong.
        error: serde_json::Error,
    },
}

type PhasesOf = BTreeMap<String, Phase>;

/// Sets the phase of a key, for servers of `dir` that run and those that will.
pub fn set_phase(dir: &Path, key: &str, phase: Phase) -> Result<(), PhaseError> {
    let path = dir.join(FILE);
    let failed = |error| PhaseError::Io { path: path.clone(), error };
    // Two calls at once would each write what it has read.
    let lock = File::create(dir.join("phases.lock")).map_err(failed)?;
    lock.lock().map_err(failed)?;
    let mut phases = read(&path)?.unwrap_or_default();
    phases.insert(key.to_owned(), phase);
    let text =
        serde_json::to_vec(&phases).map_err(|error| PhaseError::Format { path: path.clone(), error })?;
    replace(dir, &path, &text).map_err(failed)
}

/// The file is whole at any moment, also after a power cut.
fn replace(dir: &Path, path: &Path, text: &[u8]) -> io::Result<()> {
    let new = dir.join("phases.json.new");
    let mut file = File::create(&new)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(dir)?.sync_all()
}

fn read(path: &Path) -> Result<Option<PhasesOf>, PhaseError> {
    match fs::read(path) {
        Ok(text) => {
            let phases = serde_json::from_slice(&text);
            phases.map(Some).map_err(|error| PhaseError::Format { path: path.to_owned(), error })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(PhaseError::Io { path: path.to_owned(), error }),
    }
}

/// The phases as a server sees them.
#[derive(Debug)]
pub(crate) struct Phases {
    path: PathBuf,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    version: Option<Version>,
    phases: PhasesOf,
}

/// A rename gives the file a new inode, so no change hides behind a coarse clock.
type Version = (u64, i64, i64, u64);

impl Phases {
    /// Reads the file of `dir`, if there is one.
    pub(crate) fn open(dir: &Path) -> Result<Phases, PhaseError> {
        let path = dir.join(FILE);
        let seen = Seen { version: version(&path), phases: read(&path)?.unwrap_or_default() };
        Ok(Phases { path, seen: Mutex::new(seen) })
    }

    /// The phase of a key now. Costs one `stat`; a file that cannot be read changes nothing.
    pub(crate) fn of(&self, key: &str) -> Phase {
        let version = version(&self.path);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.version != version {
            seen.version = version;
            match read(&self.path) {
                Ok(phases) => seen.phases = phases.unwrap_or_default(),
                Err(error) => tracing::error!(%error, "the phases stay as they were"),
            }
        }
        seen.phases.get(key).copied().unwrap_or(Phase::Enabled)
    }
}

fn version(path: &Path) -> Option<Version> {
    let file = fs::metadata(path).ok()?;
    Some((file.ino(), file.mtime(), file.mtime_nsec(), file.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_at_once_and_lasts() {
        let dir = tempfile::tempdir().unwrap();
        let phases = Phases::open(dir.path()).unwrap();
        assert_eq!(phases.of("a"), Phase::Enabled);
        set_phase(dir.path(), "a", Phase::Disabled).unwrap();
        assert_eq!((phases.of("a"), phases.of("b")), (Phase::Disabled, Phase::Enabled));
        set_phase(dir.path(), "b", Phase::Disabled).unwrap();
        set_phase(dir.path(), "a", Phase::Enabled).unwrap();
        assert_eq!((phases.of("a"), phases.of("b")), (Phase::Enabled, Phase::Disabled));
        assert_eq!(Phases::open(dir.path()).unwrap().of("b"), Phase::Disabled);
    }

    #[test]
    fn a_damaged_file_changes_nothing_and_stops_a_start() {
        let dir = tempfile::tempdir().unwrap();
        set_phase(dir.path(), "a", Phase::Disabled).unwrap();
        let phases = Phases::open(dir.path()).unwrap();
        fs::write(dir.path().join(FILE), "{\"a\":").unwrap();
        assert_eq!(phases.of("a"), Phase::Disabled);
        let error = Phases::open(dir.path()).unwrap_err().to_string();
        assert!(error.contains("phases.json") && error.contains("delete it to enable all keys"), "{error}");
        assert!(set_phase(dir.path(), "b", Phase::Disabled).is_err());
    }
}
