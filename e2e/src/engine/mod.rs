//! The browsers that the harness drives by W3C WebDriver. What differs between them is said here, a file an engine.

mod chromium;
mod firefox;
pub(crate) mod vendor;
mod webkit;

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use serde_json::Value;

use crate::process::Process;

/// A browser engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Engine {
    /// Chromium, by chromedriver.
    #[default]
    Chromium,
    /// Firefox ESR, by geckodriver.
    Firefox,
    /// WebKitGTK in a window of our own (`webkit.py`), by WebKitWebDriver, on a display of its own.
    WebKit,
}

/// What the user prefers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// `prefers-color-scheme: light`.
    #[default]
    Light,
    /// `prefers-color-scheme: dark`.
    Dark,
}

/// What the browser's settings let sites keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SiteData {
    /// Everything, as it is out of the box.
    #[default]
    Allowed,
    /// Nothing: localStorage throws, or is not there.
    Blocked,
}

/// A driver that is about to be started.
#[derive(Debug)]
pub(crate) struct Driver {
    command: Command,
    /// Where it listens, if we said so: else its output does.
    port: Option<u16>,
    /// The display that it shows the browser on, if it needs one.
    display: Option<Process>,
}

impl Engine {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Chromium, Self::Firefox, Self::WebKit];

    /// As on the command line and in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chromium => "chromium",
            Self::Firefox => "firefox",
            Self::WebKit => "webkit",
        }
    }

    /// As in headings.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Chromium => "Chromium",
            Self::Firefox => "Firefox",
            Self::WebKit => "WebKitGTK",
        }
    }

    /// # Errors
    /// When there is no such engine.
    pub fn parse(name: &str) -> Result<Self> {
        match Self::ALL.into_iter().find(|engine| engine.name() == name) {
            Some(engine) => Ok(engine),
            None => bail!("no such engine: {name}; there are chromium, firefox and webkit"),
        }
    }

    /// Whether the driver still has the browser when the renderer of a tab is gone. WebKitGTK's ends the browser with it.
    pub fn outlives_renderers(self) -> bool {
        self != Self::WebKit
    }

    /// The driver, with its output on a pipe.
    pub(crate) fn driver(self) -> Result<Driver> {
        let mut driver = match self {
            Self::Chromium => chromium::driver()?,
            Self::Firefox => firefox::driver(),
            Self::WebKit => webkit::driver()?,
        };
        driver.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        Ok(driver)
    }

    /// The port in a line of the driver's output, if that names one.
    pub(crate) fn port(self, line: &str) -> Option<u16> {
        match self {
            Self::Firefox => firefox::port(line),
            // They are told.
            Self::Chromium | Self::WebKit => None,
        }
    }

    pub(crate) fn capabilities(self, profile: &Path, scheme: Scheme, data: SiteData) -> Value {
        match self {
            Self::Chromium => chromium::capabilities(profile, scheme, data),
            Self::Firefox => firefox::capabilities(profile, scheme, data),
            Self::WebKit => webkit::capabilities(profile, data),
        }
    }

    /// Whether a process of the browser runs pages.
    pub(crate) fn is_renderer(self, command_line: &str) -> bool {
        match self {
            Self::Chromium => {
                command_line.contains("--type=renderer") && !command_line.contains("--extension-process")
            }
            Self::Firefox => {
                command_line.contains("-contentproc") && command_line.trim_end().ends_with(" tab")
            }
            Self::WebKit => command_line.contains("/WebKitWebProcess "),
        }
    }

    /// Whether a process is the browser itself.
    pub(crate) fn is_browser(self, command_line: &str) -> bool {
        match self {
            Self::Chromium => command_line.contains("--user-data-dir=") && !command_line.contains("--type="),
            Self::Firefox => command_line.contains(" -profile ") && !command_line.contains("-contentproc"),
            Self::WebKit => command_line.contains(webkit::LAUNCHER),
        }
    }

    /// Where in the profile localStorage lies on the disk.
    pub(crate) fn local_storage(self) -> &'static str {
        match self {
            Self::Chromium => "Default/Local Storage/leveldb",
            Self::Firefox => "storage/default",
            Self::WebKit => "data",
        }
    }
}

impl Driver {
    fn new(command: Command) -> Self {
        Self { command, port: None, display: None }
    }

    /// Starts it: the process, the port if it is known already, and what has to live as long.
    pub(crate) fn start(mut self) -> Result<(Process, Option<u16>, Option<Process>)> {
        Ok((Process::start(&mut self.command)?, self.port, self.display))
    }
}
