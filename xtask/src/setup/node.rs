//! Node, npm, and the packages of the checkout.

use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::repo::Repo;
use crate::setup::{Found, Tools, announce, apt};
use crate::shell::{Cmd, which};

/// The oldest that the JavaScript tests and the example app run on. Debian 12 has 18, so its npm fetches a newer one.
const OLDEST: (u32, u32) = (20, 19);
/// What is fetched where there is none or an older one.
const FETCHED: &str = "22.23.3";
const LIMIT: Duration = Duration::from_secs(600);

pub(super) fn ensure(repo: &Repo) -> Result<Found> {
    if let (Some(version), Some(_)) = (new_enough(Path::new("node")), which("npm")) {
        return Ok(Found { said: version, ..Found::default() });
    }
    if which("npm").is_none() {
        apt::install(repo, &["nodejs", "npm"])?;
        if let Some(version) = new_enough(Path::new("node")) {
            return Ok(Found { said: format!("{version}, of Debian"), ..Found::default() });
        }
    }
    let bin = fetch(repo).with_context(|| {
        format!("by hand: install Node {} or later, https://nodejs.org/en/download", oldest())
    })?;
    let version = new_enough(&bin.join("node")).context("the Node that npm has does not run here")?;
    Ok(Found { said: format!("{version}, from npm"), path: vec![bin], ..Found::default() })
}

/// The version of a Node that is new enough.
fn new_enough(node: &Path) -> Option<String> {
    let version = Cmd::new(node).arg("--version").ask().ok()?;
    let mut parts = version.strip_prefix('v')?.split('.').map_while(|part| part.parse::<u32>().ok());
    ((parts.next()?, parts.next()?) >= OLDEST).then_some(version)
}

fn oldest() -> String {
    format!("{}.{}", OLDEST.0, OLDEST.1)
}

/// Installs Node from npm into the cache folder, once; returns the folder of its program.
fn fetch(repo: &Repo) -> Result<PathBuf> {
    let platform = match (OS, ARCH) {
        ("linux", "x86_64") => "linux-x64",
        ("linux", "aarch64") => "linux-arm64",
        _ => bail!("Node is missing or older than {}", oldest()),
    };
    let dir = repo.tool("node", FETCHED);
    let bin = dir.join("node_modules").join(format!("node-{platform}")).join("bin");
    if new_enough(&bin.join("node")).is_none() {
        let package = format!("node-{platform}@{FETCHED}");
        announce(&format!("npm install {package}"));
        fs::create_dir_all(&dir)?;
        // Without one, npm installs into the next folder above that has one.
        fs::write(dir.join("package.json"), "{\"private\":true}\n")?;
        let npm =
            Cmd::new("npm").args(["install", "--no-audit", "--no-fund", &package]).dir(&dir).limit(LIMIT);
        npm.run_quiet(&repo.log("node"))?;
    }
    Ok(bin)
}

/// TypeScript, esbuild and wasm-opt.
pub(super) fn ensure_packages(repo: &Repo, tools: &Tools) -> Result<Found> {
    let said = install_packages(repo, tools, &repo.root)?;
    let bin = repo.root.join("node_modules").join(".bin");
    Ok(Found { said: said.to_owned(), path: vec![bin], ..Found::default() })
}

/// `npm ci` in a folder, unless what is there was installed from the very same lock file; says which it was.
pub(crate) fn install_packages(repo: &Repo, tools: &Tools, dir: &Path) -> Result<&'static str> {
    install(repo, tools, dir, &[])
}

/// As [`install_packages`], of a lock file that names tarballs of ours: new ones are installed anew. Such a lock file has no
/// checksums of them, for those differ with each build.
pub(crate) fn install_with(
    repo: &Repo,
    tools: &Tools,
    dir: &Path,
    tarballs: &[PathBuf],
) -> Result<&'static str> {
    let mut bytes = Vec::new();
    for tarball in tarballs {
        bytes.extend(fs::read(tarball).with_context(|| format!("cannot read {}", tarball.display()))?);
    }
    install(repo, tools, dir, &bytes)
}

fn install(repo: &Repo, tools: &Tools, dir: &Path, tarball: &[u8]) -> Result<&'static str> {
    let lock = dir.join("package-lock.json");
    let mut source = fs::read(&lock).with_context(|| format!("cannot read {}", lock.display()))?;
    source.extend(tarball);
    let stamp = dir.join("node_modules").join(".installed-from");
    if fs::read(&stamp).is_ok_and(|installed| installed == source) {
        return Ok("as locked");
    }
    tools.say("  … npm ci");
    let npm = tools.cmd("npm").args(["ci", "--no-audit", "--no-fund"]).dir(dir).limit(LIMIT);
    let by_hand = || format!("by hand, in {}: npm ci", dir.display());
    // Lanes install at the same time, into other folders.
    let folder = dir.file_name().unwrap_or_default().to_string_lossy();
    npm.run_quiet(&repo.log(&format!("npm-ci-{folder}"))).with_context(by_hand)?;
    fs::write(stamp, source)?;
    Ok("installed as locked")
}
