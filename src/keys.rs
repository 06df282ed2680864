//! The names of what the page stores: `bcn1:<scope>:<stream>:<first>`, `…:s`, and `bcn1:<scope>:gate`.

use crate::text::{push_number, read_number};
use beaconry_core::{Number, Part, STREAM_ID_LEN, Slot, StreamId, flag};

/// In front of every key of ours.
const OURS: &str = "bcn1:";
const SCOPE_LEN: usize = 8;

/// The keys of one scope: an endpoint and an app.
#[derive(Debug)]
pub(crate) struct Keys {
    /// `bcn1:<scope>:`
    prefix: String,
}

/// What a key of ours names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named {
    /// Whether it is of this scope.
    pub(crate) is_mine: bool,
    pub(crate) stream: StreamId,
    /// `None` for a part that this version does not know.
    pub(crate) part: Option<Part>,
}

impl Keys {
    pub(crate) fn new(url: &str, app_or_key: &str) -> Self {
        let mut prefix = String::from(OURS);
        prefix.extend(flag::scope(url, app_or_key).map(char::from));
        prefix.push(':');
        Self { prefix }
    }

    pub(crate) fn gate(&self) -> String {
        self.with("gate")
    }

    /// The name of a stream's Web Lock.
    pub(crate) fn lock(&self, stream: StreamId) -> String {
        self.with(stream.to_text().as_str())
    }

    pub(crate) fn slot(&self, slot: Slot) -> String {
        let mut key = self.lock(slot.stream);
        key.push(':');
        match slot.part {
            Part::Line => key.push('s'),
            Part::Batch(first) => push_number(&mut key, u64::from(first)),
        }
        key
    }

    /// Reads a key of any scope; `None` for what is nobody's stream.
    pub(crate) fn read(&self, key: &str) -> Option<Named> {
        let (_, after) = key.strip_prefix(OURS)?.split_at_checked(SCOPE_LEN)?;
        let (stream, part) = after.strip_prefix(':')?.split_at_checked(STREAM_ID_LEN)?;
        let part = match part.strip_prefix(':')? {
            "s" => Some(Part::Line),
            first => read_number(first).and_then(|first| Number::try_from(first).ok()).map(Part::Batch),
        };
        let stream = StreamId::parse(stream.as_bytes()).ok()?;
        Some(Named { is_mine: key.starts_with(&self.prefix), stream, part })
    }

    fn with(&self, rest: &str) -> String {
        let mut key = self.prefix.clone();
        key.push_str(rest);
        key
    }
}
