//! The simulator of the core over many seeds: each is a world of pages, storages, networks and a collector in which everything goes
//! wrong. Every test run plays some; this is for the night.

use anyhow::Result;
use lexopt::{Arg, Parser, ValueExt as _};

use crate::repo::Repo;
use crate::shell::Cmd;

/// Ten times what a test run plays.
const SEEDS: u64 = 100_000;
const TEST: &str = "whatever_goes_wrong_every_event_is_stored_once_or_counted";

/// `cargo xtask sim`: on all cores. A seed that fails prints itself, and the command that replays it.
pub(crate) fn run(repo: &Repo, mut args: Parser) -> Result<()> {
    let (mut seeds, mut from) = (SEEDS, 0_u64);
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("seeds") => seeds = args.value()?.parse()?,
            Arg::Long("from") => from = args.value()?.parse()?,
            other => return Err(other.unexpected().into()),
        }
    }
    Cmd::new("cargo")
        .args(["test", "-p", "beaconry-core", "--test", "sim", "--", "--exact", TEST, "--nocapture"])
        .env("SEEDS", seeds.to_string())
        .env("FROM", from.to_string())
        .env("PROGRESS", "1")
        .env("RUST_BACKTRACE", "0")
        .dir(&repo.root)
        .run()
}
