//! The flag: whether telemetry is on for a visitor, and the hash that keeps the choice stable. The JavaScript facade has the
//! same functions; `tests/vectors.json` holds both to one answer.

/// A client's phase. Without one it is off.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Flag {
    /// Nothing is loaded, stored or sent.
    #[default]
    Disabled,
    /// On for so many percent of the visitors (0 to 100); who is in stays in when the share grows.
    Rollout(f64),
    /// On.
    Enabled,
}

impl Flag {
    /// Whether telemetry is on for `visitor`.
    #[must_use]
    pub fn is_on(self, visitor: &[u8]) -> bool {
        match self {
            Self::Disabled => false,
            Self::Rollout(percent) => chosen(visitor, percent),
            Self::Enabled => true,
        }
    }
}

/// Whether a rollout of `percent` includes `visitor`.
#[must_use]
pub fn chosen(visitor: &[u8], percent: f64) -> bool {
    let hash = fnv1a([b"beaconry:", visitor]);
    f64::from(hash % 10_000) < percent * 100.0
}

/// What keeps two clients of one origin apart in the storage: eight hexadecimal digits of endpoint and app (of the key,
/// where no app is named).
#[must_use]
pub fn scope(url: &str, app_or_key: &str) -> [u8; 8] {
    let hash = fnv1a([url.as_bytes(), b"\n", app_or_key.as_bytes()]);
    let mut digits = [0; 8];
    for (i, digit) in digits.iter_mut().enumerate() {
        let nibble = (hash >> (28 - 4 * i)) & 15;
        *digit = b"0123456789abcdef".get(nibble as usize).copied().unwrap_or(b'0');
    }
    digits
}

/// FNV-1a of 32 bits (RFC 9923): small, and even enough to split visitors.
fn fnv1a<const N: usize>(parts: [&[u8]; N]) -> u32 {
    let bytes = parts.iter().flat_map(|part| part.iter());
    bytes.fold(0x811c_9dc5, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
