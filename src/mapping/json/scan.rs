//! Walks over JSON text, strictly and without copying: what is a value, where it begins and ends. What nobody wants is only
//! checked. Not for values: `json` makes them, and projections keep slices of the text.
//!
//! Most of a body is strings, so they are looked through by words and vectors (`strings`), and a key that stands where it stood
//! before is compared as a whole ([`Scanner::pass_again`]). Errors are noted in the scanner: what is handed on is a mark without
//! size, which costs the way that has none nothing.

mod nested;
mod strings;

pub use self::strings::Quoted;
pub(super) use self::strings::special;
use super::JsonError;

/// A whole number, or what stands before the point of one, may have so many digits.
const DIGITS_MAX: usize = 4300;

/// The text is not JSON: [`Scanner::error`] says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

/// Where one is in a text. Functions that expect something at hand say so; [`Scanner::peek`] tells what is there.
#[derive(Debug)]
pub struct Scanner<'t> {
    text: &'t str,
    at: usize,
    /// Whether any control character is in it: line breaks between values, mostly. In strings they are errors.
    has_controls: bool,
    error: JsonError,
}

/// A key with its colon, as it stood in a text: [`Scanner::pass_again`] knows it again without looking at its characters.
#[derive(Debug, Clone, Copy)]
pub struct KeySeen {
    /// Its first sixteen bytes, the first in the lowest place; what is not of it is 0.
    head: u128,
    /// Which bits of them are of it.
    mask: u128,
    start: usize,
    len: usize,
}

impl<'t> Scanner<'t> {
    /// At the beginning of a text.
    #[must_use]
    pub fn new(text: &'t str) -> Self {
        let least = text.as_bytes().iter().copied().fold(u8::MAX, u8::min);
        let error = JsonError::Syntax { what: "", at: 0 };
        Scanner { text, at: 0, has_controls: least < 0x20, error }
    }

    /// How many bytes are behind it.
    #[must_use]
    #[inline(always)]
    pub fn at(&self) -> usize {
        self.at
    }

    /// What is wrong, once something was.
    #[must_use]
    pub fn error(&self) -> JsonError {
        self.error.clone()
    }

    /// Notes what is wrong.
    #[cold]
    pub fn refuse(&mut self, error: JsonError) -> Broken {
        self.error = error;
        Broken
    }

    /// The first byte of the value at hand, behind any blanks.
    ///
    /// # Errors
    /// At the end of the text.
    #[inline(always)]
    pub fn peek(&mut self) -> Result<u8, Broken> {
        match self.unblank() {
            Some(first) => Ok(first),
            None => Err(self.broken("EOF while parsing a value")),
        }
    }

    /// Makes sure that nothing but blanks is left.
    ///
    /// # Errors
    /// When there is more.
    pub fn finish(&mut self) -> Result<(), Broken> {
        match self.unblank() {
            None => Ok(()),
            Some(_) => Err(self.broken("trailing characters")),
        }
    }

    /// Goes behind the value that begins with `first`.
    ///
    /// # Errors
    /// Where it is not JSON, or nested too deep.
    #[inline(always)]
    pub fn skip(&mut self, first: u8) -> Result<(), Broken> {
        match first {
            b'{' | b'[' => self.skip_nested(first),
            scalar => self.scalar(scalar),
        }
    }

    /// Goes behind the scalar that begins with `first`.
    ///
    /// # Errors
    /// Where it is none.
    #[inline(always)]
    pub fn scalar(&mut self, first: u8) -> Result<(), Broken> {
        match first {
            b'"' => self.pass_string().map(drop),
            b't' | b'f' | b'n' => self.word(first),
            _ => self.number(first),
        }
    }

    /// Goes behind `true`, `false` or `null`.
    ///
    /// # Errors
    /// Where it is another word.
    pub fn word(&mut self, first: u8) -> Result<(), Broken> {
        let word: &[u8] = match first {
            b't' => b"true",
            b'f' => b"false",
            _ => b"null",
        };
        let rest = self.rest();
        if rest.starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        Err(self.broken(if word.starts_with(rest) { "EOF while parsing a value" } else { "expected ident" }))
    }

    /// Goes behind the number that begins with `first`.
    ///
    /// # Errors
    /// Where it is none, or has more than 4300 digits before its point.
    #[inline]
    pub fn number(&mut self, first: u8) -> Result<(), Broken> {
        let mut first = first;
        if first == b'-' {
            self.at += 1;
            first = match self.byte() {
                Some(digit @ b'0'..=b'9') => digit,
                Some(_) => return Err(self.broken("invalid number")),
                None => return Err(self.broken("EOF while parsing a value")),
            };
        }
        match first {
            b'1'..=b'9' => {
                let start = self.at;
                self.digits();
                if self.at - start > DIGITS_MAX {
                    self.at = start + DIGITS_MAX;
                    return Err(self.broken("number out of range"));
                }
            }
            b'0' => {
                self.at += 1;
                if self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
                    return Err(self.broken("invalid number"));
                }
            }
            _ => return Err(self.broken("expected value")),
        }
        match self.byte() {
            Some(b'.' | b'e' | b'E') => self.fraction(),
            _ => Ok(()),
        }
    }

    /// Goes into the list at hand. The first byte of its first element; none where it is empty, and then behind it.
    ///
    /// # Errors
    /// At the end of the text.
    pub fn list(&mut self) -> Result<Option<u8>, Broken> {
        self.at += 1;
        match self.unblank() {
            Some(b']') => {
                self.at += 1;
                Ok(None)
            }
            Some(first) => Ok(Some(first)),
            None => Err(self.broken("EOF while parsing a list")),
        }
    }

    /// Behind an element of a list: the first byte of the next one; none at the list's end, and then behind it.
    ///
    /// # Errors
    /// Where neither follows.
    #[inline]
    pub fn next_element(&mut self) -> Result<Option<u8>, Broken> {
        match self.unblank() {
            Some(b',') => {
                self.at += 1;
                match self.peek()? {
                    b']' => Err(self.broken("trailing comma")),
                    first => Ok(Some(first)),
                }
            }
            Some(b']') => {
                self.at += 1;
                Ok(None)
            }
            Some(_) => Err(self.broken("expected `,` or `]`")),
            None => Err(self.broken("EOF while parsing a list")),
        }
    }

    /// Goes into the object at hand, to its first key; false where it is empty, and then behind it.
    ///
    /// # Errors
    /// Where there is neither a key nor the end.
    #[inline]
    pub fn object(&mut self) -> Result<bool, Broken> {
        self.at += 1;
        match self.unblank() {
            Some(b'"') => Ok(true),
            Some(b'}') => {
                self.at += 1;
                Ok(false)
            }
            Some(_) => Err(self.broken("key must be a string")),
            None => Err(self.broken("EOF while parsing an object")),
        }
    }

    /// Behind a value in an object: to the next key; false at the object's end, and then behind it.
    ///
    /// # Errors
    /// Where neither follows.
    #[inline(always)]
    pub fn next_entry(&mut self) -> Result<bool, Broken> {
        match self.rest().first_chunk::<2>() {
            Some(b",\"") => {
                self.at += 1;
                Ok(true)
            }
            _ => self.next_entry_apart(),
        }
    }

    /// Goes behind the key at hand and its colon.
    ///
    /// # Errors
    /// Where the string is none, or no colon follows.
    pub fn key(&mut self) -> Result<Quoted<'t>, Broken> {
        let key = self.string()?;
        self.colon()?;
        Ok(key)
    }

    /// The key that begins at `start`, once one is behind it.
    #[must_use]
    pub fn seen(&self, start: usize) -> KeySeen {
        let key = self.text.as_bytes().get(start..self.at).unwrap_or_default();
        let mut head = [0; 16];
        head.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
        let beyond = 16_u32.saturating_sub(u32::try_from(key.len()).unwrap_or(16));
        let mask = u128::MAX.checked_shr(8 * beyond).unwrap_or(0);
        KeySeen { head: u128::from_le_bytes(head), mask, start, len: key.len() }
    }

    /// Goes behind the key at hand and its colon, where it is written as one that was seen in this text before.
    #[inline(always)]
    pub fn pass_again(&mut self, seen: &KeySeen) -> bool {
        let bytes = self.text.as_bytes();
        let Some(head) = bytes.get(self.at..).and_then(<[u8]>::first_chunk::<16>) else { return false };
        if (u128::from_le_bytes(*head) ^ seen.head) & seen.mask != 0 {
            return false;
        }
        let tail = |start: usize| bytes.get(start + 16..start + seen.len);
        if seen.len > 16 && tail(self.at) != tail(seen.start) {
            return false;
        }
        self.at += seen.len;
        true
    }

    /// Goes back to the beginning of a value, for reading it once more.
    pub fn go_back(&mut self, to: usize) {
        self.at = self.at.min(to);
    }

    // ---- inside ----------------------------------------------------------------------------------------------

    #[cold]
    fn broken(&mut self, what: &'static str) -> Broken {
        self.refuse(JsonError::Syntax { what, at: self.at })
    }

    #[inline(always)]
    fn rest(&self) -> &'t [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    #[inline(always)]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Goes behind blanks; the byte there.
    #[inline(always)]
    fn unblank(&mut self) -> Option<u8> {
        match self.byte() {
            Some(byte) if byte > b' ' => Some(byte),
            _ => self.unblank_apart(),
        }
    }

    #[inline(never)]
    fn unblank_apart(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    #[inline(never)]
    fn next_entry_apart(&mut self) -> Result<bool, Broken> {
        match self.unblank() {
            Some(b',') => {
                self.at += 1;
                match self.peek()? {
                    b'"' => Ok(true),
                    b'}' => Err(self.broken("trailing comma")),
                    _ => Err(self.broken("key must be a string")),
                }
            }
            Some(b'}') => {
                self.at += 1;
                Ok(false)
            }
            Some(_) => Err(self.broken("expected `,` or `}`")),
            None => Err(self.broken("EOF while parsing an object")),
        }
    }

    #[inline(always)]
    fn digits(&mut self) {
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
    }

    /// Goes behind what follows the whole part of a number: point and exponent.
    fn fraction(&mut self) -> Result<(), Broken> {
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.byte(), Some(b'-' | b'+')) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(())
    }

    fn some_digits(&mut self) -> Result<(), Broken> {
        match self.byte() {
            Some(b'0'..=b'9') => {
                self.digits();
                Ok(())
            }
            Some(_) => Err(self.broken("invalid number")),
            None => Err(self.broken("EOF while parsing a value")),
        }
    }

    #[inline]
    fn colon(&mut self) -> Result<(), Broken> {
        match self.unblank() {
            Some(b':') => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(self.broken("expected `:`")),
            None => Err(self.broken("EOF while parsing an object")),
        }
    }

    #[inline]
    fn pass_key(&mut self) -> Result<(), Broken> {
        self.pass_string()?;
        self.colon()
    }
}

#[cfg(test)]
mod tests;
