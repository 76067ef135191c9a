//! Texts that diagnostics point into, and places in them. Not for reading files: a text is given.

use std::{ops::Range, sync::Arc};

/// A file's text under the name that diagnostics show.
#[derive(Debug, Clone)]
pub struct TextFile {
    /// As it is shown: relative to where Ficus runs.
    pub name: Arc<str>,
    /// All of it.
    pub text: Arc<str>,
    /// Where each line begins, in bytes.
    lines: Arc<[usize]>,
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
    /// The text of the first line, to be shown; empty when there is none.
    pub excerpt: String,
}

impl TextFile {
    /// A text under a name.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let after_newlines = text.match_indices('\n').map(|(newline, _)| newline + 1);
        let lines = std::iter::once(0).chain(after_newlines).collect();
        TextFile { name: name.into(), text, lines }
    }

    /// The place of a range of bytes. A range outside the text is moved to its end.
    #[must_use]
    pub fn place(&self, range: Range<usize>) -> Place {
        let start = floor_boundary(&self.text, range.start);
        let end = floor_boundary(&self.text, range.end.max(start));
        let (line, column) = self.line_column(start);
        let (end_line, end_column) = self.line_column(end);
        let from_line = self.text.get(self.line_start(start)..).unwrap_or_default();
        let excerpt = from_line.lines().next().unwrap_or_default().to_owned();
        Place { file: self.name.clone(), line, column, end_line, end_column, excerpt }
    }

    /// Where the line of an offset begins.
    fn line_start(&self, offset: usize) -> usize {
        let line = self.lines.partition_point(|start| *start <= offset);
        self.lines.get(line.saturating_sub(1)).copied().unwrap_or(0)
    }

    fn line_column(&self, offset: usize) -> (u32, u32) {
        let line = self.lines.partition_point(|start| *start <= offset);
        let column = self.text.get(self.line_start(offset)..offset).unwrap_or_default().chars().count() + 1;
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
    }
}

impl Place {
    /// A file or directory as a whole, when there is no text to point into.
    #[must_use]
    pub fn whole(file: impl Into<Arc<str>>) -> Self {
        Place { file: file.into(), line: 1, column: 1, end_line: 1, end_column: 1, excerpt: String::new() }
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
    fn a_range_outside_the_text_is_its_end() {
        let place = TextFile::new("f", "ab").place(7..9);
        assert_eq!((place.line, place.column), (1, 3));
        let place = TextFile::new("f", "").place(0..0);
        assert_eq!((place.line, place.column), (1, 1));
    }
}
