//! Goes on where the facade stopped. What it hands over has the form of a request's body: its stream line, and the batches
//! that no storage has.

use crate::{driver::Driver, options::member};
use beaconry_core::{Body, Part, Slot, StreamLine};
use js_sys::Function;
use wasm_bindgen::prelude::*;

/// What the facade hands over: `{body, session, unlock}`.
#[derive(Debug)]
pub(crate) struct Handover {
    /// Names the stream, the next number, and what the facade has dropped.
    pub(crate) line: StreamLine,
    /// The whole body.
    body: String,
    pub(crate) session: Option<String>,
    /// Gives the stream's Web Lock back.
    pub(crate) unlock: Option<Function>,
}

impl Handover {
    /// None where nothing, or nothing readable, is handed over: then the client begins a stream of its own, and the
    /// facade's is adopted from the storage.
    pub(crate) fn read(handover: &JsValue) -> Option<Self> {
        let body = member(handover, "body").as_string()?;
        let line = Body::decode(body.as_bytes()).ok()?.line;
        let unlock = member(handover, "unlock");
        Some(Self {
            line,
            body,
            session: member(handover, "session").as_string(),
            unlock: unlock.is_function().then(|| unlock.unchecked_into()),
        })
    }
}

impl Driver {
    /// Takes what the facade has written and what it could not write; what it dropped stays dropped.
    pub(crate) fn take_over(&self, handover: &Handover) {
        let stream = handover.line.stream;
        let stored = self.storage.as_ref().map(|storage| {
            let (holds, _) = self.stored_batches(storage, stream);
            let key = |first| self.settings.keys.slot(Slot { stream, part: Part::Batch(first) });
            holds.iter().filter_map(|range| storage.get(&key(range.start()))).collect::<Vec<_>>()
        });
        self.own_bytes.set(stored.iter().flatten().map(String::len).sum());
        self.input(|core, now| {
            for batch in stored.iter().flatten() {
                let _ = core.offer(now, stream, batch.as_bytes());
            }
            for batch in Body::decode(handover.body.as_bytes()).into_iter().flatten() {
                let _ = core.offer(now, stream, batch.text);
            }
            for (reason, numbers) in handover.line.dropped.iter() {
                for range in numbers.iter() {
                    core.count_dropped(now, stream, reason, range);
                }
            }
        });
    }
}
