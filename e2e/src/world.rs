//! One test's world: a collector behind the proxy, a site, a folder for the data and the browser's profile.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::browser::{Browser, Engine, Scheme};
use crate::collector::{APP, Collector, KEY};
use crate::journal::Journal;
use crate::proxy::Proxy;
use crate::site::Site;
use crate::truth::Truth;
use crate::wait;

/// Everything that a test needs, apart from browsers: those come and go.
#[derive(Debug)]
pub struct World {
    /// The collector; it runs unless the test stops it.
    pub collector: Collector,
    /// In front of it; it passes until the test chooses a fault.
    pub proxy: Proxy,
    /// Where the pages come from: another origin than the collector's.
    pub site: Site,
    /// What the pages say they have tracked.
    pub truth: Truth,
    folder: TempDir,
}

impl World {
    /// A world whose collector runs.
    ///
    /// # Errors
    /// When a part is not built or does not start.
    pub async fn start() -> Result<Self> {
        let mut world = Self::without_collector().await?;
        world.collector.start().await?;
        Ok(world)
    }

    /// A world whose collector is yet to be started.
    ///
    /// # Errors
    /// When a part is not built or does not start.
    pub async fn without_collector() -> Result<Self> {
        let folder = TempDir::with_prefix("beaconry-e2e-")?;
        let site = Site::start().await?;
        let collector = Collector::new(&folder.path().join("data"), KEY, APP, &[site.origin().to_owned()])?;
        let proxy = Proxy::start(collector.address()).await?;
        Ok(Self { collector, proxy, site, truth: Truth::default(), folder })
    }

    /// A browser with this world's profile: its storage is that of the browser before.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn browser(&self) -> Result<Browser> {
        self.browser_of(Engine::default()).await
    }

    /// As [`Self::browser`], of another engine.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn browser_of(&self, engine: Engine) -> Result<Browser> {
        Browser::start(engine, &self.profile(), Scheme::default()).await
    }

    /// Options of a client that is on and sends through the proxy; the members of `more` are added or replaced, those
    /// that are null are left out.
    pub fn options(&self, more: &Value) -> Value {
        let mut options = json!({
            "url": format!("http://{}/v1/events", self.proxy.address()),
            "key": KEY,
            "app": APP,
            "release": "1.4.2",
            "env": "test",
            "flag": "ENABLED",
            "debug": true,
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            options[name] = value.clone();
        }
        if let Some(members) = options.as_object_mut() {
            members.retain(|_, value| !value.is_null());
        }
        options
    }

    /// The test page with a client that is on.
    pub fn page(&self) -> String {
        self.page_with(&json!({}))
    }

    /// The test page with a client of these options.
    pub fn page_with(&self, more: &Value) -> String {
        self.any_page("page.html", more)
    }

    /// A page of the site that reads its client's options from the query.
    pub fn any_page(&self, file: &str, more: &Value) -> String {
        let options = self.options(more).to_string();
        let query: String =
            options.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<String>>().concat();
        format!("{}/{file}?options={query}", self.site.origin())
    }

    /// A page of the same origin without telemetry.
    pub fn blank_page(&self) -> String {
        format!("{}/blank.html", self.site.origin())
    }

    /// What the collector has on its disk.
    pub fn journal(&self) -> Journal {
        self.collector.journal()
    }

    /// Loads the test page and waits until the wasm has taken over.
    ///
    /// # Errors
    /// When it never does.
    pub async fn visit(&self, browser: &Browser) -> Result<()> {
        browser.goto(&self.page()).await?;
        until_wasm(browser).await
    }

    /// Lets the page track `n` events whose marks begin with `prefix`, and takes them as the truth.
    ///
    /// # Errors
    /// When the page throws.
    pub async fn track(&mut self, browser: &Browser, prefix: &str, n: u32) -> Result<()> {
        let marks = browser.run("return page.track(...arguments)", &[prefix.into(), n.into()]).await?;
        self.truth.add(&marks)
    }

    /// Waits until the collector has accounted for all that the page tracked: nothing is held, so nothing is sent again.
    ///
    /// # Errors
    /// When it never has.
    pub async fn settled(&self, browser: &Browser) -> Result<Value> {
        wait::until("the page holds nothing", || async {
            let stats = browser.run("return page.telemetry.stats()", &[]).await?;
            Ok((stats["held"] == 0).then_some(stats))
        })
        .await
    }

    /// The browser's profile.
    pub fn profile(&self) -> PathBuf {
        self.path().join("profile")
    }

    /// The folder of everything, deleted with the world.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Waits until the wasm has taken over in the current page.
///
/// # Errors
/// When it never does.
pub async fn until_wasm(browser: &Browser) -> Result<()> {
    browser.wait_for("window.page?.telemetry.stats().mode === 'wasm'").await.map(drop)
}
