//! Checks all that deploys Beaconry: builds the collector's image, then runs the services of the compose file natively.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::repo::Repo;
use crate::setup::{self, Tool, Tools};
use crate::shell::Cmd;

pub(crate) const NEEDS: [Tool; 9] = [
    Tool::NodePackages,
    Tool::Wasm,
    Tool::WasmBindgen,
    Tool::WasmPack,
    Tool::Chromium,
    Tool::Loki,
    Tool::Otelcol,
    Tool::Prometheus,
    Tool::Containers,
];

/// The tests have a network of their own: in it the services can have their true ports, and reach nobody else.
const NETWORK: [&str; 5] = ["--dev-bind", "/", "/", "--unshare-net", "--die-with-parent"];

/// Builds the image by the Dockerfile; returns its folder. `cmd` makes a command in the checkout that finds the tools.
pub(crate) fn image(repo: &Repo, cmd: impl Fn(&str) -> Cmd) -> Result<PathBuf> {
    let image = repo.target.join("deploy");
    let caches = repo.cache.join("build").join("image");
    cmd("node").arg("test/image.js").args([&image, &caches]).dir(repo.root.join("deploy")).run()?;
    Ok(image)
}

/// Checks the rest, with the image.
pub(crate) fn test(repo: &Repo, tools: &Tools, image: &Path, cmd: impl Fn(&str) -> Cmd) -> Result<()> {
    let folder = repo.root.join("deploy");
    setup::install_packages(repo, tools, &folder)?;
    cmd("npm").args(["run", "--silent", "check"]).dir(&folder).run()?;
    cmd("bwrap")
        .args(NETWORK)
        .args(["npm", "test", "--silent"])
        .env("BEACONRY_IMAGE", image)
        .dir(&folder)
        .run()
}
