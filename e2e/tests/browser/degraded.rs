//! Without the wasm, and with options that are wrong: the app never notices.

use anyhow::{Result, ensure};
use beaconry_e2e::proxy::Fault;
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
