//! Keeps a stream line short: over 64 ranges, neighbours become one where nothing is told wrongly.

use crate::{Book, Range, Ranges, StreamLine};

/// 64 ranges of two ten-digit numbers are 1.5 kB, little beside a request's batches.
const MANY: usize = 64;

/// Two ranges with only acknowledged or dropped numbers between them become one: stored wins over dropped at the
/// collector, and a number with two reasons is still one loss. Where something else lies between, the line grows.
pub(crate) fn bound(line: &mut StreamLine, book: &Book) {
    let ranges: usize = line.dropped.iter().map(|(_, numbers)| numbers.pieces()).sum();
    if ranges <= MANY && line.holds.pieces() <= MANY {
        return;
    }
    let mut known = book.delivered.clone();
    for (_, numbers) in book.dropped.iter() {
        known.extend(numbers);
    }
    bridge(&mut line.holds, &known);
    if ranges > MANY {
        for numbers in line.dropped.iter_mut() {
            bridge(numbers, &known);
        }
    }
}

fn bridge(ranges: &mut Ranges, known: &Ranges) {
    let mut bridged = Ranges::new();
    let mut end = None;
    for range in ranges.iter() {
        if let Some(gap) = end.and_then(|end| Range::new(end, range.start()))
            && known.contains_range(gap)
        {
            bridged.insert(gap);
        }
        bridged.insert(range);
        end = Some(range.end());
    }
    *ranges = bridged;
}
