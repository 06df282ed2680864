//! Without the wasm, and with options that are wrong: the app never notices.

use anyhow::{Result, ensure};
use beaconry_e2e::browser::Browser;
use beaconry_e2e::proxy::{Fault, Seen};
use beaconry_e2e::wait;
use beaconry_e2e::world::World;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn without_its_wasm_a_page_delivers_on_its_way_out() -> Result<()> {
    let mut world = World::start().await?;
    let browser = world.browser().await?;
    world.site.remove(".wasm");
    browser.goto(&world.page()).await?;
    browser.wait_for("window.page?.telemetry.stats().mode === 'degraded'").await?;
    world.track(&browser, "d", 100).await?;
    browser.goto(&world.blank_page()).await?;
    world.truth.stored_once(&world.journal()).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_page_without_wasm_could_not_send_a_later_visit_drains() -> Result<()> {
    let mut world = World::start().await?;
    let browser = world.browser().await?;
    world.site.remove(".wasm");
    world.proxy.set(Fault::CutBefore);
    browser.goto(&world.page()).await?;
    browser.wait_for("window.page?.telemetry.stats().mode === 'degraded'").await?;
    world.track(&browser, "d", 100).await?;
    browser.goto(&world.blank_page()).await?;
    world.proxy.set(Fault::Pass);
    world.site.restore();
    world.visit(&browser).await?;
    world.truth.stored_once(&world.journal()).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_wasm_a_flush_delivers_and_erases() -> Result<()> {
    let mut world = World::start().await?;
    let browser = world.browser().await?;
    world.site.remove(".wasm");
    drains(&mut world, &browser, "page.html").await
}

#[tokio::test(flavor = "multi_thread")]
async fn under_a_policy_that_refuses_the_wasm_a_flush_delivers_and_erases() -> Result<()> {
    let mut world = World::start().await?;
    let browser = world.browser().await?;
    drains(&mut world, &browser, "policy.html").await
}

#[tokio::test(flavor = "multi_thread")]
async fn visits_without_wasm_and_without_network_are_delivered_by_one_without_wasm() -> Result<()> {
    let mut world = World::start().await?;
    let browser = world.browser().await?;
    world.site.remove(".wasm");
    world.proxy.set(Fault::CutBefore);
    for visit in ["first", "second", "third"] {
        browser.goto(&world.page()).await?;
        browser.wait_for(DEGRADED).await?;
        world.track(&browser, visit, 100).await?;
        browser.goto(&world.blank_page()).await?;
    }
    ensure!(world.truth.stored(&world.journal())? == 0, "the network was to be cut");
    world.proxy.set(Fault::Pass);
    browser.goto(&world.page()).await?;
    world.truth.stored_once(&world.journal()).await?;
    browser.wait_for(ERASED).await?;
    let stats = browser.run("return page.telemetry.stats()", &[]).await?;
    ensure!(stats["mode"] == "degraded" && stats["delivered"] == 300, "the page's books: {stats}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_without_wasm_is_delivered_whole_although_no_beacon_takes_it() -> Result<()> {
    let mut world = World::start().await?;
    let browser = world.browser().await?;
    world.site.remove(".wasm");
    browser.goto(&world.page()).await?;
    browser.wait_for(DEGRADED).await?;
    world.track(&browser, "burst", 5_000).await?;
    browser.goto(&world.blank_page()).await?;
    browser.goto(&world.page()).await?;
    world.truth.stored_once(&world.journal()).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn wasm_that_comes_later_goes_on_where_the_drain_stopped() -> Result<()> {
    let mut world = World::start().await?;
    let browser = world.browser().await?;
    world.site.remove(".wasm");
    browser.goto(&world.page()).await?;
    browser.wait_for(DEGRADED).await?;
    world.proxy.set(Fault::Hang);
    world.track(&browser, "before", 100).await?;
    browser.run("page.telemetry.flush(); return 0", &[]).await?;
    wait::until_true("the drain's request hangs", || world.proxy.count(Seen::has_batches) > 0).await?;
    world.track(&browser, "meanwhile", 100).await?;
    world.site.restore();
    browser.run("page.telemetry.flush({ timeout: 0 }); return 0", &[]).await?;
    browser.wait_for("page.telemetry.stats().mode === 'wasm'").await?;
    world.track(&browser, "after", 100).await?;
    world.proxy.set(Fault::Pass);
    world.truth.stored_once(&world.journal()).await?;
    browser.wait_for(ERASED).await?;
    Ok(())
}

const DEGRADED: &str = "window.page?.telemetry.stats().mode === 'degraded'";

/// No batch is stored any more.
const ERASED: &str = "window.page?.keys().every((key) => !/:\\d+$/.test(key))";

/// A page without wasm delivers when it is asked to, keeps nothing, and throws nothing.
async fn drains(world: &mut World, browser: &Browser, file: &str) -> Result<()> {
    browser.goto(&world.any_page(file, &json!({}))).await?;
    world.track(browser, "d", 100).await?;
    let flushed = browser.run("return page.telemetry.flush()", &[]).await?;
    ensure!(flushed == json!({ "delivered": 100, "held": 0, "dropped": 0 }), "flush says {flushed}");
    let stored = world.truth.stored(&world.journal())?;
    ensure!(stored == 100, "the page was told that 100 are delivered, and {stored} are stored");
    let stats = browser.run("return page.telemetry.stats()", &[]).await?;
    ensure!(stats["mode"] == "degraded" && stats["storedBytes"] == 0, "the page's books: {stats}");
    browser.wait_for(ERASED).await?;
    let thrown = browser.run("return watched.errors", &[]).await?;
    ensure!(thrown == json!([]), "the app saw {thrown}");
    world.truth.stored_once(&world.journal()).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_calls_are_stored_in_a_documented_form_and_named_once() -> Result<()> {
    let world = World::start().await?;
    let browser = world.browser().await?;
    world.visit(&browser).await?;
    let calls = "
        const { track, log, error, metric, event } = page.telemetry; // apart from their object
        track('click', { x: 1 });
        track('click', { x: 2 });
        track('log');
        track('metric', 5);
        track('event', null);
        error();
        metric('ratio', NaN);
        event('ordered', 'no object');
        log('info', 'taken', { message: 'data cannot rename an event' });";
    browser.run(calls, &[]).await?;
    let stats = world.settled(&browser).await?;
    ensure!(stats["tracked"] == 9 && stats["delivered"] == 9, "the page's books: {stats}");
    let mut events = world.journal().events()?;
    events.sort_by_key(|event| event.number());
    let stored: Vec<Value> = events.iter().map(|event| json!([event.line["type"], event.data()])).collect();
    let expected = [
        json!(["event", { "name": "click", "x": 1 }]),
        json!(["event", { "name": "click", "x": 2 }]),
        json!(["log", {}]),
        json!(["metric", { "value": 5 }]),
        json!(["event", {}]),
        json!(["error", { "handled": true, "message": "null" }]),
        json!(["metric", { "name": "ratio", "value": "NaN" }]),
        json!(["event", { "name": "ordered", "data": "no object" }]),
        json!(["log", { "level": "info", "message": "taken" }]),
    ];
    for (stored, expected) in stored.iter().zip(&expected) {
        ensure!(stored == expected, "stored {stored}, not {expected}");
    }
    ensure!(stored.len() == expected.len(), "{} events", stored.len());
    let warnings =
        browser.run("return watched.warnings.filter((text) => text.includes('type'))", &[]).await?;
    ensure!(warnings.as_array().is_some_and(|all| all.len() == 1), "debug mode says {warnings}");
    let thrown = browser.run("return watched.errors", &[]).await?;
    ensure!(thrown == json!([]), "the app saw {thrown}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_options_are_named_and_the_app_goes_on() -> Result<()> {
    let world = World::start().await?;
    let browser = world.browser().await?;
    for (option, wrong) in [
        ("url", json!(5)),
        ("url", json!("ftp://127.0.0.1/v1/events")),
        ("key", Value::Null),
        ("key", json!("")),
        ("flag", json!("ON")),
        ("flag", json!({ "rollout": 101 })),
        ("release", json!({})),
        ("limits", json!("none")),
    ] {
        browser.goto(&world.page_with(&json!({ option: wrong }))).await?;
        browser.wait_for("window.page").await?;
        browser.run("page.call('wrong'); page.track('wrong', 10); page.telemetry.setUser(null)", &[]).await?;
        let result = browser.run("return page.telemetry.flush()", &[]).await?;
        ensure!(result["held"] == 0, "{option}: {result}");
        let stats = browser.run("return page.telemetry.stats()", &[]).await?;
        ensure!(stats["mode"] == "off" && stats["tracked"] == 0, "{option}: {stats}");
        let errors = browser.run("return watched.consoleErrors", &[]).await?;
        let is_named = errors[0].as_str().is_some_and(|text| text.contains(&format!("options.{option} ")));
        ensure!(is_named && errors.as_array().is_some_and(|all| all.len() == 1), "{option}: {errors}");
        let thrown = browser.run("return watched.errors", &[]).await?;
        ensure!(thrown == json!([]), "{option} = {wrong}: {thrown}");
    }
    ensure!(world.proxy.seen().is_empty(), "something was sent");
    Ok(())
}
