//! One run of a scenario: a world of its own, a browser, and at the end what became of each event.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use beaconry_e2e::browser::{Browser, Engine, Scheme, SiteData};
use beaconry_e2e::wait;
use beaconry_e2e::world::{World, until_wasm};
use serde_json::{Value, json};
use thirtyfour::WindowHandle;

use crate::outcome::Outcome;
use crate::table::Scenario;

/// How long the user is away at most: what is stored by then is shown as stored before the return.
const AWAY: Duration = Duration::from_secs(2);

/// What a run is given once the user is back. A stream is adopted when it is ten seconds old, a tab looks for dead ones once a
/// minute, and the machine may be slow.
const BACK: Duration = Duration::from_secs(100);

/// What a scenario works with.
pub(crate) struct Case {
    pub(crate) engine: Engine,
    pub(crate) world: World,
    /// The client's options, beside those of [`World::options`].
    pub(crate) options: Value,
    pub(crate) site_data: SiteData,
    /// What the page's query says beside the options, such as `&without=indexedDB`.
    pub(crate) query: &'static str,
    browser: Option<Arc<Browser>>,
    first: Option<WindowHandle>,
    /// How many were stored before the user came back.
    before: Option<usize>,
}

impl Case {
    /// Runs a scenario in an engine, from its beginning to what became of its events.
    pub(crate) async fn run(engine: Engine, scenario: &Scenario) -> Outcome {
        let mut case = match Self::new(engine).await {
            Ok(case) => case,
            Err(error) => return Outcome::failed(&error),
        };
        if let Err(error) = (scenario.run)(&mut case).await {
            // Whatever the page did up to there is looked at all the same.
            let outcome = case.outcome().unwrap_or_default();
            return Outcome { failed: Some(format!("{error:#}")), ..outcome };
        }
        let compared = async {
            let mut outcome = case.until_accounted(scenario.may_drop).await?;
            outcome.compare(&case.world.collector.delivery()?);
            Ok(outcome)
        };
        compared.await.unwrap_or_else(|error| Outcome::failed(&error))
    }

    async fn new(engine: Engine) -> Result<Self> {
        let world = World::start().await?;
        let (options, site_data) = (json!({}), SiteData::default());
        Ok(Self { engine, world, options, site_data, query: "", browser: None, first: None, before: None })
    }

    /// The browser: the one that runs, else one with the profile of the one before.
    pub(crate) async fn browser(&mut self) -> Result<Arc<Browser>> {
        if let Some(browser) = &self.browser {
            return Ok(Arc::clone(browser));
        }
        let profile = self.world.profile();
        let started = Browser::start_with(self.engine, &profile, Scheme::default(), self.site_data).await;
        let browser = Arc::new(started.context("the browser does not start")?);
        self.browser = Some(Arc::clone(&browser));
        Ok(browser)
    }

    /// The browser is gone, or is to go; the next one has its profile.
    pub(crate) fn forget_browser(&mut self) {
        self.browser = None;
    }

    /// Opens the test page in the current tab, and waits until the wasm has taken over.
    pub(crate) async fn visit(&mut self) -> Result<Arc<Browser>> {
        let browser = self.open().await?;
        until_wasm(&browser).await?;
        Ok(browser)
    }

    /// Opens the test page in the current tab, whoever writes in it.
    pub(crate) async fn open(&mut self) -> Result<Arc<Browser>> {
        let browser = self.browser().await?;
        browser.goto(&format!("{}{}", self.world.page_with(&self.options), self.query)).await?;
        browser.wait_for("!!window.page").await?;
        Ok(browser)
    }

    /// Opens a tab in front of an empty one, which stays when it is closed.
    pub(crate) async fn in_second_tab(&mut self) -> Result<Arc<Browser>> {
        let browser = self.browser().await?;
        self.first = Some(browser.tab().await?);
        browser.open_tab().await?;
        Ok(browser)
    }

    /// Closes that tab.
    pub(crate) async fn close_tab(&mut self) -> Result<()> {
        let browser = self.browser().await?;
        browser.close_tab().await?;
        self.back_in_first_tab().await
    }

    /// Goes on where a renderer was killed: in the tab that was first, else with the browser started again.
    pub(crate) async fn after_a_kill(&mut self) -> Result<()> {
        if self.engine.outlives_renderers() {
            return self.back_in_first_tab().await;
        }
        self.browser().await?.kill().await?;
        self.forget_browser();
        self.left().await
    }

    /// Goes to the tab that was first.
    pub(crate) async fn back_in_first_tab(&mut self) -> Result<()> {
        let browser = self.browser().await?;
        browser.switch_to(self.first.as_ref().context("there is one tab only")?).await?;
        self.left().await
    }

    /// Lets the current page track `n` events in one task.
    pub(crate) async fn track(&mut self, prefix: &str, n: u32) -> Result<()> {
        let browser = self.browser().await?;
        self.world.track(&browser, prefix, n).await
    }

    /// The user has left: what comes by itself comes within two seconds.
    pub(crate) async fn left(&mut self) -> Result<()> {
        let start = Instant::now();
        wait::until("the user is away", || async {
            let stored = self.world.truth.stored(&self.world.journal())?;
            Ok((stored == self.world.truth.len() || start.elapsed() > AWAY).then_some(()))
        })
        .await?;
        self.note_before()
    }

    /// What is stored now is stored before the user comes back.
    pub(crate) fn note_before(&mut self) -> Result<()> {
        self.before = Some(self.world.truth.stored(&self.world.journal())?);
        Ok(())
    }

    /// The user opens the page again.
    pub(crate) async fn come_back(&mut self) -> Result<Arc<Browser>> {
        if self.before.is_none() {
            self.note_before()?;
        }
        self.visit().await
    }

    /// Waits until every event is stored, or where the scenario may drop, is counted; at the deadline, what there is.
    async fn until_accounted(&self, may_drop: bool) -> Result<Outcome> {
        let start = Instant::now();
        loop {
            let outcome = self.outcome()?;
            let is_there = outcome.stored + if may_drop { outcome.dropped() } else { 0 } >= outcome.accepted;
            if is_there || start.elapsed() > BACK {
                return Ok(outcome);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn outcome(&self) -> Result<Outcome> {
        let fates = self.world.truth.fates(&self.world.journal())?;
        Ok(Outcome {
            accepted: self.world.truth.len(),
            before: self.before.unwrap_or(fates.stored),
            stored: fates.stored,
            twice: fates.twice,
            unknown: fates.unknown,
            dropped: fates.dropped,
            missing: fates.missing,
            thrown: self.world.site.thrown(),
            differs: None,
            failed: None,
            seconds: 0.0,
        })
    }
}
