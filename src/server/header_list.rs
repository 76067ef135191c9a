//! Reads header values that are lists of `name;parameter=value` (`Accept`, `Accept-Encoding`, `Content-Type`), without
//! allocating and without trusting them: what does not parse is an item that matches nothing.

/// One item of a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'a> {
    name: &'a str,
    parameters: &'a str,
}

/// The items of a list header; empty ones are skipped.
pub(super) fn items(text: &str) -> impl Iterator<Item = Item<'_>> {
    Split { rest: text, separator: b',' }.map(str::trim).filter(|item| !item.is_empty()).map(|item| {
        let (name, parameters) = item.split_once(';').unwrap_or((item, ""));
        Item { name: name.trim_end(), parameters }
    })
}

impl<'a> Item<'a> {
    /// Its name as it is written.
    pub(super) fn name(&self) -> &'a str {
        self.name
    }

    /// Whether it has this name; names are compared without regard to case.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// A parameter's value as written, quotes and all.
    pub(super) fn parameter(&self, name: &str) -> Option<&'a str> {
        Split { rest: self.parameters, separator: b';' }.find_map(|parameter| {
            let (found, value) = parameter.split_once('=')?;
            found.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The weight in thousandths: 1000 without `q`, none when `q` is not a weight.
    pub(super) fn quality(&self) -> Option<u16> {
        let Some(text) = self.parameter("q") else { return Some(1000) };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if fraction.len() > 3 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let thousandths =
            fraction.bytes().chain(*b"000").take(3).fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
        match whole {
            "0" => Some(thousandths),
            "1" if thousandths == 0 => Some(1000),
            _ => None,
        }
    }
}

/// Splits at a separator that does not stand in a quoted string.
struct Split<'a> {
    rest: &'a str,
    separator: u8,
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let mut quoted = false;
        let mut escaped = false;
        let end = self.rest.bytes().position(|byte| {
            if escaped {
                escaped = false;
            } else if quoted && byte == b'\\' {
                escaped = true;
            } else if byte == b'"' {
                quoted = !quoted;
            }
            !quoted && byte == self.separator
        });
        // The separators are ASCII, so the position is a character boundary.
        let (item, rest) = match end {
            Some(end) => (self.rest.get(..end)?, self.rest.get(end + 1..)?),
            None => (self.rest, ""),
        };
        self.rest = rest;
        Some(item)
    }
}
