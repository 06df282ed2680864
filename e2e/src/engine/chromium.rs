//! Chromium and its driver.

use std::env;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use serde_json::{Value, json};

use super::{Driver, Scheme, SiteData};
use crate::collector::free_address;

/// `--no-sandbox`: Chromium refuses to run as root with one. The rest keeps it from talking to anyone but the tests.
const ARGS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    // For its own DevTools in a tab.
    "--remote-allow-origins=*",
];

/// "Sites can't save data on your device" (ContentSetting, CONTENT_SETTING_BLOCK).
const BLOCK: u32 = 2;

/// A port that it chooses itself is free for IPv4; where it is not for IPv6, it ends.
pub(super) fn driver() -> Result<Driver> {
    let port = free_address()?.port();
    let mut command = Command::new(env::var_os("CHROMEDRIVER").unwrap_or("chromedriver".into()));
    command.arg(format!("--port={port}"));
    Ok(Driver { port: Some(port), ..Driver::new(command) })
}

pub(super) fn capabilities(profile: &Path, scheme: Scheme, data: SiteData) -> Value {
    let mut args: Vec<String> = ARGS.map(str::to_owned).into();
    args.push(format!("--user-data-dir={}", profile.display()));
    // blink::mojom::PreferredColorScheme
    let number = match scheme {
        Scheme::Dark => 0,
        Scheme::Light => 1,
    };
    args.push(format!("--blink-settings=preferredColorScheme={number}"));
    let mut options = json!({ "args": args });
    if let Some(binary) = env::var_os("CHROMIUM") {
        options["binary"] = binary.to_string_lossy().into();
    }
    if data == SiteData::Blocked {
        options["prefs"] = json!({ "profile.default_content_setting_values.cookies": BLOCK });
    }
    json!({ "browserName": "chrome", "goog:chromeOptions": options })
}
