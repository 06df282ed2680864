//! Checks the npm package `beaconry-host`, with the servers that a host of 0 $ has.

use anyhow::Result;

use crate::repo::Repo;
use crate::setup::{self, Tool, Tools};
use crate::shell::Cmd;

pub(crate) const NEEDS: [Tool; 3] = [Tool::Node, Tool::Php, Tool::FileHosts];

/// `cmd` makes a command in the checkout that finds the tools.
pub(crate) fn test(repo: &Repo, tools: &Tools, cmd: impl Fn(&str) -> Cmd) -> Result<()> {
    let folder = repo.root.join("deploy/host");
    setup::install_packages(repo, tools, &folder)?;
    cmd("npm").args(["run", "--silent", "check"]).dir(&folder).run()?;
    cmd("cargo").args(["build", "-p", "beaconry-collector"]).run()?;
    let npm = cmd("npm").args(["test", "--silent"]).dir(&folder);
    npm.env("BEACONRY_COLLECTOR", crate::demo::collector(repo)).run()
}
