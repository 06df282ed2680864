//! A page that dies without a word; the scenarios of the matrix have the other deaths.

use std::time::Duration;

use anyhow::{Result, ensure};
use beaconry_e2e::browser::Browser;
use beaconry_e2e::proxy::Fault;
use beaconry_e2e::wait;
use beaconry_e2e::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_living_tab_adopts_what_a_killed_one_has_left() -> Result<()> {
    let mut world = World::start().await?;
    let browser = world.browser().await?;
    world.visit(&browser).await?;
    let survivor = browser.tab().await?;
    browser.open_tab().await?;
    track_and_die(&mut world, &browser, "dead").await?;
    browser.switch_to(&survivor).await?;
    world.proxy.set(Fault::Pass);
    world.track(&browser, "alive", 10).await?;
    let stored = world.truth.stored_once(&world.journal()).await?;
    ensure!(stored["dead:0"].stream() != stored["alive:0"].stream(), "two pages number in one stream");
    // The books of the dead are closed by who adopted them.
    let delivery = world.journal().delivery(stored["dead:0"].stream())?;
    ensure!(delivery.is_some_and(|line| line.to_string().contains("\"closed\":true")), "the books are open");
    until_no_keys(&browser).await
}

/// By then the disk has nothing of localStorage: what survives is the mirror's.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_killed_a_second_after_the_last_event_loses_nothing() -> Result<()> {
    let mut world = World::start().await?;
    let browser = world.browser().await?;
    world.visit(&browser).await?;
    world.proxy.set(Fault::CutBefore);
    track_and_kill(&mut world, browser, "killed").await?;
    ensure!(world.truth.stored(&world.journal())? == 0, "something was delivered before the death");
    world.proxy.set(Fault::Pass);
    let browser = world.browser().await?;
    world.visit(&browser).await?;
    world.truth.stored_once(&world.journal()).await?;
    until_no_keys(&browser).await
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_that_are_killed_offline_again_and_again_lose_nothing() -> Result<()> {
    let mut world = World::start().await?;
    world.proxy.set(Fault::CutBefore);
    for session in ["first", "second", "third"] {
        let browser = world.browser().await?;
        world.visit(&browser).await?;
        track_and_kill(&mut world, browser, session).await?;
    }
    ensure!(world.truth.stored(&world.journal())? == 0, "something was delivered while offline");
    // Seen by a page that is offline, and not lost with it.
    let browser = world.browser().await?;
    world.visit(&browser).await?;
    let asked = world.proxy.seen().len();
    wait::until_true("the dead are asked about in vain", || {
        world.proxy.seen().iter().skip(asked).any(|seen| seen.body.contains(r#""closed":true"#))
    })
    .await?;
    browser.kill().await?;
    world.proxy.set(Fault::Pass);
    let browser = world.browser().await?;
    world.visit(&browser).await?;
    world.truth.stored_once(&world.journal()).await?;
    until_no_keys(&browser).await
}

/// The promise is a second: no condition tells when it is over.
async fn track_and_kill(world: &mut World, browser: Browser, prefix: &str) -> Result<()> {
    world.track(&browser, prefix, 100).await?;
    browser
        .run(
            "page.telemetry.error(new Error('the last'), { mark: arguments[0] })",
            &[format!("{prefix}:last").into()],
        )
        .await?;
    world.truth.add(&serde_json::json!([format!("{prefix}:last")]))?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    browser.kill().await
}

/// The current tab tracks what nobody hears of, and its renderer is killed as soon as it has said so.
async fn track_and_die(world: &mut World, browser: &Browser, prefix: &str) -> Result<()> {
    world.visit(browser).await?;
    world.proxy.set(Fault::CutBefore);
    world.track(browser, prefix, 200).await?;
    browser.kill_renderer().await?;
    ensure!(world.truth.stored(&world.journal())? == 0, "something was delivered before the death");
    Ok(())
}

/// What was delivered is erased, line by line: only the page's own gate and stream may stay.
async fn until_no_keys(browser: &Browser) -> Result<()> {
    let is_batch = r"/^bcn1:[^:]+:[^:]+:\d+$/.test(key)";
    browser.wait_for(&format!("!page.keys().some((key) => {is_batch})")).await?;
    Ok(())
}
