//! What checks and builds the container files without a container engine, and systemd's units: Debian's packages.

use anyhow::{Result, bail};

use crate::repo::Repo;
use crate::setup::{Found, apt};
use crate::shell::which;

/// Program and Debian's package of it.
const PROGRAMS: [(&str, &str); 4] = [
    ("docker-compose", "docker-compose"),
    ("buildah", "buildah"),
    ("bwrap", "bubblewrap"),
    ("systemd-analyze", "systemd"),
];

pub(super) fn ensure(repo: &Repo) -> Result<Found> {
    let missing = || PROGRAMS.iter().filter(|(program, _)| which(program).is_none());
    let packages: Vec<&str> = missing().map(|(_, package)| *package).collect();
    let how = if packages.is_empty() { "found" } else { "of Debian" };
    if !packages.is_empty() {
        apt::install(repo, &packages)?;
    }
    if let Some((program, package)) = missing().next() {
        bail!("{package} is installed, and {program} is not on the PATH");
    }
    Ok(Found {
        said: format!("{}, {how}", PROGRAMS.map(|(program, _)| program).join(", ")),
        ..Found::default()
    })
}
