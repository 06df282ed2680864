//! Collectors and proxies that fail, then heal.

use std::time::{Duration, SystemTime};

use anyhow::{Result, ensure};
use beaconry_e2e::proxy::{Answer, Fault, Seen, delay};
use beaconry_e2e::wait;

use crate::case::Case;

const EVENTS: u32 = 100;

/// Of a Retry-After: long enough to tell it from a backoff, short enough for a test.
const RETRY_AFTER: Duration = Duration::from_secs(6);
/// An HTTP date has whole seconds, and so has the `Date` by which it is read; timers may be a little early.
const DATE_ERROR: Duration = Duration::from_secs(2);
const TIMER_ERROR: Duration = Duration::from_millis(10);

pub(crate) async fn unavailable(case: &mut Case) -> Result<()> {
    heals(case, Fault::Answer(Answer::unavailable())).await
}

pub(crate) async fn html(case: &mut Case) -> Result<()> {
    heals(case, Fault::Answer(Answer::html())).await
}

/// Of a proxy, which is not the collector's: about no batch in particular.
pub(crate) async fn too_large_for_a_proxy(case: &mut Case) -> Result<()> {
    heals(case, Fault::Answer(Answer::too_large())).await
}

/// Tried at least twice in vain; the page lives on until all is delivered.
async fn heals(case: &mut Case, fault: Fault) -> Result<()> {
    let browser = case.visit().await?;
    case.world.proxy.set(fault);
    case.track("first", EVENTS).await?;
    wait::until_true("it was tried twice in vain", || case.world.proxy.count(Seen::has_batches) >= 2).await?;
    let stats = browser.run("return page.telemetry.stats()", &[]).await?;
    ensure!(stats["held"] == EVENTS && stats["delivered"] == 0, "the page's books: {stats}");
    case.track("second", EVENTS).await?;
    case.note_before()?;
    case.world.proxy.set(Fault::Pass);
    case.world.settled(&browser).await.map(drop)
}

pub(crate) async fn retry_after_seconds(case: &mut Case) -> Result<()> {
    throttled(case, || Answer::throttled_for(RETRY_AFTER.as_secs()), TIMER_ERROR).await
}

pub(crate) async fn retry_after_date(case: &mut Case) -> Result<()> {
    let answer = || Answer::throttled_until(SystemTime::now() + RETRY_AFTER + DATE_ERROR);
    throttled(case, answer, DATE_ERROR).await
}

/// Nothing is sent before the time that the answer names, but for beacons on exit.
async fn throttled(case: &mut Case, answer: fn() -> Answer, error: Duration) -> Result<()> {
    let browser = case.visit().await?;
    let start = SystemTime::now();
    case.world.proxy.set(Fault::Answer(answer()));
    case.track("first", EVENTS).await?;
    let told = wait::until("a request was throttled", || async {
        let seen = case.world.proxy.seen();
        Ok(seen.iter().find(|seen| seen.status.is_some_and(|status| status == 429)).map(|seen| seen.at))
    })
    .await?;
    let late = start.elapsed().unwrap_or_default();
    case.world.proxy.set(Fault::Pass);
    case.track("second", EVENTS).await?;
    case.note_before()?;
    case.world.settled(&browser).await?;
    let is_fetch = |seen: &Seen| !seen.is_beacon && seen.method == "POST";
    let waited = delay(&case.world.proxy.seen(), told, is_fetch).unwrap_or_default();
    ensure!(waited + error + late >= RETRY_AFTER, "sent again after {waited:?}");
    Ok(())
}

/// The user does not wait for an answer that does not come.
pub(crate) async fn hangs(case: &mut Case) -> Result<()> {
    let browser = case.visit().await?;
    case.world.proxy.set(Fault::Hang);
    case.track("hangs", EVENTS).await?;
    wait::until_true("a request hangs", || case.world.proxy.count(Seen::has_batches) > 0).await?;
    browser.goto(&case.world.blank_page()).await?;
    case.note_before()?;
    case.world.proxy.set(Fault::Pass);
    case.come_back().await.map(drop)
}

/// The connection is cut when the collector has stored, and before it has said so.
pub(crate) async fn cut_after_storing(case: &mut Case) -> Result<()> {
    let browser = case.visit().await?;
    case.world.proxy.set(Fault::CutAfter);
    case.track("cut", EVENTS).await?;
    wait::until("it is stored", || async {
        let stored = case.world.truth.stored(&case.world.journal())?;
        Ok((stored == case.world.truth.len()).then_some(()))
    })
    .await?;
    let stats = browser.run("return page.telemetry.stats()", &[]).await?;
    ensure!(stats["held"] == EVENTS, "no answer has come, and the page's books are {stats}");
    case.note_before()?;
    case.world.proxy.set(Fault::Pass);
    case.world.settled(&browser).await.map(drop)
}

/// Killed in the midst of what comes, and started again on its data, three times.
pub(crate) async fn killed(case: &mut Case) -> Result<()> {
    let browser = case.visit().await?;
    for round in 0..3 {
        case.track(&format!("round-{round}"), EVENTS).await?;
        browser.run("page.telemetry.flush(); return 0", &[]).await?;
        case.world.collector.kill();
        case.track(&format!("down-{round}"), EVENTS).await?;
        case.world.collector.start().await?;
    }
    case.note_before()?;
    case.world.settled(&browser).await.map(drop)
}

/// The page tries again after minutes; the next one that the user opens, at once.
pub(crate) async fn key_refused(case: &mut Case) -> Result<()> {
    case.visit().await?;
    case.world.proxy.set(Fault::Answer(Answer::unknown_key()));
    case.track("refused", EVENTS).await?;
    wait::until_true("the key is refused", || {
        case.world.proxy.count(|seen| seen.status.is_some_and(|status| status == 401)) > 0
    })
    .await?;
    case.track("after", EVENTS).await?;
    case.note_before()?;
    case.world.proxy.set(Fault::Pass);
    case.come_back().await.map(drop)
}

/// The collector says that even a single batch is too much: it is dropped, and counted.
pub(crate) async fn too_large(case: &mut Case) -> Result<()> {
    let browser = case.visit().await?;
    case.world.proxy.set(Fault::Answer(Answer::collectors_too_large()));
    case.track("too-large", EVENTS).await?;
    browser.wait_for("page.telemetry.stats().held === 0").await?;
    case.world.proxy.set(Fault::Pass);
    case.track("fits", EVENTS).await?;
    case.note_before()?;
    case.world.settled(&browser).await?;
    case.come_back().await.map(drop)
}
