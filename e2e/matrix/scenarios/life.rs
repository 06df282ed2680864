//! Pages that are hidden, frozen and discarded.

use anyhow::Result;

use crate::case::Case;

const EVENTS: u32 = 100;
const TIMES: u32 = 100;

/// Hidden by another tab and shown again, with an event each time. The other tab is told when: who is quicker than the browser has
/// hidden nothing.
pub(crate) async fn hidden(case: &mut Case) -> Result<()> {
    let browser = case.visit().await?;
    let page = browser.tab().await?;
    let tell = "
        const channel = new BroadcastChannel('hidden');
        document.addEventListener('visibilitychange', () => document.hidden && channel.postMessage(0))";
    browser.run(tell, &[]).await?;
    let other = browser.open_tab().await?;
    browser.goto(&case.world.blank_page()).await?;
    let count = "window.told = 0; new BroadcastChannel('hidden').onmessage = () => window.told++";
    browser.run(count, &[]).await?;
    for time in 1..=TIMES {
        browser.show(&page).await?;
        browser.wait_for("document.visibilityState === 'visible'").await?;
        case.track(&format!("shown-{time}"), 1).await?;
        browser.show(&other).await?;
        browser.wait_for(&format!("told >= {time}")).await?;
    }
    browser.show(&page).await?;
    case.world.settled(&browser).await.map(drop)
}

/// Frozen by the browser while another tab hides it, thawed, and shown again.
pub(crate) async fn frozen(case: &mut Case) -> Result<()> {
    let browser = case.visit().await?;
    browser
        .run("document.addEventListener('freeze', () => page.track('freezing', 1), { capture: true })", &[])
        .await?;
    case.world.truth.add(&serde_json::json!(["freezing:0"]))?;
    case.track("before", EVENTS).await?;
    let page = browser.tab().await?;
    browser.open_tab().await?;
    browser.switch_to(&page).await?;
    browser.freeze(true).await?;
    case.left().await?;
    browser.freeze(false).await?;
    browser.show(&page).await?;
    case.track("after", EVENTS).await?;
    case.world.settled(&browser).await.map(drop)
}

/// Discarded by the browser, as one does whose memory is short; the user returns to the tab.
pub(crate) async fn discarded(case: &mut Case) -> Result<()> {
    case.in_second_tab().await?;
    let browser = case.visit().await?;
    case.track("before", EVENTS).await?;
    browser.discard().await?;
    case.back_in_first_tab().await?;
    case.come_back().await.map(drop)
}
