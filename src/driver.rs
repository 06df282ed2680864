//! Drives the core: brings it what happened, drains what it asks for, and keeps what that needs alive.

use crate::{
    platform::{
        clock::Clock,
        host::{self, Host, Tell},
        told,
    },
    settings::Settings,
};
use beaconry_core::{
    Body, Context, Duration, Event, Instant, Output, Pipeline, Priority, Slot, Stream, StreamId,
};
use std::{
    cell::{Cell, OnceCell, RefCell},
    rc::{Rc, Weak},
};
use wasm_bindgen::prelude::*;

/// How the line of an error begins: such an event matters most.
const ERROR: &str = "{\"type\":\"er";

/// A stream's length in ms, so that its books stay small.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Everything of one client. All of it is `&self`: JavaScript may call in whenever it is called.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) host: Host,
    pub(crate) clock: Clock,
    /// Never borrowed while JavaScript runs.
    pipeline: RefCell<Pipeline>,
    pub(crate) own: Cell<Own>,
    /// The streams that this page has taken over, or asks for.
    pub(crate) adopted: RefCell<Vec<StreamId>>,
    /// The last stream that this round of looking has asked for; none once it is through.
    pub(crate) round: Cell<Option<StreamId>>,
    /// Bytes that other streams' batches take in the storage, as of the last look.
    pub(crate) others_bytes: Cell<usize>,
    /// Bytes that the own stream's batches take in the storage, and the batch that was written last.
    pub(crate) own_bytes: Cell<usize>,
    pub(crate) last_written: Cell<Option<(Slot, usize)>>,
    /// Bytes that the storage may take; 0 where there is none.
    pub(crate) storage_bytes: usize,
    stopped: Cell<bool>,
    /// JavaScript's way back. Nothing is told any more when this goes: see [`Drop`].
    _tell: Tell,
}

/// The stream that this page numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own {
    pub(crate) id: StreamId,
    /// After `pagehide` nothing is numbered in it: the next event begins another.
    pub(crate) is_over: bool,
}

impl Own {
    pub(crate) fn over(self) -> Self {
        Self { is_over: true, ..self }
    }
}

impl Driver {
    /// Starts where the facade stopped, or anew; `None` where the options are wrong.
    pub(crate) fn start(options: &JsValue, handover: &JsValue) -> Option<Rc<Self>> {
        let me: Rc<OnceCell<Weak<Self>>> = Rc::default();
        let tell = Tell::new({
            let me = Rc::clone(&me);
            move |what, id, status, ms, text: String, now, unix| {
                if let Some(driver) = me.get().and_then(Weak::upgrade) {
                    driver.clock.set(now, unix);
                    driver.told(what, id, status, ms, &text);
                }
            }
        });
        let host = host::open(options, handover, &tell)?;
        let mut text = host.beginning(false);
        if Body::decode(text.as_bytes()).is_err() {
            // Nothing readable is handed over: the facade's stream is adopted from the storage.
            text = host.beginning(true);
        }
        let body = Body::decode(text.as_bytes()).ok()?;
        let id = body.line.stream;
        let limits = host.limits();
        let &[now, unix, seed, ref limits @ ..] = limits.as_slice() else { return None };
        let clock = Clock::default();
        clock.set(now, unix);
        let age = Duration::from_millis(clock.unix_ms().saturating_sub(id.birth_unix_ms()));
        let stream = Stream { id, next: body.line.tracked, age };
        let settings = Settings::new(body.line.identity.clone(), limits);
        let pipeline = Pipeline::new(clock.now(), settings.config, stream, seed.to_bits());
        let driver = Rc::new(Self {
            host,
            clock,
            pipeline: RefCell::new(pipeline),
            own: Cell::new(Own { id, is_over: false }),
            adopted: RefCell::default(),
            round: Cell::new(None),
            others_bytes: Cell::new(0),
            own_bytes: Cell::new(0),
            last_written: Cell::new(None),
            storage_bytes: settings.storage_bytes,
            stopped: Cell::new(false),
            _tell: tell,
        });
        me.get_or_init(|| Rc::downgrade(&driver));
        driver.begin_life(body);
        Some(driver)
    }

    fn begin_life(&self, body: Body<'_>) {
        self.host.hold(body.line.stream.to_text().as_str());
        self.take_over(body);
        self.read_gate();
        self.drain();
        self.adopt_dead_streams();
        self.host.ready();
    }

    /// Whatever JavaScript tells; see [`told`]. It waits until the call before has returned.
    fn told(&self, what: u32, id: u32, status: u32, ms: f64, text: &str) {
        if what == told::STATS {
            return self.tell_books();
        }
        if self.is_stopped() {
            return;
        }
        match what {
            told::LINES => self.track(text),
            // A context that is too large is none: a stale one could name a user who has left.
            told::MEMBERS => {
                let _ = self.input(|core, now| core.set_context(now, Context { members: text }).is_ok());
            }
            told::WAKE => self.input(Pipeline::handle_timeout),
            told::LOOK => return self.adopt_dead_streams(),
            told::FLUSH => self.flush(),
            told::REPLIED => self.replied(id, status, ms, text),
            told::LOCK => {
                if let Ok(stream) = StreamId::parse(text.as_bytes()) {
                    self.adopt(stream, id != 0);
                }
            }
            told::DISPOSE => return self.dispose(),
            event => return self.page_event(event),
        }
        self.drain();
    }

    /// Numbers and keeps the events of a task, a JSON object in a line each. The hot path.
    fn track(&self, lines: &str) {
        self.turn();
        self.input(|core, now| {
            for line in lines.split('\n') {
                let priority = if line.starts_with(ERROR) { Priority::High } else { Priority::Normal };
                // A loss is counted under its reason, and told by `Output::Dropped`.
                let _ = core.track(now, Event { line, priority });
            }
        });
    }

    /// Brings the core an input. Draining is the caller's.
    pub(crate) fn input<T: Default>(&self, act: impl FnOnce(&mut Pipeline, Instant) -> T) -> T {
        // Never held while JavaScript runs, so never held here.
        self.pipeline
            .try_borrow_mut()
            .map_or_else(|_| T::default(), |mut core| act(&mut core, self.clock.now()))
    }

    /// Carries out what the core asks for, in order.
    pub(crate) fn drain(&self) {
        loop {
            let output = self.pipeline.borrow_mut().poll_output();
            if let Output::Wait(until) = output {
                return self.sleep(until);
            }
            self.carry_out(output);
        }
    }

    fn sleep(&self, until: Option<Instant>) {
        let ms = match until {
            Some(until) if !self.stopped.get() => until.since(self.clock.now()).as_millis() as f64,
            _ => f64::INFINITY,
        };
        self.host.set_alarm(told::WAKE, ms);
    }

    /// Once a task: the stream may be over or a day old.
    fn turn(&self) {
        let own = self.own.get();
        if own.is_over {
            // web-vitals and their like report after `pagehide`; such a stream has no lock, so anyone may finish it.
            self.begin_stream();
        } else if self.clock.unix_ms() > own.id.birth_unix_ms().saturating_add(DAY_MS) {
            // A stream that is left is never written again.
            self.drain();
            self.renew();
        }
    }

    /// Begins another stream, with its lock. The old one's lock goes, and with it what is stored of it.
    pub(crate) fn renew(&self) {
        let old = self.own.get().id;
        self.host.hold(self.begin_stream().to_text().as_str());
        self.host.release(old.to_text().as_str());
    }

    fn begin_stream(&self) -> StreamId {
        let old = self.own.get().id;
        // The text is JavaScript's own making: it is one.
        let id = StreamId::parse(self.host.new_id().as_bytes()).unwrap_or(old);
        self.own.set(Own { id, is_over: false });
        self.own_bytes.set(0);
        self.input(|core, now| core.begin_stream(now, Stream { id, next: 0, age: Duration::ZERO }));
        id
    }

    /// Switched off, or disposed: nothing is taken any more.
    pub(crate) fn stop(&self) {
        self.stopped.set(true);
        self.host.let_go(false);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.get()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.host.let_go(true);
    }
}
