//! What a page tracks is on the collector's disk, once, as it was.

use anyhow::{Context as _, Result, ensure};
use beaconry_e2e::proxy::Seen;
use beaconry_e2e::wait;
use beaconry_e2e::world::{World, until_wasm};
use serde_json::json;

use crate::awkward;

const TYPES: [&str; 5] = ["log", "error", "metric", "event", "vital"];

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_events_with_awkward_values_are_each_stored_once_with_their_content() -> Result<()> {
    let mut world = World::start().await?;
    let browser = world.browser().await?;
    // The default limits hold half of the huge values.
    let limits = json!({ "limits": { "memoryBytes": 8_000_000, "storageBytes": 4_000_000 } });
    browser.goto(&world.page_with(&limits)).await?;
    until_wasm(&browser).await?;
    let marks = browser.run("return page.trackAwkward('a', 1000)", &[]).await?;
    world.truth.add(&marks)?;
    let stats = world.settled(&browser).await?;
    ensure!(stats["delivered"] == 1000 && stats["tracked"] == 1000, "the page's books: {stats}");
    let stored = world.truth.stored_once(&world.journal()).await?;
    for (mark, event) in &stored {
        let [_, number, name] = mark.split(':').collect::<Vec<&str>>()[..] else {
            anyhow::bail!("a strange mark: {mark}");
        };
        awkward::check(name, &event.data()["value"]).with_context(|| mark.clone())?;
        let number: u32 = number.parse()?;
        ensure!(event.number() == number, "{mark} is stored as {}", event.id);
        let line = &event.line;
        ensure!(line["type"] == TYPES[number as usize % TYPES.len()], "{mark} is a {}", line["type"]);
        ensure!(line["app"] == "e2e" && line["release"] == "1.4.2" && line["env"] == "test", "{line}");
        ensure!(line["page"] == "/page.html" && line["ts"].as_u64() <= line["received"].as_u64(), "{line}");
        ensure!(event.stream() == stats["stream"], "{mark} is of the stream {}", event.stream());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_typed_call_arrives_in_its_shape() -> Result<()> {
    let mut world = World::start().await?;
    let browser = world.browser().await?;
    world.visit(&browser).await?;
    browser
        .run("page.telemetry.setUser('u-4711'); page.telemetry.setContext({ tenant: 'nörd' })", &[])
        .await?;
    let marks = browser.run("return page.call('c')", &[]).await?;
    world.truth.add(&marks)?;
    let stored = world.truth.stored_once(&world.journal()).await?;
    for (name, expected) in [
        ("log", json!({ "level": "warn", "message": "cart is slow", "items": 40 })),
        (
            "error",
            json!({ "name": "TypeError", "message": "payment refused", "cause": "the bank", "handled": true }),
        ),
        ("metric", json!({ "name": "response_time", "value": 182, "unit": "ms" })),
        ("event", json!({ "name": "checkout", "step": 2 })),
        ("vital", json!({ "name": "LCP", "value": 1840 })),
    ] {
        let event = &stored[&format!("c:{name}")];
        ensure!(event.line["type"] == name, "{}", event.line);
        ensure!(event.line["user"] == "u-4711" && event.line["context"] == json!({ "tenant": "nörd" }));
        for (member, value) in expected.as_object().into_iter().flatten() {
            ensure!(event.data()[member] == *value, "{name}.{member}: {}", event.data());
        }
    }
    let stack = stored["c:error"].data()["stack"].as_str().unwrap_or_default();
    ensure!(stack.contains("/page.js"), "no stack: {stack}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_tracked_before_the_wasm_has_loaded_is_stored_under_the_same_stream() -> Result<()> {
    let mut world = World::start().await?;
    let browser = world.browser().await?;
    // Two hundred in the first task of the page, then as many when the wasm has taken over.
    browser.goto(&world.page_with(&json!({ "release": "early" }))).await?;
    let early =
        browser.wait_for("window.page && [page.telemetry.stats().mode, page.track('early', 200)]").await?;
    world.truth.add(&early[1])?;
    until_wasm(&browser).await?;
    world.track(&browser, "late", 200).await?;
    let stats = world.settled(&browser).await?;
    let stored = world.truth.stored_once(&world.journal()).await?;
    ensure!(stored.values().all(|event| event.stream() == stats["stream"]), "more than one stream");
    ensure!(stats["tracked"] == 400 && stats["delivered"] == 400, "the page's books: {stats}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn events_wait_for_a_collector_that_is_down_at_first() -> Result<()> {
    let mut world = World::without_collector().await?;
    let browser = world.browser().await?;
    world.visit(&browser).await?;
    world.track(&browser, "d", 100).await?;
    wait::until_true("it was tried in vain", || world.proxy.count(Seen::has_batches) > 0).await?;
    let stats = browser.run("return page.telemetry.stats()", &[]).await?;
    ensure!(stats["held"] == 100 && stats["delivered"] == 0, "the page's books: {stats}");
    world.collector.start().await?;
    world.settled(&browser).await?;
    world.truth.stored_once(&world.journal()).await?;
    Ok(())
}
