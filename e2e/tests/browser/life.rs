//! Pages that are hidden, kept and shown again.

use anyhow::{Result, ensure};
use beaconry_e2e::proxy::Seen;
use beaconry_e2e::wait;
use beaconry_e2e::world::{World, until_wasm};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_tab_that_is_covered_sends_by_beacon() -> Result<()> {
    let mut world = World::start().await?;
    let browser = world.browser().await?;
    // Nothing but the hiding is a reason to send.
    browser.goto(&world.page_with(&json!({ "limits": { "flushAfter": 86_400_000 } }))).await?;
    until_wasm(&browser).await?;
    browser.run("return page.telemetry.event('covered', { mark: 'h:0' })", &[]).await?;
    world.truth.add(&json!(["h:0"]))?;
    let covered = browser.tab().await?;
    let has_it = |seen: &Seen| seen.body.contains("h:0");
    ensure!(world.proxy.count(has_it) == 0, "it was sent before the tab was hidden");
    browser.open_tab().await?;
    wait::until_true("a beacon brings it", || world.proxy.count(|seen| seen.is_beacon && has_it(seen)) == 1)
        .await?;
    browser.switch_to(&covered).await?;
    browser.wait_for("watched.hidden").await?;
    world.truth.stored_once(&world.journal()).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_from_the_back_forward_cache_goes_on_under_a_new_stream() -> Result<()> {
    let mut world = World::start().await?;
    let browser = world.browser().await?;
    world.visit(&browser).await?;
    world.track(&browser, "before", 20).await?;
    browser.goto(&world.blank_page()).await?;
    browser.session().back().await?;
    browser.wait_for("watched.restored === 1 && window.page").await?;
    world.track(&browser, "after", 20).await?;
    world.settled(&browser).await?;
    let stored = world.truth.stored_once(&world.journal()).await?;
    ensure!(stored["before:0"].stream() != stored["after:0"].stream(), "numbers of a closed stream");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vital_that_is_reported_while_the_page_goes_is_stored() -> Result<()> {
    let mut world = World::start().await?;
    let browser = world.browser().await?;
    world.visit(&browser).await?;
    browser
        .run("addEventListener('pagehide', () => page.telemetry.vital('CLS', 0.1, { mark: 'v:0' }))", &[])
        .await?;
    world.truth.add(&json!(["v:0"]))?;
    browser.goto(&world.blank_page()).await?;
    world.truth.stored_once(&world.journal()).await?;
    Ok(())
}
