//! What a collector is told, and the state that its handlers share.

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use crate::disk::RealDisk;
use crate::journal::{MAX_FILE_BYTES, Position};
use crate::phase::{PhaseError, Phases};
use crate::receive::MAX_RENDERED_BYTES;
use crate::stats::Stats;
use crate::store::Store;
use crate::user_agent::Agents;
use crate::writer::Writer;

/// Default of the largest body taken. The client's own requests stay within 128 KiB, but for a single larger event.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Bodies and their journal lines in memory, all requests together. Beyond it requests are told to come back: they keep
/// what they have.
const BODY_BUDGET_BYTES: usize = 64 * 1024 * 1024;

/// The budget is counted in pieces of this size, because a permit is a `u32`.
pub(crate) const BUDGET_PIECE: usize = 1024;

/// Our clock: unix ms.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// What the operator says.
#[derive(Clone)]
pub struct Config {
    /// Where journal, index and phases are.
    pub data: PathBuf,
    /// Whoever sends must name one of these keys. They are public: they name the app, they hide nothing.
    pub keys: Vec<String>,
    /// The app that the keys stand for.
    pub app: String,
    /// Origins whose pages may send, such as `https://shop.example.com`.
    pub origins: Vec<String>,
    /// A folder to serve at `/`, for the demo.
    pub www: Option<PathBuf>,
    /// Largest body in bytes.
    pub max_body: usize,
    /// Unix ms; a test's own, or [`system_clock`].
    pub clock: Clock,
}

/// The machine's clock.
pub fn system_clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

/// Origins under which pages that this collector itself serves on `address` are seen. Asking the address and not the
/// `Host` header keeps a foreign name that someone points at it out.
pub fn own_origins(address: SocketAddr) -> Vec<String> {
    let mut origins = vec![format!("http://{address}")];
    if address.ip().is_loopback() {
        origins.push(format!("http://localhost:{}", address.port()));
    }
    origins
}

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
    pub(crate) phases: Phases,
    pub(crate) stats: Stats,
    pub(crate) agents: Agents,
    pub(crate) budget: Arc<Semaphore>,
}

impl State {
    /// Takes the directory, mends the journal, brings the index up to it and starts the writer. Blocks meanwhile.
    pub fn open(config: Config) -> Result<State, OpenError> {
        let dir = |error| OpenError::Dir { dir: config.data.clone(), error };
        let disk = RealDisk::open_dir(&config.data).map_err(dir)?;
        let lock = File::create(config.data.join("lock")).map_err(dir)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(OpenError::InUse(config.data)),
            Err(std::fs::TryLockError::Error(error)) => return Err(dir(error)),
        }
        let phases = Phases::open(&config.data)?;
        let recovered = Store::open(disk, &config.app, MAX_FILE_BYTES);
        let store = recovered
            .map_err(|error| OpenError::Recover { dir: config.data.clone(), message: error.to_string() })?;
        let writer = Writer::start(store, config.clock.clone(), lock).map_err(OpenError::Thread)?;
        let budget = BODY_BUDGET_BYTES.max(config.max_body + MAX_RENDERED_BYTES) / BUDGET_PIECE + 1;
        let (stats, agents) = (Stats::new(&config.app), Agents::default());
        Ok(State(Arc::new(Inner {
            config,
            writer,
            phases,
            stats,
            agents,
            budget: Arc::new(Semaphore::new(budget)),
        })))
    }

    /// Waits until everything that was taken is on disk and the directory is free again. Takes nothing more.
    pub async fn close(&self) {
        self.0.writer.close().await;
    }
}

impl Inner {
    pub(crate) fn now(&self) -> u64 {
        (self.config.clock)()
    }

    /// In time that tells nothing of the keys but their lengths.
    pub(crate) fn knows_key(&self, key: &str) -> bool {
        let known = self.config.keys.iter().map(|known| known.as_bytes().ct_eq(key.as_bytes()));
        known.fold(subtle::Choice::from(0), |any, this| any | this).into()
    }

    pub(crate) fn allows_origin(&self, origin: &str) -> bool {
        self.config.origins.iter().any(|allowed| allowed == origin)
    }

    pub(crate) fn synced(&self) -> Option<Position> {
        self.writer.synced()
    }
}
