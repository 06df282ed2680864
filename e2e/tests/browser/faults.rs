//! What a server says of when to come back; the scenarios of the matrix have the rest of what servers do.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use beaconry_e2e::proxy::{Answer, Fault, Seen, delay};
use beaconry_e2e::wait;
use beaconry_e2e::world::World;

/// Timers of a browser may be a little early; a clock that was read before the answer was sent may not.
const TIMER_ERROR: Duration = Duration::from_millis(10);

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_in_seconds_holds_every_tab_of_the_origin() -> Result<()> {
    const WAIT: u64 = 12;
    let mut world = World::start().await?;
    let browser = world.browser().await?;
    world.visit(&browser).await?;
    world.proxy.set(Fault::Answer(Answer::throttled_for(WAIT)));
    world.track(&browser, "first", 20).await?;
    let told = told_to_wait(&world).await?;
    world.proxy.set(Fault::Pass);
    browser.open_tab().await?;
    world.visit(&browser).await?;
    world.track(&browser, "second", 20).await?;
    ensure!(told.elapsed() < Duration::from_secs(WAIT), "the machine is too slow for this test");
    world.truth.stored_once(&world.journal()).await?;
    let delay = delay(&world.proxy.seen(), told, is_fetch).context("nothing was sent again")?;
    ensure!(delay + TIMER_ERROR >= Duration::from_secs(WAIT), "sent after {delay:?}");
    Ok(())
}

/// When the first answer said to wait.
async fn told_to_wait(world: &World) -> Result<Instant> {
    wait::until("a request was throttled", || async {
        let seen = world.proxy.seen();
        Ok(seen.iter().find(|seen| seen.status.is_some_and(|status| status == 429)).map(|seen| seen.at))
    })
    .await
}

/// Beacons on exit may go out all the same.
fn is_fetch(seen: &Seen) -> bool {
    !seen.is_beacon && seen.method == "POST"
}
