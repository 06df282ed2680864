//! std for wasm32-unknown-unknown, and the source of std for the smaller build of the package.
//!
//! Rustup is the normal way. Where it cannot download, Debian's compiler builds the same (`debian.rs`).

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use lexopt::{Arg, Parser};

use crate::repo::Repo;
use crate::setup::sysroot::{self, TARGET};
use crate::setup::{Found, WasmToolchain, announce, debian};
use crate::shell::{Cmd, Interrupted, which};

/// A download that works takes seconds; one that a firewall swallows would hang for ever.
const RUSTUP_LIMIT: Duration = Duration::from_secs(60);

/// Where the target comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    Rustup,
    Debian,
}

impl Way {
    /// For a command that takes `--wasm-from` and nothing else.
    pub(crate) fn only(mut args: Parser) -> Result<Option<Self>> {
        let mut way = None;
        while let Some(arg) = args.next()? {
            match arg {
                Arg::Long("wasm-from") => way = Some(Self::parse(&args.value()?)?),
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(way)
    }

    pub(crate) fn parse(text: &OsStr) -> Result<Self> {
        match text.to_str() {
            Some("rustup") => Ok(Self::Rustup),
            Some("debian") => Ok(Self::Debian),
            _ => bail!("--wasm-from takes rustup or debian, not {}", text.display()),
        }
    }
}

pub(super) fn ensure(repo: &Repo, way: Option<Way>) -> Result<Found> {
    match way {
        Some(Way::Debian) => debian::ensure(repo),
        Some(Way::Rustup) => {
            let toolchain = Toolchain::of_path(repo)?;
            toolchain.add("target", TARGET, repo)?;
            toolchain.add("component", "rust-src", repo)?;
            Ok(toolchain.found())
        }
        None => ensure_either(repo),
    }
}

/// Rustup's where it has or gets all; Debian's where rustup has no target; rustup's without the source as the last.
fn ensure_either(repo: &Repo) -> Result<Found> {
    let toolchain = Toolchain::of_path(repo)?;
    if toolchain.has_target() && toolchain.has_source() {
        return Ok(toolchain.found());
    }
    if let Some(built) = debian::built(repo)? {
        return Ok(built);
    }
    let target = toolchain.add("target", TARGET, repo);
    let source = target.as_ref().map(|()| toolchain.add("component", "rust-src", repo));
    match (&target, &source) {
        (Ok(()), Ok(Ok(()))) => return Ok(toolchain.found()),
        (Err(error), _) | (_, Ok(Err(error))) if error.is::<Interrupted>() => bail!(Interrupted),
        (Err(error), _) | (_, Ok(Err(error))) => {
            announce(&format!("{}; trying Debian's", error.root_cause()));
        }
        (Ok(()), Err(_)) => {}
    }
    match debian::ensure(repo) {
        Err(error) if target.is_ok() && !error.is::<Interrupted>() => Ok(toolchain.found()),
        Err(error) => {
            Err(error).context(format!("by hand: rustup target add {TARGET}; or Debian's compiler"))
        }
        found => found,
    }
}

/// The compiler on the PATH.
struct Toolchain {
    sysroot: PathBuf,
    release: String,
}

impl Toolchain {
    fn of_path(repo: &Repo) -> Result<Self> {
        let rustc = |args: &[&str]| Cmd::new("rustc").args(args).dir(&repo.root).ask();
        let sysroot = rustc(&["--print", "sysroot"])?.into();
        Ok(Self { sysroot, release: sysroot::release(&rustc(&["-vV"])?)? })
    }

    fn has_target(&self) -> bool {
        sysroot::has_target(&self.sysroot)
    }

    fn has_source(&self) -> bool {
        sysroot::has_source(&self.sysroot)
    }

    /// `rustup target add` or `rustup component add`, if it is missing.
    fn add(&self, kind: &str, name: &str, repo: &Repo) -> Result<()> {
        let has = || if kind == "target" { self.has_target() } else { self.has_source() };
        if has() {
            return Ok(());
        }
        if which("rustup").is_none() {
            bail!("there is no rustup here");
        }
        announce(&format!("rustup {kind} add {name}"));
        let rustup = Cmd::new("rustup").args([kind, "add", name]).dir(&repo.root).limit(RUSTUP_LIMIT);
        rustup
            .run_quiet(&repo.log(&format!("rustup-{kind}")))
            .with_context(|| format!("rustup {kind} add {name} failed"))?;
        if !has() {
            bail!("rustup added {name}, but not to the compiler in {}", self.sysroot.display());
        }
        Ok(())
    }

    fn found(&self) -> Found {
        let source = if self.has_source() { "std and its source" } else { "std without its source" };
        Found {
            said: format!("{source} of Rust {}, {}", self.release, self.sysroot.display()),
            wasm: WasmToolchain { bin: None, has_source: self.has_source(), release: self.release.clone() },
            ..Found::default()
        }
    }
}
