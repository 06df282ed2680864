//! Whole sessions without a network.

use anyhow::Result;
use beaconry_e2e::proxy::{Fault, Seen};
use beaconry_e2e::wait;
use beaconry_e2e::world::until_wasm;

use crate::case::Case;

const EVENTS: u32 = 100;

/// One session: two pages, each of which has tried in vain; then it is reloaded online.
pub(crate) async fn one_session(case: &mut Case) -> Result<()> {
    case.world.proxy.set(Fault::CutBefore);
    let browser = case.visit().await?;
    case.track("first", EVENTS).await?;
    browser.session().refresh().await?;
    until_wasm(&browser).await?;
    case.track("second", EVENTS).await?;
    wait::until_true("it was tried in vain", || case.world.proxy.count(Seen::has_batches) > 0).await?;
    case.note_before()?;
    case.world.proxy.set(Fault::Pass);
    browser.session().refresh().await?;
    until_wasm(&browser).await
}

/// Three sessions, each of a browser that is closed; then one online.
pub(crate) async fn three_sessions(case: &mut Case) -> Result<()> {
    case.world.proxy.set(Fault::CutBefore);
    for session in 0..3 {
        let browser = case.visit().await?;
        case.track(&format!("session-{session}"), EVENTS).await?;
        case.forget_browser();
        browser.close_window().await?;
    }
    case.note_before()?;
    case.world.proxy.set(Fault::Pass);
    case.come_back().await.map(drop)
}
