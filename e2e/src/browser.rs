//! The browser, with a profile of its own, driven through its own driver process.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use thirtyfour::session::handle::SessionHandle;
use thirtyfour::{Capabilities, WebDriver, WindowHandle};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

pub use crate::engine::{Engine, Scheme, SiteData};
use crate::process::{self, Process};
use crate::wait;

/// Browsers at a time: more than the machine has cores would only make each other slow.
const AT_A_TIME: usize = 2;
static BROWSERS: Semaphore = Semaphore::const_new(AT_A_TIME);

/// Lets more browsers run at a time, where most of them wait; once, before any is started.
pub fn allow_at_a_time(browsers: usize) {
    BROWSERS.add_permits(browsers.saturating_sub(AT_A_TIME));
}

/// A running browser. Dropped, it is killed, with its driver.
#[derive(Debug)]
pub struct Browser {
    engine: Engine,
    session: Arc<SessionHandle>,
    driver: Process,
    profile: PathBuf,
    _display: Option<Process>,
    _permit: SemaphorePermit<'static>,
}

impl Browser {
    /// Starts a browser whose profile is the folder; one that a browser has used before is continued.
    ///
    /// # Errors
    /// When the driver or the browser does not start.
    pub async fn start(engine: Engine, profile: &Path, scheme: Scheme) -> Result<Self> {
        Self::start_with(engine, profile, scheme, SiteData::default()).await
    }

    /// As [`Self::start`], with what its settings let sites keep.
    ///
    /// # Errors
    /// When the driver or the browser does not start.
    pub async fn start_with(engine: Engine, profile: &Path, scheme: Scheme, data: SiteData) -> Result<Self> {
        let permit = BROWSERS.acquire().await?;
        let (mut driver, known, display) = engine.driver()?.start()?;
        let output = driver.child().stdout.take().context("the driver has no output")?;
        // Reads on to the end, so that the driver never waits for a reader.
        let (tell, told) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(output).lines().map_while(Result::ok);
            let _ = tell.send(known.or_else(|| lines.by_ref().find_map(|line| engine.port(&line))));
            lines.for_each(drop);
        });
        let port = timeout(wait::LIMIT, told).await??.context("the driver names no port")?;
        let address = format!("http://127.0.0.1:{port}");
        let pid = driver.pid();
        wait::until("the driver listens", || async {
            ensure!(process::is_alive(pid), "the driver ended at once");
            Ok(reqwest::get(format!("{address}/status")).await.ok().map(drop))
        })
        .await?;
        let capabilities = match engine.capabilities(profile, scheme, data) {
            Value::Object(members) => Capabilities::from(members),
            _ => bail!("capabilities are an object"),
        };
        let session = WebDriver::new(address, capabilities).await?;
        let handle = Arc::clone(session.handle());
        // Its way to end a session is a request in a destructor; ours is to kill the processes.
        session.leak().ok().context("the session has ended at once")?;
        let profile = profile.to_owned();
        Ok(Self { engine, session: handle, driver, profile, _display: display, _permit: permit })
    }

    /// Which browser it is.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The WebDriver session, for what has no method here.
    pub fn session(&self) -> &Arc<SessionHandle> {
        &self.session
    }

    /// Shows the current tab in the browser's own DevTools, in a tab beside it, which is the current one then.
    ///
    /// # Errors
    /// When the browser has none.
    pub async fn open_devtools(&self) -> Result<()> {
        let url = self.session.current_url().await?;
        let options = self.session.capabilities().get("goog:chromeOptions").cloned().unwrap_or_default();
        let address = options["debuggerAddress"].as_str().context("the driver names no address")?;
        let targets = reqwest::get(format!("http://{address}/json")).await?.text().await?;
        let targets: Value = serde_json::from_str(&targets)?;
        let is_ours = |target: &&Value| target["url"] == url.as_str();
        let target = targets.as_array().into_iter().flatten().find(is_ours).context("no such target")?;
        let id = target["id"].as_str().context("a target without id")?;
        self.open_tab().await?;
        let page = format!("http://{address}/devtools/inspector.html?ws={address}/devtools/page/{id}");
        self.goto(&format!("{page}&panel=console")).await
    }

    /// Loads a page into the current tab.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub async fn goto(&self, url: &str) -> Result<()> {
        self.session.goto(url).await.with_context(|| format!("cannot load {url}"))
    }

    /// Runs a function body in the page; a promise is awaited.
    ///
    /// # Errors
    /// What it threw.
    pub async fn run(&self, body: &str, arguments: &[Value]) -> Result<Value> {
        let result = self.session.execute(body, arguments.to_vec()).await;
        Ok(result.with_context(|| format!("in the page: {body}"))?.json().clone())
    }

    /// Waits until an expression is truthy in the page, and returns its value.
    ///
    /// # Errors
    /// When it throws or never is.
    pub async fn wait_for(&self, expression: &str) -> Result<Value> {
        let body = format!("return {expression}");
        let what = format!("in the page: {expression}");
        wait::until(&what, || async {
            let value = self.run(&body, &[]).await?;
            let is_falsy = matches!(value, Value::Null | Value::Bool(false)) || value == 0 || value == "";
            Ok((!is_falsy).then_some(value))
        })
        .await
    }

    /// Opens a tab in front of the current one, and goes there.
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn open_tab(&self) -> Result<WindowHandle> {
        let tab = self.session.new_tab().await?;
        self.switch_to(&tab).await?;
        Ok(tab)
    }

    /// The current tab.
    ///
    /// # Errors
    /// When it is closed.
    pub async fn tab(&self) -> Result<WindowHandle> {
        Ok(self.session.window().await?)
    }

    /// Makes a tab the current one.
    ///
    /// # Errors
    /// When it is closed.
    pub async fn switch_to(&self, tab: &WindowHandle) -> Result<()> {
        Ok(self.session.switch_to_window(tab.clone()).await?)
    }

    /// Closes the current tab as a user does. Another has to be made the current one then.
    ///
    /// # Errors
    /// When the browser refuses.
    pub async fn close_tab(&self) -> Result<()> {
        Ok(self.session.close_window().await?)
    }

    /// Closes the only window as a user does, and waits until the browser has ended.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn close_window(&self) -> Result<()> {
        let pid = self.pid()?;
        // Its driver ends the session with it, and may have no answer any more.
        let _ = self.session.close_window().await;
        wait::until_true("the browser has ended", || !process::is_alive(pid)).await
    }

    /// The process that runs the current tab's page. Which one that is no driver says, but it is the one that computes when the
    /// page does, and without which the page has no answer.
    ///
    /// # Errors
    /// When it cannot be told apart.
    pub async fn renderer(&self) -> Result<u32> {
        wait::until("one renderer is busy", || async {
            let Some(pid) = self.busiest().await? else { return Ok(None) };
            // On a busy machine another, which starts, may have computed more.
            Ok(self.is_silent_without(pid).await?.then_some(pid))
        })
        .await
    }

    /// The renderer that has computed while the page did, if one stands out.
    async fn busiest(&self) -> Result<Option<u32>> {
        let before = self.renderers();
        self.run(BUSY, &[]).await?;
        let mut worked: Vec<(u64, u32)> =
            before.iter().map(|(pid, ticks)| (process::ticks(*pid).saturating_sub(*ticks), *pid)).collect();
        worked.sort_unstable_by_key(|(ticks, _)| std::cmp::Reverse(*ticks));
        let second = worked.get(1).map_or(0, |(ticks, _)| *ticks);
        // Three ticks are 30 of 300 ms, more than an idle page ever needs.
        Ok(worked.first().filter(|(ticks, _)| *ticks > 3 * second + 3).map(|(_, pid)| *pid))
    }

    /// Whether the page has no answer while a process stands still.
    async fn is_silent_without(&self, pid: u32) -> Result<bool> {
        let mut answer = pin!(self.run("return 0", &[]));
        let stopped = process::stop(pid);
        let is_silent = timeout(SILENCE, answer.as_mut()).await.is_err();
        drop(stopped);
        if is_silent {
            answer.await?;
        }
        Ok(is_silent)
    }

    /// Kills the process that runs the current tab's page, and nothing else.
    ///
    /// # Errors
    /// When it cannot be told apart.
    pub async fn kill_renderer(&self) -> Result<()> {
        let pid = self.renderer().await?;
        process::kill(pid);
        wait::until_true("the renderer is gone", || !process::is_alive(pid)).await
    }

    /// Kills the whole browser at once, with every process of it. Its profile stays as it is on the disk.
    ///
    /// # Errors
    /// When it does not go.
    pub async fn kill(&self) -> Result<()> {
        // One whose driver has ended it is gone already.
        let Ok(pid) = self.pid() else { return Ok(()) };
        let others = process::descendants(pid);
        process::kill(pid);
        others.iter().copied().for_each(process::kill);
        let all = || others.iter().chain([&pid]).any(|pid| process::is_alive(*pid));
        wait::until_true("the browser is gone", || !all()).await
    }

    /// The browser's own process.
    fn pid(&self) -> Result<u32> {
        let is_browser = |pid: &u32| self.engine.is_browser(&process::command_line(*pid));
        let pid = process::descendants(self.driver.pid()).into_iter().find(is_browser);
        pid.context("the driver has no browser")
    }

    /// Waits until the disk has a text in the profile's localStorage: the browser writes it there late.
    ///
    /// # Errors
    /// When it never has.
    pub async fn until_on_disk(&self, text: &str) -> Result<()> {
        let folder = self.profile.join(self.engine.local_storage());
        wait::until_true("localStorage is on the disk", || {
            let Ok(entries) = std::fs::read_dir(&folder) else { return false };
            let files = entries.flatten().filter_map(|entry| std::fs::read(entry.path()).ok());
            files.into_iter().any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
        })
        .await
    }

    fn renderers(&self) -> Vec<(u32, u64)> {
        let renderers = process::descendants(self.driver.pid())
            .into_iter()
            .filter(|pid| self.engine.is_renderer(&process::command_line(*pid)));
        renderers.map(|pid| (pid, process::ticks(pid))).collect()
    }
}

/// Longer than an idle page takes to answer, on a machine that is busy too.
const SILENCE: Duration = Duration::from_secs(2);

const BUSY: &str = "const end = performance.now() + 300; while (performance.now() < end);";
