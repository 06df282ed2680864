//! Debian's packages: installed where this runs as root, else named.

use std::time::Duration;

use anyhow::{Result, bail};

use crate::repo::Repo;
use crate::setup::announce;
use crate::shell::{Cmd, which};

/// A browser is 100 MB; a slow mirror may need minutes.
const LIMIT: Duration = Duration::from_secs(900);

/// Installs the packages, or fails with the command that does.
pub(super) fn install(repo: &Repo, packages: &[&str]) -> Result<()> {
    let by_hand = format!("apt-get install --no-install-recommends {}", packages.join(" "));
    if which("apt-get").is_none() {
        bail!("missing, and there is no apt-get here; on Debian it is: {by_hand}");
    }
    if !nix::unistd::geteuid().is_root() {
        bail!("missing; as root run: {by_hand}");
    }
    announce(&by_hand);
    let log = repo.log("apt");
    // The lists of a bare container are empty, those of an old one name versions that are gone: so they are read again only then.
    if apt_get(&["install"], packages).run_quiet(&log).is_err() {
        apt_get(&["update"], &[]).run_quiet(&log)?;
        apt_get(&["install"], packages).run_quiet(&log)?;
    }
    Ok(())
}

fn apt_get(verb: &[&str], packages: &[&str]) -> Cmd {
    // Another apt-get may hold the lock, such as the unattended upgrade of a machine that just started.
    let options = ["-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"];
    Cmd::new("apt-get")
        .args(options)
        .args(verb)
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .limit(LIMIT)
}
