//! Where strings of JSON end, and whether their escapes are some.

use std::borrow::Cow;

use memchr::memchr2;

use super::{Broken, Scanner};

/// A string as it stands in the text, its escapes checked.
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'t> {
    /// With its quotes.
    text: &'t str,
    is_plain: bool,
}

impl<'t> Quoted<'t> {
    /// Its characters.
    #[must_use]
    pub fn characters(self) -> Cow<'t, str> {
        match self.plain() {
            Some(inside) => Cow::Borrowed(inside),
            // Its escapes were checked.
            None => Cow::Owned(serde_json::from_str(self.text).unwrap_or_default()),
        }
    }

    /// Its characters, where it has no escapes.
    #[must_use]
    pub fn plain(self) -> Option<&'t str> {
        self.text.get(1..self.text.len().saturating_sub(1)).filter(|_| self.is_plain)
    }
}

impl<'t> Scanner<'t> {
    /// Goes behind the string at hand.
    ///
    /// # Errors
    /// Where it does not end, or holds a control character or an escape that is none.
    pub fn string(&mut self) -> Result<Quoted<'t>, Broken> {
        let start = self.at;
        let is_plain = self.pass_string()?;
        Ok(Quoted { text: self.text.get(start..self.at).unwrap_or_default(), is_plain })
    }

    /// Goes behind the string at hand; whether it has no escapes.
    #[inline(never)]
    pub(super) fn pass_string(&mut self) -> Result<bool, Broken> {
        let bytes = self.text.as_bytes();
        let mut at = self.at + 1;
        let mut is_plain = true;
        loop {
            at = self.special(at);
            match (bytes.get(at), bytes.get(at + 1)) {
                (Some(b'"'), _) => {
                    self.at = at + 1;
                    return Ok(is_plain);
                }
                (Some(b'\\'), Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')) => at += 2,
                (Some(b'\\'), _) => {
                    self.at = at;
                    self.escape()?;
                    at = self.at;
                }
                (other, _) => {
                    self.at = at;
                    return Err(self.broken(match other {
                        Some(_) => "control character (\\u0000-\\u001F) found while parsing a string",
                        None => "EOF while parsing a string",
                    }));
                }
            }
            is_plain = false;
        }
    }

    /// Goes behind an escape that is not one letter.
    fn escape(&mut self) -> Result<(), Broken> {
        self.at += 1;
        match self.byte() {
            Some(b'u') => self.unicode(),
            Some(_) => Err(self.broken("invalid escape")),
            None => Err(self.broken("EOF while parsing a string")),
        }
    }

    /// Goes behind `u` and its digits, those of a second half too.
    fn unicode(&mut self) -> Result<(), Broken> {
        match self.unit()? {
            0xDC00..=0xDFFF => Err(self.broken("lone leading surrogate in hex escape")),
            0xD800..=0xDBFF => {
                if !self.rest().starts_with(b"\\u") {
                    return Err(self.broken("unexpected end of hex escape"));
                }
                self.at += 1;
                match self.unit()? {
                    0xDC00..=0xDFFF => Ok(()),
                    _ => Err(self.broken("lone leading surrogate in hex escape")),
                }
            }
            _ => Ok(()),
        }
    }

    /// Goes behind `u` and four digits; their value.
    fn unit(&mut self) -> Result<u32, Broken> {
        let mut unit = 0;
        for _ in 0..4 {
            self.at += 1;
            let Some(digit) = self.byte() else { return Err(self.broken("EOF while parsing a string")) };
            let Some(digit) = char::from(digit).to_digit(16) else {
                return Err(self.broken("invalid escape"));
            };
            unit = unit * 16 + digit;
        }
        self.at += 1;
        Ok(unit)
    }

    /// Where the first byte from `at` on is that has a meaning of its own in a string, or none at all; the end where there is none.
    #[inline(always)]
    fn special(&self, at: usize) -> usize {
        let bytes = self.text.as_bytes();
        // Most strings are short: eight bytes in one word.
        match word_at(bytes, at) {
            Some(word) => match first_special(word) {
                Some(found) => at + found,
                None if self.has_controls => special(bytes, at + 8),
                None => {
                    let rest = bytes.get(at + 8..).unwrap_or_default();
                    memchr2(b'"', b'\\', rest).map_or(bytes.len(), |found| at + 8 + found)
                }
            },
            None => special(bytes, at),
        }
    }
}

/// Where the first quote, backslash or control character from `at` on is; the end where there is none.
pub(in crate::mapping::json) fn special(bytes: &[u8], mut at: usize) -> usize {
    while let Some(word) = word_at(bytes, at) {
        match first_special(word) {
            Some(found) => return at + found,
            None => at += 8,
        }
    }
    let tail = bytes.get(at..).unwrap_or_default();
    at + tail.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).unwrap_or(tail.len())
}

/// Eight bytes, the first in the lowest place; none where there are fewer.
#[inline(always)]
fn word_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk::<8>().map(|chunk| u64::from_le_bytes(*chunk))
}

/// Which of eight bytes is the first special one.
#[inline(always)]
fn first_special(word: u64) -> Option<usize> {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    // The lowest bit that is set belongs to the first byte that is zero, or less than 0x20. Bits above it may be wrong.
    let zero = |word: u64| word.wrapping_sub(EACH) & !word;
    let less = word.wrapping_sub(EACH * 0x20) & !word;
    let found = (zero(word ^ (EACH * 0x22)) | zero(word ^ (EACH * 0x5C)) | less) & (EACH * 0x80);
    (found != 0).then(|| (found.trailing_zeros() / 8) as usize)
}
