//! The server's side: a thread that hears who asks for a report.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::question::{DELIVERY, Question};
use super::report::{Counted, Report, Source};
use crate::config::Clock;
use crate::forward::Stop;
use crate::writer::Looker;

/// A wish is heard within this time.
const POLL: Duration = Duration::from_millis(250);

/// The thread. Ends when this is dropped; [`Answering::close`] waits for it.
#[derive(Debug)]
pub(crate) struct Answering {
    stop: Stop,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Answering {
    /// Starts the thread. `guard` is dropped when it ends.
    pub(crate) fn start(
        data: PathBuf,
        looker: Looker,
        clock: Clock,
        guard: impl Send + 'static,
    ) -> io::Result<Answering> {
        let stop = Stop::default();
        let work = Work { data, looker, clock, stop: stop.clone() };
        let thread = std::thread::Builder::new().name("delivery".into()).spawn(move || {
            let _guard = guard;
            work.run();
        })?;
        Ok(Answering { stop, thread: Mutex::new(Some(thread)) })
    }

    /// Breaks off what is being counted, and waits for the end.
    pub(crate) async fn close(&self) {
        self.stop.set();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.stop.set();
    }
}

struct Work {
    data: PathBuf,
    looker: Looker,
    clock: Clock,
    stop: Stop,
}

impl Work {
    fn run(self) {
        let mut answered = None;
        loop {
            if let Some(wish) = DELIVERY.heard::<Question>(&self.data, answered) {
                answered = Some(DELIVERY.tell(&self.data, &wish, self.count(&wish.what)));
            }
            if self.stop.wait(POLL) {
                return;
            }
        }
    }

    fn count(&self, question: &Question) -> Result<Report, String> {
        let snapshot = self.looker.look()?;
        let counted =
            Counted::of(&self.data, (self.clock)(), Source::Server).map_err(|error| error.to_string())?;
        let report = Report::of(&snapshot, question, counted, || self.stop.is_set());
        report.map_err(|error| error.to_string())
    }
}
