//! A stream line in full, for drivers in Rust; the one in JavaScript writes the same.

use crate::{Fate, Identity, Line, Range, Ranges, StreamId, StreamLine};

/// Ranges of a line that stay as they are. 64 of two ten-digit numbers are 1.5 kB, little beside a request's batches.
const MANY: usize = 64;

impl Line<'_> {
    /// The line on the wire. Over [`MANY`] ranges, two with only acknowledged or dropped numbers between them become one:
    /// stored wins over dropped at the collector, and a number with two reasons is still one loss. Where something else
    /// lies between, the line grows.
    #[must_use]
    pub fn to_wire(self, stream: StreamId, identity: Identity) -> StreamLine {
        let mut line = StreamLine::new(stream, identity);
        let mut known = Ranges::new();
        for (numbers, fate) in self.fates.iter() {
            match fate {
                Fate::Held | Fate::Left => line.holds.insert(numbers),
                Fate::Dropped(reason) => line.dropped.insert(reason, numbers),
                Fate::Delivered | Fate::Past => {}
            }
            if matches!(fate, Fate::Delivered | Fate::Dropped(_)) {
                known.insert(numbers);
            }
        }
        line.tracked = self.fates.tracked();
        line.closed = self.is_closed;
        let told = line.dropped.clone();
        let pieces: usize = told.iter().map(|(_, numbers)| numbers.pieces()).sum();
        if pieces > MANY {
            for (reason, numbers) in told.iter() {
                bridges(numbers, &known).iter().for_each(|gap| line.dropped.insert(reason, gap));
            }
        }
        if pieces > MANY || line.holds.pieces() > MANY {
            line.holds.extend(&bridges(&line.holds, &known));
        }
        line
    }
}

/// What lies between two of the ranges and is `known`.
fn bridges(ranges: &Ranges, known: &Ranges) -> Ranges {
    let gaps = ranges.iter().zip(ranges.iter().skip(1));
    let gaps = gaps.filter_map(|(left, right)| Range::new(left.end(), right.start()));
    gaps.filter(|gap| known.contains_range(*gap)).collect()
}
