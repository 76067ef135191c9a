//! Strings of the schema as texts that know where each of their bytes stands in the file: a fault inside a mapping is shown
//! there, whether the string is quoted or a block. Decoding itself is the GraphQL parser's; this only follows it.

use std::ops::Range;

use apollo_compiler::{Node, ast::Value};

use super::files::SchemaFiles;
use crate::diagnostic::{Place, TextFile};

/// A string value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct SchemaText {
    /// Without quotes, escapes and indentation.
    pub(super) value: String,
    /// The whole literal.
    pub(super) place: Place,
    /// The file, and per byte of `value` (and its end) the offset there; none when the literal could not be followed.
    offsets: Option<(TextFile, Vec<usize>)>,
}

impl SchemaText {
    /// None when the value is not a string.
    pub(super) fn of(value: &Node<Value>, files: &SchemaFiles) -> Option<Self> {
        let Value::String(text) = &**value else { return None };
        let place = files.place(value.location());
        let offsets = value.location().and_then(|span| {
            let file = files.file(span)?;
            let literal = file.text.get(span.offset()..span.end_offset())?.trim_end();
            let followed = follow(literal)?;
            let same = followed.iter().map(|(c, _)| *c).eq(text.chars());
            same.then(|| (file.clone(), spread(&followed, span.offset(), literal)))
        });
        Some(SchemaText { value: text.clone(), place, offsets })
    }

    /// The place of a range of bytes of `value`.
    pub(super) fn place(&self, range: Range<usize>) -> Place {
        let Some((file, offsets)) = &self.offsets else { return self.place.clone() };
        let at = |index: usize| offsets.get(index.min(self.value.len())).copied();
        match (at(range.start), at(range.end.max(range.start))) {
            (Some(start), Some(end)) => file.place(start..end.max(start)),
            _ => self.place.clone(),
        }
    }
}

/// One offset per byte of the decoded text, and one for its end.
fn spread(followed: &[(char, usize)], base: usize, literal: &str) -> Vec<usize> {
    let mut offsets = Vec::new();
    for (c, offset) in followed {
        offsets.extend(std::iter::repeat_n(base + offset, c.len_utf8()));
    }
    let quotes = if literal.starts_with("\"\"\"") { 3 } else { 1 };
    let closing = base + literal.len().saturating_sub(quotes);
    // The end of a block string's text stands at its last character, not behind trailing blank lines.
    let after_last = followed.last().map(|(c, offset)| base + offset + c.len_utf8());
    offsets.push(after_last.map_or(closing, |after| after.min(closing)));
    offsets
}

/// The characters of a literal with the byte offset of each in it.
fn follow(literal: &str) -> Option<Vec<(char, usize)>> {
    match literal.strip_prefix("\"\"\"") {
        Some(rest) => Some(block(rest.strip_suffix("\"\"\"")?, 3)),
        None => quoted(literal.strip_prefix('"')?.strip_suffix('"')?, 1),
    }
}

fn quoted(inside: &str, base: usize) -> Option<Vec<(char, usize)>> {
    let mut found = Vec::new();
    let mut chars = inside.char_indices();
    while let Some((offset, c)) = chars.next() {
        let decoded = if c == '\\' {
            match chars.next()?.1 {
                'n' => '\n',
                't' => '\t',
                'r' => '\r',
                'b' => '\u{8}',
                'f' => '\u{c}',
                'u' => unicode(&mut chars)?,
                other => other,
            }
        } else {
            c
        };
        found.push((decoded, base + offset));
    }
    Some(found)
}

/// What stands after `\u`: four digits, `{…}`, or four digits of a surrogate pair, whose other half follows.
fn unicode(chars: &mut std::str::CharIndices<'_>) -> Option<char> {
    let code = digits(chars)?;
    if !(0xD800..0xDC00).contains(&code) {
        return char::from_u32(code);
    }
    ['\\', 'u'].iter().all(|expected| chars.next().is_some_and(|(_, c)| c == *expected)).then_some(())?;
    let pair = [u16::try_from(code).ok()?, u16::try_from(digits(chars)?).ok()?];
    char::decode_utf16(pair).next()?.ok()
}

fn digits(chars: &mut std::str::CharIndices<'_>) -> Option<u32> {
    let digits: String = match chars.clone().next()?.1 {
        '{' => {
            chars.next();
            chars.by_ref().map(|(_, c)| c).take_while(|c| *c != '}').collect()
        }
        _ => chars.by_ref().take(4).map(|(_, c)| c).collect(),
    };
    u32::from_str_radix(&digits, 16).ok()
}

/// A block string (GraphQL specification, section 2.9.4): common indentation and blank first and last lines go.
fn block(inside: &str, base: usize) -> Vec<(char, usize)> {
    let mut lines: Vec<(usize, &str)> = Vec::new();
    let mut start = 0;
    for line in inside.split_inclusive(['\n']) {
        lines.push((start, line.trim_end_matches(['\n', '\r'])));
        start += line.len();
    }
    if inside.ends_with('\n') {
        lines.push((start, ""));
    }
    let indent_of = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let blank = |line: &str| line.trim_matches([' ', '\t']).is_empty();
    let indent =
        lines.iter().skip(1).filter(|(_, l)| !blank(l)).map(|(_, l)| indent_of(l)).min().unwrap_or(0);
    let first = lines.iter().position(|(_, line)| !blank(line)).unwrap_or(lines.len());
    let last = lines.iter().rposition(|(_, line)| !blank(line)).map_or(0, |last| last + 1);
    let mut found = Vec::new();
    for (index, (start, line)) in lines.iter().enumerate().take(last).skip(first) {
        let cut = if index == 0 { 0 } else { indent.min(line.len()) };
        if index > first {
            found.push(('\n', base + start.saturating_sub(1)));
        }
        let kept = line.get(cut..).unwrap_or_default();
        let mut chars = kept.char_indices();
        while let Some((offset, c)) = chars.next() {
            let at = base + start + cut + offset;
            if kept.get(offset..).is_some_and(|rest| rest.starts_with("\\\"\"\"")) {
                found.extend([('"', at + 1), ('"', at + 2), ('"', at + 3)]);
                chars.nth(2);
            } else {
                found.push((c, at));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use apollo_compiler::ast::Document;

    use super::*;

    /// Where a needle of the decoded text is found in the file: line, column and the line's text.
    fn located(literal: &str, needle: &str) -> (u32, u32, String) {
        let text = format!("type T @d(s: {literal}) {{ id: ID }}");
        let document = Document::parse(text.clone(), "t.graphql").unwrap();
        let mut files = SchemaFiles::new(&[("t.graphql".to_owned(), text)]);
        files.know(&document.sources);
        let directives = document.definitions[0].directives();
        let value = directives[0].specified_argument_by_name("s").unwrap();
        let text = SchemaText::of(value, &files).unwrap();
        assert!(text.offsets.is_some(), "followed: {literal}");
        let start = text.value.find(needle).unwrap();
        let place = text.place(start..start + needle.len());
        (place.line, place.column, place.excerpt)
    }

    #[test]
    fn quoted_strings() {
        assert_eq!(located(r#""id name""#, "name").1, 18);
        assert_eq!(located(r#""\u00e4\"\n\\ name""#, "name").1, 28);
        assert_eq!(located(r#""ü name""#, "name").1, 17);
        assert_eq!(located(r#""\uD83D\uDE00\u{1F600} name""#, "name").1, 37);
    }

    #[test]
    fn block_strings() {
        let (line, column, excerpt) = located("\"\"\"\n    id\n      name { x }\n    \"\"\"", "name");
        assert_eq!((line, column, excerpt.as_str()), (3, 7, "      name { x }"));
        assert_eq!(located("\"\"\"id\n  name\"\"\"", "name"), (2, 3, "  name\"\"\") { id: ID }".to_owned()));
        assert_eq!(located("\"\"\"\r\n  id\r\n  name\r\n\"\"\"", "name").0, 3);
        assert_eq!(located("\"\"\"a \\\"\"\" name\"\"\"", "name").1, 24);
    }

    #[test]
    fn what_is_not_a_string_is_none() {
        let files = SchemaFiles::default();
        assert!(SchemaText::of(&Node::new(Value::Boolean(true)), &files).is_none());
    }

    proptest::proptest! {
        /// Whatever the parser reads as a string, its characters are found where they stand.
        #[test]
        fn every_string_that_parses_is_followed(
            inside in r#"([a-z ü\n\t]|\\[nt\\"/]|\\u00e4|\\ud83d\\ude00|\\"""|"|\r\n){0,24}"#,
            block in proptest::bool::ANY,
        ) {
            let literal = if block { format!("\"\"\"{inside}\"\"\"") } else { format!("\"{inside}\"") };
            let text = format!("type T @d(s: {literal}) {{ id: ID }}");
            if let Ok(document) = Document::parse(text.clone(), "t.graphql") {
                let mut files = SchemaFiles::new(&[("t.graphql".to_owned(), text.clone())]);
                files.know(&document.sources);
                let value = document.definitions[0].directives()[0].specified_argument_by_name("s").unwrap();
                if let Some(found) = SchemaText::of(value, &files) {
                    let (_, offsets) = found.offsets.as_ref().expect(&literal);
                    for (index, c) in found.value.char_indices().filter(|(_, c)| c.is_ascii_lowercase()) {
                        let there = text[offsets[index]..].chars().next().unwrap();
                        // An escape stands for its character; everything else stands for itself.
                        proptest::prop_assert!(there == c || there == '\\', "{c} at {there} in {literal}");
                    }
                }
            }
        }
    }
}
