//! WebKitGTK, its driver, a display without a screen, and what Python needs to open a window of it.

use std::path::Path;

use anyhow::{Result, bail};

use crate::repo::Repo;
use crate::setup::{Found, apt};
use crate::shell::{Cmd, which};

const PACKAGES: [&str; 4] = ["webkit2gtk-driver", "xvfb", "python3-gi", "gir1.2-webkit2-4.1"];
/// The system's own: another one on the PATH has not its modules.
const PYTHON: &str = "/usr/bin/python3";
const VERSION: &str = "import gi; gi.require_version('WebKit2', '4.1'); gi.require_version('Gtk', '3.0')
from gi.repository import Gtk, WebKit2 as w
print(f'{w.get_major_version()}.{w.get_minor_version()}.{w.get_micro_version()}')";

pub(super) fn ensure(repo: &Repo) -> Result<Found> {
    if version().is_none() {
        apt::install(repo, &PACKAGES)?;
    }
    let Some(version) = version() else {
        bail!("no WebKitWebDriver or Xvfb on the PATH, or {PYTHON} has no WebKit2 4.1");
    };
    Ok(Found { said: format!("WebKitGTK {version}, with Xvfb"), ..Found::default() })
}

/// Of the engine, if all is there.
fn version() -> Option<String> {
    let programs = ["WebKitWebDriver", "Xvfb"].into_iter().all(|name| which(name).is_some());
    let python = programs && Path::new(PYTHON).is_file();
    python.then(|| Cmd::new(PYTHON).args(["-c", VERSION]).ask().ok())?
}
