//! Commands of a driver that W3C WebDriver does not have.

use std::sync::Arc;

use hyper::Method;
use serde_json::{Value, json};
use thirtyfour::common::command::{Command, ExtensionCommand};

/// A command by its path below the session.
#[derive(Debug)]
struct Vendor {
    path: &'static str,
    body: Value,
}

impl ExtensionCommand for Vendor {
    fn parameters_json(&self) -> Option<Value> {
        Some(self.body.clone())
    }

    fn method(&self) -> Method {
        Method::POST
    }

    fn endpoint(&self) -> Arc<str> {
        self.path.into()
    }
}

/// A command of the Chrome DevTools Protocol, to the current tab.
pub(crate) fn devtools(name: &str, params: &Value) -> Command {
    let body = json!({ "cmd": name, "params": params });
    Command::ExtensionCommand(Box::new(Vendor { path: "/goog/cdp/execute", body }))
}

/// From now on scripts run in Firefox's own window, or in its pages again.
pub(crate) fn in_browsers_window(is_on: bool) -> Command {
    let body = json!({ "context": if is_on { "chrome" } else { "content" } });
    Command::ExtensionCommand(Box::new(Vendor { path: "/moz/context", body }))
}
