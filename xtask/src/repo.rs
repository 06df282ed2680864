//! Where things are: the checkout, cargo's target folder, the user's cache of tools.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::shell::Cmd;

/// The folders that every chore works in.
pub(crate) struct Repo {
    /// The checkout.
    pub(crate) root: PathBuf,
    /// Cargo's target folder; what the chores make goes there too.
    pub(crate) target: PathBuf,
    /// Tools that are built once for all checkouts: `$BEACONRY_CACHE`, else `beaconry` in the user's cache folder.
    pub(crate) cache: PathBuf,
}

impl Repo {
    pub(crate) fn find() -> Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&manifest).parent().context("xtask lies in no folder")?.to_path_buf();
        let cache = cache_dir()?;
        fs::create_dir_all(cache.join("logs"))
            .with_context(|| format!("cannot write {}", cache.display()))?;
        Ok(Self { target: target_dir(&root)?, root, cache })
    }

    /// Where `name` of this version is built or unpacked.
    pub(crate) fn tool(&self, name: &str, version: &str) -> PathBuf {
        self.cache.join("tools").join(format!("{name}-{version}"))
    }

    /// Where the output of a quiet step goes.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.cache.join("logs").join(format!("{name}.log"))
    }

    /// The version of a package in Cargo.lock.
    pub(crate) fn locked_version(&self, package: &str) -> Result<String> {
        let file = self.root.join("Cargo.lock");
        let lock = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        locked_version(&lock, package).with_context(|| format!("{package} is not in Cargo.lock"))
    }

    /// The version that all packages of the workspace have.
    pub(crate) fn version(&self) -> Result<String> {
        self.locked_version("beaconry-core")
    }
}

fn cache_dir() -> Result<PathBuf> {
    if let Some(dir) = env::var_os("BEACONRY_CACHE").filter(|dir| !dir.is_empty()) {
        return Ok(std::path::absolute(dir)?);
    }
    // The specification of XDG: a relative path is to be ignored.
    if let Some(dir) = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute()) {
        return Ok(dir.join("beaconry"));
    }
    match env::home_dir() {
        Some(home) => Ok(home.join(".cache").join("beaconry")),
        None => bail!("no home folder: set BEACONRY_CACHE to a folder for the tools"),
    }
}

fn target_dir(root: &Path) -> Result<PathBuf> {
    let args = ["metadata", "--format-version", "1", "--no-deps", "--offline"];
    let metadata = Cmd::new("cargo").args(args).dir(root).read()?;
    let value = metadata.split_once("\"target_directory\":\"").and_then(|(_, rest)| rest.split_once('"'));
    Ok(value.context("`cargo metadata` names no target folder")?.0.into())
}

fn locked_version(lock: &str, package: &str) -> Option<String> {
    let start = format!("name = \"{package}\"\nversion = \"");
    let (_, rest) = lock.split_once(&start)?;
    Some(rest.split_once('"')?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::locked_version;

    #[test]
    fn the_locked_version_is_of_the_very_package() {
        let lock = "[[package]]\nname = \"wasm-bindgen-shared\"\nversion = \"1.0.0\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(locked_version(lock, "wasm-bindgen").as_deref(), Some("0.2.130"));
        assert_eq!(locked_version(lock, "bindgen"), None);
    }
}
