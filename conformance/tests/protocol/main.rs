//! The protocol as a table: requests, the answers to them, and what is in the journal after. Each target runs all of it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests fail by panics"
)]

mod bad_input;
mod books;
mod browsers;
mod case;
mod clock;
mod content;
mod phase;
mod storing;

use beaconry_conformance::target::{Kind, Target};
use case::Case;

fn table() -> Vec<Case> {
    [
        storing::cases(),
        content::cases(),
        books::cases(),
        clock::cases(),
        bad_input::cases(),
        browsers::cases(),
    ]
    .concat()
}

fn run(kind: Kind) {
    let mut target = Target::start(kind).unwrap();
    let mut failed = Vec::new();
    let table = table();
    for (nth, case) in table.iter().enumerate() {
        if let Err(error) = case.run(&target, nth as u8) {
            failed.push(format!("{}: {error:#}", case.name));
        }
    }
    phase::check(&mut target);
    clock::check_correction(&target);
    content::check_user_agent(&target);
    assert!(
        failed.is_empty(),
        "{kind:?} fails {} of {}:\n{}",
        failed.len(),
        table.len(),
        failed.join("\n\n")
    );
}

#[test]
fn the_collector_keeps_the_protocol() {
    run(Kind::Collector);
}

#[test]
fn the_drop_in_on_apache_keeps_the_protocol() {
    run(Kind::Apache);
}

#[test]
fn the_drop_in_on_nginx_keeps_the_protocol() {
    run(Kind::Nginx);
}
