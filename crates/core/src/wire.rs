//! The wire format: a stream line, then batches, each a batch line and its events, all JSON Lines. The collector reads by this one;
//! the client's JavaScript writes it. What passes through is spliced: `release`, `page` and their like stay the JSON that they were.

use crate::{Number, Range, Ranges, StreamId, json::Scanner, ranges::write_number, reason::Dropped};
use alloc::{string::String, vec::Vec};

/// The version of the format.
pub const VERSION: u32 = 1;

/// Bytes of a stream line. 256 KiB: [`MAX_RANGES`](crate::MAX_RANGES) of ten reasons would be more, but no client's.
pub const MAX_STREAM_LINE: usize = 256 * 1024;

/// With what every batch line begins, and no event line does.
pub const BATCH_MARK: &[u8] = b"{\"batch\":";

/// Who sends. Each is a JSON string as it stands in the text, quotes and all; what is unknown is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Name and version of the client.
    pub sdk: Option<String>,
    /// Release of the app.
    pub release: Option<String>,
    /// Environment: production, staging …
    pub env: Option<String>,
    /// The visit.
    pub session: Option<String>,
}

/// What a sender knows of a stream: it travels first in every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamLine {
    /// Whose events.
    pub stream: StreamId,
    /// Who sends them.
    pub identity: Identity,
    /// The next number: how many events there were.
    pub tracked: Number,
    /// Which of them were dropped, and why.
    pub dropped: Dropped,
    /// Which of them the sender still keeps.
    pub holds: Ranges,
    /// Nothing more will be numbered.
    pub closed: bool,
}

/// The head of a batch. What is unknown of the context is absent; values are raw JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchLine<'a> {
    /// Number of the first event.
    pub first: Number,
    /// How many events; at least one.
    pub n: u32,
    /// A string: where in the app.
    pub page: Option<&'a [u8]>,
    /// A string: who.
    pub user: Option<&'a [u8]>,
    /// An object: what else the app says of all events of the batch.
    pub context: Option<&'a [u8]>,
}

/// What the decoders refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// No JSON of this shape.
    Json,
    /// JSON of another version.
    Version,
    /// Longer than [`MAX_STREAM_LINE`].
    TooLong,
}

impl StreamLine {
    /// A line of a stream of which nothing is known.
    #[must_use]
    pub fn new(stream: StreamId, identity: Identity) -> Self {
        Self {
            stream,
            identity,
            tracked: 0,
            dropped: Dropped::default(),
            holds: Ranges::new(),
            closed: false,
        }
    }

    /// Appends the line, line break included.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"stream\":\"");
        out.extend_from_slice(self.stream.to_text().as_bytes());
        out.extend_from_slice(b"\",\"v\":");
        write_number(VERSION, out);
        let identity = &self.identity;
        let members = [
            (",\"sdk\":", &identity.sdk),
            (",\"release\":", &identity.release),
            (",\"env\":", &identity.env),
            (",\"session\":", &identity.session),
        ];
        for (name, value) in members {
            if let Some(value) = value {
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(value.as_bytes());
            }
        }
        out.extend_from_slice(b",\"tracked\":");
        write_number(self.tracked, out);
        out.extend_from_slice(b",\"dropped\":");
        self.dropped.encode(out);
        out.extend_from_slice(b",\"holds\":");
        self.holds.encode(out);
        out.extend_from_slice(b",\"closed\":");
        out.extend_from_slice(if self.closed { b"true}\n" } else { b"false}\n" });
    }

    /// Reads a line, with or without its line break. Members that are unknown are passed over; `dropped`, `holds` and
    /// `closed` may be absent.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode(line: &[u8]) -> Result<Self, DecodeError> {
        if line.len() > MAX_STREAM_LINE {
            return Err(DecodeError::TooLong);
        }
        let mut fields = StreamFields::default();
        let mut scanner = Scanner::new(line);
        fields.read(&mut scanner).ok_or(DecodeError::Json)?;
        if fields.version.is_some_and(|version| version != VERSION) {
            return Err(DecodeError::Version);
        }
        match (fields.stream, fields.version, fields.tracked, scanner.at_end()) {
            (Some(stream), Some(_), Some(tracked), true) => Ok(Self {
                stream,
                identity: fields.identity,
                tracked,
                dropped: fields.dropped,
                holds: fields.holds,
                closed: fields.closed,
            }),
            _ => Err(DecodeError::Json),
        }
    }

    /// Takes in what another line of the same stream says, in whatever order the two arrived: the greatest `tracked`,
    /// the union of `dropped`, the last `holds` (but a line without `closed` never replaces one with it), and `closed` never
    /// turns back. Returns whether `dropped` or `closed` changed, which is what a journal records.
    pub fn merge(&mut self, other: &Self) -> bool {
        let (lost, closed) = (self.dropped.count(), self.closed);
        self.tracked = self.tracked.max(other.tracked);
        self.dropped.extend(&other.dropped);
        if other.closed || !self.closed {
            self.holds = other.holds.clone();
            self.identity = other.identity.clone();
        }
        self.closed |= other.closed;
        (lost, closed) != (self.dropped.count(), self.closed)
    }

    /// `[0, tracked) \ stored \ dropped`: what nobody has accounted for. Outstanding while it is held or the stream is
    /// not closed, lost after.
    #[must_use]
    pub fn missing(&self, stored: &Ranges) -> Ranges {
        let mut missing = Range::new(0, self.tracked).map_or_else(Ranges::new, |all| stored.gaps(all));
        self.dropped.subtract_from(&mut missing);
        missing
    }
}

#[derive(Default)]
struct StreamFields {
    stream: Option<StreamId>,
    version: Option<u32>,
    identity: Identity,
    tracked: Option<Number>,
    dropped: Dropped,
    holds: Ranges,
    closed: bool,
}

impl StreamFields {
    fn read(&mut self, scanner: &mut Scanner<'_>) -> Option<()> {
        scanner.enter(b'{')?;
        while let Some(name) = scanner.member()? {
            self.member(scanner, name)?;
        }
        Some(())
    }

    fn member(&mut self, scanner: &mut Scanner<'_>, name: &[u8]) -> Option<()> {
        match name {
            b"stream" => self.stream = Some(StreamId::parse(scanner.string()?).ok()?),
            b"v" => self.version = Some(scanner.number()?),
            b"sdk" => self.identity.sdk = Some(raw_string(scanner)?),
            b"release" => self.identity.release = Some(raw_string(scanner)?),
            b"env" => self.identity.env = Some(raw_string(scanner)?),
            b"session" => self.identity.session = Some(raw_string(scanner)?),
            b"tracked" => self.tracked = Some(scanner.number()?),
            b"dropped" => self.dropped = Dropped::scan(scanner)?,
            b"holds" => self.holds = Ranges::scan(scanner)?,
            b"closed" => self.closed = scanner.boolean()?,
            _ => drop(scanner.value()?),
        }
        Some(())
    }
}

impl<'a> BatchLine<'a> {
    /// The numbers of the batch.
    #[must_use]
    pub const fn range(&self) -> Option<Range> {
        Range::new(self.first, self.first.saturating_add(self.n))
    }

    /// Reads the batch line that `batch` begins with, up to its first line break; what follows is not looked at.
    ///
    /// # Errors
    /// [`DecodeError::Json`], also where the numbers leave 32 bits.
    pub fn decode(batch: &'a [u8]) -> Result<Self, DecodeError> {
        Self::scan(first_line(batch).0).ok_or(DecodeError::Json)
    }

    fn scan(line: &'a [u8]) -> Option<Self> {
        let (mut first, mut n) = (None, None);
        let (mut page, mut user, mut context) = (None, None, None);
        let mut scanner = Scanner::new(line);
        scanner.enter(b'{')?;
        while let Some(name) = scanner.member()? {
            match name {
                b"batch" => first = Some(scanner.number()?),
                b"n" => n = Some(scanner.number()?),
                b"page" => page = Some(of_kind(&mut scanner, b'"')?),
                b"user" => user = Some(of_kind(&mut scanner, b'"')?),
                b"context" => context = Some(of_kind(&mut scanner, b'{')?),
                _ => drop(scanner.value()?),
            }
        }
        let (first, n) = (first?, n?);
        (n > 0 && first.checked_add(n).is_some() && scanner.at_end()).then_some(Self {
            first,
            n,
            page,
            user,
            context,
        })
    }
}

/// Appends a batch line, line break included. `members` is raw JSON for after `n`, such as `"page":"/cart"`, or empty.
pub fn write_batch_line(first: Number, n: u32, members: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(BATCH_MARK);
    write_number(first, out);
    out.extend_from_slice(b",\"n\":");
    write_number(n, out);
    if !members.is_empty() {
        out.push(b',');
        out.extend_from_slice(members);
    }
    out.extend_from_slice(b"}\n");
}

/// A request's body: its stream line, and its batches still to be read.
#[derive(Clone, Debug)]
pub struct Body<'a> {
    /// The stream line.
    pub line: StreamLine,
    rest: &'a [u8],
}

/// A batch as it arrived. One that is spoilt does not spoil the next: that begins at the next [`BATCH_MARK`].
#[derive(Clone, Debug)]
pub struct RawBatch<'a> {
    /// Its batch line.
    pub head: Result<BatchLine<'a>, DecodeError>,
    /// Number of the first event as far as it can be read: what a rejection names.
    pub first: Option<Number>,
    /// Its event lines, each with its line break but perhaps the last.
    pub events: &'a [u8],
    /// All of it: what is kept and sent on.
    pub text: &'a [u8],
}

impl<'a> Body<'a> {
    /// Reads the stream line of a request.
    ///
    /// # Errors
    /// [`DecodeError`]: nothing of the request can be used, for nobody knows whose numbers they are.
    pub fn decode(body: &'a [u8]) -> Result<Self, DecodeError> {
        let (line, rest) = first_line(body);
        StreamLine::decode(line).map(|line| Self { line, rest })
    }
}

impl<'a> Iterator for Body<'a> {
    type Item = RawBatch<'a>;

    fn next(&mut self) -> Option<RawBatch<'a>> {
        while let [b'\n', rest @ ..] = self.rest {
            self.rest = rest;
        }
        if self.rest.is_empty() {
            return None;
        }
        let whole = self.rest;
        let (line, after) = first_line(whole);
        let (events, rest) = split_before_mark(after);
        let text = whole.get(..whole.len() - rest.len()).unwrap_or(whole);
        self.rest = rest;
        let head = BatchLine::scan(line).ok_or(DecodeError::Json);
        let first = line.strip_prefix(BATCH_MARK).and_then(|rest| Scanner::new(rest).number());
        Some(RawBatch { head, first, events, text })
    }
}

/// Splits after the first line break, which belongs to neither part.
fn first_line(text: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while text.get(at).is_some_and(|byte| *byte != b'\n') {
        at += 1;
    }
    (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default())
}

/// Splits in front of the first line that begins with [`BATCH_MARK`].
fn split_before_mark(lines: &[u8]) -> (&[u8], &[u8]) {
    let mut rest = lines;
    while !rest.is_empty() && !rest.starts_with(BATCH_MARK) {
        rest = first_line(rest).1;
    }
    lines.split_at_checked(lines.len() - rest.len()).unwrap_or((lines, &[]))
}

fn of_kind<'a>(scanner: &mut Scanner<'a>, first: u8) -> Option<&'a [u8]> {
    (scanner.peek()? == first).then(|| scanner.value()).flatten()
}

fn raw_string(scanner: &mut Scanner<'_>) -> Option<String> {
    let text = core::str::from_utf8(of_kind(scanner, b'"')?).ok()?;
    Some(String::from(text))
}
