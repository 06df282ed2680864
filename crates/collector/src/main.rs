//! `beaconry`: the collector's program.

use std::process::ExitCode;

use beaconry_collector::cli;

fn main() -> ExitCode {
    match cli::main(&cli::command().get_matches()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("beaconry: {error}");
            ExitCode::FAILURE
        }
    }
}
