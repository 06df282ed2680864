//! The harness does what it says: otherwise the other tests would prove nothing.

use std::time::{Duration, SystemTime};

use anyhow::{Result, ensure};
use beaconry_e2e::proxy::{Answer, Fault, Proxy, Seen};
use beaconry_e2e::site::Site;
use beaconry_e2e::wait;
use beaconry_e2e::world::World;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_tab_in_front_hides_the_one_behind_which_lives_on() -> Result<()> {
    let world = World::without_collector().await?;
    let browser = world.browser().await?;
    browser.goto(&world.blank_page()).await?;
    ensure!(browser.run("return document.visibilityState", &[]).await? == "visible");
    let behind = browser.tab().await?;
    browser.open_tab().await?;
    browser.switch_to(&behind).await?;
    browser.wait_for("watched.hidden").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn back_takes_the_page_from_the_back_forward_cache() -> Result<()> {
    let world = World::without_collector().await?;
    let browser = world.browser().await?;
    browser.goto(&world.blank_page()).await?;
    browser.run("window.kept = true", &[]).await?;
    browser.goto(&format!("{}?elsewhere", world.blank_page())).await?;
    browser.session().back().await?;
    browser.wait_for("watched.restored === 1 && window.kept").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_killed_renderer_is_the_current_tabs_alone() -> Result<()> {
    let world = World::without_collector().await?;
    let browser = world.browser().await?;
    browser.goto(&world.blank_page()).await?;
    browser.run("window.kept = true", &[]).await?;
    let survivor = browser.tab().await?;
    browser.open_tab().await?;
    browser.goto(&world.blank_page()).await?;
    browser.kill_renderer().await?;
    ensure!(browser.run("return 1", &[]).await.is_err(), "the killed tab answers");
    browser.switch_to(&survivor).await?;
    browser.wait_for("window.kept").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_the_disk_survives_the_killed_browser() -> Result<()> {
    let world = World::without_collector().await?;
    let browser = world.browser().await?;
    browser.goto(&world.blank_page()).await?;
    browser.run("localStorage.setItem('kept', 'a-text-to-look-for')", &[]).await?;
    browser.until_on_disk("a-text-to-look-for").await?;
    browser.kill().await?;
    let browser = world.browser().await?;
    browser.goto(&world.blank_page()).await?;
    browser.wait_for("localStorage.getItem('kept')").await?;
    Ok(())
}

/// A request to the proxy from a page of another origin: the status that the page sees, or 0 where it sees none.
const FETCH: &str = "
    const [url, body] = arguments;
    return fetch(url, { method: 'POST', body, credentials: 'include' }).then(
        async (answer) => [answer.status, answer.headers.get('retry-after'), await answer.text()],
        () => [0, null, ''],
    )";

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_is_what_it_says() -> Result<()> {
    // The "collector" is a second proxy, which only writes down what came through the first.
    let behind = Proxy::start(([127, 0, 0, 1], 9).into()).await?;
    behind.set(Fault::Answer(Answer::html()));
    let proxy = Proxy::start(behind.address()).await?;
    let world = World::without_collector().await?;
    let browser = world.browser().await?;
    browser.goto(&world.blank_page()).await?;
    let url = format!("http://{}/v1/events", proxy.address());
    let date = SystemTime::now() + Duration::from_secs(3600);
    let date_text = httpdate::fmt_http_date(date);
    let faults = [
        ("pass", Fault::Pass, 200, json!(null), true),
        ("cut before", Fault::CutBefore, 0, json!(null), false),
        ("cut after", Fault::CutAfter, 0, json!(null), true),
        ("html", Fault::Answer(Answer::html()), 200, json!(null), false),
        ("503", Fault::Answer(Answer::unavailable()), 503, json!(null), false),
        ("413", Fault::Answer(Answer::too_large()), 413, json!(null), false),
        ("429 seconds", Fault::Answer(Answer::throttled_for(7)), 429, json!("7"), false),
        ("429 date", Fault::Answer(Answer::throttled_until(date)), 429, json!(date_text), false),
    ];
    for (name, fault, status, retry_after, is_heard) in faults {
        proxy.set(fault);
        let answer = browser.run(FETCH, &[json!(url), json!(name)]).await?;
        ensure!(answer[0] == status && answer[1] == retry_after, "{name}: {answer}");
        let has_name = |seen: &Seen| seen.body == name;
        ensure!(proxy.count(has_name) > 0, "{name}: not written down");
        ensure!((behind.count(has_name) > 0) == is_heard, "{name}: heard behind the proxy");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_request_ends_with_the_next_fault_and_a_beacon_is_known_as_one() -> Result<()> {
    let proxy = Proxy::start(([127, 0, 0, 1], 9).into()).await?;
    let world = World::without_collector().await?;
    let browser = world.browser().await?;
    browser.goto(&world.blank_page()).await?;
    let url = format!("http://{}/v1/events", proxy.address());
    proxy.set(Fault::Hang);
    let start = "fetch(arguments[0], { method: 'POST', body: 'hangs' }).catch(() => window.ended = true)";
    browser.run(&format!("{start}; return 0"), &[json!(url)]).await?;
    wait::until_true("the request hangs", || proxy.count(|seen| seen.body == "hangs") == 1).await?;
    ensure!(browser.run("return window.ended", &[]).await?.is_null(), "it does not hang");
    proxy.set(Fault::Answer(Answer::unavailable()));
    browser.wait_for("window.ended").await?;
    browser.run("navigator.sendBeacon(arguments[0], 'a beacon')", &[json!(url)]).await?;
    let is_beacon = |seen: &Seen| seen.is_beacon && seen.body == "a beacon";
    wait::until_true("the beacon arrives as one", || proxy.count(is_beacon) == 1).await?;
    ensure!(proxy.count(|seen| seen.is_beacon && seen.body == "hangs") == 0, "a fetch counts as a beacon");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_site_serves_the_package_and_says_what_was_asked_for() -> Result<()> {
    let site = Site::start().await?;
    let status = async |path: &str| -> Result<u16> {
        Ok(reqwest::get(format!("{}{path}", site.origin())).await?.status().as_u16())
    };
    ensure!(status("/beaconry/index.js").await? == 200);
    site.remove(".js");
    ensure!(status("/beaconry/index.js").await? == 404 && status("/page.html").await? == 200);
    site.restore();
    ensure!(status("/beaconry/index.js").await? == 200);
    ensure!(site.asked() == ["/beaconry/index.js", "/beaconry/index.js", "/page.html", "/beaconry/index.js"]);
    Ok(())
}
