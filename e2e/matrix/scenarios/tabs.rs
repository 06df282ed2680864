//! Tabs of one origin beside each other.

use anyhow::{Context as _, Result};
use beaconry_e2e::proxy::{Answer, Fault};
use beaconry_e2e::wait;

use crate::case::Case;

const EVENTS: u32 = 50;
const MANY: usize = 10;

/// Seconds of a Retry-After. A page leaves in less, and who adopts waits as long anyway.
const RETRY_AFTER: u64 = 10;

pub(crate) async fn two(case: &mut Case) -> Result<()> {
    offline_then_online(case, 2).await
}

pub(crate) async fn ten(case: &mut Case) -> Result<()> {
    offline_then_online(case, MANY).await
}

/// Nobody comes back: the tabs live on.
async fn offline_then_online(case: &mut Case, tabs: usize) -> Result<()> {
    open(case, tabs).await?;
    case.note_before()?;
    case.world.proxy.set(Fault::Pass);
    Ok(())
}

/// So many tabs, each of which has tracked offline.
async fn open(case: &mut Case, tabs: usize) -> Result<()> {
    case.world.proxy.set(Fault::CutBefore);
    case.in_second_tab().await?;
    for tab in 0..tabs {
        if tab > 0 {
            case.browser().await?.open_tab().await?;
        }
        case.visit().await?;
        case.track(&format!("tab-{tab}"), EVENTS).await?;
    }
    Ok(())
}

/// Ten, of which the last one's renderer is killed before they are online.
pub(crate) async fn one_killed(case: &mut Case) -> Result<()> {
    open(case, MANY).await?;
    case.browser().await?.kill_renderer().await?;
    case.world.proxy.set(Fault::Pass);
    case.after_a_kill().await?;
    case.come_back().await.map(drop)
}

/// A page opens its own address in a tab, which begins with a copy of its sessionStorage, as a duplicated tab does.
pub(crate) async fn duplicated(case: &mut Case) -> Result<()> {
    case.world.proxy.set(Fault::CutBefore);
    let browser = case.visit().await?;
    case.track("original", EVENTS).await?;
    let before = browser.session().windows().await?;
    browser.run("open(location.href); return 0", &[]).await?;
    let copy = wait::until("the tab is duplicated", || async {
        Ok(browser.session().windows().await?.into_iter().find(|tab| !before.contains(tab)))
    })
    .await?;
    browser.switch_to(&copy).await?;
    browser.wait_for("window.page?.telemetry.stats().mode === 'wasm'").await?;
    case.track("copy", EVENTS).await?;
    browser.switch_to(before.first().context("no tab")?).await?;
    case.track("original-again", EVENTS).await?;
    case.note_before()?;
    case.world.proxy.set(Fault::Pass);
    Ok(())
}

/// A page goes into the back/forward cache, another tab delivers what it has left, and it comes back.
pub(crate) async fn back_after_adoption(case: &mut Case) -> Result<()> {
    case.world.proxy.set(Fault::Answer(Answer::throttled_for(RETRY_AFTER)));
    let browser = case.visit().await?;
    let tab = browser.tab().await?;
    case.track("before", EVENTS).await?;
    // A page that waits for an answer is not kept in Firefox: this one has heard, and asks no more for a while.
    browser.wait_for("Object.keys(localStorage).some((key) => key.endsWith(':gate'))").await?;
    browser.goto(&case.world.blank_page()).await?;
    case.note_before()?;
    case.world.proxy.set(Fault::Pass);
    browser.open_tab().await?;
    case.visit().await?;
    case.track("other", EVENTS).await?;
    wait::until("the other tab has delivered all", || async {
        let stored = case.world.truth.stored(&case.world.journal())?;
        Ok((stored == case.world.truth.len()).then_some(()))
    })
    .await?;
    browser.switch_to(&tab).await?;
    browser.session().back().await?;
    browser.wait_for("watched.restored === 1 && !!window.page").await?;
    case.track("after", EVENTS).await?;
    case.world.settled(&browser).await.map(drop)
}
