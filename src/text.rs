//! Numbers to text, without the weight of `core::fmt`.

/// The digits.
const DIGITS: &str = "0123456789";

/// Appends `number` in decimal.
pub(crate) fn push_number(out: &mut String, number: u64) {
    if number >= 10 {
        push_number(out, number / 10);
    }
    let digit = (number % 10) as usize;
    out.push_str(DIGITS.get(digit..=digit).unwrap_or_default());
}
