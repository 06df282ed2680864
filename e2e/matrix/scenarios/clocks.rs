//! Clocks that are wrong, or go on for longer than a test: the page's, never the machine's (`pages/clock.js`).

use anyhow::Result;
use beaconry_e2e::proxy::{Fault, Seen};
use beaconry_e2e::wait;

use crate::case::Case;

const EVENTS: u32 = 100;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Set back an hour, between `track` and delivery.
pub(crate) async fn hour_back(case: &mut Case) -> Result<()> {
    set(case, -HOUR_MS).await
}

/// Set forward a week, between `track` and delivery.
pub(crate) async fn week_forward(case: &mut Case) -> Result<()> {
    set(case, 7 * DAY_MS).await
}

/// The clock stays as it was set when the page is reloaded.
async fn set(case: &mut Case, ms: i64) -> Result<()> {
    case.world.proxy.set(Fault::CutBefore);
    let browser = case.visit().await?;
    case.track("before", EVENTS).await?;
    wait::until_true("it was tried in vain", || case.world.proxy.count(Seen::has_batches) > 0).await?;
    browser.run("clock.set(arguments[0])", &[ms.into()]).await?;
    case.track("after", EVENTS).await?;
    case.note_before()?;
    case.world.proxy.set(Fault::Pass);
    case.come_back().await.map(drop)
}

/// A tab that is used every day for forty days.
pub(crate) async fn forty_days(case: &mut Case) -> Result<()> {
    let browser = case.visit().await?;
    for day in 0..40 {
        case.track(&format!("day-{day}"), 5).await?;
        case.world.settled(&browser).await?;
        browser.run("clock.pass(arguments[0])", &[DAY_MS.into()]).await?;
    }
    case.track("last", 5).await?;
    case.come_back().await.map(drop)
}
