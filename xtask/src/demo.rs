//! The demo: a collector that serves `www/` with the packed package, and a browser that shows it.

use std::env;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use lexopt::{Arg, Parser, ValueExt as _};

use crate::package::{self, Std, copy_dir};
use crate::repo::Repo;
use crate::setup::{self, Tools, Way};
use crate::shell::{Cmd, Interrupted, Running, which};

/// The first choice; where it is taken, one of the next.
const PORT: u16 = 4600;
const PORTS_TRIED: u16 = 20;
/// A collector that has a journal of gigabytes to read still starts within it.
const START_LIMIT: Duration = Duration::from_secs(30);
/// What the page of `www/` uses.
const KEY: &str = "demo";
const APP: &str = "demo";

/// `cargo xtask demo`.
pub(crate) fn run(repo: &Repo, mut args: Parser) -> Result<()> {
    let (mut way, mut open, mut port) = (None, true, None);
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("wasm-from") => way = Some(Way::parse(&args.value()?)?),
            Arg::Long("no-open") => open = false,
            Arg::Long("port") => port = Some(args.value()?.parse()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let tools = setup::prepare(repo, &package::NEEDS, way)?;
    package::build(repo, &tools, Std::best(&tools))?;
    let www = assemble(repo)?;
    tools.cmd("cargo").args(["build", "-p", "beaconry-collector"]).dir(&repo.root).run()?;

    let data = repo.target.join("demo-data");
    let (mut collector, address) = start(repo, &tools, &www, &data, free_port(port)?)?;
    let url = format!("http://{address}/");
    let today = Cmd::new("date").args(["-u", "+%F"]).read()?;
    println!("\n  the demo   {url}");
    println!("  writes to  {}", data.join(format!("events-{today}.jsonl")).display());
    println!("  Ctrl-C stops it\n");
    if open {
        open_browser(&url);
    }
    match collector.wait(None) {
        Ok(status) => bail!("the collector ended with {status}"),
        // Ctrl-C is the way to end a demo; the collector drains as it is dropped.
        Err(error) if error.is::<Interrupted>() => Ok(()),
        Err(error) => Err(error),
    }
}

/// Puts the site together: the pages of `www/`, and the packed package under `beaconry/`.
pub(crate) fn assemble(repo: &Repo) -> Result<PathBuf> {
    let site = repo.target.join("www");
    if site.exists() {
        fs::remove_dir_all(&site)?;
    }
    copy_dir(&repo.root.join("www"), &site, &|_| true)?;
    copy_dir(&repo.target.join("package"), &site.join("beaconry"), &|_| true)?;
    Ok(site)
}

/// The collector that `cargo build` makes.
pub(crate) fn collector(repo: &Repo) -> PathBuf {
    repo.target.join("debug").join("beaconry")
}

/// Starts the collector and waits until it listens; returns its address.
fn start(repo: &Repo, tools: &Tools, www: &PathBuf, data: &PathBuf, port: u16) -> Result<(Running, String)> {
    fs::create_dir_all(data)?;
    let port_file = repo.target.join("demo-address");
    match fs::remove_file(&port_file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let program = collector(repo);
    let mut collector = tools
        .cmd(&program.to_string_lossy())
        .args(["serve", "--key", KEY, "--app", APP, "--listen", &format!("127.0.0.1:{port}")])
        .args([
            "--origin",
            &format!("http://127.0.0.1:{port}"),
            "--origin",
            &format!("http://localhost:{port}"),
        ])
        .arg("--data")
        .arg(data)
        .arg("--www")
        .arg(www)
        .arg("--port-file")
        .arg(&port_file)
        .spawn()?;
    let start = Instant::now();
    loop {
        if let Some(address) = fs::read_to_string(&port_file).ok().filter(|text| text.contains(':')) {
            return Ok((collector, address.trim().to_owned()));
        }
        if let Some(status) = collector.ended()? {
            bail!("the collector ended with {status}");
        }
        if start.elapsed() > START_LIMIT {
            bail!("the collector does not listen after {} s", START_LIMIT.as_secs());
        }
        crate::shell::pause()?;
    }
}

/// The port that was asked for, or the first that is free.
fn free_port(asked: Option<u16>) -> Result<u16> {
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    match asked {
        Some(port) if is_free(&port) => Ok(port),
        Some(port) => bail!("port {port} is taken; `--port` takes another"),
        None => (PORT..PORT + PORTS_TRIED)
            .find(is_free)
            .with_context(|| format!("the ports from {PORT} on are taken; `--port` takes another")),
    }
}

/// Opens the page where there is a display. A failure is no reason to stop: the address is printed.
fn open_browser(url: &str) {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let has_display = cfg!(target_os = "macos")
        || ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| env::var_os(name).is_some());
    if !has_display || which(program).is_none() {
        return;
    }
    if let Err(error) = Cmd::new(program).arg(url).detach() {
        eprintln!("  no browser opened ({error:#}): open the address by hand");
    }
}
