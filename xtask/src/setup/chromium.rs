//! A browser of the Chromium family and the driver of the same version.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::repo::Repo;
use crate::setup::{Found, apt};
use crate::shell::{Cmd, which};

const BROWSERS: [&str; 5] =
    ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
/// Where browsers and drivers are that no PATH leads to.
const ELSEWHERE: [&str; 4] = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/usr/lib/chromium/chromedriver",
    "/usr/lib/chromium-browser/chromedriver",
];

pub(super) fn ensure(repo: &Repo) -> Result<Found> {
    if browser().is_none() || driver().is_none() {
        apt::install(repo, &["chromium", "chromium-driver"])?;
    }
    let (Some(browser), Some(driver)) = (browser(), driver()) else {
        bail!("no browser or no chromedriver on the PATH; CHROMIUM and CHROMEDRIVER may name them");
    };
    let (version, driver_version) = (version(&browser)?, version(&driver)?);
    if major(&version) != major(&driver_version) {
        bail!(
            "{} is {version} but {} is {driver_version}: install the driver of the browser's version",
            browser.display(),
            driver.display()
        );
    }
    Ok(Found {
        said: format!("{version}, {} and {}", browser.display(), driver.display()),
        vars: vec![("CHROMIUM", browser.into()), ("CHROMEDRIVER", driver.into())],
        ..Found::default()
    })
}

fn browser() -> Option<PathBuf> {
    named_by("CHROMIUM")
        .or_else(|| BROWSERS.iter().find_map(|name| which(name)))
        .or_else(|| ELSEWHERE[..2].iter().map(PathBuf::from).find(|file| file.is_file()))
}

fn driver() -> Option<PathBuf> {
    named_by("CHROMEDRIVER")
        .or_else(|| which("chromedriver"))
        .or_else(|| ELSEWHERE[2..].iter().map(PathBuf::from).find(|file| file.is_file()))
}

fn named_by(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from).filter(|file| file.is_file())
}

/// The first word that looks like one, as in "Chromium 156.0.8078.79 built on Debian" and "ChromeDriver 156.0.8078.79 (…)".
fn version(program: &Path) -> Result<String> {
    let text = Cmd::new(program).arg("--version").ask()?;
    match text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit())) {
        Some(version) => Ok(version.to_owned()),
        None => bail!("{} says no version: {text}", program.display()),
    }
}

fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or(version)
}
