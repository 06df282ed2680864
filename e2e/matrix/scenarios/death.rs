//! Renderers and browsers that are killed: nobody is told anything.

use std::time::Duration;

use anyhow::Result;
use beaconry_e2e::process;
use beaconry_e2e::proxy::Fault;
use beaconry_e2e::wait;
use serde_json::{Value, json};

use crate::case::Case;

const EVENTS: u32 = 100;

/// What the scenario asks for: a browser writes localStorage to the disk seconds after that.
const LIVED: Duration = Duration::from_secs(1);

/// The next task of the page waits for an answer that does not come, so the kill meets it right after the task of the last `track`.
const TRACK_AND_STAND_STILL: &str = "
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      const request = new XMLHttpRequest();
      request.open('GET', '/hang', false);
      request.send();
    };
    port2.postMessage(0);
    page.track(...arguments);
    return 0";

/// Of a tab in front of another, the renderer is killed as soon as its last task is over.
pub(crate) async fn renderer(case: &mut Case) -> Result<()> {
    let browser = case.in_second_tab().await?;
    case.visit().await?;
    let pid = browser.renderer().await?;
    let prefix = "dead";
    let arguments = [prefix.into(), EVENTS.into()];
    let last_task = browser.run(TRACK_AND_STAND_STILL, &arguments);
    let site = &case.world.site;
    let kill = async {
        wait::until_true("the page stands still", || site.asked().iter().any(|path| path == "/hang")).await?;
        process::kill(pid);
        wait::until_true("the renderer is gone", || !process::is_alive(pid)).await
    };
    // Whether the driver still has an answer is its own affair.
    let (_, killed) = tokio::join!(last_task, kill);
    killed?;
    let marks: Vec<Value> = (0..EVENTS).map(|i| json!(format!("{prefix}:{i}"))).collect();
    case.world.truth.add(&Value::Array(marks))?;
    case.after_a_kill().await?;
    case.come_back().await.map(drop)
}

/// The whole browser is killed a second after the last `track`, and started again.
pub(crate) async fn browser(case: &mut Case) -> Result<()> {
    killed_browser(case).await?;
    case.left().await?;
    case.come_back().await.map(drop)
}

/// As [`browser`], offline before and at the first return.
pub(crate) async fn browser_offline(case: &mut Case) -> Result<()> {
    case.world.proxy.set(Fault::CutBefore);
    killed_browser(case).await?;
    case.note_before()?;
    let browser = case.come_back().await?;
    case.track("still-offline", EVENTS).await?;
    browser.goto(&case.world.blank_page()).await?;
    case.world.proxy.set(Fault::Pass);
    case.come_back().await.map(drop)
}

async fn killed_browser(case: &mut Case) -> Result<()> {
    let browser = case.visit().await?;
    case.track("killed", EVENTS).await?;
    tokio::time::sleep(LIVED).await;
    browser.kill().await?;
    case.forget_browser();
    Ok(())
}
