//! The three that must not be told apart.

use std::env;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail, ensure};
use tempfile::TempDir;

use crate::http::{self, Answer};
use crate::journal;
use crate::php::{FOLDER, Settings, Site};
use crate::process::{self, Server};
use crate::{apache, nginx};

/// A key whose clients may send, and the app that it stands for.
pub const KEY: &str = "key-1";
/// Another, of the same app.
pub const OTHER_KEY: &str = "key-2";
/// The app of both.
pub const APP: &str = "sh\"op";
/// The one origin whose pages may send.
pub const ORIGIN: &str = "https://shop.example.com";
/// The largest body.
pub const MAX_BODY: usize = 1024 * 1024;

/// Times that a port which was free a moment ago is looked for again.
const ATTEMPTS: usize = 5;

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `beaconry serve`.
    Collector,
    /// The drop-in in Apache with mod_php.
    Apache,
    /// The drop-in behind nginx, in php-fpm.
    Nginx,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 3] = [Kind::Collector, Kind::Apache, Kind::Nginx];
    /// Those that run the drop-in.
    pub const PHP: [Kind; 2] = [Kind::Apache, Kind::Nginx];
}

/// One of them, running. It ends when this is dropped.
#[derive(Debug)]
pub struct Target {
    kind: Kind,
    address: SocketAddr,
    settings: Settings,
    site: Option<Site>,
    servers: Vec<Server>,
    dir: TempDir,
}

impl Target {
    /// Starts one, with its data outside of what a web server shows.
    ///
    /// # Errors
    /// Where something is missing or does not start.
    pub fn start(kind: Kind) -> Result<Self> {
        Self::start_with(kind, |_, _| Ok(()))
    }

    /// Starts one after `change` has seen its site and its settings.
    ///
    /// # Errors
    /// Where something is missing or does not start.
    pub fn start_with(kind: Kind, change: impl Fn(&mut Site, &mut Settings) -> Result<()>) -> Result<Self> {
        for _ in 0..ATTEMPTS {
            let mut target = Self::prepare(kind, &change)?;
            target.start_servers()?;
            if target.is_up()? {
                return Ok(target);
            }
        }
        bail!("{kind:?} does not start; was `cargo xtask setup php` run?");
    }

    fn prepare(kind: Kind, change: impl Fn(&mut Site, &mut Settings) -> Result<()>) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))?;
        let data = dir.path().join("data");
        fs::create_dir(&data)?;
        let mut settings = Settings {
            keys: [KEY, OTHER_KEY].map(|key| (key.to_owned(), APP.to_owned())).into(),
            origins: vec![ORIGIN.to_owned()],
            disabled: Vec::new(),
            first_choices: Vec::new(),
            data,
            max_body: MAX_BODY,
        };
        let mut site = (kind != Kind::Collector).then(|| Site::install(dir.path())).transpose()?;
        if let Some(site) = &mut site {
            change(site, &mut settings)?;
            site.configure(&settings)?;
        }
        process::give(dir.path())?;
        let address = free_address()?;
        Ok(Self { kind, address, settings, site, servers: Vec::new(), dir })
    }

    fn start_servers(&mut self) -> Result<()> {
        let dir = self.dir.path();
        self.servers = match (&self.site, self.kind) {
            (Some(site), Kind::Apache) => vec![apache::start(dir, site, self.address)?],
            (Some(site), _) => {
                let fpm = nginx::start_fpm(dir, site)?;
                let socket = dir.join("fpm.sock");
                process::until("php-fpm listens", || Ok(socket.exists().then_some(())))?;
                vec![fpm, nginx::start(dir, site, self.address)?]
            }
            (None, _) => {
                let mut command = Command::new(collector()?);
                command.args([
                    "serve",
                    "--listen",
                    &self.address.to_string(),
                    "--app",
                    APP,
                    "--origin",
                    ORIGIN,
                ]);
                command.args(["--key", KEY, "--key", OTHER_KEY, "--data"]).arg(&self.settings.data);
                command.args(["--max-body", &MAX_BODY.to_string()]).env("RUST_LOG", "error");
                vec![Server::start(&mut command, &dir.join("collector.log"))?]
            }
        };
        Ok(())
    }

    /// Waits until it takes connections; false when a server has ended, as with a port that was taken meanwhile.
    fn is_up(&mut self) -> Result<bool> {
        let (address, servers) = (self.address, &mut self.servers);
        process::until("it takes connections", || {
            if servers.iter_mut().any(Server::has_ended) {
                return Ok(Some(false));
            }
            Ok(TcpStream::connect(address).is_ok().then_some(true))
        })
    }

    /// Which one it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where events are posted to.
    pub fn path(&self) -> String {
        match self.kind {
            Kind::Collector => "/v1/events".to_owned(),
            Kind::Apache | Kind::Nginx => format!("/{FOLDER}/ingest.php"),
        }
    }

    /// Sends a request to it; `query` stands behind the path.
    ///
    /// # Errors
    /// Those of [`http::send`].
    pub fn send(
        &self,
        method: &str,
        query: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<Answer> {
        http::send(self.address, method, &format!("{}{query}", self.path()), headers, body)
    }

    /// Sends a body as the client does, without an origin.
    ///
    /// # Errors
    /// Those of [`http::send`].
    pub fn post(&self, stream: &str, now: u64, body: &[u8]) -> Result<Answer> {
        self.send("POST", &format!("?key={KEY}&stream={stream}&now={now}"), &[], body)
    }

    /// All lines of its journal.
    ///
    /// # Errors
    /// Those of [`journal::lines`].
    pub fn journal(&self) -> Result<Vec<String>> {
        journal::lines(&self.settings.data)
    }

    /// Where its data lies.
    pub fn data(&self) -> &Path {
        &self.settings.data
    }

    /// The drop-in's document root, where it is that.
    pub fn site(&self) -> Option<&Site> {
        self.site.as_ref()
    }

    /// The processes that run PHP, or the collector.
    pub fn workers(&self) -> Vec<u32> {
        match (self.kind, self.servers.first()) {
            (Kind::Collector, Some(server)) => vec![server.pid()],
            (_, Some(server)) => process::children(server.pid()),
            (_, None) => Vec::new(),
        }
    }

    /// Switches the clients of a key off, or on again, in the way that the target has for it.
    ///
    /// # Errors
    /// When that fails.
    pub fn set_phase(&mut self, key: &str, is_on: bool) -> Result<()> {
        self.settings.disabled = if is_on { Vec::new() } else { vec![key.to_owned()] };
        if let Some(site) = &self.site {
            return site.configure(&self.settings);
        }
        let phase = if is_on { "ENABLED" } else { "DISABLED" };
        let mut command = Command::new(collector()?);
        let status = command.args(["phase", key, phase, "--data"]).arg(&self.settings.data).output()?.status;
        process::give(&self.settings.data)?;
        ensure!(status.success(), "beaconry phase ended with {status}");
        Ok(())
    }
}

/// The binary that `cargo build -p beaconry-collector` makes.
fn collector() -> Result<PathBuf> {
    let path = match env::var_os("BEACONRY_COLLECTOR") {
        Some(path) => PathBuf::from(path),
        // The tests' own binary lies in `debug/deps`.
        None => env::current_exe()?.ancestors().nth(2).unwrap_or(&PathBuf::new()).join("beaconry"),
    };
    ensure!(path.exists(), "{} is missing: run `cargo build -p beaconry-collector`", path.display());
    Ok(path)
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
