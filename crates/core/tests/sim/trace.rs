//! What happened, readable, when a seed is replayed.

use crate::world::START;
use beaconry_core::StreamId;

#[derive(Default)]
pub struct Trace {
    pub is_on: bool,
}

impl Trace {
    /// `say` costs nothing unless a seed is replayed.
    pub fn say(&self, now: u64, what: impl FnOnce() -> String) {
        if self.is_on {
            let ms = now - START;
            println!("{:>9}.{:03}  {}", ms / 1000, ms % 1000, what());
        }
    }
}

/// A stream's short name: the sim numbers them in its random part.
pub fn name(id: StreamId) -> String {
    format!("S{}", serial(id))
}

/// The serial number that [`World::new_stream`](crate::world::World::new_stream) gave.
fn serial(id: StreamId) -> u64 {
    let text = id.to_text();
    let mut bits: u128 = 0;
    for character in text.as_bytes() {
        let sextet = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'-' => 62,
            _ => 63,
        };
        bits = (bits << 6) | u128::from(sextet);
    }
    // 132 bits of text for 128 of the id: the last four are none.
    u64::try_from((bits >> 4) & 0xffff_ffff).unwrap()
}

/// The lines of a request or a value, each cut to a length that can be read.
pub fn lines(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let short = |line: &str| {
        if line.len() > 220 { format!("{}… {} bytes", &line[..80], line.len()) } else { line.to_owned() }
    };
    let batches =
        text.lines().filter(|line| line.starts_with("{\"batch\"") || line.starts_with("{\"stream\""));
    batches.map(|line| format!("\n                 {}", short(line))).collect()
}
