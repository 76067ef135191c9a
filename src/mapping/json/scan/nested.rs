//! Goes behind lists and objects that nobody wants, checking them on the way, without recursion.

use super::{Broken, Scanner};

/// Lists and objects of a value that is skipped may stand so deep in each other.
const NESTING_MAX: usize = 200;

impl Scanner<'_> {
    /// Goes behind the list or object that begins with `first`.
    pub(super) fn skip_nested(&mut self, first: u8) -> Result<(), Broken> {
        let mut open = Open::default();
        let mut first = first;
        loop {
            let begun = match first {
                b'{' => self.object()?.then_some(true),
                b'[' => match self.list()? {
                    Some(element) => {
                        first = element;
                        Some(false)
                    }
                    None => None,
                },
                scalar => {
                    self.scalar(scalar)?;
                    None
                }
            };
            if let Some(is_object) = begun {
                if open.push(is_object).is_none() {
                    return Err(self.broken("recursion limit exceeded"));
                }
                if is_object {
                    self.pass_key()?;
                    first = self.peek()?;
                }
                continue;
            }
            first = loop {
                match open.innermost() {
                    None => return Ok(()),
                    Some(true) if self.next_entry()? => {
                        self.pass_key()?;
                        break self.peek()?;
                    }
                    Some(true) => {}
                    Some(false) => {
                        if let Some(element) = self.next_element()? {
                            break element;
                        }
                    }
                }
                open.pop();
            };
        }
    }
}

/// The lists and objects that are open: a bit for each around the innermost one, which has its own place.
#[derive(Default)]
struct Open {
    outer: [u64; NESTING_MAX.div_ceil(64)],
    depth: usize,
    is_object: bool,
}

impl Open {
    /// One more; none where there are too many.
    fn push(&mut self, is_object: bool) -> Option<()> {
        if self.depth == NESTING_MAX {
            return None;
        }
        let bit = 1 << (self.depth % 64);
        let bits = self.outer.get_mut(self.depth / 64)?;
        *bits = if self.is_object { *bits | bit } else { *bits & !bit };
        (self.is_object, self.depth) = (is_object, self.depth + 1);
        Some(())
    }

    fn pop(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.is_object =
            self.outer.get(self.depth / 64).is_some_and(|bits| bits >> (self.depth % 64) & 1 == 1);
    }

    /// Whether the innermost one is an object; none where none is open.
    #[inline]
    fn innermost(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.is_object)
    }
}
