//! Firefox ESR and geckodriver.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{Driver, Scheme, SiteData};

/// `network.cookie.cookieBehavior`: all cookies and site data are refused.
const REFUSE_ALL: u32 = 2;

/// On ports that it chooses itself: of its own, of Marionette (with a profile of ours) and of WebDriver BiDi.
pub(super) fn driver() -> Driver {
    let mut command = Command::new(env::var_os("GECKODRIVER").unwrap_or("geckodriver".into()));
    // Some scenarios discard a tab, which only the browser's own context can.
    command.args(["--port", "0", "--websocket-port", "0", "--allow-system-access"]);
    Driver::new(command)
}

pub(super) fn port(line: &str) -> Option<u16> {
    let (_, address) = line.split_once("Listening on ")?;
    address.trim_end().rsplit_once(':')?.1.parse().ok()
}

pub(super) fn capabilities(profile: &Path, scheme: Scheme, data: SiteData) -> Value {
    // It makes none itself; where this fails, it will say so.
    let _ = fs::create_dir_all(profile);
    let mut prefs = json!({
        // 0: dark, 1: light.
        "layout.css.prefers-color-scheme.content-override": u8::from(scheme == Scheme::Light),
        // The site is plain http on loopback, as in the other engines.
        "dom.security.https_first": false,
    });
    if data == SiteData::Blocked {
        prefs["network.cookie.cookieBehavior"] = REFUSE_ALL.into();
    }
    let args = json!(["-headless", "-profile", profile.to_string_lossy()]);
    // Which `FIREFOX` names, else the one on the PATH.
    let launcher = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/engine/firefox.sh");
    let options = json!({ "binary": launcher.to_string_lossy(), "args": args, "prefs": prefs });
    json!({ "browserName": "firefox", "moz:firefoxOptions": options })
}
