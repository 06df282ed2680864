//! Runs steps in lanes beside each other: one that computes, and beside it some that mostly wait for servers, browsers and disks.
//!
//! The order of the list is the order in which steps start, as far as their lanes and what they come after allow. What a step writes
//! is kept and shown when it ends. The first that fails ends the others.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::shell::{Interrupted, Lane};

/// Builds keep all cores busy: a second one would only double the memory.
const COMPUTING: usize = 1;
/// Each has browsers or servers of its own, and tests with deadlines: two at a time on two cores starved each other.
const WAITING: usize = 1;

/// What the lanes know of a step.
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// Steps that have to have passed before, if they are among those that are run.
    pub(crate) after: &'static [&'static str],
    /// It leaves most of a core's time to others.
    pub(crate) waits: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Running,
    Passed,
}

/// Name and seconds of a step that passed.
pub(crate) type Took = (&'static str, f32);

/// Runs all steps; `work` is called with a plan's index, in a thread of its own, and `logs` is the folder for what they write.
pub(crate) fn run(
    plans: &[&Plan],
    logs: &Path,
    work: &(impl Fn(usize, Lane) -> Result<()> + Sync),
) -> Result<Vec<Took>> {
    fs::create_dir_all(logs).with_context(|| format!("cannot make {}", logs.display()))?;
    let stopped = Arc::new(AtomicBool::new(false));
    let mut states = vec![State::Open; plans.len()];
    let (mut passed, mut failed) = (Vec::new(), None);
    let (sender, ended) = mpsc::channel();
    thread::scope(|scope| {
        loop {
            while failed.is_none()
                && let Some((at, plan)) = next(plans, &states)
            {
                states[at] = State::Running;
                println!("... {} starts", plan.name);
                let (sender, stopped) = (sender.clone(), &stopped);
                scope.spawn(move || {
                    let start = Instant::now();
                    let outcome = catch_unwind(AssertUnwindSafe(|| {
                        work(at, Lane::into_file(&log(logs, plan), stopped)?)
                    }));
                    let outcome = outcome.unwrap_or_else(|_| Err(anyhow!("{} panicked", plan.name)));
                    // The receiver lives as long as this scope.
                    let _ = sender.send((at, outcome, start.elapsed().as_secs_f32()));
                });
            }
            if !states.contains(&State::Running) {
                break;
            }
            let Ok((at, outcome, took)) = ended.recv() else { break };
            let plan = plans[at];
            states[at] = if outcome.is_ok() { State::Passed } else { State::Open };
            match show(plan, logs, outcome, took) {
                Ok(()) => passed.push((plan.name, took)),
                Err(error) => {
                    stopped.store(true, Ordering::Relaxed);
                    failed.get_or_insert(error);
                }
            }
        }
    });
    if let Some(error) = failed {
        return Err(error);
    }
    ensure!(passed.len() == plans.len(), "steps wait for each other");
    Ok(passed)
}

/// The first step that may start now.
fn next<'a>(plans: &[&'a Plan], states: &[State]) -> Option<(usize, &'a Plan)> {
    let with = |state: State| plans.iter().zip(states).filter(move |(_, is)| **is == state);
    let is_free = |waits: bool| {
        let running = with(State::Running).filter(|(plan, _)| plan.waits == waits).count();
        running < if waits { WAITING } else { COMPUTING }
    };
    let is_due = |plan: &Plan| {
        !plans
            .iter()
            .zip(states)
            .any(|(other, state)| *state != State::Passed && plan.after.contains(&other.name))
    };
    plans.iter().zip(states).enumerate().find_map(|(at, (plan, state))| {
        (*state == State::Open && is_free(plan.waits) && is_due(plan)).then_some((at, *plan))
    })
}

/// Shows what a step wrote, and how it ended. One that was ended because another failed has nothing to say.
fn show(plan: &Plan, logs: &Path, outcome: Result<()>, took: f32) -> Result<()> {
    if outcome.as_ref().is_err_and(|error| error.is::<Interrupted>()) {
        return outcome;
    }
    let wrote = fs::read(log(logs, plan)).unwrap_or_default();
    println!("\n=== {}: {}\n{}", plan.name, plan.what, String::from_utf8_lossy(&wrote).trim_end());
    conclude(plan, outcome, took)
}

/// Says how a step ended.
pub(crate) fn conclude(plan: &Plan, outcome: Result<()>, took: f32) -> Result<()> {
    match outcome {
        Ok(()) => println!("--- {}: passed in {took:.1} s", plan.name),
        Err(error) if error.is::<Interrupted>() => return Err(error),
        Err(error) => {
            println!("--- {}: FAILED after {took:.1} s", plan.name);
            let name = plan.name;
            return Err(error.context(format!("{name} failed; to run it again: cargo xtask test {name}")));
        }
    }
    Ok(())
}

fn log(logs: &Path, plan: &Plan) -> std::path::PathBuf {
    logs.join(format!("{}.log", plan.name))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::shell::Cmd;

    const fn plan(name: &'static str, after: &'static [&'static str], waits: bool) -> Plan {
        Plan { name, what: "", after, waits }
    }

    fn logs(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("xtask-lanes-{name}-{}", std::process::id()))
    }

    #[test]
    fn what_waits_runs_beside_what_computes() {
        let plans = [plan("computes", &[], false), plan("waits", &[], true)];
        let (there, met) = mpsc::channel();
        let met = Mutex::new(met);
        let folder = logs("beside");
        let passed = run(&plans.each_ref(), &folder, &|at, _| {
            if at == 1 {
                return Ok(there.send(())?);
            }
            Ok(met.lock().unwrap().recv_timeout(Duration::from_secs(60))?)
        });
        fs::remove_dir_all(folder).unwrap();
        assert_eq!(passed.unwrap().len(), 2);
    }

    #[test]
    fn steps_start_in_order_and_after_what_they_need() {
        let plans = [
            plan("late", &["server"], true),
            plan("first", &[], false),
            plan("second", &[], false),
            plan("server", &["second"], true),
        ];
        let started = Mutex::new(Vec::new());
        let folder = logs("order");
        run(&plans.each_ref(), &folder, &|at, _| {
            started.lock().unwrap().push(plans[at].name);
            Ok(())
        })
        .unwrap();
        fs::remove_dir_all(folder).unwrap();
        assert_eq!(started.into_inner().unwrap(), ["first", "second", "server", "late"]);
    }

    #[test]
    fn the_first_failure_ends_the_others_and_starts_none() {
        let plans = [plan("sleeps", &[], true), plan("fails", &[], false), plan("never", &[], false)];
        let (folder, start) = (logs("failure"), Instant::now());
        let error = run(&plans.each_ref(), &folder, &|at, lane| match at {
            0 => Cmd::new("sleep").arg("600").lane(&lane).run(),
            1 => Cmd::new("sh").args(["-c", "echo why; exit 1"]).lane(&lane).run(),
            _ => panic!("it starts"),
        })
        .unwrap_err();
        let wrote = fs::read_to_string(folder.join("fails.log")).unwrap();
        fs::remove_dir_all(folder).unwrap();
        assert!(error.to_string().contains("cargo xtask test fails"), "{error:#}");
        assert_eq!(wrote, "why\n");
        assert!(start.elapsed() < Duration::from_secs(60));
    }

    #[test]
    fn steps_that_wait_for_each_other_are_no_success() {
        let plans = [plan("hen", &["egg"], false), plan("egg", &["hen"], false)];
        let folder = logs("cycle");
        let error = run(&plans.each_ref(), &folder, &|_, _| Ok(())).unwrap_err();
        fs::remove_dir_all(folder).unwrap();
        assert!(error.to_string().contains("wait for each other"), "{error:#}");
    }
}
