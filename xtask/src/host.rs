//! Checks the npm package `beaconry-host`, with the servers that a host of 0 $ has.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use crate::repo::Repo;
use crate::setup::{self, Tool, Tools};
use crate::shell::Cmd;

/// It copies some files and talks to nobody.
const LIMIT: Duration = Duration::from_secs(120);

pub(crate) const NEEDS: [Tool; 3] = [Tool::Node, Tool::Php, Tool::FileHosts];
pub(crate) const WALK_NEEDS: [Tool; 8] = [
    Tool::NodePackages,
    Tool::Wasm,
    Tool::WasmBindgen,
    Tool::WasmPack,
    Tool::Chromium,
    Tool::Php,
    Tool::FileHosts,
    Tool::Loki,
];

/// Puts its tarball, which the examples install, beside the client's.
pub(crate) fn pack(repo: &Repo, tools: &Tools) -> Result<()> {
    let npm = tools.cmd("npm").args(["pack", "--silent", "--pack-destination"]).arg(&repo.target);
    npm.dir(repo.root.join("deploy/host")).limit(LIMIT).run_quiet(&repo.log("pack-host"))
}

/// The tarball of this checkout's version.
pub(crate) fn tarball(repo: &Repo) -> Result<PathBuf> {
    Ok(repo.target.join(format!("beaconry-host-{}.tgz", repo.version()?)))
}

/// `cmd` makes a command in the checkout that finds the tools, and names the collector's program.
pub(crate) fn test(repo: &Repo, tools: &Tools, cmd: impl Fn(&str) -> Cmd) -> Result<()> {
    let folder = repo.root.join("deploy/host");
    setup::install_packages(repo, tools, &folder)?;
    cmd("npm").args(["run", "--silent", "check"]).dir(&folder).run()?;
    cmd("npm").args(["test", "--silent"]).dir(&folder).run()
}

/// The whole of `docs/workflow.md`; the example app is installed, and `cmd` is as for `test`.
pub(crate) fn walk(repo: &Repo, tools: &Tools, cmd: impl Fn(&str) -> Cmd) -> Result<()> {
    let folder = repo.root.join("deploy/host");
    setup::install_packages(repo, tools, &folder)?;
    cmd("npx").args(["--no-install", "tsc", "-p", "../../e2e/walk"]).dir(&folder).run()?;
    cmd("node").args(["--test", "e2e/walk/walk.test.js"]).run()
}
