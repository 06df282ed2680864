//! Finds or installs what the chores need, one tool a file, and says so in one line a tool.
//!
//! What is found is not touched; what is missing is put into the user's cache folder. Only Debian's packages go into the system,
//! and only where this runs as root: there is no `sudo` here.

mod apt;
mod cargo_tool;
mod chromium;
mod containers;
mod debian;
mod file_hosts;
mod firefox;
mod node;
mod php;
mod quiet;
mod server;
mod sysroot;
mod wasm;
mod webkit;

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use lexopt::{Arg, Parser};

use crate::repo::Repo;
use crate::shell::{Cmd, Interrupted, Lane};
pub(crate) use node::{install_packages, install_with};
pub(crate) use wasm::Way;

/// What can be asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tool {
    /// Node and npm.
    Node,
    /// TypeScript, esbuild and wasm-opt, from the checkout's package-lock.json.
    NodePackages,
    /// std for wasm32-unknown-unknown, and std's source.
    Wasm,
    WasmBindgen,
    WasmPack,
    /// A browser of the Chromium family and its driver.
    Chromium,
    /// Firefox ESR and geckodriver.
    Firefox,
    /// WebKitGTK and its driver.
    WebKit,
    CargoDeny,
    /// PHP with what hosts have, Apache and nginx, and what checks PHP code.
    Php,
    /// Servers of FTPS and SFTP.
    FileHosts,
    /// Grafana's Loki.
    Loki,
    /// An OpenTelemetry Collector.
    Otelcol,
    Prometheus,
    /// What stands in for a container engine, and systemd's check of units.
    Containers,
}

impl Tool {
    /// In the order in which they are set up.
    pub(crate) const ALL: [Self; 15] = [
        Self::Node,
        Self::NodePackages,
        Self::Wasm,
        Self::WasmBindgen,
        Self::WasmPack,
        Self::Chromium,
        Self::Firefox,
        Self::WebKit,
        Self::CargoDeny,
        Self::Php,
        Self::FileHosts,
        Self::Loki,
        Self::Otelcol,
        Self::Prometheus,
        Self::Containers,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::NodePackages => "node-packages",
            Self::Wasm => "wasm",
            Self::WasmBindgen => "wasm-bindgen",
            Self::WasmPack => "wasm-pack",
            Self::Chromium => "chromium",
            Self::Firefox => "firefox",
            Self::WebKit => "webkit",
            Self::CargoDeny => "cargo-deny",
            Self::Php => "php",
            Self::FileHosts => "file-hosts",
            Self::Loki => "loki",
            Self::Otelcol => "otelcol",
            Self::Prometheus => "prometheus",
            Self::Containers => "containers",
        }
    }

    /// What some steps of the tests alone need; Loki takes minutes to build. Only where it is asked for.
    const fn is_extra(self) -> bool {
        matches!(self, Self::Loki | Self::Otelcol | Self::Prometheus | Self::Containers)
    }

    fn find(name: &OsStr) -> Result<Self> {
        let tool = Self::ALL.into_iter().find(|tool| name == tool.name());
        tool.with_context(|| format!("no such tool: {}", name.display()))
    }

    fn is_wanted(self, wanted: &[Self]) -> bool {
        wanted.contains(&self) || self == Self::Node && wanted.contains(&Self::NodePackages)
    }

    /// `tools` are those that were found before it.
    fn ensure(self, repo: &Repo, way: Option<Way>, tools: &Tools) -> Result<Found> {
        match self {
            Self::Node => node::ensure(repo),
            Self::NodePackages => node::ensure_packages(repo, tools),
            Self::Wasm => wasm::ensure(repo, way),
            Self::WasmBindgen => cargo_tool::wasm_bindgen(repo),
            Self::WasmPack => cargo_tool::wasm_pack(repo),
            Self::Chromium => chromium::ensure(repo),
            Self::Firefox => firefox::ensure(repo),
            Self::WebKit => webkit::ensure(repo),
            Self::CargoDeny => cargo_tool::cargo_deny(repo),
            Self::Php => php::ensure(repo),
            Self::FileHosts => file_hosts::ensure(repo),
            Self::Loki => server::loki(repo),
            Self::Otelcol => server::otelcol(repo),
            Self::Prometheus => server::prometheus(repo),
            Self::Containers => containers::ensure(repo),
        }
    }
}

/// A tool that is there now.
#[derive(Default)]
struct Found {
    /// What it is and where it came from, for the user.
    said: String,
    /// Folders that commands need first on their PATH.
    path: Vec<PathBuf>,
    /// Variables that commands need.
    vars: Vec<(&'static str, OsString)>,
    /// What only commands that build for wasm need: another compiler would spoil the others' builds.
    wasm: WasmToolchain,
}

/// The compiler that builds for wasm.
#[derive(Default, Clone)]
pub(crate) struct WasmToolchain {
    /// A folder with `rustc` and `cargo`, if they are not those of the PATH.
    bin: Option<PathBuf>,
    /// Whether the source of std is at hand.
    pub(crate) has_source: bool,
    /// The release of the compiler, as `1.95.0`.
    pub(crate) release: String,
}

/// The environment in which commands find the tools, and where they write.
#[derive(Default, Clone)]
pub(crate) struct Tools {
    path: Vec<PathBuf>,
    vars: Vec<(&'static str, OsString)>,
    pub(crate) wasm: WasmToolchain,
    lane: Lane,
}

impl Tools {
    /// The same tools for commands of a lane.
    pub(crate) fn in_lane(&self, lane: Lane) -> Self {
        Self { lane, ..self.clone() }
    }

    /// Writes a line where the commands write.
    pub(crate) fn say(&self, line: &str) {
        self.lane.say(line);
    }

    /// A command that finds the tools.
    pub(crate) fn cmd(&self, program: &str) -> Cmd {
        self.with_path(program, self.path.clone())
    }

    /// A command that finds the tools and builds for wasm.
    pub(crate) fn wasm_cmd(&self, program: &str) -> Cmd {
        match &self.wasm.bin {
            None => self.cmd(program),
            Some(bin) => {
                let path = std::iter::once(bin.clone()).chain(self.path.iter().cloned()).collect();
                // Cargo exports both for its own toolchain; another one must not see them.
                self.with_path(program, path).env_remove("CARGO").env_remove("LD_LIBRARY_PATH")
            }
        }
    }

    /// What a tool told commands to know, such as `CHROMIUM`.
    pub(crate) fn var(&self, name: &str) -> Option<&OsStr> {
        self.vars.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_os_str())
    }

    fn with_path(&self, program: &str, mut path: Vec<PathBuf>) -> Cmd {
        path.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        // A folder whose name has a colon cannot stand in a PATH; the cache folder is checked for that in `prepare`.
        let path = env::join_paths(path).unwrap_or_default();
        let cmd = Cmd::new(program).lane(&self.lane).env("PATH", path);
        self.vars.iter().fold(cmd, |cmd, (name, value)| cmd.env(name, value))
    }

    fn add(&mut self, found: Found) {
        self.path.extend(found.path);
        self.vars.extend(found.vars);
        if !found.wasm.release.is_empty() {
            self.wasm = found.wasm;
        }
    }
}

/// `cargo xtask setup`: the tools that are named, else all but the extra ones; and those that `--with` adds.
pub(crate) fn run(repo: &Repo, mut args: Parser) -> Result<()> {
    let (mut way, mut wanted, mut with) = (None, Vec::new(), Vec::new());
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("wasm-from") => way = Some(Way::parse(&args.value()?)?),
            Arg::Long("with") => with.push(Tool::find(&args.value()?)?),
            Arg::Value(name) => wanted.push(Tool::find(&name)?),
            other => return Err(other.unexpected().into()),
        }
    }
    if wanted.is_empty() {
        wanted.extend(Tool::ALL.into_iter().filter(|tool| !tool.is_extra()));
    }
    wanted.extend(with);
    prepare(repo, &wanted, way).map(|_| ())
}

/// Finds or installs the tools. Goes on after one that fails, so that one run tells all that is missing.
pub(crate) fn prepare(repo: &Repo, wanted: &[Tool], way: Option<Way>) -> Result<Tools> {
    if env::join_paths([&repo.cache]).is_err() {
        bail!("{} cannot stand in a PATH: set BEACONRY_CACHE to another folder", repo.cache.display());
    }
    let _lock = lock(repo)?;
    println!("set-up (tools in {})", repo.cache.display());
    let mut tools = Tools::default();
    let mut failed = Vec::new();
    for tool in Tool::ALL.into_iter().filter(|tool| tool.is_wanted(wanted)) {
        let start = Instant::now();
        match tool.ensure(repo, way, &tools) {
            Ok(found) => {
                println!("  {:<14} {:>6.1} s  {}", tool.name(), start.elapsed().as_secs_f32(), found.said);
                tools.add(found);
            }
            Err(error) if error.is::<Interrupted>() => return Err(error),
            Err(error) => {
                println!("  {:<14} {:>6.1} s  FAILED: {error:#}", tool.name(), start.elapsed().as_secs_f32());
                failed.push(tool.name());
            }
        }
    }
    if !failed.is_empty() {
        bail!("not set up: {}", failed.join(", "));
    }
    Ok(tools)
}

/// Two set-ups at a time would build the same tool twice into one folder.
fn lock(repo: &Repo) -> Result<File> {
    let file = File::create(repo.cache.join("lock"))?;
    if file.try_lock().is_err() {
        println!("waiting for another set-up");
        file.lock()?;
    }
    Ok(file)
}

/// Says what takes long while it runs.
fn announce(what: &str) {
    println!("  … {what}");
}
