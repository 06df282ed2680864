//! What becomes of closed journal files: packed when every consumer has passed them, deleted when they are due.
//!
//! A thread beside the writer makes a pass now and then; it also hears `beaconry rotate` ([`rotate`]). A file is closed when
//! the index durably knows all of it and a later one is written to. [`consumers`] says who has read what, [`pack`] and
//! [`retain`] what follows from it.

pub(crate) mod consumers;
mod pack;
pub(crate) mod pass;
pub(crate) mod retain;
pub(crate) mod rotate;

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use self::pass::{Pass, Policy, Report};
use self::rotate::ROTATE;
use crate::config::Clock;
use crate::disk::RealDisk;
use crate::files::Name;
use crate::forward::Stop;
use crate::stats::Stats;
use crate::store::ClosedFiles;
use crate::writer::Rotator;

/// A wish to rotate is heard within this time.
const POLL: Duration = Duration::from_millis(250);
/// Time between two passes when no file is closed: consumers move on, and days pass.
const EVERY: Duration = Duration::from_secs(60);

/// The thread. Ends when this is dropped; [`Upkeep::close`] waits for it.
#[derive(Debug)]
pub(crate) struct Upkeep {
    stop: Stop,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the thread works with.
pub(crate) struct Work {
    pub(crate) disk: RealDisk,
    pub(crate) data: std::path::PathBuf,
    pub(crate) policy: Policy,
    pub(crate) clock: Clock,
    pub(crate) rotator: Rotator,
    pub(crate) settled: watch::Receiver<Option<Name>>,
    pub(crate) closed_files: ClosedFiles,
    pub(crate) stats: Arc<Stats>,
}

impl Upkeep {
    /// Starts the thread. `guard` is dropped when it ends.
    pub(crate) fn start(work: Work, guard: impl Send + 'static) -> std::io::Result<Upkeep> {
        let stop = Stop::default();
        let heard = stop.clone();
        let thread = std::thread::Builder::new().name("upkeep".into()).spawn(move || {
            let _guard = guard;
            work.run(&heard);
        })?;
        Ok(Upkeep { stop, thread: Mutex::new(Some(thread)) })
    }

    /// Lets go of a file that is being packed, and waits for the end.
    pub(crate) async fn close(&self) {
        self.stop.set();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.stop.set();
    }
}

impl Work {
    fn run(mut self, stop: &Stop) {
        let (mut due, mut answered) = (Instant::now(), None);
        loop {
            if let Some(wish) = ROTATE.heard::<()>(&self.data, answered) {
                let report = self.rotate(stop);
                answered = Some(ROTATE.tell(&self.data, &wish, report));
            } else if self.settled.has_changed().unwrap_or(false) || due <= Instant::now() {
                self.pass(stop);
                due = Instant::now() + EVERY;
            }
            if stop.wait(POLL) {
                return;
            }
        }
    }

    fn rotate(&mut self, stop: &Stop) -> Report {
        match self.rotator.rotate() {
            Ok(rotated) => {
                let closed = rotated.map(|rotated| rotated.closed.to_string());
                Report { closed, ..self.pass(stop) }
            }
            Err(problem) => Report { problems: vec![problem], ..Report::default() },
        }
    }

    fn pass(&mut self, stop: &Stop) -> Report {
        let Some(current) = *self.settled.borrow_and_update() else { return Report::default() };
        let ends = || stop.is_set();
        let consumers = consumers::list(&self.data);
        let pass =
            Pass { disk: &self.disk, policy: self.policy, closed_files: &self.closed_files, ends: &ends };
        let report = match consumers {
            Ok(consumers) => pass.run(&consumers, current, (self.clock)()),
            Err(error) => Report::problem(format!("the consumers cannot be listed: {error}")),
        };
        self.stats.upkeep(&report);
        report
    }
}
