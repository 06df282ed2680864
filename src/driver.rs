//! Drives the core: brings it what happened, drains what it asks for, and keeps what that needs alive.

use crate::{
    adoption::Adoptions,
    handover::Handover,
    options::Settings,
    platform::{
        clock, entropy,
        locks::Lock,
        page::{self, Listening},
        promise::{Callback, callback, function},
        storage::Storage,
        timer::{self, Alarm},
        transport::Fetching,
    },
    text::quoted,
};
use beaconry_core::{
    Context, Duration, Event, Instant, Output, Pipeline, Priority, RequestId, Slot, Stream, StreamId,
};
use js_sys::Function;
use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
};
use wasm_bindgen::prelude::*;

/// Outputs that are carried out after something tracked from within: a patched `setItem` that tracks whenever it is called
/// gets a task of its own after so many, instead of an endless one.
const REENTRANT_OUTPUTS: u32 = 64;

/// A stream's length in ms, so that its books stay small.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Everything of one client. All of it is `&self`: JavaScript may call in whenever it is called.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) settings: Settings,
    pub(crate) storage: Option<Storage>,
    /// Never borrowed while JavaScript runs.
    pipeline: RefCell<Pipeline>,
    pub(crate) own: Cell<Own>,
    pub(crate) own_lock: RefCell<Option<Lock>>,
    pub(crate) adoptions: Adoptions,
    /// Requests whose answers are awaited; those that were answered go with the next one.
    pub(crate) fetching: RefCell<Vec<(RequestId, Fetching)>>,
    pub(crate) answered: RefCell<Vec<RequestId>>,
    pub(crate) flushes: RefCell<Vec<crate::outputs::Flush>>,
    /// Bytes that the own stream's batches take in the storage, and the batch that was written last.
    pub(crate) own_bytes: Cell<usize>,
    pub(crate) last_written: Cell<Option<(Slot, usize)>>,
    context: RefCell<Members>,
    draining: Cell<bool>,
    /// A microtask is on its way.
    scheduled: Cell<bool>,
    /// Something was tracked from within a drain.
    reentered: Cell<bool>,
    stopped: Cell<bool>,
    pub(crate) listening: RefCell<Option<Listening>>,
    wake: Alarm,
    on_wake: Callback,
    pub(crate) me: Weak<Self>,
}

/// The stream that this page numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own {
    pub(crate) id: StreamId,
    birth: u64,
    /// After `pagehide` nothing is numbered in it: the next event begins another.
    pub(crate) is_over: bool,
}

impl Own {
    pub(crate) fn over(self) -> Self {
        Self { is_over: true, ..self }
    }
}

/// The members of the batch line, as JSON values.
#[derive(Debug, Default)]
struct Members {
    page: String,
    user: Option<String>,
    context: Option<String>,
}

impl Driver {
    /// Starts where the facade stopped, or anew.
    pub(crate) fn start(settings: Settings, handover: Option<Handover>) -> Rc<Self> {
        let now = clock::now();
        let unix = clock::unix_ms();
        let (stream, lock) = match &handover {
            Some(handover) => {
                let id = handover.line.stream;
                let age = Duration::from_millis(unix.saturating_sub(id.birth_unix_ms()));
                (Stream { id, next: handover.line.tracked, age }, handover.unlock.clone().map(Lock::of))
            }
            None => {
                let stream = new_stream(unix);
                (stream, Lock::hold(&settings.keys.lock(stream.id)))
            }
        };
        let pipeline =
            Pipeline::new(now, settings.config.clone(), stream, u64::from_ne_bytes(entropy::bytes()));
        let driver = Rc::new_cyclic(|me: &Weak<Self>| {
            let on_wake = on(me, |driver| {
                driver.input(Pipeline::handle_timeout);
                driver.drain();
            });
            Self {
                storage: if settings.persist { Storage::open() } else { None },
                pipeline: RefCell::new(pipeline),
                own: Cell::new(Own { id: stream.id, birth: stream.id.birth_unix_ms(), is_over: false }),
                own_lock: RefCell::new(lock),
                adoptions: Adoptions::new(me),
                fetching: RefCell::default(),
                answered: RefCell::default(),
                flushes: RefCell::default(),
                own_bytes: Cell::new(0),
                last_written: Cell::new(None),
                context: RefCell::default(),
                draining: Cell::new(false),
                scheduled: Cell::new(false),
                reentered: Cell::new(false),
                stopped: Cell::new(false),
                listening: RefCell::new(None),
                wake: Alarm::new(function(&on_wake)),
                on_wake,
                me: me.clone(),
                settings,
            }
        });
        driver.begin_life(handover);
        driver
    }

    fn begin_life(&self, handover: Option<Handover>) {
        if let Some(handover) = handover {
            self.take_over(&handover);
        }
        let me = self.me.clone();
        self.listening.replace(Some(Listening::start(move |event| {
            if let Some(driver) = me.upgrade() {
                driver.page_event(event);
            }
        })));
        self.read_gate();
        self.turn();
        if page::is_hidden() {
            self.input(|core, now| core.handle_page(now, beaconry_core::Page::Hidden));
        }
        self.drain();
        self.adopt_dead_streams();
    }

    /// Numbers and keeps one event: a JSON object in one line. The hot path.
    pub(crate) fn track_line(&self, line: &str, priority: Priority) {
        if self.stopped.get() {
            return;
        }
        if !self.scheduled.get() {
            self.turn();
        }
        let is_urgent = self.input(|core, now| {
            // A loss is counted under its reason, and told by `Output::Dropped`.
            let _ = core.track(now, Event { line, priority });
            priority == Priority::High || core.wants_drain()
        });
        if self.draining.get() {
            self.reentered.set(true);
        } else if is_urgent {
            self.drain();
        } else if !self.scheduled.replace(true) {
            timer::at_end_of_task(function(&self.on_wake));
        }
    }

    /// Brings the core an input. Draining is the caller's.
    pub(crate) fn input<T: Default>(&self, act: impl FnOnce(&mut Pipeline, Instant) -> T) -> T {
        let now = clock::now();
        // Held already only by an instance that has trapped: then there is no core any more.
        self.pipeline.try_borrow_mut().map_or_else(|_| T::default(), |mut core| act(&mut core, now))
    }

    /// Carries out what the core asks for, in order. Called from within, it leaves the work to the drain that runs.
    pub(crate) fn drain(&self) {
        if self.draining.replace(true) {
            self.reentered.set(true);
            return;
        }
        self.scheduled.set(false);
        self.reentered.set(false);
        let mut left = REENTRANT_OUTPUTS;
        loop {
            let output = match self.pipeline.try_borrow_mut() {
                Ok(mut core) => core.poll_output(),
                Err(_) => break,
            };
            if let Output::Wait(until) = output {
                self.sleep(until);
                break;
            }
            self.carry_out(output);
            if self.reentered.get() {
                left -= 1;
                if left == 0 {
                    self.wake.set(0);
                    break;
                }
            }
        }
        self.draining.set(false);
    }

    fn sleep(&self, until: Option<Instant>) {
        match until {
            Some(until) if !self.stopped.get() => self.wake.set(until.since(clock::now()).as_millis()),
            _ => self.wake.clear(),
        }
    }

    /// Once a task: the page may have moved on, its stream may be over or a day old.
    fn turn(&self) {
        let own = self.own.get();
        if own.is_over {
            // web-vitals and their like report after `pagehide`; such a stream has no lock, so anyone may finish it.
            self.begin_stream(None);
        } else if clock::unix_ms() > own.birth.saturating_add(DAY_MS) && !self.draining.get() {
            // A stream that is left is never written again.
            self.drain();
            self.renew();
        }
        let path = self.settings.page.clone().unwrap_or_else(page::path);
        let changed = {
            let mut context = self.context.borrow_mut();
            let changed = context.page != path;
            context.page = path;
            changed
        };
        if changed {
            self.share_context();
        }
    }

    /// Begins another stream, with its lock. The old one's lock goes, and with it what is stored of it.
    pub(crate) fn renew(&self) {
        let stream = new_stream(clock::unix_ms());
        let lock = Lock::hold(&self.settings.keys.lock(stream.id));
        self.begin(stream, lock);
    }

    fn begin_stream(&self, lock: Option<Lock>) {
        self.begin(new_stream(clock::unix_ms()), lock);
    }

    fn begin(&self, stream: Stream, lock: Option<Lock>) {
        self.own.set(Own { id: stream.id, birth: stream.id.birth_unix_ms(), is_over: false });
        self.own_bytes.set(0);
        self.input(|core, now| core.begin_stream(now, stream));
        let old = self.own_lock.replace(lock);
        drop(old);
    }

    /// JSON values, not text: `user` a string, `context` an object.
    pub(crate) fn set_user(&self, user: Option<String>) {
        self.context.borrow_mut().user = user;
        self.share_context();
    }

    pub(crate) fn set_context(&self, context: Option<String>) {
        self.context.borrow_mut().context = context;
        self.share_context();
    }

    fn share_context(&self) {
        let members = self.context.borrow().encode();
        // A context that is too large is none: a stale one could name a user who has left.
        let _ = self.input(|core, now| core.set_context(now, Context { members: &members }).is_ok());
    }

    /// Switched off, or disposed: nothing is taken any more. Listeners go first, so that they go even after a trap.
    pub(crate) fn stop(&self) {
        self.stopped.set(true);
        let listening = self.listening.take();
        drop(listening);
        self.wake.clear();
        self.adoptions.stop();
        let lock = self.own_lock.take();
        drop(lock);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.get()
    }
}

impl Members {
    fn encode(&self) -> String {
        let mut out = String::from("\"page\":");
        out.push_str(&quoted(&self.page));
        for (name, value) in [(",\"user\":", &self.user), (",\"context\":", &self.context)] {
            if let Some(value) = value {
                out.push_str(name);
                out.push_str(value);
            }
        }
        out
    }
}

/// A callback that does nothing once the driver is gone.
pub(crate) fn on(driver: &Weak<Driver>, call: impl Fn(&Driver) + 'static) -> Callback {
    let driver = driver.clone();
    callback(move |_| {
        if let Some(driver) = driver.upgrade() {
            call(&driver);
        }
        JsValue::UNDEFINED
    })
}

fn new_stream(unix: u64) -> Stream {
    Stream { id: StreamId::new(unix, entropy::bytes()), next: 0, age: Duration::ZERO }
}

/// Calls a function of the app, and swallows what it throws.
pub(crate) fn call_app(function: &Function, first: &JsValue, second: &JsValue) {
    drop(function.call2(&JsValue::UNDEFINED, first, second));
}
