//! Two clients of one origin.

use anyhow::Result;
use beaconry_e2e::collector::{KEY, OTHER_APP, OTHER_KEY};
use beaconry_e2e::proxy::Fault;
use serde_json::json;

use crate::case::Case;

const EVENTS: u32 = 100;

/// Under different keys, in two tabs; each has left something, and each delivers its own.
pub(crate) async fn two_keys(case: &mut Case) -> Result<()> {
    case.world.proxy.set(Fault::CutBefore);
    let mine = json!({});
    let other = json!({ "key": OTHER_KEY, "app": OTHER_APP });
    for (name, options) in [("mine", &mine), ("other", &other)] {
        case.options = options.clone();
        case.visit().await?;
        case.track(name, EVENTS).await?;
    }
    case.note_before()?;
    case.world.proxy.set(Fault::Pass);
    case.visit().await?;
    case.browser().await?.open_tab().await?;
    case.options = mine;
    case.visit().await.map(drop)
}

/// Switched off at the collector, which one tab hears of while the other writes on.
pub(crate) async fn switched_off(case: &mut Case) -> Result<()> {
    let browser = case.visit().await?;
    let first = browser.tab().await?;
    case.track("on", EVENTS).await?;
    case.world.settled(&browser).await?;
    browser.open_tab().await?;
    case.visit().await?;
    let second = browser.tab().await?;
    case.note_before()?;
    case.world.collector.set_phase(KEY, "DISABLED")?;
    for (tab, name) in
        [(&first, "first"), (&second, "second"), (&first, "first-again"), (&second, "second-again")]
    {
        browser.switch_to(tab).await?;
        let marks =
            browser.run("return page.trackWhileOn(...arguments)", &[name.into(), EVENTS.into()]).await?;
        case.world.truth.add(&marks)?;
    }
    for tab in [&first, &second] {
        browser.switch_to(tab).await?;
        browser.wait_for("page.telemetry.stats().mode === 'off'").await?;
    }
    Ok(())
}
