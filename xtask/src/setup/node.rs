//! Node, npm, and the packages of the checkout.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::repo::Repo;
use crate::setup::{Found, announce, apt};
use crate::shell::{Cmd, which};

/// The oldest that the JavaScript tests run on.
const OLDEST: u32 = 20;
const LIMIT: Duration = Duration::from_secs(600);

pub(super) fn ensure(repo: &Repo) -> Result<Found> {
    if which("node").is_none() || which("npm").is_none() {
        apt::install(repo, &["nodejs", "npm"])?;
    }
    let version = Cmd::new("node").arg("--version").ask()?;
    let major = version.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < OLDEST) {
        bail!("Node is {version}, {OLDEST} or later is needed: https://nodejs.org/en/download");
    }
    Ok(Found { said: version, ..Found::default() })
}

/// TypeScript, esbuild and wasm-opt: `npm ci`, unless what is there was installed from the very same lock file.
pub(super) fn ensure_packages(repo: &Repo) -> Result<Found> {
    let bin = repo.root.join("node_modules").join(".bin");
    let found = |said: &str| Found { said: said.to_owned(), path: vec![bin.clone()], ..Found::default() };
    let lock = fs::read(repo.root.join("package-lock.json")).context("cannot read package-lock.json")?;
    let stamp = repo.root.join("node_modules").join(".installed-from");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(found("as locked"));
    }
    announce("npm ci");
    let npm = Cmd::new("npm").args(["ci", "--no-audit", "--no-fund"]).dir(&repo.root).limit(LIMIT);
    npm.run_quiet(&repo.log("npm-ci")).context("by hand: npm ci")?;
    fs::write(stamp, lock)?;
    Ok(found("installed as locked"))
}
