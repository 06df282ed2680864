//! An open collector: its directory, and what its handlers share.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use crate::config::{App, Config};
use crate::delivery::Answering;
use crate::disk::RealDisk;
use crate::group::MAX_RENDERED_BYTES;
use crate::journal::Position;
use crate::limits::Limiter;
use crate::phase::{PhaseError, Phases};
use crate::stats::Stats;
use crate::store::Store;
use crate::upkeep::pass::Policy;
use crate::upkeep::{Upkeep, Work, rotate};
use crate::user_agent::Agents;
use crate::writer::Writer;

/// Bodies and their journal lines in memory, all requests together. Beyond it requests are told to come back: they keep
/// what they have.
const BODY_BUDGET_BYTES: usize = 64 * 1024 * 1024;

/// The budget is counted in pieces of this size, because a permit is a `u32`.
pub(crate) const BUDGET_PIECE: usize = 1024;

/// Why a collector cannot open its data, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory cannot be made, listed or written.
    #[error("{dir}: {error}. Name a directory that this user may write to with --data")]
    Dir {
        /// As given.
        dir: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// Another collector has it.
    #[error("{0} is in use by another collector: stop that one, or name another directory with --data")]
    InUse(PathBuf),
    /// Journal or index cannot be brought in order.
    #[error("{dir}: {message}")]
    Recover {
        /// As given.
        dir: PathBuf,
        /// What is wrong and what to do.
        message: String,
    },
    /// The phases cannot be read.
    #[error(transparent)]
    Phases(#[from] PhaseError),
    /// The system gives no thread.
    #[error("the writer cannot be started: {0}")]
    Thread(io::Error),
}

/// An open collector: what its handlers share. Cloning is cheap.
#[derive(Clone)]
pub struct State(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) writer: Writer,
    upkeep: Upkeep,
    answering: Answering,
    pub(crate) phases: Phases,
    pub(crate) stats: Arc<Stats>,
    pub(crate) agents: Agents,
    pub(crate) budget: Arc<Semaphore>,
    pub(crate) addresses: Limiter,
    /// Of each app's keys, in the order of the apps.
    rates: Vec<Limiter>,
}

impl State {
    /// Takes the directory, mends the journal, brings the index up to it and starts the writer. Blocks meanwhile.
    pub fn open(config: Config) -> Result<State, OpenError> {
        let dir = |error| OpenError::Dir { dir: config.data.clone(), error };
        let disk = RealDisk::open_dir(&config.data).map_err(dir)?;
        let lock = rotate::lock_of_server(&config.data).map_err(dir)?;
        let lock = lock.ok_or_else(|| OpenError::InUse(config.data.clone()))?;
        // Free again when nobody writes any more.
        let lock = Arc::new(lock);
        let phases = Phases::open(&config.data)?;
        let recovered = Store::open(disk.clone(), config.journal.max_file, (config.clock)());
        let store = recovered
            .map_err(|error| OpenError::Recover { dir: config.data.clone(), message: error.to_string() })?;
        let closed_files = store.closed_files();
        let writer = Writer::start(store, config.clock.clone(), lock.clone()).map_err(OpenError::Thread)?;
        let stats = Arc::new(Stats::new(config.apps.iter().map(|app| &*app.name)));
        let work = Work {
            disk,
            data: config.data.clone(),
            policy: Policy::of(&config.journal),
            clock: config.clock.clone(),
            rotator: writer.rotator(),
            settled: writer.settled(),
            closed_files,
            stats: stats.clone(),
        };
        let upkeep = Upkeep::start(work, lock.clone()).map_err(OpenError::Thread)?;
        let (data, looker, clock) = (config.data.clone(), writer.looker(), config.clock.clone());
        let answering = Answering::start(data, looker, clock, lock).map_err(OpenError::Thread)?;
        let budget = BODY_BUDGET_BYTES.max(config.max_body + MAX_RENDERED_BYTES) / BUDGET_PIECE + 1;
        let (agents, budget) = (Agents::default(), Arc::new(Semaphore::new(budget)));
        let addresses = Limiter::new(config.limits.address);
        let rates = config.apps.iter().map(|app| Limiter::new(app.rate)).collect();
        let inner =
            Inner { config, writer, upkeep, answering, phases, stats, agents, budget, addresses, rates };
        Ok(State(Arc::new(inner)))
    }

    /// Waits until everything that was taken is on disk and the directory is free again. Takes nothing more.
    pub async fn close(&self) {
        self.0.answering.close().await;
        self.0.upkeep.close().await;
        self.0.writer.close().await;
    }
}

impl Inner {
    pub(crate) fn now(&self) -> u64 {
        (self.config.clock)()
    }

    /// Whose key this is, and how often it may be used. In time that tells nothing of the keys but their lengths.
    pub(crate) fn app_of(&self, key: &str) -> Option<(&App, &Limiter)> {
        self.config.apps.iter().zip(&self.rates).fold(None, |found, app| {
            let keys = app.0.keys.iter().map(|known| known.as_bytes().ct_eq(key.as_bytes()));
            let is_its: bool = keys.fold(subtle::Choice::from(0), |any, this| any | this).into();
            if is_its { Some(app) } else { found }
        })
    }

    /// Whether pages of this origin may send at all.
    pub(crate) fn allows_origin(&self, origin: &str) -> bool {
        self.is_own_origin(origin)
            || self.config.apps.iter().any(|app| app.origins.iter().any(|it| it == origin))
    }

    /// Whether pages of this origin may send as this app.
    pub(crate) fn allows_origin_of(&self, app: &App, origin: &str) -> bool {
        self.is_own_origin(origin) || app.origins.iter().any(|it| it == origin)
    }

    /// Whether this collector itself serves the pages of this origin.
    pub(crate) fn is_own_origin(&self, origin: &str) -> bool {
        self.config.own_origins.iter().any(|it| it == origin)
    }

    pub(crate) fn synced(&self) -> Option<Position> {
        self.writer.synced()
    }
}
