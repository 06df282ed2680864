//! Servers that never outlive a test.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, geteuid, kill_process, kill_process_group};

/// "nobody", as Debian numbers it: owns nothing.
const NOBODY: u32 = 65_534;

/// A server starts within a second; a machine may be busy.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Between two looks at something that is waited for.
const PAUSE: Duration = Duration::from_millis(5);

/// A server with all that it starts. Dropped, also by a panic, all of it is killed.
#[derive(Debug)]
#[must_use = "the server is killed on drop"]
pub struct Server {
    child: Child,
}

impl Server {
    /// Starts it in a process group of its own, not as root; what it says goes to a file.
    ///
    /// # Errors
    /// When there is no such program.
    pub fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let log = fs::File::options().create(true).append(true).open(log)?;
        as_nobody(command).process_group(0).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().with_context(|| format!("cannot start {program}"))?;
        Ok(Self { child })
    }

    /// Its id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(group) = pid(self.child.id()) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// Where this is root: not as root, for whom no permission is missing.
pub fn as_nobody(command: &mut Command) -> &mut Command {
    if geteuid().is_root() { command.uid(NOBODY).gid(NOBODY) } else { command }
}

/// Gives a folder to the user that servers run as, and with it all that is in it.
///
/// # Errors
/// Those of the file system.
pub fn give(path: &Path) -> Result<()> {
    if !geteuid().is_root() {
        return Ok(());
    }
    std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY))?;
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path())?;
        }
    }
    Ok(())
}

/// The processes that a process has started and that run.
pub fn children(parent: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// Kills one process: it gets no chance to say or write anything.
pub fn kill(process: u32) {
    if let Some(process) = pid(process) {
        // It may have ended just now.
        let _ = kill_process(process, Signal::KILL);
    }
}

/// Asks until there is an answer.
///
/// # Errors
/// The asker's own, at once; or, after half a minute, one that says `what` did not happen.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if start.elapsed() > START_LIMIT {
            bail!("waited {} s in vain: {what}", START_LIMIT.as_secs());
        }
        std::thread::sleep(PAUSE);
    }
}

fn pid(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}
