//! The proof of the delivery promise: every scenario in every engine, again and again, with what was accepted and what is stored.
//!
//! `cargo xtask matrix` builds what this needs and starts it. Each run is kept under `target/matrix/`, so that a proof that was
//! broken off goes on where it was; `e2e/MATRIX.md` is made of what is kept.

mod case;
mod kept;
mod outcome;
mod report;
mod scenarios;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use std::vec;

use anyhow::{Context as _, Result};
use beaconry_e2e::browser::{self, Engine};

use crate::case::Case;
use crate::kept::Kept;
use crate::outcome::Verdict;
use crate::table::{Scenario, TABLE};

/// Most of a case is waiting: for an adopter's ten seconds, for a backoff.
const JOBS: usize = 4;
/// Most cases beside them that wait for a minute or more: [`Scenario::is_patient`].
const PATIENT_JOBS: usize = 3;

/// A case of the plan, and which of its runs.
type Run = (Engine, &'static Scenario, usize);

/// What is to be run.
#[derive(Debug)]
struct Plan {
    engines: Vec<Engine>,
    /// Numbers or ids; none: all.
    scenarios: Vec<String>,
    /// How often each is to have been run in Chromium; in the others a quarter of that, for they are slower.
    runs: usize,
    /// What CI runs: the other engines only where [`Scenario::is_quick`].
    quick: bool,
    /// Cases side by side.
    jobs: usize,
    /// Where `MATRIX.md` is written, if it is.
    report: Option<PathBuf>,
    fresh: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs what is missing; returns how many runs of the plan are misses.
async fn run() -> Result<usize> {
    let plan = Plan::read()?;
    let kept = Arc::new(Kept::open(plan.fresh)?);
    let cells: Vec<(Engine, &'static Scenario)> = plan.cells().collect();
    let patient_jobs = PATIENT_JOBS.min(plan.jobs);
    browser::allow_at_a_time(plan.jobs + patient_jobs);
    let (patient, others): (Vec<_>, Vec<_>) =
        plan.missing(&cells, &kept).into_iter().partition(|(_, scenario, _)| scenario.is_patient());
    let mut lanes = tokio::task::JoinSet::new();
    for (cases, jobs) in [(patient, patient_jobs), (others, plan.jobs)] {
        let cases = Arc::new(Mutex::new(cases.into_iter()));
        for _ in 0..jobs {
            lanes.spawn(lane(Arc::clone(&cases), Arc::clone(&kept)));
        }
    }
    while let Some(done) = lanes.join_next().await {
        done??;
    }
    if let Some(file) = &plan.report {
        report::write(file, &kept)?;
    }
    let (mut runs, mut misses) = (0, 0);
    for (engine, scenario) in cells {
        for outcome in kept.all(engine, scenario) {
            runs += 1;
            if let Verdict::Miss(why) = outcome.verdict(scenario.may_drop) {
                misses += 1;
                println!("miss: {} {} ({}): {why}", engine.name(), scenario.id, scenario.name);
            }
        }
    }
    println!("{runs} runs, {misses} misses");
    Ok(misses)
}

/// Runs one case after the other, as long as there are any.
async fn lane(cases: Arc<Mutex<vec::IntoIter<Run>>>, kept: Arc<Kept>) -> Result<()> {
    let next = || cases.lock().unwrap_or_else(PoisonError::into_inner).next();
    while let Some((engine, scenario, run)) = next() {
        let start = Instant::now();
        let outcome = Case::run(engine, scenario).await.took(start.elapsed());
        println!("{:<9} {:<4} run {:<3} {outcome}", engine.name(), scenario.id, run + 1);
        kept.keep(engine, scenario, run, &outcome)?;
    }
    Ok(())
}

impl Plan {
    fn read() -> Result<Self> {
        let mut plan = Self {
            engines: Vec::new(),
            scenarios: Vec::new(),
            runs: 20,
            quick: false,
            jobs: JOBS,
            report: None,
            fresh: false,
        };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut value = || args.next().with_context(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--engine" => plan.engines.push(Engine::parse(&value()?)?),
                "--scenario" => plan.scenarios.push(value()?),
                "--runs" => plan.runs = value()?.parse()?,
                "--jobs" => plan.jobs = value()?.parse()?,
                "--report" => plan.report = Some(value()?.into()),
                "--quick" => (plan.quick, plan.runs) = (true, 1),
                "--fresh" => plan.fresh = true,
                _ => anyhow::bail!("no such option: {arg}"),
            }
        }
        if plan.engines.is_empty() {
            plan.engines.extend(Engine::ALL);
        }
        for wanted in &plan.scenarios {
            anyhow::ensure!(TABLE.iter().any(|scenario| scenario.is(wanted)), "no such scenario: {wanted}");
        }
        Ok(plan)
    }

    fn cells(&self) -> impl Iterator<Item = (Engine, &'static Scenario)> {
        let is_wanted = |engine: Engine, scenario: &Scenario| {
            let is_named =
                self.scenarios.is_empty() || self.scenarios.iter().any(|wanted| scenario.is(wanted));
            is_named && (!self.quick || engine == Engine::Chromium || scenario.is_quick())
        };
        let all =
            TABLE.iter().flat_map(|scenario| self.engines.iter().map(move |engine| (*engine, scenario)));
        all.filter(move |(engine, scenario)| is_wanted(*engine, scenario))
    }

    /// Round by round, so that what is broken shows early.
    fn missing(&self, cells: &[(Engine, &'static Scenario)], kept: &Kept) -> Vec<Run> {
        let rounds = (0..self.runs)
            .flat_map(|run| cells.iter().map(move |&(engine, scenario)| (engine, scenario, run)));
        rounds
            .filter(|(engine, scenario, run)| {
                *run < self.runs_in(*engine)
                    && scenario.exception(*engine).is_none()
                    && !kept.has(*engine, scenario, *run)
            })
            .collect()
    }

    fn runs_in(&self, engine: Engine) -> usize {
        if engine == Engine::Chromium { self.runs } else { self.runs.div_ceil(4) }
    }
}
