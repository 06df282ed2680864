//! Every test of the project, in steps: each prints its seconds, the first failure stops and says how to run it again.

use std::ffi::OsString;
use std::time::Instant;

use anyhow::{Context as _, Result};
use lexopt::{Arg, Parser};

use crate::lanes::{self, Plan, Took};
use crate::repo::Repo;
use crate::setup::{self, Tool, Tools, Way};
use crate::step::{Context, Made, Step};
use crate::steps::STEPS;

/// `cargo xtask test`.
pub(crate) fn run(repo: &Repo, mut args: Parser) -> Result<()> {
    let (mut way, mut chosen) = (None, Vec::new());
    while let Some(arg) = args.next()? {
        match arg {
            Arg::Long("wasm-from") => way = Some(Way::parse(&args.value()?)?),
            Arg::Long("list") => {
                STEPS.iter().for_each(|step| println!("{:<12} {}", step.plan.name, step.plan.what));
                return Ok(());
            }
            Arg::Value(name) => chosen.push(find(&name)?),
            other => return Err(other.unexpected().into()),
        }
    }
    let steps: Vec<&Step> =
        STEPS.iter().filter(|step| chosen.is_empty() || chosen.contains(&step.plan.name)).collect();
    let wanted: Vec<Tool> =
        Tool::ALL.into_iter().filter(|tool| steps.iter().any(|step| step.tools.contains(tool))).collect();
    let start = Instant::now();
    let tools = setup::prepare(repo, &wanted, way)?;
    let mut seconds = vec![("set-up", start.elapsed().as_secs_f32())];
    seconds.extend(run_steps(&steps, repo, &tools)?);
    println!("\nall passed");
    for (name, seconds) in &seconds {
        println!("  {name:<14} {seconds:>6.1} s");
    }
    println!("  {:<14} {:>6.1} s", "in all", start.elapsed().as_secs_f32());
    Ok(())
}

fn find(name: &OsString) -> Result<&'static str> {
    let step = STEPS.iter().find(|step| name == step.plan.name);
    Ok(step
        .with_context(|| format!("no such step: {}; `cargo xtask test --list` names them", name.display()))?
        .plan
        .name)
}

/// A step alone writes where this program does; several run in lanes.
fn run_steps(steps: &[&Step], repo: &Repo, tools: &Tools) -> Result<Vec<Took>> {
    let mut packages: Vec<&str> = steps.iter().flat_map(|step| step.packages).copied().collect();
    packages.sort_unstable();
    packages.dedup();
    let made = Made { packages, ..Made::default() };
    if let [step] = steps {
        println!("\n=== {}: {}", step.plan.name, step.plan.what);
        let start = Instant::now();
        let outcome = (step.run)(&Context { repo, tools: tools.clone(), made: &made });
        let took = start.elapsed().as_secs_f32();
        lanes::conclude(&step.plan, outcome, took)?;
        return Ok(vec![(step.plan.name, took)]);
    }
    let plans: Vec<&Plan> = steps.iter().map(|step| &step.plan).collect();
    lanes::run(&plans, &repo.target.join("test-logs"), &|at, lane| {
        (steps[at].run)(&Context { repo, tools: tools.in_lane(lane), made: &made })
    })
}
