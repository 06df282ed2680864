//! The modules keep apart what is the client's: its requests, files and lines never become events, drops that are logged make no
//! loop, off is off, and what was patched is put back.

use anyhow::{Result, ensure};
use beaconry_e2e::browser::Browser;
use beaconry_e2e::proxy::{Answer, Fault, Seen};
use beaconry_e2e::wait;
use beaconry_e2e::world::{World, until_wasm};
use serde_json::{Value, json};

fn all() -> Value {
    let logger = json!({ "console": ["warn", "error"], "send": "debug" });
    json!({ "logger": logger, "errors": {}, "performance": { "slowAfter": 0 } })
}

/// What of the stored events names the client, its requests or its files.
async fn own_events(browser: &Browser) -> Result<Value> {
    let body = r"return page.stored().map((event) => JSON.stringify(event))
        .filter((line) => /beaconry|\/v1\/events|takeover|wasm|platform|connect-src/.test(line))";
    browser.run(body, &[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_fails_or_is_down_makes_no_event() -> Result<()> {
    let world = World::start().await?;
    let browser = world.browser().await?;
    let page = world.any_page("modules.html", &json!({ "modules": all() }));
    for fault in [Fault::Answer(Answer::unavailable()), Fault::CutBefore] {
        world.proxy.set(fault);
        let before = world.proxy.count(Seen::has_batches);
        browser.goto(&page).await?;
        until_wasm(&browser).await?;
        browser.run("page.telemetry.flush({ timeout: 10 })", &[]).await?;
        wait::until_true("it is tried again", || world.proxy.count(Seen::has_batches) > before + 1).await?;
        let found = own_events(&browser).await?;
        ensure!(found == json!([]), "the client is told of: {found:#}");
        let stored = browser.run("return page.stored().length", &[]).await?;
        ensure!(stored.as_u64() > Some(0), "nothing is stored at all");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_policy_or_a_server_refuses_the_client_makes_no_event() -> Result<()> {
    let world = World::start().await?;
    let browser = world.browser().await?;
    for (page, missing) in
        [("modules-policy.html", "no such file"), ("modules.html", ".wasm"), ("modules.html", "takeover.js")]
    {
        world.site.restore();
        world.site.remove(missing);
        let mut modules = all();
        // There the policy refuses the import map, without which the library is not found; and that is told.
        if page == "modules-policy.html" {
            modules["performance"] = Value::Null;
        }
        browser.goto(&world.any_page(page, &json!({ "modules": modules }))).await?;
        browser.wait_for("window.page?.telemetry.stats().mode === 'degraded'").await?;
        // Comes after whatever the failed start made.
        let refused =
            "page.broken('img', { src: 'http://127.0.0.1:1/refused.png' }); page.telemetry.event('sent');";
        browser.run(refused, &[]).await?;
        browser.wait_for("page.stored().some(({ data }) => data.name === 'ResourceError')").await?;
        let found = own_events(&browser).await?;
        ensure!(found == json!([]), "the client is told of: {found:#}");
    }
    world.site.restore();
    browser.goto(&world.any_page("modules-policy.html", &json!({ "modules": all() }))).await?;
    browser.wait_for("window.page").await?;
    browser.run("page.broken('img', { src: 'http://127.0.0.1:1/refused.png?token=secret' })", &[]).await?;
    let violation = "page.stored().find(({ data }) => data.source === 'csp')?.data";
    let data = browser.wait_for(violation).await?;
    ensure!(data["directive"] == "img-src" && data["blocked"] == "http://127.0.0.1:1/refused.png", "{data}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_logs_every_drop_by_every_means_makes_no_loop() -> Result<()> {
    let world = World::without_collector().await?;
    let browser = world.browser().await?;
    // Little room, and nobody who takes anything: soon each batch drops another.
    let limits = json!({ "memoryBytes": 4_096, "storageBytes": 4_096, "batchBytes": 1_024 });
    let mut modules = all();
    modules["logDrops"] = json!(true);
    browser.goto(&world.any_page("modules.html", &json!({ "modules": modules, "limits": limits }))).await?;
    until_wasm(&browser).await?;
    let fill = "
        let n = 0;
        for (; !page.drops() && n < 10_000; n++) {
          page.telemetry.event(`fill ${n}`, { text: 'x'.repeat(900) });
          await new Promise((resolve) => setTimeout(resolve));
        }
        return page.telemetry.stats().tracked";
    let filled = browser.run(fill, &[]).await?;
    // It ends: as long as a loop would need for hundreds of rounds nothing is tracked any more.
    let quiet = "
        let last;
        for (let still = 0; still < 300;) {
          const { tracked } = page.telemetry.stats();
          still = tracked === last ? still + 1 : 0;
          last = tracked;
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        return [last, page.drops()]";
    let after = browser.run(quiet, &[]).await?;
    let made = after[0].as_u64().unwrap_or_default() - filled.as_u64().unwrap_or_default();
    ensure!(after[1].as_u64() > Some(0), "nothing was dropped");
    ensure!(made < 60, "{made} events of {} drops", after[1]);
    // And what is not about the drops is still told.
    let throws = "page.run(`setTimeout(() => { throw new Error('something else') })`)";
    browser.run(throws, &[]).await?;
    browser.wait_for(&format!("page.telemetry.stats().tracked > {}", after[0])).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_flag_off_nothing_is_patched_listened_to_or_loaded() -> Result<()> {
    let world = World::start().await?;
    let browser = world.browser().await?;
    browser.goto(&world.any_page("modules.html", &json!({ "modules": all(), "flag": "DISABLED" }))).await?;
    browser.wait_for("window.page").await?;
    let uses = "
        page.logger.warn('off'); page.logger.error('off'); page.logger.action('off'); page.logger.perf('off', 1);
        performance.mark('off');
        await fetch('/status/503');
        for (let n = 0; n < 2; n++) await new Promise((resolve) => requestIdleCallback(resolve));
        await fetch('/blank.html');
        return { patched: page.patched(), keys: page.keys(), listeners: watched.listeners, writes: watched.writes };";
    let found = browser.run(uses, &[]).await?;
    // The page's own button has a listener.
    let nothing =
        json!({ "patched": [], "keys": [], "listeners": ["HTMLButtonElement click"], "writes": [] });
    ensure!(found == nothing, "{found:#}");
    let asked = world.site.asked();
    ensure!(asked.iter().any(|path| path == "/blank.html"), "{asked:?}");
    ensure!(!asked.iter().any(|path| path.contains("wasm") || path.contains("web-vitals")), "{asked:?}");
    ensure!(world.proxy.seen().is_empty(), "something was sent");
    let lines = browser.run("return [...watched.warnings, ...watched.consoleErrors]", &[]).await?;
    ensure!(lines == json!(["off", "off"]), "the console shows {lines}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn uninstall_puts_back_what_is_its_own_and_ends_the_events() -> Result<()> {
    let world = World::start().await?;
    let browser = world.browser().await?;
    browser.goto(&world.any_page("modules.html", &json!({ "modules": all() }))).await?;
    until_wasm(&browser).await?;
    let patched = browser.run("return page.patched()", &[]).await?;
    ensure!(patched == json!(["fetch", "open", "send", "warn"]), "with the Navigation API: {patched}");
    // Another's patch over ours stays.
    let theirs = "
        const ours = fetch;
        window.theirs = window.fetch = (...args) => ours(...args);
        page.uninstall.forEach((each) => each());
        page.uninstall.forEach((each) => each());
        const { tracked } = page.telemetry.stats();
        setTimeout(() => { throw new Error('after') });
        console.warn('after'); page.logger.warn('after'); performance.mark('after');
        await fetch('/status/503'); await page.xhr('GET', '/status/503');
        history.pushState(null, '', '/after');
        page.telemetry.event('the last');
        return { more: page.telemetry.stats().tracked - tracked, isTheirs: fetch === theirs, patched: page.patched() };";
    let found = browser.run(theirs, &[]).await?;
    ensure!(found == json!({ "more": 1, "isTheirs": true, "patched": ["fetch"] }), "{found}");
    Ok(())
}
