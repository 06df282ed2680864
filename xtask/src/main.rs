//! Every chore of the project as `cargo xtask …`.

mod bench;
mod demo;
mod deploy;
mod host;
mod lanes;
mod matrix;
mod module;
mod native;
mod package;
mod repo;
mod setup;
mod shell;
mod sim;
mod size;
mod step;
mod steps;
mod test;

use std::process::ExitCode;

use anyhow::Result;
use lexopt::Parser;

use crate::repo::Repo;
use crate::shell::Interrupted;

const HELP: &str = "\
Every chore of Beaconry. Each command installs what it misses and says what it does.

cargo xtask demo      build everything, start a collector, open the demo page   [--port PORT] [--no-open]
cargo xtask test      every test   [--list] [NAME…]
cargo xtask setup     find or install what the others need   [NAME…] [--with loki|otelcol|prometheus]
cargo xtask package   make the npm tarball   [--stable: with the std of the toolchain]
cargo xtask size      raw, gzip and brotli of what a page downloads; fails over the budget
cargo xtask sim       the simulator of the core, 100,000 seeds   [--seeds N] [--from SEED]
cargo xtask bench     what tracking costs in a browser, as ratios to yardsticks and peers; never fails over a time
cargo xtask matrix    the delivery promise in three engines, as e2e/MATRIX.md   [--engine E] [--scenario N] [--runs N] [--jobs N] [--fresh]

Options of all: --wasm-from rustup|debian   where the wasm target comes from (else: rustup, and Debian where that fails)
Tools are kept in $BEACONRY_CACHE, else in the user's cache folder.";

fn main() -> ExitCode {
    let outcome = shell::watch_signals().and_then(|()| run(Parser::from_env()));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // What a shell reports for a program that Ctrl-C ended.
        Err(error) if error.is::<Interrupted>() => ExitCode::from(130),
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut args: Parser) -> Result<()> {
    let Some(lexopt::Arg::Value(command)) = args.next()? else {
        println!("{HELP}");
        return Ok(());
    };
    match command.to_str() {
        Some("demo") => demo::run(&Repo::find()?, args),
        Some("test") => test::run(&Repo::find()?, args),
        Some("setup") => setup::run(&Repo::find()?, args),
        Some("package") => package::run(&Repo::find()?, args),
        Some("bench") => bench::run(&Repo::find()?, args),
        Some("matrix") => matrix::run(&Repo::find()?, args),
        Some("sim") => sim::run(&Repo::find()?, args),
        Some("size") => size::run(&Repo::find()?, args),
        _ => anyhow::bail!("no such chore: {}\n\n{HELP}", command.display()),
    }
}
