//! What tracking costs in a real browser, beside its yardsticks and its peers.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use lexopt::Parser;

use crate::package::{self, Std, copy_dir};
use crate::repo::Repo;
use crate::setup::{self, Tool, Tools, Way};

const NEEDS: [Tool; 6] =
    [Tool::Node, Tool::NodePackages, Tool::Wasm, Tool::WasmBindgen, Tool::WasmPack, Tool::Chromium];

/// `cargo xtask bench`.
pub(crate) fn run(repo: &Repo, args: Parser) -> Result<()> {
    let way = Way::only(args)?;
    let tools = setup::prepare(repo, &NEEDS, way)?;
    setup::install_packages(repo, &tools, &repo.root.join("bench"))?;
    package::build(repo, &tools, Std::best(&tools))?;
    let site = assemble(repo, &tools)?;
    tools.cmd("cargo").args(["build", "-p", "beaconry-collector"]).dir(&repo.root).run()?;
    tools
        .cmd("cargo")
        .args(["run", "--quiet", "-p", "beaconry-bench"])
        .env("BEACONRY_BENCH", site)
        .env("BEACONRY_COLLECTOR", crate::demo::collector(repo))
        .dir(&repo.root)
        .run()
}

/// Puts the site together: the pages, the packed package under `beaconry/`, and the peer from npm in one file, as an app's
/// bundler would leave it.
fn assemble(repo: &Repo, tools: &Tools) -> Result<PathBuf> {
    let site = repo.target.join("bench");
    if site.exists() {
        fs::remove_dir_all(&site)?;
    }
    let pages = repo.root.join("bench/page");
    copy_dir(&pages, &site, &|name| name != "otel.js")?;
    copy_dir(&repo.target.join("package"), &site.join("beaconry"), &|_| true)?;
    tools
        .cmd("esbuild")
        .arg(pages.join("otel.js"))
        .args(["--bundle", "--minify", "--format=esm", "--target=es2022", "--log-level=warning"])
        .arg(format!("--outfile={}", site.join("otel.js").display()))
        .dir(&repo.root)
        .run()?;
    Ok(site)
}
