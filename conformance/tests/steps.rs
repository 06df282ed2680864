//! PHP is killed, or the disk fails, in each single step of a request: nothing acknowledged is missing, nothing is stored
//! twice, and the resend is stored.
//!
//! strace(1) does it, from outside: no hook for tests is in what ships. One request is stepped through a system call at a
//! time, from the first that writes to the answer.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests fail by panics"
)]

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use beaconry_conformance::php::program;
use beaconry_conformance::process;
use beaconry_conformance::target::{Kind, Target};
use beaconry_core::StreamId;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// What changes a file or speaks to the web server. By names that any Linux has.
const CALLS: &str = "write,pwrite64,fsync,fdatasync,ftruncate";
/// A request takes some twenty.
const MOST_STEPS: u32 = 200;
/// Events of one request, each of which has a line of its own in the journal.
const BATCH: u32 = 3;

/// strace, attached to a process.
struct Tracer {
    child: Child,
    log: PathBuf,
}

impl Tracer {
    /// Sees to it that the `step`-th of the calls does not happen.
    fn attach(pid: u32, what: &str, step: u32, log: PathBuf) -> Tracer {
        let mut command = Command::new(program(&["strace"]).unwrap());
        command.arg("-o").arg(&log).args(["-q", "-e", &format!("trace={CALLS}")]);
        command.args(["-e", &format!("inject={CALLS}:{what}:when={step}"), "-p", &pid.to_string()]);
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let tracer = Tracer { child, log };
        process::until("strace is attached", || {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            Ok(status.lines().any(|line| line == format!("TracerPid:\t{}", tracer.child.id())).then_some(()))
        })
        .unwrap();
        tracer
    }
}

impl Tracer {
    /// Lets go of the process; says whether there was such a step.
    fn end(mut self) -> bool {
        // It may have ended with the process.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        self.child.wait().unwrap();
        let log = fs::read_to_string(&self.log).unwrap();
        log.contains("(INJECTED)") || log.contains("killed by SIGKILL")
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

fn post(target: &Target, stream: &str, first: u32) -> Option<String> {
    let events: String = (first..first + BATCH)
        .map(|n| format!("{{\"type\":\"log\",\"ts\":1,\"data\":{{\"n\":{n}}}}}\n"))
        .collect();
    let end = first + BATCH;
    let dropped = 1_000_000 + first;
    let body = format!(
        "{{\"stream\":\"{stream}\",\"v\":1,\"tracked\":{end},\"dropped\":{{\"full\":[[{dropped},{}]]}}}}\n\
         {{\"batch\":{first},\"n\":{BATCH}}}\n{events}",
        dropped + 1
    );
    let answer = target.post(stream, now(), body.as_bytes()).ok()?;
    (answer.status == 200).then_some(answer.body)
}

/// Every line stands there once, and all that was acknowledged.
fn check(target: &Target, stream: &str, end: u32, step: u32) {
    let mut ids: Vec<String> = target
        .journal()
        .unwrap()
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].as_str().unwrap().to_owned())
        .collect();
    ids.sort();
    let mut expected: Vec<String> = (0..end).map(|number| format!("{stream}.{number}")).collect();
    expected.extend((1..=end / BATCH).map(|count| format!("{stream}.~{count}")));
    expected.sort();
    assert_eq!(ids, expected, "after step {step}");
}

/// Gives how many steps there are, and one more.
fn step_through(what: &str) -> u32 {
    let target = Target::start_with(Kind::Nginx, |site, _| {
        site.workers = 1;
        Ok(())
    })
    .unwrap();
    let dir = tempfile::tempdir().unwrap();
    let stream = StreamId::new(now(), [7; 10]).to_text().as_str().to_owned();
    let mut next = 0;
    let mut send = |step: u32| {
        let whole = format!("{{\"stored\":[[0,{}]],\"rejected\":[]}}", next + BATCH);
        let answer = process::until("it is stored", || Ok(post(&target, &stream, next))).unwrap();
        assert_eq!(answer, whole, "step {step}");
        next += BATCH;
        check(&target, &stream, next, step);
    };
    // The first makes the files.
    send(0);
    for step in 1..MOST_STEPS {
        let worker = process::until("PHP runs", || Ok(target.workers().first().copied())).unwrap();
        let tracer = Tracer::attach(worker, what, step, dir.path().join(step.to_string()));
        send(step);
        if !tracer.end() {
            return step;
        }
    }
    panic!("the steps have no end");
}

#[test]
fn killed_in_any_step_nothing_is_lost_or_repeated() {
    assert!(step_through("signal=KILL") > 15);
}

#[test]
fn a_disk_that_fails_in_any_step_loses_and_repeats_nothing() {
    assert!(step_through("error=EIO") > 15);
}

#[test]
fn a_disk_that_is_full_in_any_step_loses_and_repeats_nothing() {
    assert!(step_through("error=ENOSPC") > 15);
}
