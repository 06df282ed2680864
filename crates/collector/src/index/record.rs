//! What is known of one stream, and how the index has it.

use std::borrow::Cow;
use std::sync::Arc;

use beaconry_core::{Identity, MAX_RANGES, Range, Ranges, StreamId, StreamLine};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::tables::IndexError;

/// Bytes of a stream line in the journal. Each change writes the whole of it, so a stream that drops here and there again and
/// again would fill the disk by itself; and Loki takes lines of 256 KiB. A client keeps to 64 pieces, 1 KiB.
const MAX_DELIVERY_BYTES: usize = 64 * 1024;

/// What is known of one stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    /// Whose stream it is.
    pub(crate) app: Arc<str>,
    /// The numbers that are in the journal.
    pub(crate) stored: Ranges,
    /// All its stream lines, merged; `tracked` is at least the end of what is stored or dropped.
    pub(crate) line: StreamLine,
    /// The first browser that was told of: the page's, or the same one's after a restart.
    pub(crate) browser: Option<Arc<str>>,
    /// Of an index that was made again: the stream may have begun in files that are gone. What is missing of it may be stored.
    pub(crate) is_partial: bool,
    /// Events that came again and were stored already.
    pub(crate) twice_refused: u64,
    /// Lines of type `delivery` so far.
    pub(crate) deliveries: u32,
    /// Receipt of what the last of them tells (unix ms).
    pub(crate) told: u64,
    /// First and last receipt (unix ms).
    pub(crate) first: u64,
    pub(crate) last: u64,
}

impl Record {
    /// A stream heard of for the first time.
    pub(crate) fn new(stream: StreamId, received: u64, app: Arc<str>) -> Record {
        let line = StreamLine::new(stream, Identity::default());
        let (stored, browser) = (Ranges::new(), None);
        Record {
            app,
            stored,
            line,
            browser,
            is_partial: false,
            twice_refused: 0,
            deliveries: 0,
            told: 0,
            first: received,
            last: received,
        }
    }

    /// Notes who sent, where nobody is known yet.
    pub(crate) fn see_browser(&mut self, browser: Option<&str>) {
        if self.browser.is_none() {
            self.browser = browser.map(Arc::from);
        }
    }

    /// Takes in what a sender says; gives whether it is new.
    pub(crate) fn merge(&mut self, line: &StreamLine) -> bool {
        let is_news = self.line.merge(line);
        // What was dropped was numbered.
        self.line.tracked = self.line.tracked.max(self.line.dropped.end());
        is_news
    }

    /// Notes numbers as stored.
    pub(crate) fn store(&mut self, range: Range) {
        self.stored.insert(range);
        self.line.tracked = self.line.tracked.max(range.end());
    }

    /// Whether the sets are more than the wire format carries: neither an answer nor a journal line could tell them.
    pub(crate) fn is_shredded(&self) -> bool {
        let dropped = self.line.dropped.iter().map(|(_, numbers)| numbers.pieces());
        let mut line = Vec::new();
        self.line.encode(&mut line);
        dropped.chain([self.stored.pieces()]).any(|pieces| pieces > MAX_RANGES)
            || line.len() > MAX_DELIVERY_BYTES
    }

    /// As the database has it.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, IndexError> {
        let (mut line, mut stored) = (Vec::new(), Vec::new());
        self.line.encode(&mut line);
        self.stored.encode(&mut stored);
        let line = serde_json::from_slice(line.trim_ascii_end()).map_err(|_| IndexError::Entry)?;
        let stored = serde_json::from_slice(&stored).map_err(|_| IndexError::Entry)?;
        let Record { is_partial, twice_refused, deliveries, told, first, last, .. } = *self;
        let (app, browser) = (Cow::Borrowed(&*self.app), self.browser.as_deref().map(Cow::Borrowed));
        serde_json::to_vec(&Stored {
            app,
            stored,
            line,
            browser,
            is_partial,
            twice_refused,
            deliveries,
            told,
            first,
            last,
        })
        .map_err(|_| IndexError::Entry)
    }

    /// Of what [`Record::encode`] made.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Record, IndexError> {
        let entry: Stored<'_> = serde_json::from_slice(bytes).map_err(|_| IndexError::Entry)?;
        let line = StreamLine::decode(entry.line.get().as_bytes()).map_err(|_| IndexError::Entry)?;
        let stored = Ranges::parse(entry.stored.get().as_bytes()).map_err(|_| IndexError::Entry)?;
        let Stored { is_partial, twice_refused, deliveries, told, first, last, .. } = entry;
        let (app, browser) = (entry.app.as_ref().into(), entry.browser.as_deref().map(Arc::from));
        Ok(Record { app, stored, line, browser, is_partial, twice_refused, deliveries, told, first, last })
    }
}

/// A [`Record`] as the database has it.
#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    #[serde(borrow, default)]
    app: Cow<'a, str>,
    #[serde(borrow)]
    stored: &'a RawValue,
    #[serde(borrow)]
    line: &'a RawValue,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    browser: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    is_partial: bool,
    #[serde(default)]
    twice_refused: u64,
    deliveries: u32,
    #[serde(default)]
    told: u64,
    first: u64,
    last: u64,
}
