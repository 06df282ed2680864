//! Carries out what the core asks for. Nothing is borrowed while a browser API runs.

use crate::{
    driver::{Driver, call_app, on},
    platform::{
        clock, json,
        promise::{Callback, function, pending},
        timer::Alarm,
        transport,
    },
    stats,
    text::{push_number, read_number},
};
use beaconry_core::{
    Answer, BatchLine, Duration, FlushId, Instant, Output, Part, Pipeline, Range, Reason, Request, RequestId,
    Slot, StoreError, StreamId, Via,
};
use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;

/// How long a collector's "off" or "not before" can hold, in ms: a later date is a broken clock's.
const MAX_GATE_MS: u64 = 24 * 60 * 60 * 1000;

/// A promise that the app awaits.
#[derive(Debug)]
pub(crate) struct Flush {
    id: FlushId,
    resolve: Option<Function>,
    _time_out: Alarm,
    _on_time_out: Callback,
}

/// The collector's word for all tabs of the origin, in unix ms; 0 for none.
#[derive(Clone, Copy, Debug, Default)]
struct Gate {
    not_before: u64,
    off_until: u64,
}

impl Driver {
    pub(crate) fn carry_out(&self, output: Output) {
        match output {
            Output::Persist { slot, value } => self.persist(slot, &value),
            Output::Erase { slot, range } => self.erase(slot, range),
            Output::Load { stream, range } => self.load(stream, range),
            Output::Send(request) => self.send(request),
            Output::Dropped { reason, range, .. } => self.tell_drop(reason, range),
            Output::Flushed(id) => self.finish_flush(id),
            Output::Settled(stream) => self.settled(stream),
            Output::Gate { until } => self.write_gate(until),
            Output::Off => self.switched_off(),
            Output::Wait(_) => {}
        }
    }

    fn persist(&self, slot: Slot, value: &[u8]) {
        let stored = self.write(slot, value);
        self.input(|core, now| core.handle_stored(now, slot, stored));
    }

    fn write(&self, slot: Slot, value: &[u8]) -> Result<(), StoreError> {
        let storage = self.storage.as_ref().ok_or(StoreError)?;
        let value = core::str::from_utf8(value).map_err(|_| StoreError)?;
        let key = self.settings.keys.slot(slot);
        if slot.part == Part::Line {
            return storage.set(&key, value).map_err(|_| StoreError);
        }
        let before = self.last_written.get().filter(|(last, _)| *last == slot).map_or(0, |(_, bytes)| bytes);
        let after = (self.own_bytes.get() + value.len()).saturating_sub(before);
        if after + self.adoptions.bytes.get() > self.settings.storage_bytes {
            return Err(StoreError);
        }
        storage.set(&key, value).map_err(|_| StoreError)?;
        self.last_written.set(Some((slot, value.len())));
        self.own_bytes.set(after);
        Ok(())
    }

    /// Erases what was acknowledged, and nothing that was written since.
    fn erase(&self, slot: Slot, range: Option<Range>) {
        let Some(storage) = &self.storage else { return };
        let key = self.settings.keys.slot(slot);
        let Some(acknowledged) = range else { return storage.remove(&key) };
        let Some(value) = storage.get(&key) else { return };
        let found = BatchLine::decode(value.as_bytes()).ok().and_then(|line| line.range());
        if found.is_some_and(|found| !acknowledged.contains_range(found)) {
            self.input(|core, now| core.offer(now, slot.stream, value.as_bytes()).is_ok());
            return;
        }
        storage.remove(&key);
        let bytes = if slot.stream == self.own.get().id { &self.own_bytes } else { &self.adoptions.bytes };
        bytes.set(bytes.get().saturating_sub(value.len()));
    }

    fn load(&self, stream: StreamId, range: Range) {
        let key = self.settings.keys.slot(Slot { stream, part: Part::Batch(range.start()) });
        let value = self.storage.as_ref().and_then(|storage| storage.get(&key));
        self.input(|core, now| {
            let is_read = value.is_some_and(|value| core.offer(now, stream, value.as_bytes()).is_ok());
            if !is_read {
                core.count_dropped(now, stream, Reason::Storage, range);
            }
        });
    }

    fn send(&self, request: Request) {
        let Request { id, stream, body, via } = request;
        let body = String::from_utf8(body).unwrap_or_default();
        let address = self.settings.address(stream, clock::unix_ms());
        if via == Via::Beacon {
            let answer = if transport::beacon(&address, &body) { Answer::HandedOff } else { Answer::NotSent };
            return self.input(|core, now| core.handle_answer(now, id, answer));
        }
        // Once stopped, only the last line of a client that was switched off is left: the gate is its own.
        if let Some(answer) = self.gated().filter(|_| !self.is_stopped()) {
            return self.input(|core, now| core.handle_answer(now, id, answer));
        }
        let me = self.me.clone();
        let fetching = transport::post(&address, &body, move |reply| {
            if let Some(driver) = me.upgrade() {
                driver.replied(id, reply.as_ref());
            }
        });
        let answered = self.answered.take();
        let mut pending = self.fetching.borrow_mut();
        pending.retain(|(id, _)| !answered.contains(id));
        match fetching {
            Some(fetching) => pending.push((id, fetching)),
            None => {
                drop(pending);
                self.input(|core, now| core.handle_answer(now, id, Answer::Unreachable));
            }
        }
    }

    fn replied(&self, id: RequestId, reply: Option<&transport::Reply>) {
        self.answered.borrow_mut().push(id);
        self.input(|core, now| {
            let answer = reply.map_or(Answer::Unreachable, |reply| {
                Answer::from_http(now, reply.status, reply.retry_after, reply.body.as_bytes())
            });
            core.handle_answer(now, id, answer);
        });
        self.drain();
    }

    fn tell_drop(&self, reason: Reason, range: Range) {
        if let Some(on_drop) = &self.settings.on_drop {
            call_app(
                on_drop,
                &JsValue::from_str(reason.as_str()),
                &JsValue::from_f64(f64::from(range.len())),
            );
        }
    }
}

// ── Flushes ──

impl Driver {
    /// Resolves when nothing that was tracked before is held any more, or after `timeout` ms.
    pub(crate) fn flush(&self, timeout: u64) -> Promise {
        let (promise, resolve) = pending();
        let id = self.input(|core, now| Some(core.flush(now)));
        if let (Some(id), false) = (id, self.is_stopped()) {
            let on_time_out = on(&self.me, move |driver| driver.finish_flush(id));
            let time_out = Alarm::new(function(&on_time_out));
            time_out.set(timeout);
            let flush = Flush { id, resolve, _time_out: time_out, _on_time_out: on_time_out };
            self.flushes.borrow_mut().push(flush);
            self.drain();
        } else {
            self.resolve(resolve.as_ref());
        }
        promise
    }

    fn finish_flush(&self, id: FlushId) {
        let done: Vec<Flush> = {
            let mut flushes = self.flushes.borrow_mut();
            let (done, rest) = flushes.drain(..).partition(|flush| flush.id == id);
            *flushes = rest;
            done
        };
        for flush in &done {
            self.resolve(flush.resolve.as_ref());
        }
    }

    pub(crate) fn finish_all_flushes(&self) {
        let all = self.flushes.take();
        for flush in &all {
            self.resolve(flush.resolve.as_ref());
        }
    }

    fn resolve(&self, resolve: Option<&Function>) {
        let result = json::parse(&stats::flush_result(&self.totals())).unwrap_or(JsValue::UNDEFINED);
        if let Some(resolve) = resolve {
            drop(resolve.call1(&JsValue::UNDEFINED, &result));
        }
    }
}

// ── The gate that all tabs share ──

impl Driver {
    /// At the start: what another page was told.
    pub(crate) fn read_gate(&self) {
        match self.gated() {
            Some(Answer::Throttled { until }) => self.input(|core, now| core.handle_gate(now, until)),
            Some(_) => self.input(Pipeline::switch_off),
            None => {}
        }
    }

    /// What another tab was told since.
    fn gated(&self) -> Option<Answer> {
        let gate =
            self.storage.as_ref()?.get(&self.settings.keys.gate()).and_then(|text| Gate::read(&text))?;
        let unix = clock::unix_ms();
        if holds(gate.off_until, unix) {
            return Some(Answer::SwitchedOff);
        }
        let wait = Duration::from_millis(gate.not_before.saturating_sub(unix));
        holds(gate.not_before, unix).then(|| Answer::Throttled { until: clock::now() + wait })
    }

    fn write_gate(&self, until: Instant) {
        let not_before = clock::unix_ms() + until.since(clock::now()).as_millis();
        self.change_gate(|gate| gate.not_before = gate.not_before.max(not_before));
    }

    fn switched_off(&self) {
        let off_until = clock::unix_ms() + MAX_GATE_MS;
        self.change_gate(|gate| gate.off_until = off_until);
        self.finish_all_flushes();
        self.stop();
    }

    fn change_gate(&self, change: impl FnOnce(&mut Gate)) {
        let Some(storage) = &self.storage else { return };
        let key = self.settings.keys.gate();
        let mut gate = storage.get(&key).and_then(|text| Gate::read(&text)).unwrap_or_default();
        change(&mut gate);
        // Where it cannot be written, each tab is told for itself.
        let _ = storage.set(&key, &gate.encode());
    }
}

/// Whether a date of the gate is in force. One that is further ahead than it can be is ignored.
fn holds(date: u64, unix: u64) -> bool {
    date > unix && date - unix <= MAX_GATE_MS
}

impl Gate {
    /// Reads `[not before, off until]`.
    fn read(text: &str) -> Option<Self> {
        let (not_before, off_until) = text.strip_prefix('[')?.strip_suffix(']')?.split_once(',')?;
        Some(Self { not_before: read_number(not_before)?, off_until: read_number(off_until)? })
    }

    fn encode(self) -> String {
        let mut out = String::from("[");
        push_number(&mut out, self.not_before);
        out.push(',');
        push_number(&mut out, self.off_until);
        out.push(']');
        out
    }
}
