//! `beaconry`: the collector's program.

use std::process::ExitCode;

use beaconry_collector::cli;
use clap::Parser;

fn main() -> ExitCode {
    match cli::main(cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("beaconry: {error}");
            ExitCode::FAILURE
        }
    }
}
