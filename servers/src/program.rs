//! Programs that a test starts: on loopback, with their output in a file, ended by their process id.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Nothing that a test waits for takes as long, not even on a busy machine.
const LIMIT: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A program that runs; it is killed when this is dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts it with its output in the file `log`.
    pub fn start(mut command: Command, log: &Path) -> Result<Program> {
        let file = File::options().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        Ok(Program { child, log: log.to_owned() })
    }

    /// What it has written so far.
    pub fn output(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// As a crash: SIGKILL, without a moment to tidy up.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// As a supervisor does: SIGTERM, and waits for the end.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        kill(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGTERM)?;
        self.wait()
    }

    /// Waits for its own end.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        let mut status = None;
        wait_until("the program's end", || {
            status = self.child.try_wait()?;
            Ok(status.is_some())
        })?;
        status.context("it runs on")
    }

    /// Fails with its output once it has ended.
    pub fn still_runs(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("it ended with {status}:\n{}", self.output()),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program that a variable names, which `cargo xtask test` sets.
pub fn named_by(variable: &str) -> Result<OsString> {
    env::var_os(variable)
        .with_context(|| format!("{variable} names no program: run this by `cargo xtask test`"))
}

/// `beaconry` with arguments.
pub fn beaconry<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Result<Command> {
    let mut command = Command::new(named_by("BEACONRY_COLLECTOR")?);
    command.args(args).env("RUST_LOG", "info").env_remove("BEACONRY_HEADERS");
    Ok(command)
}

/// Runs a command to its end; fails with its output where it fails.
pub fn run(mut command: Command) -> Result<String> {
    let Output { status, stdout, stderr } = command.output()?;
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    if !status.success() {
        bail!("{command:?} ended with {status}:\n{stderr}{stdout}");
    }
    Ok(format!("{stderr}{stdout}"))
}

/// A port that nothing listens on now.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Looks until something is so; fails when that takes longer than anything does.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    while !is_so()? {
        if start.elapsed() > LIMIT {
            bail!("waited {} s for {what}", LIMIT.as_secs());
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(())
}
