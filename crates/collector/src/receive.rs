//! From the bytes of a request to what the writer needs: decoded, checked, and rendered as journal lines.

use std::ops::Range as Bytes;
use std::sync::Arc;

use beaconry_core::{
    BatchLine, Body, DecodeError, MAX_RANGES, Number, Ranges, RawBatch, StreamLine, answer::encode_accounted,
};
use serde::de::IgnoredAny;

use crate::event_line::{Event, Frame, Source, is_object_token, is_string_token};
use crate::group::MAX_RENDERED_BYTES;
use crate::skew::Skew;
use crate::store::Request;
use crate::user_agent::Agent;

/// The answer to a stream that is too old to be known.
pub(crate) const STALE: &str = "{\"stale\":true}";

/// What a request says besides its body.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// The stream as the URL names it.
    pub(crate) stream: String,
    /// The client's clock when it sent (unix ms), where it could be read.
    pub(crate) now: Option<u64>,
    /// Our clock (unix ms).
    pub(crate) received: u64,
    /// The User-Agent header, or nothing.
    pub(crate) agent: String,
}

/// A body that was looked at, batch by batch.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// What is good of it.
    pub(crate) request: Request,
    /// Batches that are not taken, and why.
    pub(crate) rejected: Vec<(Number, &'static str)>,
    /// Batches whose number cannot be read, so that no rejection can name them.
    pub(crate) unnamed: usize,
    /// The body ended in the middle of its last batch: that is neither good nor the client's fault.
    pub(crate) torn: bool,
}

/// Why nothing of a body can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadBody {
    /// The URL names another stream than the stream line.
    Query,
    /// The stream line cannot be read.
    StreamLine(&'static str),
    /// It would become more than [`MAX_RENDERED_BYTES`].
    TooLarge,
    /// Its batches are in more pieces than the wire format carries.
    Shredded,
}

/// Why a batch is not taken.
enum NotTaken {
    /// It is bad, and spoils no other.
    Bad(&'static str),
    /// With it the whole body is too much.
    Body(BadBody),
}

impl From<&'static str> for NotTaken {
    fn from(reason: &'static str) -> NotTaken {
        NotTaken::Bad(reason)
    }
}

/// Takes a body apart. A bad batch spoils no other.
pub(crate) fn decode(
    arrival: &Arrival,
    app: &Arc<str>,
    agent: Arc<Agent>,
    body: &[u8],
) -> Result<Decoded, BadBody> {
    let batches = decode_stream_line(body)?;
    let text = batches.line.stream.to_text();
    if arrival.stream != text.as_str() {
        return Err(BadBody::Query);
    }
    let line = batches.line.clone();
    let skew = Skew::measure(arrival.now, arrival.received, line.closed);
    let mut lines =
        Lines { seen: Ranges::new(), bytes: Vec::with_capacity(body.len() * 2), events: Vec::new() };
    let (mut rejected, mut unnamed) = (Vec::new(), 0);
    let (mut last_is_good, mut last_is_named) = (true, true);
    for batch in batches {
        let first = batch.first;
        let taken = lines.take(&batch, skew, |head| Source {
            stream: text.as_str(),
            received: arrival.received,
            app,
            tokens: tokens(&line, head),
            agent: &agent,
        });
        last_is_good = taken.is_ok();
        match (taken, first) {
            (Ok(()), _) => {}
            (Err(NotTaken::Body(error)), _) => return Err(error),
            (Err(NotTaken::Bad(reason)), Some(first)) => rejected.push((first, reason)),
            (Err(NotTaken::Bad(_)), None) => unnamed += 1,
        }
        last_is_named = first.is_some();
    }
    let torn = !last_is_good && !body.ends_with(b"\n");
    if torn && last_is_named {
        rejected.pop();
    } else if torn {
        unnamed -= 1;
    }
    let age = arrival.now.unwrap_or(arrival.received).saturating_sub(line.stream.birth_unix_ms());
    let (received, app) = (arrival.received, app.clone());
    let request = Request { line, received, age, agent, app, lines: lines.bytes, events: lines.events };
    Ok(Decoded { request, rejected, unnamed, torn })
}

/// The body of a 200.
pub(crate) fn answer(stored: &Ranges, rejected: &[(Number, &'static str)]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_accounted(stored, rejected.iter().copied(), &mut out);
    out
}

/// The core reads what it needs of a line; that the whole of it is JSON, which is spliced into the journal, is checked
/// here.
fn decode_stream_line(body: &[u8]) -> Result<Body<'_>, BadBody> {
    let line = body.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let text = str::from_utf8(line).map_err(|_| BadBody::StreamLine("utf8"))?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|_| BadBody::StreamLine("json"))?;
    Body::decode(body).map_err(|error| match error {
        DecodeError::Version => BadBody::StreamLine("version"),
        DecodeError::TooLong => BadBody::StreamLine("too_large"),
        DecodeError::Json => BadBody::StreamLine("json"),
    })
}

fn tokens<'a>(line: &'a StreamLine, head: &BatchLine<'a>) -> [(&'static str, Option<&'a [u8]>); 6] {
    let identity = &line.identity;
    [
        ("release", identity.release.as_deref().map(str::as_bytes)),
        ("env", identity.env.as_deref().map(str::as_bytes)),
        ("session", identity.session.as_deref().map(str::as_bytes)),
        ("page", head.page),
        ("user", head.user),
        ("context", head.context),
    ]
}

/// The journal lines of a request as they grow.
struct Lines {
    /// The numbers of the batches so far.
    seen: Ranges,
    bytes: Vec<u8>,
    events: Vec<(Number, Bytes<usize>, &'static str)>,
}

impl Lines {
    /// Adds a batch, whole or not at all.
    fn take<'a>(
        &mut self,
        batch: &RawBatch<'a>,
        skew: Skew,
        source: impl FnOnce(&BatchLine<'a>) -> Source<'a>,
    ) -> Result<(), NotTaken> {
        let head = batch.head.as_ref().map_err(|_| "json")?;
        let range = head.range().ok_or("json")?;
        let strings = [head.page, head.user];
        if !strings.into_iter().flatten().all(is_string_token) || !head.context.is_none_or(is_object_token) {
            return Err("json".into());
        }
        if self.seen.intersects(range) {
            return Err("overlap".into());
        }
        let events = batch.events.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
        let events: Vec<Event<'_>> =
            events.map(Event::parse).collect::<Result<_, _>>().map_err(|bad| bad.as_str())?;
        if u32::try_from(events.len()) != Ok(range.len()) {
            return Err("count".into());
        }
        let frame = Frame::new(&source(head), skew);
        if self.bytes.len() + batch.events.len() + events.len() * frame.len() > MAX_RENDERED_BYTES {
            return Err(NotTaken::Body(BadBody::TooLarge));
        }
        for (number, event) in (range.start()..).zip(&events) {
            let start = self.bytes.len();
            frame.write(&mut self.bytes, number, event);
            self.events.push((number, start..self.bytes.len(), event.kind()));
        }
        self.seen.insert(range);
        if self.seen.pieces() > MAX_RANGES { Err(NotTaken::Body(BadBody::Shredded)) } else { Ok(()) }
    }
}
