//! The pipeline as JavaScript drives it: numbers in, numbers out, and no call back. `pkg-template/driver.js` is the driver.

use crate::messages::{NEVER, asked, said, told, tracked};
use beaconry_core::{
    Answer, Duration, Instant, Link, Offer, Output, Page, Pipeline, Priority, Range, Reason, Request,
    RequestId, Said, Stream, StreamKey, TrackError, Via,
};
#[cfg(not(feature = "npm"))]
use wasm_bindgen::prelude::*;

/// Bytes of a batch: below, its own head would be most of it; above, too few fill a beacon.
const BATCH_BYTES: [u32; 2] = [2 * 1024, 16 * 1024];

/// Bytes that are sent once a burst is over. 48 KiB: they still fit into the beacon budget, and a `fetch` is what takes the main thread most.
const FLUSH_BYTES: u32 = 48 * 1024;

/// One client's pipeline. It begins with [`told::START`]; until then it takes nothing.
#[derive(Debug)]
#[cfg_attr(not(feature = "npm"), wasm_bindgen)]
pub struct Core {
    pipeline: Pipeline,
    /// What was told last.
    now: Instant,
    /// The words of the message that is being told.
    message: Vec<u32>,
    /// The words of the output that was polled last.
    output: Vec<u32>,
}

#[cfg_attr(not(feature = "npm"), wasm_bindgen)]
impl Core {
    /// Numbers an event of so many bytes; [`tracked`] has the answers. The hot path: the time is that of the last message.
    pub fn track(&mut self, bytes: u32, priority: u32) -> u32 {
        match self.pipeline.track(self.now, bytes, to_priority(priority)) {
            Ok(event) if event.begins_batch => tracked::BEGAN,
            Ok(_) => tracked::JOINED,
            Err(TrackError::Off) => tracked::REFUSED,
            Err(_) => tracked::COUNTED,
        }
    }

    /// The next word of a message.
    pub fn push(&mut self, word: u32) {
        self.message.push(word);
    }

    /// The message is complete: one of [`told`]. The answer is 0 where none is promised.
    pub fn tell(&mut self, now: f64) -> u32 {
        self.now = Instant::from_millis(whole(now));
        let answer = self.hear();
        self.message.clear();
        answer
    }

    /// What is to be done next, one of [`asked`]: how many words it has. A stream's line: the next
    /// number, 1 if it is closed and 2 if it is to be made anew, then its runs: a fate, where it ends.
    pub fn poll(&mut self) -> u32 {
        self.output.clear();
        let output = self.pipeline.poll_output();
        write(&self.pipeline, output, &mut self.output);
        length(&self.output)
    }

    /// A word of it.
    #[must_use]
    pub fn word(&self, at: u32) -> u32 {
        self.output.get(at as usize).copied().unwrap_or_default()
    }
}

impl Core {
    /// One that has not begun.
    pub(crate) const fn new() -> Self {
        Self {
            pipeline: Pipeline::IDLE,
            now: Instant::from_millis(0),
            message: Vec::new(),
            output: Vec::new(),
        }
    }

    fn hear(&mut self) -> u32 {
        let Self { pipeline, message, now, output } = self;
        let now = *now;
        let mut words = [0; LONGEST];
        for (to, word) in words.iter_mut().zip(message.iter()) {
            *to = *word;
        }
        let [what, a, b, c, d, e, f, ..] = words;
        let (stream, request) = (StreamKey(a), RequestId(a));
        match what {
            told::START => start(pipeline, now, words),
            told::CONTEXT => pipeline.set_context(now, a),
            told::LOST | told::KNOWN => {
                if let (Some(range), Some(reason)) = (Range::new(c, d), Reason::ALL.get(b as usize)) {
                    if what == told::LOST {
                        pipeline.count_dropped(now, stream, *reason, range);
                    } else {
                        pipeline.know_dropped(now, stream, *reason, range);
                    }
                }
            }
            told::OFFER => {
                let offer = Offer { bytes: d, is_stored: e > 0, priority: to_priority(f) };
                if let Some(range) = Range::new(b, c) {
                    pipeline.offer(now, stream, range, offer);
                }
            }
            told::FLUSH => pipeline.flush(now),
            told::BEGIN => pipeline.begin_stream(now, to_stream(a, b, c)),
            told::ADOPT => pipeline.adopt(now, to_stream(a, b, c)),
            told::RELEASE => pipeline.release(now, stream),
            told::SWITCH_OFF => pipeline.switch_off(now),
            told::GATE => pipeline.handle_gate(now, now + millis(a)),
            told::LINK => pipeline.handle_link(now, if a > 0 { Link::Online } else { Link::Offline }),
            told::PAGE => pipeline.handle_page(now, to_page(a)),
            told::EXIT => pipeline.handle_exit(now, a),
            told::ANSWER => {
                let mut rejected = message.get(6..).unwrap_or_default();
                let mut stored = Vec::new();
                for _ in 0..e {
                    let [start, end, rest @ ..] = rejected else { break };
                    if let Some(range) = Range::new(*start, *end) {
                        stored.push(range);
                    }
                    rejected = rest;
                }
                let said = match d {
                    said::ACCOUNTED => Said::Accounted { stored: &stored, rejected },
                    said::STALE => Said::Stale,
                    said::ERROR => Said::Error,
                    said::DISABLED => Said::Disabled,
                    _ => Said::Nothing,
                };
                let retry_after = if c == NEVER { None } else { Some(millis(c)) };
                pipeline.handle_answer(now, request, Answer::from_http(now, b, retry_after, said));
            }
            told::HANDED => {
                let answer = if b > 0 { Answer::HandedOff } else { Answer::NotSent };
                pipeline.handle_answer(now, request, answer);
            }
            told::STORED => pipeline.handle_stored(now, a > 0),
            told::COUNT => {
                output.clear();
                put(output, pipeline.totals().counts());
                return length(output);
            }
            told::TIME => pipeline.handle_timeout(now),
            _ => {}
        }
        0
    }
}

// ── What is told ──

/// Words of the longest message without a list.
const LONGEST: usize = 10;

fn start(pipeline: &mut Pipeline, now: Instant, words: [u32; LONGEST]) {
    let [_, seed, memory_bytes, batch_bytes, flush_after, max_age, line_bytes, key, next, age] = words;
    let config = pipeline.config_mut();
    config.flush_bytes = FLUSH_BYTES;
    config.line_bytes = line_bytes;
    if memory_bytes > 0 {
        config.memory_bytes = memory_bytes;
    }
    let [least, most] = BATCH_BYTES;
    config.max_batch_bytes = batch_bytes.clamp(least, most);
    if flush_after > 0 {
        config.flush_after = millis(flush_after);
    }
    if max_age > 0 {
        config.max_age = millis(max_age);
    }
    pipeline.begin(now, to_stream(key, next, age), seed);
}

fn to_stream(key: u32, next: u32, age: u32) -> Stream {
    Stream { key: StreamKey(key), next, age: millis(age) }
}

fn to_page(page: u32) -> Page {
    match page {
        0 => Page::Visible,
        1 => Page::Hidden,
        _ => Page::Gone,
    }
}

fn to_priority(priority: u32) -> Priority {
    match priority {
        0 => Priority::Low,
        1 => Priority::Normal,
        _ => Priority::High,
    }
}

// ── What is asked for ──

/// Five words: what, of which stream, which numbers, and one more. Then the batches that a request carries, and the stream's line.
fn write(pipeline: &Pipeline, output: Output, out: &mut Vec<u32>) {
    let (what, StreamKey(word), range, more) = match output {
        Output::Persist { stream, range } => (asked::PERSIST, stream, Some(range), 0),
        Output::Erase { stream, range } => (asked::ERASE, stream, Some(range), 0),
        Output::Forget { stream, range } => (asked::FORGET, stream, Some(range), 0),
        Output::Dropped { stream, reason, range } => {
            #[expect(clippy::cast_possible_truncation, reason = "there are ten reasons")]
            let reason = reason.index() as u32;
            (asked::DROPPED, stream, Some(range), reason)
        }
        Output::Send(Request { id, stream, via: Via::Fetch }) => (asked::FETCH, stream, None, id.0),
        Output::Send(Request { id, stream, via: Via::Beacon }) => (asked::BEACON, stream, None, id.0),
        Output::PersistLine(stream) => (asked::PERSIST_LINE, stream, None, 0),
        Output::EraseLine(stream) => (asked::ERASE_LINE, stream, None, 0),
        Output::Settled(stream) => (asked::SETTLED, stream, None, 0),
        Output::Flushed => (asked::FLUSHED, StreamKey(0), None, 0),
        Output::Gate(span) => (asked::GATED, StreamKey(span.as_millis()), None, 0),
        Output::Off => (asked::OFF, StreamKey(0), None, 0),
        Output::Wait(span) => (asked::WAIT, StreamKey(span.map_or(NEVER, Duration::as_millis)), None, 0),
    };
    let (start, end) = range.map_or((0, 0), |range| (range.start(), range.end()));
    put(out, &[what, word, start, end, more]);
    let Some(line) = pipeline.line(StreamKey(word)).filter(|_| range.is_none()) else { return };
    if more > 0 {
        for range in pipeline.carried(RequestId(more)) {
            out.push(range.start());
        }
    }
    let carried = length(out) - 5;
    if let Some(count) = out.get_mut(2) {
        *count = carried;
    }
    put(out, &[line.fates.tracked(), u32::from(line.is_closed) + 2 * u32::from(line.is_renewed)]);
    for run in line.fates.runs() {
        #[expect(clippy::cast_possible_truncation, reason = "there are fourteen fates")]
        put(out, &[run.fate.index() as u32, run.end]);
    }
}

/// Word by word, as all that grows here does: growing by many would be code of its own.
fn put(out: &mut Vec<u32>, words: &[u32]) {
    for word in words {
        out.push(*word);
    }
}

fn millis(ms: u32) -> Duration {
    Duration::from_millis(ms.into())
}

fn length(words: &[u32]) -> u32 {
    u32::try_from(words.len()).unwrap_or_default()
}

/// Whole and not negative; what is no number is zero.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
pub(crate) fn whole(value: f64) -> u64 {
    value as u64
}
