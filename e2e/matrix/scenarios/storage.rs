//! Storages that are full, blocked or missing, and more events than beacons take.

use anyhow::Result;
use beaconry_e2e::browser::{Browser, SiteData};

use crate::case::Case;

const EVENTS: u32 = 100;

/// Five thousand events in one task; then the tab is closed.
pub(crate) async fn burst(case: &mut Case) -> Result<()> {
    close_after(case, "burst", 5_000).await
}

/// localStorage is full before the page is opened for the first time.
pub(crate) async fn full_before(case: &mut Case) -> Result<()> {
    let browser = case.browser().await?;
    browser.goto(&case.world.blank_page()).await?;
    fill(&browser).await?;
    close_after(case, "full", EVENTS).await
}

/// localStorage gets full while the page tracks.
pub(crate) async fn full_midway(case: &mut Case) -> Result<()> {
    let browser = case.in_second_tab().await?;
    case.visit().await?;
    case.track("before", EVENTS).await?;
    fill(&browser).await?;
    case.track("after", EVENTS).await?;
    case.close_tab().await?;
    case.come_back().await.map(drop)
}

/// The browser's settings let no site keep anything.
pub(crate) async fn blocked(case: &mut Case) -> Result<()> {
    case.site_data = SiteData::Blocked;
    close_after(case, "blocked", EVENTS).await
}

/// There is no IndexedDB.
pub(crate) async fn without_indexed_db(case: &mut Case) -> Result<()> {
    case.query = "&without=indexedDB";
    close_after(case, "one-storage", EVENTS).await
}

async fn close_after(case: &mut Case, prefix: &str, events: u32) -> Result<()> {
    case.in_second_tab().await?;
    case.visit().await?;
    case.track(prefix, events).await?;
    case.close_tab().await?;
    case.come_back().await.map(drop)
}

/// The site itself stores until nothing more fits, not even a character.
async fn fill(browser: &Browser) -> Result<()> {
    let script = "
        for (let size = 1 << 20, n = 0; size >= 1; ) {
          try {
            localStorage.setItem(`filling-${n}`, 'x'.repeat(size));
            n++;
          } catch {
            size >>= 1;
          }
        }";
    browser.run(script, &[]).await.map(drop)
}
