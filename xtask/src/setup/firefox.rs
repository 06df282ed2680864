//! Firefox ESR and geckodriver, which Debian has not.

use std::env;
use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::repo::Repo;
use crate::setup::{Found, apt, cargo_tool};
use crate::shell::{Cmd, which};

const BROWSERS: [&str; 2] = ["firefox-esr", "firefox"];

pub(super) fn ensure(repo: &Repo) -> Result<Found> {
    if browser().is_none() {
        apt::install(repo, &["firefox-esr"])?;
    }
    let Some(browser) = browser() else {
        bail!("no firefox-esr on the PATH; FIREFOX may name one");
    };
    let version = Cmd::new(&browser).arg("--version").ask()?;
    let driver = cargo_tool::geckodriver(repo)?;
    Ok(Found {
        said: format!("{}, {}; geckodriver {}", version.trim(), browser.display(), driver.said),
        vars: vec![("FIREFOX", browser.into())],
        ..driver
    })
}

fn browser() -> Option<PathBuf> {
    let named = env::var_os("FIREFOX").map(PathBuf::from).filter(|file| file.is_file());
    named.or_else(|| BROWSERS.iter().find_map(|name| which(name)))
}
