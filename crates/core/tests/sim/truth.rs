//! What really happened, which the pipelines and the collector must account for.

use crate::trace::name;
use crate::world::World;
use beaconry_core::{Number, Ranges, StreamId};

/// What really happened to one stream.
#[derive(Default)]
pub struct Truth {
    /// The event line under each number; what was refused by `track` has one too.
    pub lines: Vec<Vec<u8>>,
    /// Numbers that some page counted as dropped.
    pub counted: Ranges,
    /// What cannot be known.
    pub excused: Ranges,
}

impl World {
    /// All numbers of a stream that were ever given out.
    pub fn given(&self, id: StreamId) -> Ranges {
        let end = self.truth.get(&id).map_or(0, |truth| truth.lines.len() as Number);
        beaconry_core::Range::new(0, end).map(Ranges::from).unwrap_or_default()
    }

    /// Numbers that neither the storages nor the collector know.
    pub fn unknown(&self, id: StreamId) -> Ranges {
        let mut unknown = self.unaccounted(id);
        unknown.subtract(&self.storage.known(id));
        unknown
    }

    /// Numbers that are neither stored nor told as dropped, and could be.
    pub fn unaccounted(&self, id: StreamId) -> Ranges {
        let mut left = self.given(id);
        left.subtract(&self.collector.ever_stored(id));
        left.subtract(&self.collector.told(id));
        if let Some(truth) = self.truth.get(&id) {
            left.subtract(&truth.excused);
            // Of a stream older than the window nothing is recorded; the client has counted it.
            if self.collector.stale.contains(&id) {
                left.subtract(&truth.counted);
            }
        }
        left
    }

    /// These cannot be known from here on, for a reason that protocol names.
    pub fn excuse(&mut self, id: StreamId, numbers: &Ranges, why: &str) {
        if numbers.is_empty() {
            return;
        }
        self.say(|| format!("  cannot be known: {} {numbers:?}: {why}", name(id)));
        self.truth.entry(id).or_default().excused.extend(numbers);
    }
}
