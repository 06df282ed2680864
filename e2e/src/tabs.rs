//! What a browser does to its tabs: it shows, freezes and discards them.

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use thirtyfour::WindowHandle;

use crate::browser::{Browser, Engine};
use crate::engine::vendor::{devtools, in_browsers_window};
use crate::wait;

impl Browser {
    /// Brings a tab to the front: what was there is hidden.
    ///
    /// # Errors
    /// When it is closed.
    pub async fn show(&self, tab: &WindowHandle) -> Result<()> {
        self.switch_to(tab).await?;
        // The other drivers show the tab that they make the current one.
        if self.engine() == Engine::Chromium {
            self.session().cmd(devtools("Page.bringToFront", json!({}))).await?;
        }
        Ok(())
    }

    /// Freezes the current tab's page, or thaws it.
    ///
    /// # Errors
    /// When the driver cannot.
    pub async fn freeze(&self, is_frozen: bool) -> Result<()> {
        if self.engine() != Engine::Chromium {
            bail!("only Chromium's driver freezes pages");
        }
        let state = if is_frozen { "frozen" } else { "active" };
        self.session().cmd(devtools("Page.setWebLifecycleState", json!({ "state": state }))).await?;
        Ok(())
    }

    /// Discards a tab that is behind the current one, as for want of memory; the current one has to show a page of the site.
    ///
    /// # Errors
    /// When the browser does not.
    pub async fn discard(&self, tab: &WindowHandle) -> Result<()> {
        match self.engine() {
            Engine::Chromium => self.discard_by_its_page(tab).await,
            Engine::Firefox => self.discard_in_its_window().await,
            Engine::WebKit => bail!("WebKitGTK discards no tabs"),
        }
    }

    /// `chrome://discards` has a link for it.
    async fn discard_by_its_page(&self, tab: &WindowHandle) -> Result<()> {
        self.switch_to(tab).await?;
        let title = self.run("return document.title", &[]).await?;
        self.open_tab().await?;
        self.goto("chrome://discards/").await?;
        let script = "
            const main = document.querySelector('discards-main').shadowRoot.querySelector('discards-tab');
            const rows = [...(main?.shadowRoot.querySelectorAll('tbody tr') ?? [])];
            const row = rows.find((row) => row.textContent.includes(arguments[0]));
            const link = row?.querySelector('.is-discarded-link, .discard-link, [is=action-link]');
            return link ? (link.click(), true) : false";
        wait::until("the browser lists the tab", || async {
            Ok((self.run(script, std::slice::from_ref(&title)).await? == true).then_some(()))
        })
        .await
    }

    /// Firefox's own window has a function for it, which refuses the tab in front.
    async fn discard_in_its_window(&self) -> Result<()> {
        self.session().cmd(in_browsers_window(true)).await?;
        let script = "
            const behind = gBrowser.tabs.filter((tab) => !tab.selected && tab.linkedBrowser.currentURI.spec.startsWith('http'));
            return behind.map((tab) => gBrowser.discardBrowser(tab, true))";
        let discarded = self.run(script, &[]).await;
        self.session().cmd(in_browsers_window(false)).await?;
        let discarded: Value = discarded?;
        let is_one = discarded.as_array().context("a list")?.iter().any(|is_discarded| is_discarded == true);
        if is_one { Ok(()) } else { bail!("the tab is kept: {discarded}") }
    }
}
