//! Networks and servers that fail: nothing is lost, nothing is stored twice.

use std::time::{Duration, Instant, SystemTime};

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

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_as_a_date_is_honoured() -> Result<()> {
    let mut world = World::start().await?;
    let browser = world.browser().await?;
    world.visit(&browser).await?;
    // An HTTP date has whole seconds: of six, at least five are left.
    let date = SystemTime::now() + Duration::from_secs(6);
    world.proxy.set(Fault::Answer(Answer::throttled_until(date)));
    browser.run("page.telemetry.flush(); return 0", &[]).await?;
    world.track(&browser, "t", 20).await?;
    browser.run("page.telemetry.error(new Error('due at once'), { mark: 't:error' })", &[]).await?;
    world.truth.add(&serde_json::json!(["t:error"]))?;
    let told = told_to_wait(&world).await?;
    let left = date.duration_since(SystemTime::now()).unwrap_or_default();
    world.proxy.set(Fault::Pass);
    world.settled(&browser).await?;
    world.truth.stored_once(&world.journal()).await?;
    let delay = delay(&world.proxy.seen(), told, is_fetch).context("nothing was sent again")?;
    // A second for the date's, and one for that of the Date by which the browser reads it.
    ensure!(delay + Duration::from_secs(2) >= left, "sent after {delay:?}, {left:?} before the date");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_fails_and_heals_gets_everything_once() -> Result<()> {
    heals(Fault::Answer(Answer::unavailable())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_html_with_status_200_confirms_nothing() -> Result<()> {
    heals(Fault::Answer(Answer::html())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_413_that_is_not_the_collectors_drops_nothing() -> Result<()> {
    heals(Fault::Answer(Answer::too_large())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_connections_drop_nothing() -> Result<()> {
    heals(Fault::CutBefore).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_stored_when_the_answer_was_cut_is_not_stored_twice() -> Result<()> {
    let mut world = World::start().await?;
    let browser = world.browser().await?;
    world.visit(&browser).await?;
    world.proxy.set(Fault::CutAfter);
    world.track(&browser, "c", 100).await?;
    wait::until("it is stored", || async {
        Ok((world.truth.stored(&world.journal())? == world.truth.len()).then_some(()))
    })
    .await?;
    let stats = browser.run("return page.telemetry.stats()", &[]).await?;
    ensure!(stats["held"] == 100, "no answer has come, and the page's books are {stats}");
    world.proxy.set(Fault::Pass);
    let stats = world.settled(&browser).await?;
    ensure!(stats["delivered"] == 100, "the page's books: {stats}");
    world.truth.stored_once(&world.journal()).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_goes_while_its_request_hangs_loses_nothing() -> Result<()> {
    let mut world = World::start().await?;
    let browser = world.browser().await?;
    world.visit(&browser).await?;
    world.proxy.set(Fault::Hang);
    world.track(&browser, "h", 100).await?;
    wait::until_true("a request hangs", || world.proxy.count(Seen::has_batches) > 0).await?;
    browser.goto(&world.blank_page()).await?;
    world.proxy.set(Fault::Pass);
    world.visit(&browser).await?;
    world.truth.stored_once(&world.journal()).await?;
    Ok(())
}

/// The client tries at least twice in vain, keeps all, and delivers all when the fault is over.
async fn heals(fault: Fault) -> Result<()> {
    let mut world = World::start().await?;
    let browser = world.browser().await?;
    world.visit(&browser).await?;
    world.proxy.set(fault);
    world.track(&browser, "f", 100).await?;
    wait::until_true("it was tried twice in vain", || world.proxy.count(Seen::has_batches) >= 2).await?;
    let stats = browser.run("return page.telemetry.stats()", &[]).await?;
    ensure!(stats["held"] == 100 && stats["delivered"] == 0, "the page's books: {stats}");
    world.proxy.set(Fault::Pass);
    let stats = world.settled(&browser).await?;
    ensure!(stats["delivered"] == 100, "the page's books: {stats}");
    world.truth.stored_once(&world.journal()).await?;
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
