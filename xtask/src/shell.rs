//! Runs other programs: in a process group of their own, with a time limit, and gone when they should be gone.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// How often a running program is looked at: short beside any program that is worth waiting for.
const POLL: Duration = Duration::from_millis(20);
/// What a program gets to tidy up after SIGTERM; the collector drains within it.
const GRACE: Duration = Duration::from_secs(10);
/// Lines of a quiet program's output that a failure shows.
const TAIL_LINES: usize = 30;

/// Where programs write that run beside others, and whether they are to end. By default they write where this program does.
#[derive(Clone, Default)]
pub(crate) struct Lane {
    output: Option<Arc<File>>,
    stopped: Arc<AtomicBool>,
}

impl Lane {
    /// One whose output goes into the file `log`; it ends when `stopped` says so.
    pub(crate) fn into_file(log: &Path, stopped: &Arc<AtomicBool>) -> Result<Self> {
        let open = File::options().create(true).append(true).open(log);
        let file = open.with_context(|| format!("cannot write {}", log.display()))?;
        file.set_len(0)?;
        Ok(Self { output: Some(Arc::new(file)), stopped: Arc::clone(stopped) })
    }

    /// Writes a line.
    pub(crate) fn say(&self, line: &str) {
        match &self.output {
            // What cannot be written is missing in what is shown of it; nobody else would be told either.
            Some(file) => drop(writeln!(&**file, "{line}")),
            None => println!("{line}"),
        }
    }

    fn stdio(&self) -> Result<Stdio> {
        Ok(match &self.output {
            Some(file) => file.try_clone()?.into(),
            None => Stdio::inherit(),
        })
    }
}

/// A program that is about to be run. Its standard input is empty.
pub(crate) struct Cmd {
    inner: Command,
    shown: String,
    limit: Option<Duration>,
    lane: Lane,
}

impl Cmd {
    /// `program` is looked up on the PATH that the command is given, else on ours.
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let shown = program.as_ref().display().to_string();
        let mut inner = Command::new(program);
        inner.stdin(Stdio::null()).process_group(0);
        Self { inner, shown, limit: None, lane: Lane::default() }
    }

    /// Puts it into a lane: its output goes there, unless it is read or goes into a file of its own.
    pub(crate) fn lane(mut self, lane: &Lane) -> Self {
        self.lane = lane.clone();
        self
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        let _ = write!(self.shown, " {}", arg.as_ref().display());
        self.inner.arg(arg);
        self
    }

    pub(crate) fn args<S: AsRef<OsStr>>(self, args: impl IntoIterator<Item = S>) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    pub(crate) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.inner.env(name, value);
        self
    }

    pub(crate) fn env_remove(mut self, name: &str) -> Self {
        self.inner.env_remove(name);
        self
    }

    pub(crate) fn dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.inner.current_dir(dir);
        self
    }

    /// After this time the whole process group is ended and the run counts as failed.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Runs it with its output on the lane's.
    pub(crate) fn run(self) -> Result<()> {
        let (shown, limit) = (self.shown.clone(), self.limit);
        let status = self.spawn()?.wait(limit)?;
        if !status.success() {
            bail!("`{shown}` ended with {status}");
        }
        Ok(())
    }

    /// Runs it with its output in the file `log`; a failure shows the end of that.
    pub(crate) fn run_quiet(mut self, log: &Path) -> Result<()> {
        self.lane = Lane::into_file(log, &self.lane.stopped)?;
        self.run().with_context(|| format!("{}\n(all of it: {})", tail(log), log.display()))
    }

    /// As `read`, for a question whose failure is an answer too: its standard error is dropped.
    pub(crate) fn ask(self) -> Result<String> {
        self.read_beside(Stdio::null())
    }

    /// Runs it and returns what it wrote to its standard output, trimmed. Its standard error is the lane's.
    pub(crate) fn read(self) -> Result<String> {
        let stderr = self.lane.stdio()?;
        self.read_beside(stderr)
    }

    fn read_beside(mut self, stderr: Stdio) -> Result<String> {
        self.inner.stdout(Stdio::piped()).stderr(stderr);
        let (shown, limit) = (self.shown.clone(), self.limit);
        let mut running = self.start()?;
        let pipe = running.child.stdout.take();
        // A thread reads, so that neither a full pipe nor a silent program can outlast the limit.
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            pipe.map_or(Ok(0), |mut pipe| pipe.read_to_string(&mut text)).map(|_| text)
        });
        let status = running.wait(limit)?;
        let text = reader.join().map_err(|_| anyhow::anyhow!("reading from `{shown}` failed"))??;
        if !status.success() {
            bail!("`{shown}` ended with {status}");
        }
        Ok(text.trim().to_owned())
    }

    /// Starts it and lets it go: it may outlive this program, and says nothing.
    pub(crate) fn detach(mut self) -> Result<()> {
        self.inner.stdout(Stdio::null()).stderr(Stdio::null());
        self.inner.spawn().with_context(|| format!("cannot run `{}`", self.shown)).map(|_| ())
    }

    /// Starts it. What is returned ends the whole process group when it is dropped.
    pub(crate) fn spawn(mut self) -> Result<Running> {
        self.inner.stdout(self.lane.stdio()?).stderr(self.lane.stdio()?);
        self.start()
    }

    fn start(mut self) -> Result<Running> {
        let child = self.inner.spawn().with_context(|| format!("cannot run `{}`", self.shown))?;
        let group = Pid::from_raw(i32::try_from(child.id()).context("a process id beyond i32")?);
        Ok(Running { child, group, shown: self.shown, stopped: self.lane.stopped })
    }
}

/// A program that runs, with all that it started.
#[must_use = "the program is ended when this is dropped"]
pub(crate) struct Running {
    child: Child,
    group: Pid,
    shown: String,
    stopped: Arc<AtomicBool>,
}

impl Running {
    /// Waits for its end. Fails when the limit is over or the lane or this program is told to end; the process group is then
    /// ended too.
    pub(crate) fn wait(&mut self, limit: Option<Duration>) -> Result<ExitStatus> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if limit.is_some_and(|limit| start.elapsed() > limit) {
                bail!("`{}` took longer than {} s", self.shown, start.elapsed().as_secs());
            }
            if self.stopped.load(Ordering::Relaxed) {
                bail!(Interrupted);
            }
            pause()?;
        }
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    fn end(&mut self) {
        // Errors mean that nobody is left in the group, which is what is wanted.
        let _ = killpg(self.group, Signal::SIGTERM);
        let start = Instant::now();
        while start.elapsed() < GRACE && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(POLL);
        }
        let _ = killpg(self.group, Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// Ctrl-C, SIGTERM or SIGHUP came, or another lane failed: whatever ran has been ended.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From here on Ctrl-C and SIGTERM end what runs, then this program. Programs have process groups of their own, so the terminal's
/// Ctrl-C reaches this program alone.
pub(crate) fn watch_signals() -> Result<()> {
    let flag = INTERRUPTED.get_or_init(Arc::default);
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        signal_hook::flag::register(signal as i32, Arc::clone(flag))?;
    }
    Ok(())
}

fn interrupted() -> bool {
    INTERRUPTED.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// Waits a moment; fails if this program is told to end meanwhile.
pub(crate) fn pause() -> Result<()> {
    if interrupted() {
        bail!(Interrupted);
    }
    std::thread::sleep(POLL);
    Ok(())
}

/// The first `name` on the PATH.
pub(crate) fn which(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

fn tail(log: &Path) -> String {
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_read_and_trimmed() {
        assert_eq!(Cmd::new("echo").arg("a b").read().unwrap(), "a b");
    }

    #[test]
    fn a_failure_names_the_command() {
        let error = Cmd::new("sh").args(["-c", "exit 3"]).read().unwrap_err().to_string();
        assert!(error.contains("`sh -c exit 3`") && error.contains('3'), "{error}");
    }

    #[test]
    fn the_limit_ends_the_whole_group() {
        let dir = std::env::temp_dir().join(format!("xtask-limit-{}", std::process::id()));
        let script = format!("sleep 600 & echo $! > {}; wait", dir.display());
        let error = Cmd::new("sh").args(["-c", &script]).limit(Duration::from_millis(300)).run().unwrap_err();
        assert!(error.to_string().contains("took longer"), "{error}");
        let grandchild = fs::read_to_string(&dir).unwrap();
        fs::remove_file(&dir).unwrap();
        // A killed orphan may stay a zombie where nobody reaps, and on a busy machine it dies when its turn comes.
        let stat = || fs::read_to_string(format!("/proc/{}/stat", grandchild.trim())).unwrap_or_default();
        let start = Instant::now();
        while !(stat().is_empty() || stat().contains(") Z ")) {
            assert!(start.elapsed() < Duration::from_secs(60), "{}", stat());
            std::thread::sleep(POLL);
        }
    }

    #[test]
    fn a_quiet_failure_shows_the_end_of_its_output() {
        let log = std::env::temp_dir().join(format!("xtask-log-{}", std::process::id()));
        let error = Cmd::new("sh").args(["-c", "echo why; exit 1"]).run_quiet(&log).unwrap_err();
        fs::remove_file(&log).unwrap();
        assert!(format!("{error:#}").contains("why"), "{error:#}");
    }
}
