//! WebKitGTK and its driver, on a display without a screen: it has no headless mode.
//!
//! Its MiniBrowser keeps nothing between two runs when it is automated. `webkit.py` shows the same engine with a data folder.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{Driver, SiteData};
use crate::collector::free_address;
use crate::process::Process;

pub(super) const LAUNCHER: &str = "src/engine/webkit.py";

pub(super) fn driver() -> Result<Driver> {
    let (display, name) = display()?;
    // It says nowhere which port it has, so it is told.
    let port = free_address()?.port();
    let mut command = Command::new(env::var_os("WEBKITDRIVER").unwrap_or("WebKitWebDriver".into()));
    command.arg(format!("--port={port}")).env("DISPLAY", name);
    // Neither a session bus nor the accessibility's is there to be talked to.
    command.env("GTK_A11Y", "none").env("NO_AT_BRIDGE", "1").env("GDK_BACKEND", "x11");
    Ok(Driver { port: Some(port), display: Some(display), ..Driver::new(command) })
}

/// An X server whose number it has chosen itself, with its name.
fn display() -> Result<(Process, String)> {
    let mut command = Command::new("Xvfb");
    command.args(["-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut process = Process::start(&mut command)?;
    let mut output = BufReader::new(process.child().stdout.take().context("Xvfb has no output")?);
    let mut number = String::new();
    output.read_line(&mut number)?;
    Ok((process, format!(":{}", number.trim())))
}

pub(super) fn capabilities(profile: &Path, data: SiteData) -> Value {
    let launcher = Path::new(env!("CARGO_MANIFEST_DIR")).join(LAUNCHER);
    let mut args = vec![profile.to_string_lossy().into_owned()];
    if data == SiteData::Blocked {
        args.push("--block-site-data".to_owned());
    }
    let options = json!({ "binary": launcher.to_string_lossy(), "args": args });
    json!({ "browserName": "beaconry-webkit", "webkitgtk:browserOptions": options })
}
