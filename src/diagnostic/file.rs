//! Texts that diagnostics point into, and places in them. Not for reading files: a text is given.

use std::{ops::Range, sync::Arc};

/// Of a line longer than this (a file without newlines, say) only the part around a place is kept for showing, in bytes.
const EXCERPT_BYTES_MAX: usize = 600;

/// Characters are counted once for each block of so many bytes, so that a column in a very long line is known at once.
const BLOCK_BYTES: usize = 1024;

/// A file's text under the name that diagnostics show.
#[derive(Debug, Clone)]
pub struct TextFile {
    /// As it is shown: relative to where Ficus runs.
    pub name: Arc<str>,
    /// All of it.
    pub text: Arc<str>,
    /// Where each line begins, in bytes.
    lines: Arc<[usize]>,
    /// How many characters begin before each block.
    characters: Arc<[usize]>,
}

/// A range of a file. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file's name.
    pub file: Arc<str>,
    /// Line of the first character.
    pub line: u32,
    /// Column of the first character.
    pub column: u32,
    /// Line of the end.
    pub end_line: u32,
    /// Column just after the last character.
    pub end_column: u32,
    /// The text of the first line, to be shown; empty when there is none. Of a very long line a part.
    pub excerpt: String,
    /// Column of the excerpt's first character.
    pub excerpt_column: u32,
}

impl TextFile {
    /// A text under a name.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let after_newlines = text.match_indices('\n').map(|(newline, _)| newline + 1);
        let lines = std::iter::once(0).chain(after_newlines).collect();
        let mut before = 0;
        let count = |block: &[u8]| {
            let begins = before;
            before += characters_in(block);
            begins
        };
        let characters = text.as_bytes().chunks(BLOCK_BYTES).map(count).collect();
        TextFile { name: name.into(), text, lines, characters }
    }

    /// The place of a range of bytes. A range outside the text is moved to its end.
    #[must_use]
    pub fn place(&self, range: Range<usize>) -> Place {
        let start = floor_boundary(&self.text, range.start);
        let end = floor_boundary(&self.text, range.end.max(start));
        let (line, column) = self.line_column(start);
        let (end_line, end_column) = self.line_column(end);
        let (excerpt, excerpt_column) = self.excerpt(start);
        Place { file: self.name.clone(), line, column, end_line, end_column, excerpt, excerpt_column }
    }

    /// The line of an offset, or the part of it around the offset, and the column where that begins.
    fn excerpt(&self, offset: usize) -> (String, u32) {
        let line_start = self.line_start(offset);
        let from = match offset - line_start {
            long if long > EXCERPT_BYTES_MAX / 2 => {
                floor_boundary(&self.text, offset - EXCERPT_BYTES_MAX / 3)
            }
            _ => line_start,
        };
        let to = floor_boundary(&self.text, from + EXCERPT_BYTES_MAX);
        let shown = self.text.get(from..to).unwrap_or_default().lines().next().unwrap_or_default();
        (shown.to_owned(), self.line_column(from).1)
    }

    /// Where the line of an offset begins.
    fn line_start(&self, offset: usize) -> usize {
        let line = self.lines.partition_point(|start| *start <= offset);
        self.lines.get(line.saturating_sub(1)).copied().unwrap_or(0)
    }

    fn line_column(&self, offset: usize) -> (u32, u32) {
        let line = self.lines.partition_point(|start| *start <= offset);
        let column = self.characters_before(offset) - self.characters_before(self.line_start(offset)) + 1;
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
    }

    fn characters_before(&self, offset: usize) -> usize {
        let block = (offset / BLOCK_BYTES).min(self.characters.len().saturating_sub(1));
        let rest = self.text.as_bytes().get(block * BLOCK_BYTES..offset).unwrap_or_default();
        self.characters.get(block).copied().unwrap_or(0) + characters_in(rest)
    }
}

/// How many characters begin in a piece of UTF-8.
fn characters_in(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| !(0x80..0xC0).contains(*byte)).count()
}

impl Place {
    /// A file or directory as a whole, when there is no text to point into.
    #[must_use]
    pub fn whole(file: impl Into<Arc<str>>) -> Self {
        Place {
            file: file.into(),
            line: 1,
            column: 1,
            end_line: 1,
            end_column: 1,
            excerpt: String::new(),
            excerpt_column: 1,
        }
    }
}

/// The nearest character boundary at or before an offset.
fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let place = TextFile::new("f", "a: b\nü: ö!\n").place(9..11);
        assert_eq!((place.line, place.column, place.end_line, place.end_column), (2, 4, 2, 5));
        assert_eq!(place.excerpt, "ü: ö!");
    }

    #[test]
    fn of_a_very_long_line_the_part_around_the_place_is_shown() {
        let text = format!("short\n{}öX{}\n", "ä".repeat(5000), "b".repeat(9000));
        let at = text.find('X').unwrap();
        let place = TextFile::new("f", text).place(at..at + 1);
        assert_eq!((place.line, place.column, place.end_column), (2, 5002, 5003));
        let inside = place.excerpt.chars().position(|letter| letter == 'X').unwrap();
        assert_eq!(place.excerpt_column as usize + inside, 5002);
        assert!(place.excerpt.len() <= EXCERPT_BYTES_MAX);
        let place = TextFile::new("f", "x".repeat(5000)).place(10..12);
        assert_eq!((place.excerpt.len(), place.excerpt_column), (EXCERPT_BYTES_MAX, 1));
    }

    #[test]
    fn a_range_outside_the_text_is_its_end() {
        let place = TextFile::new("f", "ab").place(7..9);
        assert_eq!((place.line, place.column), (1, 3));
        let place = TextFile::new("f", "").place(0..0);
        assert_eq!((place.line, place.column), (1, 1));
    }
}
