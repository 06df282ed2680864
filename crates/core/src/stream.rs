//! Names of streams.

/// Characters of a stream's id in text.
pub const STREAM_ID_LEN: usize = 22;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The id of a stream: 48 bits of its birth in unix milliseconds and 80 random bits; in text 22 characters of
/// base64url without padding (RFC 4648, section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId([u8; 16]);

/// What [`StreamId::parse`] refuses: not 22 characters of base64url, or loose bits in the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadStreamId;

/// A stream's id as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamIdText([u8; STREAM_ID_LEN]);

impl StreamId {
    /// The id of a stream born at `birth` (unix ms, of which 48 bits count). `random` is fresh entropy for each stream.
    #[must_use]
    pub fn new(birth: u64, random: [u8; 10]) -> Self {
        let [_, _, a, b, c, d, e, f] = birth.to_be_bytes();
        let [g, h, i, j, k, l, m, n, o, p] = random;
        Self([a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p])
    }

    /// Reads an id from text.
    ///
    /// # Errors
    /// [`BadStreamId`]: one id has one text.
    pub fn parse(text: &[u8]) -> Result<Self, BadStreamId> {
        if text.len() != STREAM_ID_LEN {
            return Err(BadStreamId);
        }
        let mut bits: u32 = 0;
        let mut held = 0;
        let mut bytes = [0; 16];
        let mut to = bytes.iter_mut();
        for &character in text {
            bits = (bits << 6) | u32::from(sextet(character).ok_or(BadStreamId)?);
            held += 6;
            if held >= 8 {
                held -= 8;
                #[expect(clippy::cast_possible_truncation, reason = "the low byte is what is meant")]
                if let Some(byte) = to.next() {
                    *byte = (bits >> held) as u8;
                }
                bits &= (1 << held) - 1;
            }
        }
        if bits == 0 { Ok(Self(bytes)) } else { Err(BadStreamId) }
    }

    /// The stream's birth by its client's clock, in unix ms.
    #[must_use]
    pub fn birth_unix_ms(self) -> u64 {
        let [a, b, c, d, e, f, ..] = self.0;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }

    /// The id as text.
    #[must_use]
    pub fn to_text(self) -> StreamIdText {
        let mut bits: u32 = 0;
        let mut held = 0;
        let mut bytes = self.0.iter();
        let mut text = [0; STREAM_ID_LEN];
        for character in &mut text {
            if held < 6 {
                bits = (bits << 8) | u32::from(bytes.next().copied().unwrap_or(0));
                held += 8;
            }
            held -= 6;
            *character = ALPHABET.get((bits >> held) as usize & 63).copied().unwrap_or(b'A');
            bits &= (1 << held) - 1;
        }
        StreamIdText(text)
    }
}

impl StreamIdText {
    /// The 22 characters.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The 22 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or("")
    }
}

fn sextet(character: u8) -> Option<u8> {
    Some(match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        _ => return None,
    })
}
