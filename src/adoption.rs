//! Takes over the streams of pages that are gone: whoever holds a stream's Web Lock delivers what is stored of it.

use crate::{driver::Driver, platform::told};
use beaconry_core::{Duration, Part, Range, Reason, Slot, StreamId};

/// A stream is left alone until its page has had time to take its lock, in ms.
const MIN_AGE_MS: u64 = 10_000;

/// Streams of any scope older than this are deleted by whoever sees them: no collector knows them any more.
const MAX_AGE_MS: u64 = 35 * 24 * 60 * 60 * 1000;

/// How often a page looks for dead streams, in ms. A minute: another tab's crash is heard of while the user still wonders.
const LOOK_EVERY_MS: f64 = 60_000.0;

/// How soon it looks again when there were more than it takes at a time, in ms.
const LOOK_AGAIN_MS: f64 = 1_000.0;

/// Streams held at a time: one request goes out at a time, and what one tab has not taken another may.
const MAX_ADOPTED: usize = 8;

impl Driver {
    /// Looks for streams without a page, and asks for their locks: in rounds, oldest first, so that those of living tabs
    /// are passed and a dead one behind them has its turn.
    pub(crate) fn adopt_dead_streams(&self) {
        if self.storage_bytes == 0 || self.is_stopped() || self.own.get().is_over {
            return;
        }
        let (mut dead, has_young) = self.dead_streams();
        let mut room = MAX_ADOPTED.saturating_sub(self.adopted.borrow().len());
        let mut round = self.round.get();
        dead.retain(|stream| Some(*stream) > round);
        let has_more = dead.len() > room && room > 0;
        self.host.set_alarm(
            told::LOOK,
            match (has_more, has_young) {
                (true, _) => LOOK_AGAIN_MS,
                (_, true) => MIN_AGE_MS as f64, // the page before a quick reload: by then it is old enough
                _ => LOOK_EVERY_MS,
            },
        );
        for stream in dead {
            if room == 0 {
                break;
            }
            room -= 1;
            round = Some(stream);
            if self.host.ask(stream.to_text().as_str()) {
                self.adopted.borrow_mut().push(stream);
            }
        }
        self.round.set(round.filter(|_| has_more));
    }

    /// What is stored of this scope by others, oldest first, and whether any is too young to be asked for; deletes what
    /// is too old, of any scope.
    fn dead_streams(&self) -> (Vec<StreamId>, bool) {
        let unix = self.clock.unix_ms();
        let own = self.own.get().id;
        let (mut dead, mut has_young) = (Vec::new(), false);
        for (stream, is_mine) in self.host.streams() {
            let birth = stream.birth_unix_ms();
            if unix.saturating_sub(birth) > MAX_AGE_MS {
                self.host.forget(stream.to_text().as_str());
            } else if is_mine && stream != own {
                // A birth in the future is some clock's error: old enough.
                let is_young = birth <= unix && unix - birth <= MIN_AGE_MS;
                has_young |= is_young;
                if !is_young && !self.adopted.borrow().contains(&stream) {
                    let at = dead.iter().position(|other| *other > stream).unwrap_or(dead.len());
                    dead.insert(at, stream);
                }
            }
        }
        self.others_bytes.set(self.host.bytes_of_others(own.to_text().as_str()) as usize);
        (dead, has_young)
    }

    /// The answer for a stream's lock: with it, everything that is stored of the stream is this page's.
    pub(crate) fn adopt(&self, stream: StreamId, is_granted: bool) {
        if !is_granted || self.is_stopped() || !self.adopted.borrow().contains(&stream) {
            return self.leave_stream(stream);
        }
        let age = Duration::from_millis(self.clock.unix_ms().saturating_sub(stream.birth_unix_ms()));
        let line = self.host.read(Slot { stream, part: Part::Line });
        let (mut holds, mut unreadable) = (Vec::new(), Vec::new());
        for (first, range) in self.host.batches(stream) {
            match range {
                Some(range) => holds.push(range),
                None => {
                    let _ = self.host.erase(Slot { stream, part: Part::Batch(first) }, None);
                    unreadable.extend(Range::one(first));
                }
            }
        }
        self.input(|core, now| {
            let line = Some(line.as_bytes()).filter(|line| !line.is_empty());
            if core.adopt(now, stream, line, age, &holds).is_err() {
                // A spoilt stream line: its batches still say who they are.
                let _ = core.adopt(now, stream, None, age, &holds);
            }
            for range in unreadable {
                core.count_dropped(now, stream, Reason::Storage, range);
            }
        });
        self.drain();
    }

    /// An adopted stream is done: its lock goes, and there may be more.
    pub(crate) fn settled(&self, stream: StreamId) {
        self.leave_stream(stream);
        if self.adopted.borrow().is_empty() && !self.is_stopped() {
            self.host.set_alarm(told::LOOK, LOOK_AGAIN_MS);
        }
    }

    fn leave_stream(&self, stream: StreamId) {
        self.adopted.borrow_mut().retain(|other| *other != stream);
        self.host.release(stream.to_text().as_str());
    }

    /// Gives back what was adopted: it stays stored, for the next page.
    pub(crate) fn give_back_adopted(&self) {
        for stream in self.adopted.take() {
            self.input(|core, now| core.release(now, stream));
            self.host.release(stream.to_text().as_str());
        }
        self.host.set_alarm(told::LOOK, f64::INFINITY);
    }
}
