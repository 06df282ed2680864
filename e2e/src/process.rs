//! Children that never outlive a test, and what `/proc` says about them.

use std::collections::HashMap;
use std::fs;
use std::process::{Child, Command};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};

/// A child process. Dropped, also by a panic, it is killed with all its descendants.
#[derive(Debug)]
#[must_use = "the process is killed on drop"]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts it.
    ///
    /// # Errors
    /// Names the program that cannot be started.
    pub fn start(command: &mut Command) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().with_context(|| format!("cannot start {program}"))?;
        Ok(Self { child })
    }

    /// The child, to take its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Its id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end (SIGTERM), and waits until it has.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn terminate(mut self) -> Result<()> {
        send(self.pid(), Signal::TERM);
        self.child.wait().context("the child cannot be waited for")?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The descendants first: once their parent is gone, nothing says whose they were.
        let descendants = descendants(self.pid());
        // The process may have ended by itself; then there is nothing left to do.
        let _ = self.child.kill();
        descendants.into_iter().for_each(kill);
        let _ = self.child.wait();
    }
}

/// Kills a process (SIGKILL): it gets no chance to say or write anything. One that is gone already is no error.
pub fn kill(pid: u32) {
    send(pid, Signal::KILL);
}

/// A process that stands still (SIGSTOP) until this is dropped.
#[derive(Debug)]
#[must_use = "the process goes on when this is dropped"]
pub struct Stopped(u32);

/// Lets a process stand still. One that is gone already is no error.
pub fn stop(pid: u32) -> Stopped {
    send(pid, Signal::STOP);
    Stopped(pid)
}

impl Drop for Stopped {
    fn drop(&mut self) {
        send(self.0, Signal::CONT);
    }
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// Whether the process runs (a zombie does not).
pub fn is_alive(pid: u32) -> bool {
    stat(pid).is_some_and(|stat| stat.state != "Z")
}

/// The processes that it started, directly and indirectly.
pub fn descendants(pid: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    for (pid, stat) in pids.filter_map(|pid| Some((pid, stat(pid)?))) {
        children.entry(stat.parent).or_default().push(pid);
    }
    let (mut found, mut open) = (Vec::new(), vec![pid]);
    while let Some(parent) = open.pop() {
        let of_parent = children.remove(&parent).unwrap_or_default();
        open.extend(&of_parent);
        found.extend(of_parent);
    }
    found
}

/// Its command line, arguments apart by spaces; empty where the process is gone.
pub fn command_line(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}

/// Clock ticks (10 ms) that it has computed in user mode.
pub fn ticks(pid: u32) -> u64 {
    stat(pid).map_or(0, |stat| stat.user_ticks)
}

struct Stat {
    state: String,
    parent: u32,
    user_ticks: u64,
}

/// `/proc/PID/stat`, see proc(5): the fields after the name, which alone may contain blanks, are apart by blanks.
fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Stat {
        state: (*fields.first()?).to_owned(),
        parent: fields.get(1)?.parse().ok()?,
        user_ticks: fields.get(11)?.parse().ok()?,
    })
}
