//! Numbers to text and back, without the weight of `core::fmt`.

/// Appends `number` in decimal.
pub(crate) fn push_number(out: &mut String, number: u64) {
    if number >= 10 {
        push_number(out, number / 10);
    }
    // A digit: the conversion cannot fail.
    out.push(u8::try_from(number % 10).map_or('0', |digit| char::from(b'0' + digit)));
}

/// Reads digits alone; `None` for anything else, and for what leaves 64 bits.
pub(crate) fn read_number(text: &str) -> Option<u64> {
    let mut number: u64 = 0;
    for byte in text.bytes() {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    (!text.is_empty()).then_some(number)
}

/// `text` as a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 2);
    beaconry_core::json::write_string(text, &mut out);
    String::from_utf8(out).unwrap_or_default()
}
