//! One HTML file, no build step: served by the collector itself.

use anyhow::Result;
use beaconry_e2e::browser::{Browser, Engine, Scheme};
use beaconry_e2e::collector::Collector;
use serde_json::json;
use tempfile::TempDir;

use crate::app::{click, example, has_rows, is_off};

async fn start() -> Result<(TempDir, Collector, Browser)> {
    let folder = TempDir::with_prefix("beaconry-vanilla-")?;
    let data = folder.path().join("data");
    let mut collector = Collector::new(&data, "example", "vanilla", &[])?.with_www(&example("vanilla")?);
    collector.start().await?;
    let browser =
        Browser::start(Engine::default(), &folder.path().join("profile"), Scheme::default()).await?;
    Ok((folder, collector, browser))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_the_table_is_in_the_journal() -> Result<()> {
    let (_folder, collector, browser) = start().await?;
    browser.goto(&format!("http://{}/", collector.address())).await?;
    for id in ["buy", "warn", "log", "time", "throw", "reject", "request", "route", "flush"] {
        click(&browser, &format!("#{id}")).await?;
    }
    browser.wait_for("document.querySelector('output').textContent.includes('wasm')").await?;
    browser.goto("about:blank").await?;
    let unhandled = ("handled", json!(false));
    has_rows(
        &collector.journal(),
        &[
            ("log", "the cart is slow", &["items"], &[("level", json!("warn")), ("part", json!("cart"))]),
            ("error", "refused", &["stack", "cause"], &[("log", json!("the payment failed"))]),
            ("error", "the shelf is empty", &["stack"], &[("source", json!("wrap")), unhandled.clone()]),
            ("error", "nobody waits for this", &["stack"], &[("source", json!("promise")), unhandled]),
            ("error", "GET http://127.0.0.1:1/ failed", &["cause"], &[("source", json!("fetch"))]),
            ("metric", "render", &["rows"], &[("value", json!(12.5)), ("unit", json!("ms"))]),
            ("metric", "response_time", &["value"], &[("url", json!("http://127.0.0.1:1/"))]),
            ("event", "checkout", &["part"], &[("step", json!(1))]),
            ("event", "page_view", &["navigation"], &[("route", json!("/"))]),
            ("event", "route_change", &["navigation"], &[("route", json!("/cart"))]),
            ("vital", "LCP", &["value", "rating", "elementRenderDelay"], &[]),
            ("vital", "INP", &["value", "rating", "interactionType"], &[]),
            ("vital", "CLS", &["value", "rating"], &[]),
            ("vital", "FCP", &["value", "rating", "firstByteToFCP"], &[]),
            ("vital", "TTFB", &["value", "rating", "requestDuration"], &[]),
        ],
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_flag_off_nothing_is_loaded() -> Result<()> {
    let (_folder, collector, browser) = start().await?;
    browser.goto(&format!("http://{}/?flag=DISABLED", collector.address())).await?;
    click(&browser, "#warn").await?;
    click(&browser, "#flush").await?;
    browser.wait_for("document.querySelector('output').textContent.includes('off')").await?;
    is_off(&browser).await?;
    anyhow::ensure!(collector.journal().events()?.is_empty(), "something is stored");
    Ok(())
}
