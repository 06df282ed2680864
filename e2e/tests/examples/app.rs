//! What the examples have in common: where they are, and the table of the events that each of them makes.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use beaconry_e2e::browser::Browser;
use beaconry_e2e::journal::Journal;
use serde_json::Value;

/// An example's folder, with its packages.
pub(crate) fn example(name: &str) -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name).canonicalize()?;
    ensure!(
        folder.join("node_modules/beaconry").is_dir(),
        "{} is not installed: run `cargo xtask test examples`",
        folder.display()
    );
    Ok(folder)
}

/// An event of the table: its type, its name or message, members that it has, and members whose value is known.
pub(crate) type Row<'a> = (&'a str, &'a str, &'a [&'a str], &'a [(&'a str, Value)]);

/// Waits until every row is in the journal.
pub(crate) async fn has_rows(journal: &Journal, rows: &[Row<'_>]) -> Result<()> {
    for (kind, name, members, known) in rows {
        let is_meant = |data: &Value| {
            (data["name"] == *name || data["message"] == *name)
                && known.iter().all(|(member, value)| data[member] == *value)
        };
        let event =
            journal.event(kind, is_meant).await.with_context(|| format!("{kind} {name}: {known:?}"))?;
        for member in *members {
            ensure!(!event.data()[member].is_null(), "{kind} {name} has no {member}: {}", event.data());
        }
        ensure!(event.line["release"] == "1.4.2", "{}", event.line);
    }
    Ok(())
}

/// What the page has of telemetry that is off: nothing.
pub(crate) async fn is_off(browser: &Browser) -> Result<()> {
    // A page that is on loads the wasm when it is idle, at the latest after five seconds.
    let traces = "
        await new Promise((resolve) => requestIdleCallback(resolve, { timeout: 6_000 }));
        const asked = performance.getEntriesByType('resource').map(({ name }) => name);
        const methods = [fetch, console.warn, console.error, XMLHttpRequest.prototype.send, history.pushState];
        return {
          asked: asked.filter((name) => /wasm|vitals|takeover|\\/v1\\//.test(name)),
          keys: [...Object.keys(localStorage), ...Object.keys(sessionStorage)],
          patched: methods.filter((method) => !/native code/.test(method)).map(String),
        }";
    let found = browser.run(traces, &[]).await?;
    for what in ["asked", "keys", "patched"] {
        ensure!(found[what] == serde_json::json!([]), "{what}: {}", found[what]);
    }
    Ok(())
}

pub(crate) async fn click(browser: &Browser, selector: &str) -> Result<()> {
    browser.wait_for(&format!("document.querySelector('{selector}')")).await?;
    Ok(browser.session().find(thirtyfour::By::Css(selector)).await?.click().await?)
}
