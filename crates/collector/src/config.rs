//! What a collector is told.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::journal::MAX_FILE_BYTES;
use crate::limits::{Limits, Rate};

/// Default of the largest body taken. The client's own requests stay within 512 KiB, but for a single larger event.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Our clock: unix ms.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// What the operator says.
#[derive(Clone)]
pub struct Config {
    /// Where journal, index and phases are.
    pub data: PathBuf,
    /// Whose events are taken.
    pub apps: Vec<App>,
    /// Origins of the pages that this collector serves itself; see [`own_origins`]. They may send as every app.
    pub own_origins: Vec<String>,
    /// A folder to serve at `/`, for the demo.
    pub www: Option<PathBuf>,
    /// Largest body in bytes.
    pub max_body: usize,
    /// How often an address may send.
    pub limits: Limits,
    /// What becomes of journal files.
    pub journal: JournalFiles,
    /// Unix ms; a test's own, or [`system_clock`].
    pub clock: Clock,
}

/// An app: who sends as it, and from where.
#[derive(Debug, Clone, PartialEq)]
pub struct App {
    /// Written into each line.
    pub name: Arc<str>,
    /// Whoever sends must name one of these keys. They are public: they name the app, they hide nothing.
    pub keys: Vec<String>,
    /// Origins whose pages may send, such as `https://shop.example.com`.
    pub origins: Vec<String>,
    /// How often each of its keys may be used.
    pub rate: Rate,
}

/// What becomes of journal files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalFiles {
    /// A file that has grown so large (bytes) is closed; so is that of a day that is over.
    pub max_file: u64,
    /// Whether closed files are packed once every consumer has passed them. Off unless it is said: whoever follows the files
    /// with a tool of his own, and is no consumer, would miss what is packed.
    pub compress: bool,
    /// Which closed files are deleted.
    pub keep: Keep,
}

impl Default for JournalFiles {
    fn default() -> JournalFiles {
        JournalFiles { max_file: MAX_FILE_BYTES, compress: false, keep: Keep::default() }
    }
}

/// How much of the journal is kept. Nothing said: all of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// Days after the one on which events were received.
    pub days: Option<u32>,
    /// Bytes on disk of all files, packed or not; the one that is written to counts, and stays.
    pub bytes: Option<u64>,
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
