//! The results of runs, a file each, in a folder that is named after what was tested: those of another build do not count.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use beaconry_e2e::browser::Engine;
use beaconry_e2e::collector::{artifact, target};

use crate::outcome::Outcome;
use crate::table::Scenario;

/// What decides the outcome beside the package: collector, core and these tests. Below the checkout.
const SOURCES: [&str; 5] = ["crates/collector/src", "crates/core/src", "e2e/matrix", "e2e/pages", "e2e/src"];

/// The folder of this build's results.
pub(crate) struct Kept {
    folder: PathBuf,
}

impl Kept {
    /// Finds what was kept before; `fresh` deletes it.
    pub(crate) fn open(fresh: bool) -> Result<Self> {
        let folder = target().join("matrix").join(fingerprint()?);
        if fresh && folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        Ok(Self { folder })
    }

    /// What was tested, as a short text.
    pub(crate) fn fingerprint(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    pub(crate) fn has(&self, engine: Engine, scenario: &Scenario, run: usize) -> bool {
        self.file(engine, scenario, run).is_file()
    }

    pub(crate) fn keep(
        &self,
        engine: Engine,
        scenario: &Scenario,
        run: usize,
        outcome: &Outcome,
    ) -> Result<()> {
        let file = self.file(engine, scenario, run);
        fs::create_dir_all(file.parent().context("a file without folder")?)?;
        // Whole or not at all, wherever this is broken off.
        let new = file.with_extension("new");
        fs::write(&new, serde_json::to_vec_pretty(outcome)?)?;
        Ok(fs::rename(new, file)?)
    }

    /// All runs of a cell, in their order.
    pub(crate) fn all(&self, engine: Engine, scenario: &Scenario) -> Vec<Outcome> {
        let runs = (0..).map(|run| fs::read(self.file(engine, scenario, run)));
        runs.map_while(Result::ok).filter_map(|bytes| serde_json::from_slice(&bytes).ok()).collect()
    }

    fn file(&self, engine: Engine, scenario: &Scenario, run: usize) -> PathBuf {
        self.folder.join(engine.name()).join(scenario.id).join(format!("{run}.json"))
    }
}

fn fingerprint() -> Result<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut hasher = DefaultHasher::new();
    let package = artifact("BEACONRY_PACKAGE", "package", "cargo xtask package")?;
    for folder in std::iter::once(package).chain(SOURCES.map(|source| root.join(source))) {
        hash(&folder, &mut hasher)?;
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn hash(folder: &Path, hasher: &mut DefaultHasher) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            hash(&path, hasher)?;
        } else {
            path.file_name().hash(hasher);
            fs::read(&path)?.hash(hasher);
        }
    }
    Ok(())
}
