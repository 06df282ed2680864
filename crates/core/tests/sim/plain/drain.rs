//! The drain behind a writer, `drain.js`: locks, asks, fetches, erases and adopts, one stream at a time, and nothing more.

use super::{Lot, PLAIN, Parcel, TAKE_EVERY};
use crate::collector::Response;
use crate::heard::Heard;
use crate::page::Life;
use crate::page::{Post, TOO_YOUNG};
use crate::storage::{batch_key, range_of};
use crate::trace::{lines, name};
use crate::world::{DAY, SECOND, World};
use beaconry_core::{Answer, Range, Ranges, Reason, RequestId, StreamId, StreamLine, Via};

impl World {
    pub(super) fn round_at(&mut self, at: usize, when: u64) {
        self.plain[at].round = when;
        self.plain_round(at, when);
    }

    /// Delivers what there is, one request at a time.
    pub fn drain_plain(&mut self, at: usize, when: u64) {
        let page = &self.plain[at];
        if page.round == when && page.is_alive() {
            self.round_at(at, self.now + TAKE_EVERY);
            self.deliver_plain(at);
        }
    }

    fn deliver_plain(&mut self, at: usize) {
        if self.plain[at].flight.is_some() {
            return;
        }
        if self.is_off() {
            return self.turn_off_plain(at);
        }
        let wait = self.gate_left().max(self.plain[at].waits_until.saturating_sub(self.now));
        if wait > 0 {
            return self.round_at(at, self.now + wait.min(TAKE_EVERY));
        }
        self.take_own(at);
        while !self.plain[at].parcels.is_empty() || self.adopt_plain(at) {
            let mut parcel = self.plain[at].parcels.remove(0);
            let is_old = self.wall().saturating_sub(parcel.line.stream.birth_unix_ms())
                > u64::from(self.config.max_age.as_millis());
            while is_old && !parcel.has_news && !parcel.lots.is_empty() {
                self.let_lot_go(at, &mut parcel, 0, Some(Reason::Age));
            }
            if !parcel.has_news && parcel.lots.is_empty() {
                self.settle_plain(at, &parcel);
                continue;
            }
            return self.send_parcel(at, parcel);
        }
    }

    /// Takes the writer's stream, which begins another.
    fn take_own(&mut self, at: usize) {
        let page = &self.plain[at];
        if page.writer.line.tracked == 0 || self.now < page.taken + TAKE_EVERY {
            return;
        }
        let own = self.new_stream();
        assert!(self.locks.take(own, PLAIN + at), "a new stream is free");
        let page = &mut self.plain[at];
        page.taken = self.now;
        page.has_line = false;
        let mut parcel = std::mem::replace(&mut page.writer, Parcel::new(own));
        parcel.line.closed = true;
        parcel.has_news = parcel.lots.is_empty() || parcel.lots.iter().any(|lot| lot.is_sent);
        self.say(|| format!("page {}: takes {}", PLAIN + at, name(parcel.line.stream)));
        self.plain[at].parcels.push(parcel);
    }

    fn adopt_plain(&mut self, at: usize) -> bool {
        let is_dead = |world: &Self, id: &StreamId| {
            let birth = id.birth_unix_ms();
            let is_young = birth <= world.wall() && world.wall() < birth + TOO_YOUNG;
            let is_other = world.pages.iter().any(|page| page.scope != 0 && page.had.contains(id));
            let is_here = world.storage.local.values.keys().any(|key| key.0 == *id);
            is_here && !is_young && !is_other && world.locks.holder(*id).is_none()
        };
        let Some(stream) = self.storage.streams().into_iter().find(|id| is_dead(self, id)) else {
            return false;
        };
        assert!(self.locks.take(stream, PLAIN + at), "it is free");
        let mut parcel = Parcel::new(stream);
        if let Some(line) = self.storage.local.values.get(&(stream, 0)) {
            parcel.line = StreamLine::decode(line).unwrap();
        }
        for (key, value) in self.storage.local.values.range((stream, 1)..=(stream, u64::MAX)) {
            assert_eq!(*key, batch_key(stream, range_of(value).start()));
            let end = value.iter().position(|byte| *byte == b'\n').unwrap() + 1;
            let lines = value[end..].to_vec();
            parcel.lots.push(Lot { range: range_of(value), lines, is_stored: true, is_sent: false });
            parcel.line.tracked = parcel.line.tracked.max(range_of(value).end());
        }
        parcel.line.closed = true;
        parcel.has_news = true;
        self.say(|| format!("page {} adopts {}", PLAIN + at, name(stream)));
        self.reach("a page without wasm adopted a stream");
        self.plain[at].parcels.push(parcel);
        true
    }

    /// The line alone where that may tell what is there, else as much as fits.
    fn send_parcel(&mut self, at: usize, parcel: Parcel) {
        let mut body = parcel.encode();
        let mut picked = Vec::new();
        for lot in parcel.lots.iter().filter(|_| !parcel.has_news) {
            let text = lot.text();
            let fits =
                !parcel.is_alone && body.len() + text.len() <= self.config.first_request_bytes as usize;
            if picked.is_empty() || fits {
                picked.push(lot.range);
                body.extend(text);
            }
        }
        let stream = parcel.line.stream;
        self.plain[at].parcels.insert(0, parcel);
        let id = self.post_plain(at, stream, Via::Fetch, body);
        self.plain[at].flight = Some((id, picked));
    }

    pub(super) fn post_plain(&mut self, at: usize, stream: StreamId, via: Via, body: Vec<u8>) -> RequestId {
        self.plain[at].requests += 1;
        let id = RequestId(self.plain[at].requests);
        self.say(|| {
            format!("page {}: sends {id:?} by {via:?}, {}{}", PLAIN + at, name(stream), lines(&body))
        });
        self.send(PLAIN + at, Post { id, stream, via, body });
        id
    }

    pub fn answer_plain(&mut self, at: usize, id: RequestId, response: Option<&Response>) {
        let page = &mut self.plain[at];
        let Some((_, picked)) = page.flight.take_if(|(flight, _)| *flight == id) else { return };
        if !page.is_alive() {
            return;
        }
        let (status, retry_after, heard) = match response {
            Some(response) => {
                let retry_after = response.retry_after.map(beaconry_core::Duration::from_secs);
                (u32::from(response.status), retry_after, Heard::parse(&response.body))
            }
            None => (0, None, Heard::Nothing),
        };
        let now = self.instant();
        let answer = Answer::from_http(now, status, retry_after, heard.said());
        self.say(|| format!("page {}: {id:?} is answered: {answer:?}", PLAIN + at));
        let mut parcel = self.plain[at].parcels.remove(0);
        let is_heard = self.hear_plain(at, &mut parcel, &picked, answer);
        self.plain[at].parcels.insert(0, parcel);
        match answer {
            Answer::SwitchedOff => {
                self.turn_off();
                self.turn_off_plain(at);
            }
            Answer::Throttled { until } => {
                let until = crate::world::unix(until).min(self.now + DAY);
                self.plain[at].waits_until = until;
                self.gate(PLAIN + at, until);
            }
            _ if is_heard => self.plain[at].failures = 0,
            _ => self.back_off(at, answer == Answer::Denied),
        }
        if self.plain[at].is_alive() {
            self.deliver_plain(at);
        }
    }

    /// Whether it may go on at once.
    fn hear_plain(&mut self, at: usize, parcel: &mut Parcel, picked: &[Range], answer: Answer<'_>) -> bool {
        match answer {
            Answer::Accounted { stored, rejected } => {
                parcel.has_news = false;
                let stored: Ranges = stored.iter().copied().collect();
                for lot in (0..parcel.lots.len()).rev() {
                    let range = parcel.lots[lot].range;
                    if stored.gaps(range).is_empty() {
                        self.let_lot_go(at, parcel, lot, None);
                    } else if picked.contains(&range) && rejected.contains(&range.start()) {
                        self.let_lot_go(at, parcel, lot, Some(Reason::Rejected));
                    }
                }
                !parcel.lots.iter().any(|lot| picked.contains(&lot.range))
            }
            Answer::Stale => {
                while !parcel.lots.is_empty() {
                    self.let_lot_go(at, parcel, 0, Some(Reason::Stale));
                }
                parcel.has_news = false; // nothing of such a stream is recorded
                true
            }
            Answer::TooLarge | Answer::Unreadable if picked.len() > 1 => {
                parcel.is_alone = true;
                true
            }
            Answer::TooLarge | Answer::Unreadable if picked.len() == 1 => {
                let reason = if answer == Answer::TooLarge { Reason::TooLarge } else { Reason::Rejected };
                let lot = parcel.lots.iter().position(|lot| lot.range == picked[0]);
                lot.into_iter().for_each(|lot| self.let_lot_go(at, parcel, lot, Some(reason)));
                true
            }
            _ => false,
        }
    }

    /// Stored; or dropped and counted: the line is written before the batch is erased, or where it does not fit after.
    pub(super) fn let_lot_go(&mut self, at: usize, parcel: &mut Parcel, lot: usize, reason: Option<Reason>) {
        let lot = parcel.lots.remove(lot);
        let stream = parcel.line.stream;
        let mut has_line = true;
        if let Some(reason) = reason {
            self.say(|| format!("page {}: drops {} {:?} as {reason:?}", PLAIN + at, name(stream), lot.range));
            parcel.line.dropped.insert(reason, lot.range);
            parcel.has_news = true;
            self.reasons.push(reason);
            self.truth.entry(stream).or_default().counted.insert(lot.range);
            has_line = self.write_plain(at, (stream, 0), &parcel.encode());
        }
        self.check_accounted(stream, lot.range, "lets go of");
        self.storage.remove(self.now, batch_key(stream, lot.range.start()));
        if !has_line {
            self.write_plain(at, (stream, 0), &parcel.encode());
        }
    }

    fn settle_plain(&mut self, at: usize, parcel: &Parcel) {
        let stream = parcel.line.stream;
        self.say(|| format!("page {}: {} is settled", PLAIN + at, name(stream)));
        self.storage.remove(self.now, (stream, 0));
        self.locks.release(stream, PLAIN + at);
        self.settled.insert(stream);
        self.reach("a page without wasm delivered a stream");
    }

    /// Seconds, then minutes; where the key is refused, minutes, then hours.
    fn back_off(&mut self, at: usize, is_denied: bool) {
        let (base, cap) = if is_denied { (300 * SECOND, 4 * 3_600 * SECOND) } else { (SECOND, 300 * SECOND) };
        let most = (base << self.plain[at].failures.min(12)).min(cap);
        self.plain[at].failures += 1;
        self.plain[at].waits_until = self.now + 1 + self.rng.below(most);
    }

    fn turn_off_plain(&mut self, at: usize) {
        self.say(|| format!("page {}: switched off", PLAIN + at));
        let streams: Vec<_> = self.plain[at].streams().map(|parcel| parcel.line.stream).collect();
        for stream in streams {
            self.off.insert(stream);
            let all = self.given(stream);
            self.truth.entry(stream).or_default().counted.extend(&all);
            self.excuse(stream, &all, "switched off");
            for key in
                self.storage.local.values.keys().filter(|key| key.0 == stream).copied().collect::<Vec<_>>()
            {
                self.storage.remove(self.now, key);
            }
        }
        self.locks.release_all(PLAIN + at);
        self.plain[at].life = Life::Dead;
    }
}
