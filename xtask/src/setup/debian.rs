//! The wasm target where rustup cannot download: Debian's compiler builds std from Debian's source.
//!
//! What comes out is a sysroot in the cache folder with a `rustc` and a `cargo` that use it. Nothing but Debian's packages goes
//! into the system, so that a user who has those needs no root.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::repo::Repo;
use crate::setup::sysroot::{self, TARGET};
use crate::setup::{Found, WasmToolchain, announce, apt};
use crate::shell::{Cmd, which};

/// The compiler for the web that Debian keeps as new as its browsers need; `lld-22` is the linker of its LLVM.
const PACKAGES: [&str; 5] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-clippy", "lld-22"];
const SYSTEM: &str = "/usr";
const LINKER: &str = "/usr/lib/llvm-22/bin/lld";
/// Built in one to two minutes on two cores.
const LIMIT: Duration = Duration::from_secs(900);

/// The toolchain, if it has been built before.
pub(super) fn built(repo: &Repo) -> Result<Option<Found>> {
    if !installed() {
        return Ok(None);
    }
    let release = release()?;
    let dir = repo.tool("debian-wasm", &release);
    Ok(dir.is_dir().then(|| found(&dir, release, "cached")))
}

/// Installs Debian's packages if they are missing, and builds the toolchain if it is.
pub(super) fn ensure(repo: &Repo) -> Result<Found> {
    if !installed() {
        apt::install(repo, &PACKAGES)?;
    }
    if let Some(found) = built(repo)? {
        return Ok(found);
    }
    let release = release()?;
    announce(&format!("building std of Rust {release} for {TARGET} (minutes)"));
    let std = build_std(repo)?;
    let dir = repo.tool("debian-wasm", &release);
    assemble(&dir, &std)?;
    Ok(found(&dir, release, "built"))
}

fn installed() -> bool {
    let programs = ["rustc", "cargo", "clippy-driver"].map(|name| Path::new(SYSTEM).join("bin").join(name));
    programs.iter().all(|program| program.is_file())
        && sysroot::has_source(Path::new(SYSTEM))
        && linker().is_some()
}

fn release() -> Result<String> {
    sysroot::release(&Cmd::new("/usr/bin/rustc").arg("-vV").env_remove("LD_LIBRARY_PATH").ask()?)
}

/// LLVM 22's, else the one of a toolchain of rustup. Older ones of Debian do not understand what the compiler writes.
fn linker() -> Option<PathBuf> {
    let debian = PathBuf::from(LINKER);
    if debian.is_file() {
        return Some(debian);
    }
    let rustc = which("rustc")?;
    let sysroot = Cmd::new(rustc).args(["--print", "sysroot"]).ask().ok()?;
    let host = host()?;
    Some(Path::new(&sysroot).join("lib/rustlib").join(host).join("bin/rust-lld")).filter(|lld| lld.is_file())
}

/// The platform that Debian's compiler runs on, as rustc names it.
fn host() -> Option<String> {
    let verbose = Cmd::new("/usr/bin/rustc").arg("-vV").env_remove("LD_LIBRARY_PATH").ask().ok()?;
    verbose.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned)
}

/// Builds std in an empty crate; returns the folder with its libraries.
fn build_std(repo: &Repo) -> Result<PathBuf> {
    let dir = repo.cache.join("build").join("debian-std");
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    fs::create_dir_all(dir.join("src"))?;
    fs::write(dir.join("Cargo.toml"), "[package]\nname = \"empty\"\nedition = \"2024\"\n[workspace]\n")?;
    fs::write(dir.join("src/lib.rs"), "#![no_std]\n")?;
    let cargo = Cmd::new("/usr/bin/cargo")
        .args(["build", "--release", "--target", TARGET])
        .arg("-Zbuild-std=std,panic_abort,panic_unwind,proc_macro,test")
        .env("RUSTC", "/usr/bin/rustc")
        .env("RUSTC_BOOTSTRAP", "1")
        // Without the bitcode, LTO fails later; without debug information it stays small.
        .env("RUSTFLAGS", "-Cembed-bitcode=yes -Cdebuginfo=0")
        .env("CARGO_TARGET_DIR", dir.join("target"))
        .env_remove("CARGO")
        .env_remove("LD_LIBRARY_PATH")
        .dir(&dir)
        .limit(LIMIT);
    cargo.run_quiet(&repo.log("debian-std"))?;
    Ok(dir.join("target").join(TARGET).join("release/deps"))
}

/// Puts the sysroot together beside its place and moves it there whole: what is in its place is complete.
fn assemble(dir: &Path, std: &Path) -> Result<()> {
    let host = host().context("`rustc -vV` names no host")?;
    let new = dir.with_extension("new");
    if new.exists() {
        fs::remove_dir_all(&new)?;
    }
    let rustlib = new.join("lib/rustlib");
    let libraries = rustlib.join(TARGET).join("lib");
    let tools = rustlib.join(&host).join("bin");
    for folder in [&libraries, &tools, &new.join("bin")] {
        fs::create_dir_all(folder)?;
    }
    let system = Path::new(SYSTEM).join("lib/rustlib");
    symlink(system.join("src"), rustlib.join("src"))?;
    symlink(system.join(&host).join("lib"), rustlib.join(&host).join("lib"))?;
    symlink(linker().context("no lld")?, tools.join("rust-lld"))?;
    let mut copied = 0;
    for file in fs::read_dir(std)? {
        let file = file?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".rlib") && !name.starts_with("libempty-") {
            fs::copy(&file, libraries.join(name))?;
            copied += 1;
        }
    }
    if copied == 0 {
        bail!("{} has no libraries", std.display());
    }
    write_programs(&new.join("bin"), dir)?;
    fs::rename(&new, dir)?;
    Ok(())
}

/// Debian's programs, each told where the sysroot is.
fn write_programs(bin: &Path, sysroot: &Path) -> Result<()> {
    let root = sysroot.display();
    let script = |name: &str, text: String| -> Result<()> {
        let file = bin.join(name);
        fs::write(&file, format!("#!/bin/sh\n{text}\n"))?;
        Ok(fs::set_permissions(file, fs::Permissions::from_mode(0o755))?)
    };
    for name in ["rustc", "rustdoc"] {
        script(name, format!("exec /usr/bin/{name} --sysroot '{root}' \"$@\""))?;
    }
    let environment = format!("RUSTC='{root}/bin/rustc' RUSTDOC='{root}/bin/rustdoc' SYSROOT='{root}'");
    for name in ["cargo", "cargo-clippy"] {
        script(name, format!("{environment} exec /usr/bin/{name} \"$@\""))?;
    }
    Ok(())
}

fn found(dir: &Path, release: String, how: &str) -> Found {
    Found {
        said: format!("std and its source of Debian's Rust {release}, {how}"),
        wasm: WasmToolchain { bin: Some(dir.join("bin")), has_source: true, release },
        ..Found::default()
    }
}
