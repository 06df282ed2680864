//! The npm package: wasm-pack's build of the client, optimised, with the hand-written shell of `pkg-template/` over it.
//!
//! `target/beaconry-<version>.tgz` is what npm would publish, and `target/package/` is that unpacked: whatever is tested, measured
//! or shown is taken from there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use lexopt::{Arg, Parser};

use crate::host;
use crate::module;
use crate::repo::Repo;
use crate::setup::{self, Tool, Tools, Way};
use crate::shell::Cmd;

/// What building the package needs.
pub(crate) const NEEDS: [Tool; 5] =
    [Tool::Node, Tool::NodePackages, Tool::Wasm, Tool::WasmBindgen, Tool::WasmPack];
/// Every file of the tarball. A new one is a decision, not an accident.
const FILES: &str = include_str!("package-files.txt");
/// What belongs to the template's own development.
const NOT_SHIPPED: [&str; 3] = ["test", "tsconfig.json", "node_modules"];
/// Building std and the client takes a minute or two.
const LIMIT: Duration = Duration::from_secs(1200);
/// Bytes of the stack, instead of a megabyte: all frames of the module together are below one kilobyte, and what overflows traps.
/// What lies after it has short addresses, and the memory of a page's core begins with 64 KiB.
const STACK_BYTES: usize = 4096;

/// Which std the client is built with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Std {
    /// Rebuilt from its source, without the texts of panics: a third smaller.
    Rebuilt,
    /// The toolchain's own.
    Stable,
}

impl Std {
    /// The smallest that this toolchain can.
    pub(crate) fn best(tools: &Tools) -> Self {
        if tools.wasm.has_source { Self::Rebuilt } else { Self::Stable }
    }
}

/// `cargo xtask package`.
pub(crate) fn run(repo: &Repo, mut args: Parser) -> Result<()> {
    let (mut way, mut stable) = (None, false);
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("wasm-from") => way = Some(Way::parse(&args.value()?)?),
            Arg::Long("stable") => stable = true,
            other => return Err(other.unexpected().into()),
        }
    }
    let tools = setup::prepare(repo, &NEEDS, way)?;
    let std = if stable { Std::Stable } else { Std::best(&tools) };
    build(repo, &tools, std).map(|_| ())
}

/// Builds the package; returns the tarball.
pub(crate) fn build(repo: &Repo, tools: &Tools, std: Std) -> Result<PathBuf> {
    let which = match std {
        Std::Rebuilt => "rebuilt from its source, panics abort at once",
        Std::Stable => "of the toolchain, as it is",
    };
    tools.say(&format!("package: std {which} (Rust {})", tools.wasm.release));
    let work = repo.target.join("package-work");
    let (built, staged) = (work.join("wasm"), work.join("staged"));
    compile(repo, tools, std, &built)?;
    stage(repo, &built, &staged)?;
    let wasm = staged.join("wasm/beaconry_bg.wasm");
    module::strip(repo, tools, &wasm)?;
    optimise(tools, &wasm)?;
    module::check(tools, &wasm)?;
    let tarball = pack(repo, tools, &staged)?;
    host::pack(repo, tools)?;
    unpack(&tarball, &repo.target.join("package"))?;
    tools.say(&format!("package: {} ({} bytes)", tarball.display(), fs::metadata(&tarball)?.len()));
    Ok(tarball)
}

fn compile(repo: &Repo, tools: &Tools, std: Std, out: &Path) -> Result<()> {
    if out.exists() {
        fs::remove_dir_all(out)?;
    }
    // Without `--no-opt`, wasm-pack looks for a wasm-opt of its own choice.
    let wasm_pack = tools
        .wasm_cmd("wasm-pack")
        .args([
            "build",
            "--target",
            "web",
            "--profile",
            "release-wasm",
            "--no-opt",
            "--no-pack",
            "--out-name",
            "beaconry",
        ])
        .arg("--out-dir")
        .arg(out)
        .arg("crates/npm")
        .dir(&repo.root)
        .limit(LIMIT);
    match std {
        Std::Stable => wasm_pack.run(),
        Std::Rebuilt => wasm_pack
            .args(["-Zbuild-std=std,panic_abort", "-Zbuild-std-features=optimize_for_size"])
            .env("RUSTC_BOOTSTRAP", "1")
            .env(
                "RUSTFLAGS",
                format!(
                    "-Zunstable-options -Cpanic=immediate-abort -Zfmt-debug=none -Zlocation-detail=none \
                     -Clink-arg=-zstack-size={STACK_BYTES}"
                ),
            )
            .run(),
    }
}

/// Lays out the package's folder: the template, the papers, and the module alone, for it needs no glue.
fn stage(repo: &Repo, built: &Path, staged: &Path) -> Result<()> {
    if staged.exists() {
        fs::remove_dir_all(staged)?;
    }
    copy_dir(&repo.root.join("pkg-template"), staged, &|name| !NOT_SHIPPED.contains(&name))?;
    for paper in ["LICENSE-MIT", "LICENSE-APACHE"] {
        fs::copy(repo.root.join(paper), staged.join(paper))?;
    }
    copy_dir(built, &staged.join("wasm"), &|name| name == "beaconry_bg.wasm")?;
    let (manifest, version) = (fs::read_to_string(staged.join("package.json"))?, repo.version()?);
    if !manifest.contains(&format!("\"version\": \"{version}\"")) {
        bail!("pkg-template/package.json has another version than Cargo.toml's {version}");
    }
    Ok(())
}

/// `--low-memory-unused`: Rust's stack lies first and grows down to zero, so nothing lies below 1,024.
fn optimise(tools: &Tools, wasm: &Path) -> Result<()> {
    tools
        .cmd("wasm-opt")
        .args(module::WASM_FEATURES)
        .args([
            "--flatten",
            "--rereloop",
            "-Oz",
            "-Oz",
            "--converge",
            "--low-memory-unused",
            "--strip-debug",
            "--strip-producers",
            "--strip-target-features",
            "-o",
        ])
        .args([wasm, wasm])
        .run()
}

/// `npm pack`, and a look at what is in it.
fn pack(repo: &Repo, tools: &Tools, staged: &Path) -> Result<PathBuf> {
    let npm = tools
        .cmd("npm")
        .args(["pack", "--silent", "--ignore-scripts", "--pack-destination"])
        .arg(&repo.target);
    let name = npm.dir(staged).read().context("npm pack failed")?;
    let tarball = repo.target.join(name.lines().last().unwrap_or_default());
    let listed = Cmd::new("tar").arg("-tzf").arg(&tarball).read()?;
    check_files(&listed)?;
    Ok(tarball)
}

/// The tarball of this checkout's version.
pub(crate) fn tarball(repo: &Repo) -> Result<PathBuf> {
    Ok(repo.target.join(format!("beaconry-{}.tgz", repo.version()?)))
}

fn check_files(listed: &str) -> Result<()> {
    let packed: BTreeSet<&str> = listed.lines().map(|line| line.trim_start_matches("package/")).collect();
    let expected: BTreeSet<&str> = FILES.lines().collect();
    let list = |set: Vec<&&str>| set.iter().map(|name| format!("\n  {name}")).collect::<String>();
    let (extra, missing) = (packed.difference(&expected).collect(), expected.difference(&packed).collect());
    let (extra, missing): (String, String) = (list(extra), list(missing));
    if !extra.is_empty() || !missing.is_empty() {
        bail!("the tarball is not as in xtask/src/package-files.txt; too much:{extra}\nmissing:{missing}");
    }
    Ok(())
}

fn unpack(tarball: &Path, dir: &Path) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    fs::create_dir_all(dir)?;
    Cmd::new("tar").args(["--strip-components=1", "-xzf"]).arg(tarball).arg("-C").arg(dir).run()
}

/// Copies a folder; of its entries those that `wanted` names, below them all.
pub(crate) fn copy_dir(from: &Path, to: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        if !wanted(&name.to_string_lossy()) {
            continue;
        }
        let target = to.join(&name);
        if entry.file_type()?.is_dir() {
            copy_dir(&entry.path(), &target, &|_| true)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{FILES, check_files};

    #[test]
    fn the_tarball_has_exactly_the_files_that_are_listed() {
        let all = FILES.lines().map(|name| format!("package/{name}\n")).collect::<String>();
        check_files(&all).unwrap();
        let error = check_files(&format!("{all}package/secret.env\n")).unwrap_err().to_string();
        assert!(error.contains("secret.env"), "{error}");
        let error = check_files(&all.replace("package/package.json\n", "")).unwrap_err().to_string();
        assert!(error.contains("package.json"), "{error}");
    }
}
