//! Tools that cargo builds: each once, into a folder of its own version, all with one target folder.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::repo::Repo;
use crate::setup::{Found, announce};
use crate::shell::{Cmd, Interrupted, which};

const WASM_PACK: &str = "0.15.1";
const CARGO_DENY: &str = "0.20.2";
const GECKODRIVER: &str = "0.37.1";
/// Each takes 2 to 5 minutes on two cores.
const LIMIT: Duration = Duration::from_secs(1800);

/// The CLI must have the very version of the library: its description of the module has no stable format.
pub(super) fn wasm_bindgen(repo: &Repo) -> Result<Found> {
    ensure(repo, "wasm-bindgen-cli", &repo.locked_version("wasm-bindgen")?, "wasm-bindgen")
}

pub(super) fn wasm_pack(repo: &Repo) -> Result<Found> {
    ensure(repo, "wasm-pack", WASM_PACK, "wasm-pack")
}

pub(super) fn cargo_deny(repo: &Repo) -> Result<Found> {
    ensure(repo, "cargo-deny", CARGO_DENY, "cargo-deny")
}

/// The driver of Firefox.
pub(super) fn geckodriver(repo: &Repo) -> Result<Found> {
    ensure(repo, "geckodriver", GECKODRIVER, "geckodriver")
}

fn ensure(repo: &Repo, package: &str, version: &str, program: &str) -> Result<Found> {
    if let Some(file) = which(program).filter(|file| is_version(file, version)) {
        return Ok(Found { said: format!("{version}, {}", file.display()), ..Found::default() });
    }
    let dir = repo.tool(package, version);
    let bin = dir.join("bin");
    let found = |said| Found { said, path: vec![bin.clone()], ..Found::default() };
    if is_version(&bin.join(program), version) {
        return Ok(found(format!("{version}, cached")));
    }
    announce(&format!("cargo install {package} {version} (minutes)"));
    install(repo, package, version, &dir).with_context(|| {
        format!("by hand: cargo install {package} --version {version} --root {}", dir.display())
    })?;
    Ok(found(format!("{version}, built")))
}

/// With the versions the tool was released with; where the registry lacks one of those, with what fits.
fn install(repo: &Repo, package: &str, version: &str, dir: &Path) -> Result<()> {
    let command = || {
        Cmd::new("cargo")
            .args(["install", package, "--version", version, "--force", "--root"])
            .arg(dir)
            .env("CARGO_TARGET_DIR", repo.cache.join("build"))
            .dir(&repo.cache)
            .limit(LIMIT)
    };
    let log = repo.log(package);
    match command().arg("--locked").run_quiet(&log) {
        Err(error) if !error.is::<Interrupted>() => command().run_quiet(&log),
        other => other,
    }
}

fn is_version(program: &Path, version: &str) -> bool {
    program.is_file()
        && Cmd::new(program)
            .arg("--version")
            .ask()
            .is_ok_and(|text| text.split_whitespace().any(|word| word == version))
}
