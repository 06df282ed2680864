//! A small JSON scanner (RFC 8259) that finds its way through a text and copies nothing: what passes through is spliced,
//! never rebuilt. Any bytes are safe to scan; `None` says that they are not the JSON that was asked for.

use alloc::vec::Vec;

/// Depth of nesting that is followed. 64: more than any event needs, and the stack holds it.
pub const MAX_DEPTH: u32 = 64;

/// A cursor in JSON text.
#[derive(Clone, Debug)]
pub(crate) struct Scanner<'a> {
    rest: &'a [u8],
    depth: u32,
    /// Nothing of the innermost array or object was read yet: no comma stands in front of what follows.
    fresh: bool,
}

impl<'a> Scanner<'a> {
    pub(crate) const fn new(json: &'a [u8]) -> Self {
        Self { rest: json, depth: 0, fresh: false }
    }

    /// Whether only white space is left.
    pub(crate) fn at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Enters an array, before [`item`](Self::item), or an object, before [`member`](Self::member).
    pub(crate) fn enter(&mut self, open: u8) -> Option<()> {
        self.take(open)?;
        self.depth += 1;
        self.fresh = true;
        (self.depth <= MAX_DEPTH).then_some(())
    }

    /// Goes to the next element of an array; `false` once it has left it.
    pub(crate) fn item(&mut self) -> Option<bool> {
        self.next_or_end(b']')
    }

    /// Goes to the next value of an object and returns its raw name: escapes are not undone, so an escaped name is an
    /// unknown one. The inner `None` comes once it has left the object.
    pub(crate) fn member(&mut self) -> Option<Option<&'a [u8]>> {
        if !self.next_or_end(b'}')? {
            return Some(None);
        }
        let name = self.string()?;
        self.take(b':')?;
        Some(Some(name))
    }

    /// Skips any value and returns its text.
    pub(crate) fn value(&mut self) -> Option<&'a [u8]> {
        let first = self.peek()?;
        let before = self.rest;
        match first {
            b'{' => {
                self.enter(b'{')?;
                while self.member()?.is_some() {
                    self.value()?;
                }
            }
            b'[' => {
                self.enter(b'[')?;
                while self.item()? {
                    self.value()?;
                }
            }
            b'"' => self.string().map(drop)?,
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            b'n' => self.word(b"null")?,
            _ => self.float()?,
        }
        before.get(..before.len() - self.rest.len())
    }

    /// A string; returns what stands between the quotes, escapes and all.
    pub(crate) fn string(&mut self) -> Option<&'a [u8]> {
        self.take(b'"')?;
        let text = self.rest;
        let mut at = 0;
        loop {
            match *text.get(at)? {
                b'"' => break,
                b'\\' => at += 1 + escape_len(text.get(at + 1..)?)?,
                0..0x20 => return None,
                _ => at += 1,
            }
        }
        self.rest = text.get(at + 1..)?;
        text.get(..at)
    }

    /// An event's number, or a count of them: digits alone, below 2³².
    pub(crate) fn number(&mut self) -> Option<u32> {
        self.peek()?;
        let digits = self.digits();
        let mut number: u32 = 0;
        for digit in digits {
            number = number.checked_mul(10)?.checked_add(u32::from(digit - b'0'))?;
        }
        let canonical = digits.len() == 1 || (!digits.is_empty() && digits.first() != Some(&b'0'));
        canonical.then_some(number)
    }

    pub(crate) fn boolean(&mut self) -> Option<bool> {
        match self.peek()? {
            b't' => self.word(b"true").map(|()| true),
            _ => self.word(b"false").map(|()| false),
        }
    }

    /// The next byte that is no white space.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
        self.rest.first().copied()
    }

    fn next_or_end(&mut self, close: u8) -> Option<bool> {
        let fresh = core::mem::take(&mut self.fresh);
        if self.peek()? == close {
            self.depth -= 1;
            return self.take(close).map(|()| false);
        }
        if !fresh {
            self.take(b',')?;
        }
        Some(true)
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        if self.peek()? != byte {
            return None;
        }
        self.rest = self.rest.get(1..)?;
        Some(())
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(word)?;
        Some(())
    }

    fn digits(&mut self) -> &'a [u8] {
        let len = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at_checked(len).unwrap_or((&[], self.rest));
        self.rest = rest;
        digits
    }

    fn float(&mut self) -> Option<()> {
        self.skip_if(|byte| byte == b'-');
        let whole = self.digits();
        if whole.is_empty() || (whole.len() > 1 && whole.first() == Some(&b'0')) {
            return None;
        }
        if self.skip_if(|byte| byte == b'.') && self.digits().is_empty() {
            return None;
        }
        if self.skip_if(|byte| byte == b'e' || byte == b'E') {
            self.skip_if(|byte| byte == b'+' || byte == b'-');
            if self.digits().is_empty() {
                return None;
            }
        }
        Some(())
    }

    fn skip_if(&mut self, wanted: impl Fn(u8) -> bool) -> bool {
        match self.rest {
            [byte, rest @ ..] if wanted(*byte) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }
}

/// Bytes of an escape after its backslash.
fn escape_len(after: &[u8]) -> Option<usize> {
    match after.first()? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(1),
        b'u' => after.get(1..5)?.iter().all(u8::is_ascii_hexdigit).then_some(5),
        _ => None,
    }
}

/// Appends `text` as a JSON string.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..0x20 => {
                out.extend_from_slice(b"\\u00");
                for nibble in [byte >> 4, byte & 15] {
                    out.extend(HEX.get(usize::from(nibble)));
                }
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}
