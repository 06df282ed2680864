//! The demo page: by keyboard, in light and dark.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use beaconry_e2e::browser::{Browser, Engine, Scheme};
use beaconry_e2e::collector::{Collector, artifact, target};
use serde_json::Value;
use tempfile::TempDir;
use thirtyfour::{Key, TypingData};

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_works_by_keyboard_and_shows_what_arrives() -> Result<()> {
    let (folder, collector) = demo().await?;
    let browser = visit(&folder, &collector, Scheme::Light).await?;
    for action in ["log", "error", "metric", "event", "vital", "uncaught", "rejection"] {
        tab_to(&browser, &format!("[data-action={action}]")).await?;
        press(&browser, Key::Enter).await?;
    }
    counter(&browser, "tracked", "7").await?;
    counter(&browser, "delivered", "7").await?;
    browser.wait_for("document.querySelectorAll('#journal li.ours').length >= 7").await?;
    browser
        .wait_for("document.getElementById('rest').textContent.startsWith('7 tracked, 7 delivered')")
        .await?;
    let lines = collector.journal().events()?;
    ensure!(lines.iter().filter(|event| event.line["type"] == "error").count() == 3, "not three errors");

    // The switches: what is tracked while the server fails is held, and delivered afterwards.
    tab_to(&browser, "#failing").await?;
    press(&browser, Key::Space).await?;
    browser.wait_for("document.getElementById('failing').checked").await?;
    shift_tab_to(&browser, "[data-action=log]").await?;
    press(&browser, Key::Enter).await?;
    counter(&browser, "held", "1").await?;
    tab_to(&browser, "#failing").await?;
    press(&browser, Key::Space).await?;
    counter(&browser, "delivered", "8").await?;
    browser.wait_for("document.querySelectorAll('#journal li.ours').length >= 8").await?;
    screenshot(&browser, "demo.png").await?;
    shift_tab_to(&browser, "[data-action=burst]").await?;
    press(&browser, Key::Enter).await?;
    counter(&browser, "tracked", "10,008").await?;
    counter(&browser, "delivered", "10,008").await?;
    counter(&browser, "dropped", "0").await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_is_dark_where_the_user_prefers_that_and_off_where_the_flag_says_so() -> Result<()> {
    let (folder, collector) = demo().await?;
    let browser = visit(&folder, &collector, Scheme::Dark).await?;
    let channel = "Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])";
    browser.wait_for(&format!("{channel} < 60")).await?;
    for action in ["log", "error", "metric", "event", "vital"] {
        browser
            .run("document.querySelector(`[data-action=${arguments[0]}]`).click()", &[action.into()])
            .await?;
    }
    counter(&browser, "delivered", "5").await?;
    browser.wait_for("document.querySelectorAll('#journal li.ours').length >= 5").await?;
    screenshot(&browser, "demo-dark.png").await?;

    tab_to(&browser, "nav a[href*=DISABLED]").await?;
    press(&browser, Key::Enter).await?;
    browser.wait_for("document.getElementById('mode')?.dataset.mode === 'off'").await?;
    ensure!(browser.run("return Object.keys(localStorage).length", &[]).await? == 0, "keys are left");
    Ok(())
}

/// A collector that serves the demo.
async fn demo() -> Result<(TempDir, Collector)> {
    let www = artifact("BEACONRY_WWW", "www", "cargo xtask demo")?;
    artifact("BEACONRY_PACKAGE", "package", "cargo xtask package")?;
    let folder = TempDir::with_prefix("beaconry-e2e-")?;
    let mut collector = Collector::new(&folder.path().join("data"), "demo", "demo", &[])?.with_www(&www);
    collector.start().await?;
    Ok((folder, collector))
}

async fn visit(folder: &TempDir, collector: &Collector, scheme: Scheme) -> Result<Browser> {
    let browser = Browser::start(Engine::default(), &folder.path().join("profile"), scheme).await?;
    browser.session().set_window_rect(0, 0, 1280, 1160).await?;
    browser.goto(&format!("http://{}/", collector.address())).await?;
    browser.wait_for("document.getElementById('mode').dataset.mode === 'wasm'").await?;
    Ok(browser)
}

async fn counter(browser: &Browser, id: &str, text: &str) -> Result<()> {
    let expression = format!("document.getElementById('{id}').textContent === '{text}'");
    if let Err(error) = browser.wait_for(&expression).await {
        let shown = browser.run("return document.querySelector('.counters').innerText", &[]).await?;
        return Err(error.context(format!("the counters show {shown}")));
    }
    Ok(())
}

async fn press(browser: &Browser, key: Key) -> Result<()> {
    Ok(browser.session().action_chain().send_keys(TypingData::from(key)).perform().await?)
}

/// Presses Tab until the focus is on the element, and sees to it that the focus is visible there.
async fn tab_to(browser: &Browser, selector: &str) -> Result<()> {
    walk_to(browser, selector, false).await
}

async fn shift_tab_to(browser: &Browser, selector: &str) -> Result<()> {
    walk_to(browser, selector, true).await
}

async fn walk_to(browser: &Browser, selector: &str, is_back: bool) -> Result<()> {
    /// The page has far fewer elements that take the focus.
    const STOPS: u32 = 60;
    let state = "const at = document.activeElement;
        return at.matches(arguments[0]) && getComputedStyle(at).outlineStyle";
    for _ in 0..STOPS {
        let outline = browser.run(state, &[selector.into()]).await?;
        if outline != Value::Bool(false) {
            ensure!(outline == "solid", "the focus on {selector} cannot be seen: {outline}");
            return Ok(());
        }
        let chain = browser.session().action_chain();
        let chain = if is_back { chain.key_down(Key::Shift) } else { chain };
        let chain = chain.send_keys(TypingData::from(Key::Tab));
        let chain = if is_back { chain.key_up(Key::Shift) } else { chain };
        chain.perform().await?;
    }
    anyhow::bail!("Tab never reaches {selector}")
}

/// Kept, to be looked at: `target/e2e/`.
async fn screenshot(browser: &Browser, name: &str) -> Result<()> {
    let folder: PathBuf = target().join("e2e");
    browser
        .run("await Promise.all(document.getAnimations().map((running) => running.finished))", &[])
        .await?;
    fs::create_dir_all(&folder)?;
    browser.session().screenshot(&folder.join(name)).await.context("no screenshot")
}
