//! PHP with the extension that the drop-in needs, the web servers that it is tested on, and what checks its code.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use crate::repo::Repo;
use crate::setup::quiet::Quiet;
use crate::setup::{Found, apt};
use crate::shell::{Cmd, which};

/// Apache comes without its service, which the other package of it has.
const PACKAGES: [&str; 9] = [
    "php-cli",
    "php-sqlite3",
    "php-fpm",
    "libapache2-mod-php",
    "apache2-bin",
    "nginx",
    "phpunit",
    "php-codesniffer",
    "strace",
];
const MODULES: &str = "/usr/lib/apache2/modules";

pub(super) fn ensure(repo: &Repo) -> Result<Found> {
    if !missing().is_empty() {
        let _quiet = Quiet::keep()?;
        apt::install(repo, &PACKAGES)?;
    }
    let missing = missing();
    if !missing.is_empty() {
        bail!("still missing: {}", missing.join(", "));
    }
    let version = Cmd::new("php").arg("--version").ask()?;
    let version = version.lines().next().unwrap_or_default().to_owned();
    Ok(Found { said: format!("{version}; Apache, nginx and php-fpm"), ..Found::default() })
}

fn missing() -> Vec<&'static str> {
    let has = |name: &str| which(name).is_some() || Path::new("/usr/sbin").join(name).is_file();
    let programs =
        ["php", "apache2", "nginx", "phpunit", "phpcs", "strace"].into_iter().filter(|name| !has(name));
    let has_sqlite =
        Cmd::new("php").arg("-m").ask().is_ok_and(|list| list.lines().any(|it| it == "pdo_sqlite"));
    let others = [
        ("pdo_sqlite", has_sqlite),
        ("mod_php", has_file_like(MODULES, "libphp")),
        ("php-fpm", has_file_like("/usr/sbin", "php-fpm")),
    ];
    programs.chain(others.into_iter().filter(|(_, is_there)| !is_there).map(|(name, _)| name)).collect()
}

/// Debian's names end with a version.
fn has_file_like(folder: &str, start: &str) -> bool {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.map(|file| file.file_name()).any(|name| name.to_string_lossy().starts_with(start))
}
