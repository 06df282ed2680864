//! Users who leave in the ways that browsers tell the page of.

use anyhow::Result;
use beaconry_e2e::world::until_wasm;

use crate::case::Case;

const EVENTS: u32 = 100;

/// A page that is open until all is delivered, with events before and after the wasm.
pub(crate) async fn normal(case: &mut Case) -> Result<()> {
    let browser = case.open().await?;
    case.track("early", EVENTS).await?;
    until_wasm(&browser).await?;
    case.track("late", EVENTS).await?;
    case.world.settled(&browser).await.map(drop)
}

/// The page goes in the task of its last `track`, and the user comes back.
pub(crate) async fn navigation(case: &mut Case) -> Result<()> {
    let browser = case.visit().await?;
    case.track("first", EVENTS).await?;
    let script =
        "const marks = page.track('last', arguments[0]); location.href = '/blank.html'; return marks";
    let marks = browser.run(script, &[EVENTS.into()]).await?;
    case.world.truth.add(&marks)?;
    browser.wait_for("location.pathname === '/blank.html'").await?;
    case.left().await?;
    case.come_back().await.map(drop)
}

/// The tab is closed right after the last `track`; another tab of the browser stays.
pub(crate) async fn tab_closed(case: &mut Case) -> Result<()> {
    case.in_second_tab().await?;
    case.visit().await?;
    case.track("closed", EVENTS).await?;
    case.close_tab().await?;
    case.come_back().await.map(drop)
}

/// The only window is closed right after the last `track`: the browser ends, and is started again.
pub(crate) async fn window_closed(case: &mut Case) -> Result<()> {
    let browser = case.visit().await?;
    case.track("closed", EVENTS).await?;
    case.forget_browser();
    browser.close_window().await?;
    drop(browser);
    case.left().await?;
    case.come_back().await.map(drop)
}
