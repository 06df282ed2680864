//! localStorage: any call may throw, for it is full, or blocked by the user.

use super::{clock::whole, host::Host};
use beaconry_core::{Number, Part, Range, STREAM_ID_LEN, Slot, StreamId};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(method, js_name = read)]
    fn read_(this: &Host, stream: &str, first: Option<u32>) -> String;
    #[wasm_bindgen(method, js_name = write)]
    fn write_(this: &Host, value: &str, stream: &str, first: Option<u32>) -> bool;
    #[wasm_bindgen(method, js_name = erase)]
    fn erase_(this: &Host, stream: &str, first: Option<u32>, end: Option<u32>) -> i32;
    #[wasm_bindgen(method, js_name = streams)]
    fn streams_(this: &Host) -> String;
    #[wasm_bindgen(method, js_name = batches)]
    fn batches_(this: &Host, stream: &str) -> Vec<f64>;

    /// Bytes of all values of this scope but those of one stream.
    #[wasm_bindgen(method, js_name = bytesOfOthers)]
    pub(crate) fn bytes_of_others(this: &Host, own: &str) -> u32;

    /// Deletes a stream, of any scope.
    #[wasm_bindgen(method)]
    pub(crate) fn forget(this: &Host, stream: &str);
}

impl Host {
    /// A value; empty where there is none.
    pub(crate) fn read(&self, slot: Slot) -> String {
        self.read_(slot.stream.to_text().as_str(), first(slot))
    }

    /// Whether it is stored.
    pub(crate) fn write(&self, slot: Slot, value: &str) -> bool {
        self.write_(value, slot.stream.to_text().as_str(), first(slot))
    }

    /// Erases a stream line, or a batch that ends at `end` or before: its bytes; `None` for one that is longer.
    pub(crate) fn erase(&self, slot: Slot, end: Option<Number>) -> Option<usize> {
        usize::try_from(self.erase_(slot.stream.to_text().as_str(), first(slot), end)).ok()
    }

    /// The streams of which something is stored, each once, and whether they are of this scope.
    pub(crate) fn streams(&self) -> Vec<(StreamId, bool)> {
        let text = self.streams_();
        let mut streams = Vec::new();
        let mut rest = text.as_bytes();
        while let Some((entry, after)) = rest.split_at_checked(1 + STREAM_ID_LEN) {
            rest = after;
            if let [mark, id @ ..] = entry
                && let Ok(stream) = StreamId::parse(id)
            {
                streams.push((stream, *mark == b'+'));
            }
        }
        streams
    }

    /// The stored batches of a stream: the first number, and all numbers where they can be read.
    pub(crate) fn batches(&self, stream: StreamId) -> Vec<(Number, Option<Range>)> {
        let numbers = self.batches_(stream.to_text().as_str());
        let mut batches = Vec::new();
        let mut rest = numbers.as_slice();
        while let [first, n, after @ ..] = rest {
            let first = number(*first);
            batches.push((first, Range::new(first, first.saturating_add(number(*n)))));
            rest = after;
        }
        batches
    }
}

fn number(value: f64) -> Number {
    Number::try_from(whole(value)).unwrap_or(Number::MAX)
}

fn first(slot: Slot) -> Option<Number> {
    match slot.part {
        Part::Line => None,
        Part::Batch(first) => Some(first),
    }
}
