//! The one writer: takes what is waiting as a group, stores it, answers each.
//!
//! It is a thread, since all it does blocks. Who hands something over may go away: what was handed over is stored.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::config::Clock;
use crate::disk::Disk;
use crate::files::Name;
use crate::group::{MAX_GROUP_BYTES, MAX_GROUP_REQUESTS};
use crate::index::books::Books;
use crate::index::snapshot::Snapshot;
use crate::journal::{self, Position, Rotated};
use crate::store::{CommitError, Request, Store, Verdict};

/// Requests that wait for the writer. Each has its share of the memory (see `http`), so this bounds only counts.
const QUEUE: usize = 1_024;
/// The index is made durable so often. What it lags is read from the journal on start, but for `tracked` and `holds`,
/// which the client repeats with every request.
const CHECKPOINT: Duration = Duration::from_secs(1);
/// Also without any event, the streams whose window has ended are let go of after so long: what is outstanding of them is lost.
const SWEEP: Duration = Duration::from_secs(3_600);

/// Why a request was not stored. The client keeps all and comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotStored {
    /// The disk is full.
    Full,
    /// A write or a sync failed; what was half written is undone.
    Failed,
    /// Nothing can be stored before a restart.
    Stopped,
}

struct Job {
    request: Request,
    answer: oneshot::Sender<Result<Verdict, NotStored>>,
}

type RotateAnswer = oneshot::Sender<Result<Option<Rotated>, String>>;
type SnapshotAnswer = oneshot::Sender<Result<Snapshot, String>>;

enum Message {
    Store(Box<Job>),
    Rotate(RotateAnswer),
    Snapshot(SnapshotAnswer),
    /// Finish what came before, take nothing more, end.
    Close,
}

/// The way to the writer.
#[derive(Debug)]
pub(crate) struct Writer {
    sender: mpsc::Sender<Message>,
    stopped: Arc<AtomicBool>,
    full: Arc<AtomicBool>,
    synced: watch::Receiver<Option<Position>>,
    settled: watch::Receiver<Option<Name>>,
    books: watch::Receiver<(u64, Books)>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread. `guard` is dropped when it ends.
    pub(crate) fn start<D: Disk>(
        mut store: Store<D>,
        clock: Clock,
        guard: impl Send + 'static,
    ) -> std::io::Result<Writer> {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let (position, synced) = watch::channel(store.newest());
        let (settled_sender, settled) = watch::channel(None);
        let (books_sender, books) = watch::channel((0, Books::default()));
        let (stopped, full) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let work = Work {
            store,
            receiver,
            clock,
            position,
            settled: settled_sender,
            books: books_sender,
            full: full.clone(),
            stopped: stopped.clone(),
            dirty_since: None,
            checked: Instant::now(),
        };
        let thread = std::thread::Builder::new().name("writer".into()).spawn(move || {
            let _guard = guard;
            runtime.block_on(work.run());
        })?;
        Ok(Writer { sender, stopped, full, synced, settled, books, thread: Mutex::new(Some(thread)) })
    }

    /// Hands a request over and waits until it is on disk.
    pub(crate) async fn store(&self, request: Request) -> Result<Verdict, NotStored> {
        let (answer, stored) = oneshot::channel();
        let message = Message::Store(Box::new(Job { request, answer }));
        self.sender.send(message).await.map_err(|_| NotStored::Stopped)?;
        stored.await.unwrap_or(Err(NotStored::Stopped))
    }

    /// Whether it can store.
    pub(crate) fn is_well(&self) -> bool {
        !self.stopped.load(Ordering::Acquire) && !self.sender.is_closed()
    }

    /// Whether the last that was to be stored found no room.
    pub(crate) fn was_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    /// Streams in the index and what became of their events, as of the last second in which something was stored.
    pub(crate) fn books(&self) -> (u64, Books) {
        self.books.borrow().clone()
    }

    /// The file written to and how much of it is synced, once something was written.
    pub(crate) fn synced(&self) -> Option<Position> {
        *self.synced.borrow()
    }

    /// The file that was written to when the index was last made durable: it knows all of those before, which are closed.
    pub(crate) fn settled(&self) -> watch::Receiver<Option<Name>> {
        self.settled.clone()
    }

    /// A way to have the current file closed, for threads that may block.
    pub(crate) fn rotator(&self) -> Rotator {
        Rotator { sender: self.sender.clone() }
    }

    /// A way to look into the index, for threads that may block.
    pub(crate) fn looker(&self) -> Looker {
        Looker { sender: self.sender.clone() }
    }

    /// Lets the writer finish what was handed over, and waits for its end.
    pub(crate) async fn close(&self) {
        let _ = self.sender.send(Message::Close).await;
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let joined = tokio::task::spawn_blocking(move || thread.join().is_ok()).await;
            if !matches!(joined, Ok(true)) {
                tracing::error!("the writer ended badly");
            }
        }
    }
}

/// Has the current file closed.
pub(crate) struct Rotator {
    sender: mpsc::Sender<Message>,
}

impl Rotator {
    /// Waits until the next file is there, and the index knows all of the closed one. `None`: it was empty. Fails with words
    /// for people.
    pub(crate) fn rotate(&self) -> Result<Option<Rotated>, String> {
        let (answer, rotated) = oneshot::channel();
        let ended = || "the writer has ended".to_owned();
        self.sender.blocking_send(Message::Rotate(answer)).map_err(|_| ended())?;
        rotated.blocking_recv().unwrap_or_else(|_| Err(ended()))
    }
}

/// Looks into the index.
pub(crate) struct Looker {
    sender: mpsc::Sender<Message>,
}

impl Looker {
    /// The index with all that was answered so far, and without what has left its window. Fails with words for people.
    pub(crate) fn look(&self) -> Result<Snapshot, String> {
        let (answer, looked) = oneshot::channel();
        let ended = || "the writer has ended".to_owned();
        self.sender.blocking_send(Message::Snapshot(answer)).map_err(|_| ended())?;
        looked.blocking_recv().unwrap_or_else(|_| Err(ended()))
    }
}

struct Work<D: Disk> {
    store: Store<D>,
    receiver: mpsc::Receiver<Message>,
    clock: Clock,
    position: watch::Sender<Option<Position>>,
    settled: watch::Sender<Option<Name>>,
    books: watch::Sender<(u64, Books)>,
    stopped: Arc<AtomicBool>,
    /// Whether the last group found no room.
    full: Arc<AtomicBool>,
    /// When the index was first changed since it was last made durable.
    dirty_since: Option<Instant>,
    /// When that was.
    checked: Instant,
}

impl<D: Disk> Work<D> {
    async fn run(mut self) {
        let newest = *self.position.borrow();
        if let Some(newest) = newest {
            self.publish(&newest);
        }
        self.checkpoint();
        loop {
            let due = self.dirty_since.map_or(self.checked + SWEEP, |since| since + CHECKPOINT);
            match tokio::time::timeout_at(due, self.receiver.recv()).await {
                Ok(None) => break,
                Ok(Some(message)) => self.take(message),
                Err(_) => {}
            }
            if due <= Instant::now() {
                self.checkpoint();
            }
        }
        self.checkpoint();
        tracing::info!("writer ended, everything taken is on disk");
    }

    /// One message and all that wait behind it, as far as a group goes.
    fn take(&mut self, first: Message) {
        let (mut jobs, mut rotations, mut looks) = (Vec::new(), Vec::new(), Vec::new());
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Store(job) => {
                    bytes += job.request.lines.len();
                    jobs.push(*job);
                }
                Message::Rotate(answer) => rotations.push(answer),
                Message::Snapshot(answer) => looks.push(answer),
                Message::Close => self.receiver.close(),
            }
            let is_full = bytes >= MAX_GROUP_BYTES || jobs.len() >= MAX_GROUP_REQUESTS;
            next = if is_full { None } else { self.receiver.try_recv().ok() };
        }
        while !jobs.is_empty() {
            let rest = jobs.split_off(same_day(&jobs));
            self.commit(jobs);
            jobs = rest;
        }
        for answer in rotations {
            let _ = answer.send(self.rotate());
        }
        for answer in looks {
            let _ = answer.send(self.look());
        }
    }

    fn look(&mut self) -> Result<Snapshot, String> {
        self.checkpoint();
        self.store.look((self.clock)()).map_err(|error| error.to_string())
    }

    fn rotate(&mut self) -> Result<Option<Rotated>, String> {
        let rotated = self.store.rotate((self.clock)()).map_err(|error| error.to_string())?;
        if let Some(Rotated { closed, position }) = rotated {
            tracing::info!(%closed, next = %position.name, "rotated");
            self.publish(&position);
            self.position.send_replace(Some(position));
        }
        self.checkpoint();
        Ok(rotated)
    }

    fn commit(&mut self, jobs: Vec<Job>) {
        let (requests, answers): (Vec<_>, Vec<_>) =
            jobs.into_iter().map(|job| (job.request, job.answer)).unzip();
        let result = self.store.commit(&requests);
        self.stopped.store(self.store.stopped(), Ordering::Release);
        self.full.store(result.as_ref().is_err_and(CommitError::is_full), Ordering::Release);
        match result {
            Ok((verdicts, position)) => {
                if let Some(position) = position {
                    self.publish(&position);
                    self.position.send_replace(Some(position));
                }
                self.dirty_since.get_or_insert_with(Instant::now);
                for (answer, verdict) in answers.into_iter().zip(verdicts) {
                    // The client may have gone; what it sent is stored all the same.
                    let _ = answer.send(Ok(verdict));
                }
            }
            Err(error) => {
                tracing::error!(%error, requests = requests.len(), "a group was not stored");
                let reason = self.reason(&error);
                for answer in answers {
                    let _ = answer.send(Err(reason));
                }
            }
        }
    }

    /// A forwarder that is not told waits: late, and nothing is lost.
    fn publish(&self, position: &Position) {
        if let Err(error) = self.store.publish(position) {
            tracing::warn!(%error, "forwarders could not be told how far the journal is synced");
        }
    }

    fn reason(&self, error: &CommitError) -> NotStored {
        match error {
            _ if self.store.stopped() => NotStored::Stopped,
            error if error.is_full() => NotStored::Full,
            _ => NotStored::Failed,
        }
    }

    fn checkpoint(&mut self) {
        (self.dirty_since, self.checked) = (None, Instant::now());
        match self.store.checkpoint((self.clock)()) {
            Ok(()) => {
                match self.store.books() {
                    Ok(books) => drop(self.books.send_replace(books)),
                    Err(error) => tracing::error!(%error, "the index cannot be asked for its books"),
                }
                let current = self.position.borrow().map(|position| position.name);
                self.settled.send_if_modified(|settled| std::mem::replace(settled, current) != current);
            }
            Err(error) => tracing::error!(%error, "the index could not be made durable"),
        }
    }
}

/// How many jobs from the first on belong into the same day's file.
fn same_day(jobs: &[Job]) -> usize {
    let day = |job: &Job| journal::day_at(job.request.received);
    let first = jobs.first().map(day);
    jobs.iter().take_while(|job| Some(day(job)) == first).count().max(1)
}
