//! What a browser does to its tabs: it shows, freezes and discards them.

use anyhow::{Result, bail};
use serde_json::{Value, json};
use thirtyfour::WindowHandle;

use crate::browser::{Browser, Engine};
use crate::engine::vendor::{devtools, in_browsers_window};

impl Browser {
    /// Brings a tab to the front: what was there is hidden.
    ///
    /// # Errors
    /// When it is closed.
    pub async fn show(&self, tab: &WindowHandle) -> Result<()> {
        self.switch_to(tab).await?;
        // The other drivers show the tab that they make the current one.
        if self.engine() == Engine::Chromium {
            self.session().cmd(devtools("Page.bringToFront", &json!({}))).await?;
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
        self.session().cmd(devtools("Page.setWebLifecycleState", &json!({ "state": state }))).await?;
        Ok(())
    }

    /// Discards the current tab, as for want of memory, from another one in front of it. Which is the current one then has to be
    /// said.
    ///
    /// # Errors
    /// When the browser does not.
    pub async fn discard(&self) -> Result<()> {
        if self.engine() != Engine::Firefox {
            bail!("only Firefox's driver has tabs discarded");
        }
        let url = self.session().current_url().await?;
        // The tab in front is refused.
        self.open_tab().await?;
        self.session().cmd(in_browsers_window(true)).await?;
        let script = "
            const tab = gBrowser.tabs.find((tab) => tab.linkedBrowser.currentURI.spec === arguments[0]);
            return tab ? gBrowser.discardBrowser(tab, true) : null";
        let discarded = self.run(script, &[url.as_str().into()]).await;
        self.session().cmd(in_browsers_window(false)).await?;
        let discarded: Value = discarded?;
        if discarded != true {
            bail!("the tab is kept: {discarded}");
        }
        self.close_tab().await
    }
}
