//! The collector's process: the real binary, on a port and in a folder of its own.

use std::env;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::journal::Journal;
use crate::process::Process;
use crate::wait;

/// The app's key at the collector.
pub const KEY: &str = "e2e-key";
/// The app that events of [`KEY`] belong to.
pub const APP: &str = "e2e";

/// Another app's key at the collector.
pub const OTHER_KEY: &str = "e2e-other-key";
/// The app that events of [`OTHER_KEY`] belong to.
pub const OTHER_APP: &str = "e2e-other";

/// A collector that can be stopped, killed and started again under the same address with the same data.
#[derive(Debug)]
pub struct Collector {
    program: PathBuf,
    address: SocketAddr,
    data: PathBuf,
    options: Vec<String>,
    process: Option<Process>,
}

impl Collector {
    /// Names the collector, without starting it; `origins` may send to it.
    ///
    /// # Errors
    /// When the binary is missing or no port is free.
    pub fn new(data: &Path, key: &str, app: &str, origins: &[String]) -> Result<Self> {
        let program = artifact("BEACONRY_COLLECTOR", "debug/beaconry", "cargo build -p beaconry-collector")?;
        fs::create_dir_all(data)?;
        let file = data.join("collector.toml");
        let apps = [(app, key), (OTHER_APP, OTHER_KEY)]
            .map(|(app, key)| format!("[[app]]\nname = {app:?}\nkeys = [{key:?}]\norigins = {origins:?}\n"));
        fs::write(&file, apps.concat())?;
        let options = vec!["--config".to_owned(), file.to_string_lossy().into_owned()];
        Ok(Self { program, address: free_address()?, data: data.to_owned(), options, process: None })
    }

    /// Serves a folder of files too.
    #[must_use]
    pub fn with_www(mut self, www: &Path) -> Self {
        self.options.extend(["--www".to_owned(), www.to_string_lossy().into_owned()]);
        self
    }

    /// Where it listens, or will.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has on its disk.
    pub fn journal(&self) -> Journal {
        Journal::in_folder(&self.data)
    }

    /// Starts it, and waits until it says that it is healthy.
    ///
    /// # Errors
    /// When it ends at once or never gets healthy; its log is in the data's folder.
    pub async fn start(&mut self) -> Result<()> {
        let log = fs::File::options().create(true).append(true).open(self.data.join("collector.log"))?;
        let mut command = Command::new(&self.program);
        command.arg("serve").args(["--listen", &self.address.to_string()]).arg("--data").arg(&self.data);
        command.args(&self.options).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let process = self.process.insert(Process::start(&mut command)?);
        let pid = process.pid();
        let health = format!("http://{}/healthz", self.address);
        wait::until("the collector is healthy", || async {
            if !crate::process::is_alive(pid) {
                bail!("the collector ended at once:\n{}", self.log());
            }
            Ok(reqwest::get(&health).await.ok().filter(|answer| answer.status().is_success()).map(|_| ()))
        })
        .await
    }

    /// Ends it by SIGTERM: it finishes what it has accepted.
    ///
    /// # Errors
    /// When it does not run.
    pub fn stop(&mut self) -> Result<()> {
        self.process.take().context("the collector does not run")?.terminate()
    }

    /// Ends it by SIGKILL, in the middle of whatever it does.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// `beaconry phase KEY PHASE`: switches clients off or on while it runs.
    ///
    /// # Errors
    /// When the command fails.
    pub fn set_phase(&self, key: &str, phase: &str) -> Result<()> {
        let status =
            Command::new(&self.program).args(["phase", key, phase, "--data"]).arg(&self.data).status()?;
        if !status.success() {
            bail!("beaconry phase {key} {phase} ended with {status}");
        }
        Ok(())
    }

    /// `beaconry delivery --json`: what it says itself became of all events.
    ///
    /// # Errors
    /// When the command fails.
    pub fn delivery(&self) -> Result<Value> {
        let output =
            Command::new(&self.program).args(["delivery", "--json", "--data"]).arg(&self.data).output()?;
        if !output.status.success() {
            bail!("beaconry delivery: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.data.join("collector.log")).unwrap_or_default()
    }
}

/// Something that was built before the tests: at the path that `variable` names, else at `below_target` of the target
/// folder. Nothing is skipped for want of it.
///
/// # Errors
/// Says which command builds it, where it is missing.
pub fn artifact(variable: &str, below_target: &str, made_by: &str) -> Result<PathBuf> {
    let path = match env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => target().join(below_target),
    };
    if !path.exists() {
        bail!("{} is missing (by {variable} or by default): run `{made_by}`", path.display());
    }
    Ok(path)
}

/// Cargo's target folder: this program lies in its `debug`, tests in `debug/deps`.
pub fn target() -> PathBuf {
    let binary = env::current_exe().unwrap_or_default();
    let debug = binary.ancestors().find(|folder| folder.ends_with("debug"));
    debug.and_then(Path::parent).map(Path::to_owned).unwrap_or_default()
}

/// An address of this machine on which nothing listens, to be used again and again: below the ports that Linux gives to
/// outgoing connections (32768 on), one of which would take it while the collector is down.
///
/// # Errors
/// When no port is free.
pub fn free_address() -> Result<SocketAddr> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 10_000)?;
    for _ in 0..10_000 {
        let port = 20_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!("no port is free");
}
