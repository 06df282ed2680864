//! Without WebAssembly, or with one that traps.

use anyhow::{Result, ensure};
use beaconry_e2e::proxy::Fault;
use beaconry_e2e::site::Missing;
use beaconry_e2e::trap::{STORED, Trap};
use beaconry_e2e::world::until_wasm;

use crate::case::Case;

const EVENTS: u32 = 100;
const VISITS: u32 = 3;

/// The server has no such file.
pub(crate) async fn not_found(case: &mut Case) -> Result<()> {
    case.world.site.withhold(Missing::NotFound);
    never(case).await
}

/// Something between page and server cuts the connection: a content blocker, a firewall.
pub(crate) async fn blocked(case: &mut Case) -> Result<()> {
    case.world.site.withhold(Missing::Cut);
    never(case).await
}

/// A Content-Security-Policy without `wasm-unsafe-eval`.
pub(crate) async fn policy(case: &mut Case) -> Result<()> {
    case.world.site.set_policy("script-src 'self'");
    never(case).await
}

/// Over several visits, the first of them offline; nobody ever comes back to a page with WebAssembly.
async fn never(case: &mut Case) -> Result<()> {
    case.world.proxy.set(Fault::CutBefore);
    for visit in 0..VISITS {
        let browser = case.open().await?;
        browser.wait_for("page.telemetry.stats().mode === 'degraded'").await?;
        case.track(&format!("visit-{visit}"), EVENTS).await?;
        browser.goto(&case.world.blank_page()).await?;
        if visit == 0 {
            case.note_before()?;
            case.world.proxy.set(Fault::Pass);
        }
    }
    case.left().await?;
    case.open().await.map(drop)
}

/// It would have come after ten seconds, but the renderer is killed before; the next page has it.
pub(crate) async fn killed_before(case: &mut Case) -> Result<()> {
    case.world.site.withhold(Missing::Never);
    case.in_second_tab().await?;
    let browser = case.open().await?;
    case.track("waiting", EVENTS).await?;
    ensure!(browser.run("return page.telemetry.stats().mode", &[]).await? == "writer", "the wasm has come");
    browser.kill_renderer().await?;
    case.after_a_kill().await?;
    case.world.site.restore();
    case.come_back().await.map(drop)
}

/// Ten seconds late, and nobody is killed.
pub(crate) async fn late(case: &mut Case) -> Result<()> {
    case.world.site.withhold(Missing::Never);
    let browser = case.open().await?;
    case.track("waiting", EVENTS).await?;
    browser.wait_for("performance.now() > 10_000").await?;
    case.world.site.restore();
    until_wasm(&browser).await?;
    case.track("late", EVENTS).await?;
    case.world.settled(&browser).await.map(drop)
}

/// In the midst of a task's events. The next core is told of fewer than that.
pub(crate) async fn traps(case: &mut Case) -> Result<()> {
    traps_at(case, 70).await
}

/// As [`traps`], and the next core is told of as many in the task after which the page goes.
pub(crate) async fn traps_as_it_goes(case: &mut Case) -> Result<()> {
    traps_at(case, 60).await
}

async fn traps_at(case: &mut Case, event: i32) -> Result<()> {
    case.world.site.trap(Trap::Track(event))?;
    case.visit().await?;
    case.track("midway", EVENTS).await?;
    trapped(case, "wasm").await
}

/// When it is told that its batch was stored.
pub(crate) async fn traps_after_a_write(case: &mut Case) -> Result<()> {
    case.world.site.trap(Trap::Told(STORED, 60))?;
    case.visit().await?;
    // Each task writes at least once; the next core has fewer than sixty left.
    for task in 0..80 {
        case.track(&format!("task-{task}"), 1).await?;
    }
    trapped(case, "wasm").await
}

/// Each core, soon.
pub(crate) async fn traps_again(case: &mut Case) -> Result<()> {
    case.world.site.trap(Trap::Track(7))?;
    case.visit().await?;
    case.track("midway", EVENTS).await?;
    trapped(case, "degraded").await
}

/// The page has had a core that trapped, and goes on in this mode; the next page has one that does not.
async fn trapped(case: &mut Case, mode: &str) -> Result<()> {
    let browser = case.browser().await?;
    // Another core is only made where one has trapped.
    browser.wait_for(&format!("watched.cores > 1 && page.telemetry.stats().mode === '{mode}'")).await?;
    case.track("after", EVENTS / 4).await?;
    browser.goto(&case.world.blank_page()).await?;
    case.left().await?;
    case.world.site.restore();
    case.come_back().await.map(drop)
}
