//! What a browser does to its tabs: it shows, freezes and discards them.

use anyhow::{Result, bail};
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

    /// Discards the current tab, as for want of memory, from another one in front of it. Which is the current one then has to be
    /// said.
    ///
    /// # Errors
    /// When the browser does not.
    pub async fn discard(&self) -> Result<()> {
        let url = self.session().current_url().await?;
        self.open_tab().await?;
        match self.engine() {
            Engine::Chromium => self.discard_by_its_page(url.as_str()).await?,
            Engine::Firefox => self.discard_in_its_window(url.as_str()).await?,
            Engine::WebKit => bail!("WebKitGTK discards no tabs"),
        }
        self.close_tab().await
    }

    /// `chrome://discards` lists the tabs, with a link for it.
    async fn discard_by_its_page(&self, url: &str) -> Result<()> {
        self.goto("chrome://discards/").await?;
        let script = "
            const main = document.querySelector('discards-main')?.shadowRoot.querySelector('discards-tab');
            const rows = [...(main?.shadowRoot?.querySelectorAll('tbody tr') ?? [])];
            const row = rows.find((row) => row.querySelector('.tab-url-cell').textContent === arguments[0]);
            const links = [...(row?.querySelectorAll('.actions-cell [is=action-link]') ?? [])];
            links.find((link) => link.textContent.includes('Urgent Discard'))?.click();
            return row?.textContent ?? ''";
        wait::until("the browser has discarded the tab", || async {
            let row = self.run(script, &[url.into()]).await?;
            Ok(row.as_str().is_some_and(|row| row.contains("discarded")).then_some(()))
        })
        .await
    }

    /// Firefox's own window has a function for it, which refuses the tab in front.
    async fn discard_in_its_window(&self, url: &str) -> Result<()> {
        self.session().cmd(in_browsers_window(true)).await?;
        let script = "
            const tab = gBrowser.tabs.find((tab) => tab.linkedBrowser.currentURI.spec === arguments[0]);
            return tab ? gBrowser.discardBrowser(tab, true) : null";
        let discarded = self.run(script, &[url.into()]).await;
        self.session().cmd(in_browsers_window(false)).await?;
        match discarded? {
            Value::Bool(true) => Ok(()),
            other => bail!("the tab is kept: {other}"),
        }
    }
}
