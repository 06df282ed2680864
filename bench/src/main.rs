//! What tracking costs, in a real browser and in one run, each figure beside its yardstick.
//!
//! - [`site`]: serves the pages of the bench, cross-origin isolated, and the sink of the peers
//! - [`measure`]: loads a page with a subject and reads its figures
//! - [`table`]: the figures with their targets, as text
//!
//! `cargo xtask bench` builds what this needs and runs it. It fails when something cannot be measured, never because of
//! a time: benchmarks are no assertions.

mod measure;
mod site;
mod table;

use std::env;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use beaconry_e2e::browser::{Browser, Engine, Scheme};
use beaconry_e2e::collector::{APP, Collector, KEY};
use tempfile::TempDir;

use crate::measure::Bench;
use crate::site::Site;

/// Names the folder with the pages, the packed package and the peers.
const SITE: &str = "BEACONRY_BENCH";

#[tokio::main]
async fn main() -> Result<()> {
    let pages =
        PathBuf::from(env::var_os(SITE).with_context(|| format!("no {SITE}: `cargo xtask bench` sets it"))?);
    let folder = TempDir::with_prefix("beaconry-bench-")?;
    let site = Site::start(&pages).await?;
    let mut collector = Collector::new(&folder.path().join("data"), KEY, APP, &[site.origin().to_owned()])?;
    collector.start().await?;
    let browser =
        Browser::start(Engine::default(), &folder.path().join("profile"), Scheme::default()).await?;
    let bench = Bench::new(&browser, &site, collector.address()).await?;
    println!("{}", table::heading(&bench.version().await?));
    table::calls(&bench.calls().await?);
    table::totals(&bench.totals().await?);
    table::holders(&bench.holders().await?);
    println!("{}", table::FOOT);
    Ok(())
}
