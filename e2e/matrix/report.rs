//! `MATRIX.md`: what was seen, a table an engine.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Result;
use beaconry_e2e::browser::Engine;

use crate::kept::Kept;
use crate::outcome::{Outcome, Verdict};
use crate::table::{Scenario, TABLE};

const HEAD: &str = "\
# What became of every event

Each scenario of the delivery promise in each engine, as `cargo xtask matrix` has seen it; the command goes on where it was broken
off, and writes this file. A real browser, driven by WebDriver, loads the packed npm package; a proxy in front of a real collector
fails as the scenario says. The page tells which events `track` took, the collector's journal which are stored.

The numbers are sums over all runs. *Before* is what was stored two seconds after the user had left, or at the return where that is
earlier; *after*, once the user had come back. Where nobody leaves they are one. The law is accepted = after + dropped, and but for the scenarios with a star nothing may be dropped. A run that breaks it, stores
an event twice, or whose page throws, is a miss; so is one of which `beaconry delivery` says something else.
";

pub(crate) fn write(file: &Path, kept: &Kept) -> Result<()> {
    let mut text = format!("{HEAD}\nFingerprint of what was tested: `{}`.\n", kept.fingerprint());
    let mut causes = Vec::new();
    for engine in Engine::ALL {
        write!(text, "\n## {}\n\n", engine.title())?;
        text += "| | scenario | runs | accepted | before | after | twice | dropped | misses |\n";
        text += "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- | ---: |\n";
        for scenario in TABLE {
            row(&mut text, engine, scenario, &kept.all(engine, scenario), &mut causes)?;
        }
    }
    if !causes.is_empty() {
        text += "\n## Misses\n\n";
        text.extend(causes);
    }
    Ok(fs::write(file, text)?)
}

fn row(
    text: &mut String,
    engine: Engine,
    scenario: &Scenario,
    outcomes: &[Outcome],
    causes: &mut Vec<String>,
) -> Result<()> {
    let name = format!("{}{}", scenario.name, if scenario.may_drop { " \\*" } else { "" });
    if let Some(exception) = scenario.exception(engine) {
        return Ok(writeln!(text, "| {} | {name} | | | | | | {exception} | |", scenario.id)?);
    }
    if outcomes.is_empty() {
        return Ok(writeln!(text, "| {} | {name} | 0 | | | | | | |", scenario.id)?);
    }
    let sum = |of: fn(&Outcome) -> usize| outcomes.iter().map(of).sum::<usize>();
    let mut dropped = BTreeMap::<&str, usize>::new();
    for (reason, count) in outcomes.iter().flat_map(|outcome| &outcome.dropped) {
        *dropped.entry(reason).or_default() += count;
    }
    let dropped: Vec<String> = dropped.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
    let mut misses = 0;
    for (run, outcome) in outcomes.iter().enumerate() {
        if let Verdict::Miss(why) = outcome.verdict(scenario.may_drop) {
            misses += 1;
            causes.push(format!(
                "- {} {}, run {}: {}\n",
                engine.name(),
                scenario.id,
                run + 1,
                one_line(&why)
            ));
        }
    }
    Ok(writeln!(
        text,
        "| {} | {name} | {} | {} | {} | {} | {} | {} | {misses} |",
        scenario.id,
        outcomes.len(),
        sum(|outcome| outcome.accepted),
        sum(|outcome| outcome.before),
        sum(|outcome| outcome.stored),
        sum(|outcome| outcome.twice),
        dropped.join(", "),
    )?)
}

/// What a list in Markdown takes.
fn one_line(text: &str) -> String {
    const LONGEST: usize = 400;
    text.replace('\n', " ").chars().take(LONGEST).collect()
}
