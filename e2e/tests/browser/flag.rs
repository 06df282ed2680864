//! Off means off; a rollout stays what it is; the collector can switch off.

use anyhow::{Result, ensure};
use beaconry_e2e::browser::Browser;
use beaconry_e2e::collector::KEY;
use beaconry_e2e::proxy::Fault;
use beaconry_e2e::world::World;
use serde_json::{Value, json};

/// The key that keeps a rollout's choice stable.
const VISITOR: &str =
    "return localStorage[Object.keys(localStorage).find((key) => key.endsWith(':visitor'))] ?? null";

#[tokio::test(flavor = "multi_thread")]
async fn disabled_loads_nothing_listens_to_nothing_and_deletes_what_was_stored() -> Result<()> {
    for flag in [json!("DISABLED"), Value::Null] {
        let mut world = World::start().await?;
        let browser = world.browser().await?;
        leave_traces(&mut world, &browser).await?;
        let (asked, sent) = (world.site.asked().len(), world.proxy.seen().len());
        browser.goto(&world.page_with(&json!({ "flag": flag }))).await?;
        browser.wait_for("window.page").await?;
        let result = browser
            .run("page.call('off'); page.track('off', 100); return page.telemetry.flush()", &[])
            .await?;
        ensure!(result == json!({ "delivered": 0, "held": 0, "dropped": 0 }), "flush says {result}");
        let stats = browser.run("return page.telemetry.stats()", &[]).await?;
        ensure!(stats["mode"] == "off" && stats["tracked"] == 0, "the page's books: {stats}");
        until_idle(&browser).await?;
        let asked: Vec<String> = world.site.asked().split_off(asked);
        ensure!(!asked.iter().any(|path| path.contains("wasm")), "asked for {asked:?}");
        ensure!(
            asked.iter().any(|path| path == "/blank.html"),
            "the idle page was not waited for: {asked:?}"
        );
        for what in ["watched.listeners", "watched.writes", "watched.errors", "page.keys()"] {
            let found = browser.run(&format!("return {what}"), &[]).await?;
            ensure!(found == json!([]), "{what}: {found}");
        }
        ensure!(world.proxy.seen().len() == sent, "something was sent");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_is_stable_for_a_visitor_and_keeps_whom_it_has() -> Result<()> {
    let world = World::start().await?;
    let browser = world.browser().await?;
    let half = is_on(&world, &browser, &json!({ "flag": { "rollout": 50 } })).await?;
    let visitor = browser.run(VISITOR, &[]).await?;
    ensure!(visitor.is_string(), "no visitor is kept");
    for _ in 0..3 {
        ensure!(is_on(&world, &browser, &json!({ "flag": { "rollout": 50 } })).await? == half, "it changes");
    }
    ensure!(is_on(&world, &browser, &json!({ "flag": { "rollout": 100 } })).await?, "not all of all");
    ensure!(!is_on(&world, &browser, &json!({ "flag": { "rollout": 0 } })).await?, "some of none");
    let keys = browser.run("return page.keys()", &[]).await?;
    let is_visitor = |key: &Value| key.as_str().is_some_and(|key| key.ends_with(":visitor"));
    ensure!(
        keys.as_array().is_some_and(|keys| keys.len() == 1 && keys.iter().all(is_visitor)),
        "traces of one who was not chosen: {keys}"
    );
    let kept = browser.run(VISITOR, &[]).await?;
    ensure!(kept == visitor, "another visitor");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_chooses_by_the_apps_visitor_and_about_as_many_as_it_says() -> Result<()> {
    let world = World::start().await?;
    let browser = world.browser().await?;
    let mut chosen = 0;
    for n in 0..12 {
        let visitor = format!("visitor-{n}");
        let at = async |percent: u32| {
            is_on(&world, &browser, &json!({ "flag": { "rollout": percent }, "visitor": visitor })).await
        };
        let (few, many) = (at(30).await?, at(70).await?);
        ensure!(!few || many, "{visitor} is out when the rollout grows");
        chosen += u32::from(few) + u32::from(many);
    }
    // 24 choices of 50 % on average: fewer than 4 or more than 20 would be one in ten thousand.
    ensure!((4..=20).contains(&chosen), "{chosen} of 24");
    ensure!(browser.run(VISITOR, &[]).await?.is_null(), "a visitor is kept");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_collector_switches_a_running_client_off() -> Result<()> {
    let mut world = World::start().await?;
    let browser = world.browser().await?;
    world.visit(&browser).await?;
    world.track(&browser, "on", 20).await?;
    world.settled(&browser).await?;
    world.collector.set_phase(KEY, "DISABLED")?;
    browser.run("page.track('off', 20)", &[]).await?;
    browser.wait_for("page.telemetry.stats().dropped.off === 20").await?;
    browser.run("page.track('later', 20)", &[]).await?;
    let stats = browser.run("return page.telemetry.stats()", &[]).await?;
    ensure!(stats["held"] == 0 && stats["delivered"] == 20, "the page's books: {stats}");
    ensure!(stats["mode"] == "off", "a client that is off says {}", stats["mode"]);
    let batches = browser.run(r"return page.keys().filter((key) => /:\d+$/.test(key))", &[]).await?;
    ensure!(batches == json!([]), "still stored: {batches}");

    // Not for this page alone: a day long, for the origin.
    let asked = world.site.asked().len();
    ensure!(!is_on(&world, &browser, &json!({})).await?, "on again after a reload");
    until_idle(&browser).await?;
    let asked: Vec<String> = world.site.asked().split_off(asked);
    ensure!(!asked.iter().any(|path| path.contains("wasm")), "asked for {asked:?}");
    world.truth.stored_once(&world.journal()).await?;
    Ok(())
}

/// A visit whose events nobody takes: its keys stay.
async fn leave_traces(world: &mut World, browser: &Browser) -> Result<()> {
    world.proxy.set(Fault::CutBefore);
    world.visit(browser).await?;
    world.track(browser, "traces", 20).await?;
    browser.wait_for(r"page.keys().some((key) => /:\d+$/.test(key))").await?;
    browser.goto(&world.blank_page()).await?;
    world.proxy.set(Fault::Pass);
    Ok(())
}

/// Whether telemetry is on in a page of these options.
async fn is_on(world: &World, browser: &Browser, options: &Value) -> Result<bool> {
    browser.goto(&world.page_with(options)).await?;
    let mode = browser.wait_for("window.page?.telemetry.stats().mode").await?;
    Ok(mode != "off")
}

/// Twice idle, then a request that stands in the site's log behind whatever came before.
async fn until_idle(browser: &Browser) -> Result<()> {
    let idle = "await new Promise((resolve) => requestIdleCallback(resolve));";
    browser.run(&format!("{idle} {idle} await fetch('/blank.html')"), &[]).await?;
    Ok(())
}
