//! Diagnostics as people read them in a terminal.

use std::fmt::Write as _;

use super::{Diagnostic, Place, Severity, width::columns};

/// Longest part of a source line that is shown, in characters: a terminal's width and a little.
const EXCERPT_CHARS_MAX: usize = 140;
/// How much of a longer line stands before the range.
const BEFORE_CHARS: usize = 40;

/// The text for people: per diagnostic its code and message, the source line with the range underlined, further
/// places, coordinate and help. Colours are ANSI sequences; ask for them only when a terminal reads.
#[must_use]
pub fn render(diagnostics: &[Diagnostic], colour: bool) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        one(&mut out, diagnostic, colour);
        out.push('\n');
    }
    out
}

/// "2 errors, 1 warning"
#[must_use]
pub fn summary(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|d| d.is_error()).count();
    let warnings = diagnostics.len() - errors;
    format!("{}, {}", counted(errors, "error"), counted(warnings, "warning"))
}

/// "1 error", "2 errors"
#[must_use]
pub fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

fn one(out: &mut String, diagnostic: &Diagnostic, colour: bool) {
    let shade = match diagnostic.severity {
        Severity::Error => "31",
        Severity::Warning => "33",
    };
    let paint = |text: &str, shade: &str| match colour {
        true => format!("\u{1b}[1;{shade}m{text}\u{1b}[0m"),
        false => text.to_owned(),
    };
    let title = paint(&format!("{}[{}]", diagnostic.severity.as_str(), diagnostic.code.as_str()), shade);
    line(out, format_args!("{title}: {}", diagnostic.message));
    let widest = diagnostic.further.iter().map(|(place, _)| place.line).fold(diagnostic.place.line, u32::max);
    let gutter = widest.to_string().len();
    excerpt(out, &diagnostic.place, "-->", gutter, |marks| paint(&"^".repeat(marks), shade));
    for (place, label) in &diagnostic.further {
        excerpt(out, place, ":::", gutter, |marks| paint(&format!("{} {label}", "-".repeat(marks)), "34"));
    }
    let mut fact = |name: &str, text: &str| {
        // Further lines stand below the first one's text.
        let indent = " ".repeat(gutter + name.len() + 5);
        line(out, format_args!("{:gutter$} = {name}: {}", "", text.replace('\n', &format!("\n{indent}"))));
    };
    if let Some(coordinate) = &diagnostic.coordinate {
        fact("at", coordinate);
    }
    for note in &diagnostic.notes {
        fact("note", note);
    }
    if let Some(help) = &diagnostic.help {
        fact("help", help);
    }
}

fn excerpt(out: &mut String, place: &Place, arrow: &str, gutter: usize, marker: impl Fn(usize) -> String) {
    line(out, format_args!("{:gutter$}{arrow} {}:{}:{}", "", place.file, place.line, place.column));
    if place.excerpt.trim().is_empty() {
        return;
    }
    let length = place.excerpt.chars().count();
    // The excerpt may be a part of its line.
    let at = |column: u32| (column.saturating_sub(place.excerpt_column) as usize).min(length);
    let start = at(place.column);
    let end = if place.end_line > place.line { length } else { at(place.end_column) };
    // A very long line is shown from shortly before the range.
    let from = if length > EXCERPT_CHARS_MAX && start > EXCERPT_CHARS_MAX - BEFORE_CHARS {
        start - BEFORE_CHARS
    } else {
        0
    };
    let to = length.min(from + EXCERPT_CHARS_MAX);
    let part = |from: usize, to: usize| -> String {
        place.excerpt.chars().skip(from).take(to.saturating_sub(from)).map(plain).collect()
    };
    let (cut_before, cut_after) =
        (if from > 0 || place.excerpt_column > 1 { "…" } else { "" }, if to < length { "…" } else { "" });
    let before = columns(cut_before) + columns(&part(from, start));
    let marks = columns(&part(start, end.min(to))).max(1);
    line(out, format_args!("{:gutter$} |", ""));
    let shown = part(from, to);
    line(out, format_args!("{:>gutter$} | {cut_before}{}{cut_after}", place.line, shown.trim_end()));
    line(out, format_args!("{:gutter$} | {}{}", "", " ".repeat(before), marker(marks)));
}

/// Tabs and other controls would move the marks away from what they mark.
fn plain(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}

#[cfg(test)]
mod tests {
    use super::super::{Code, TextFile};
    use super::*;

    fn example() -> Diagnostic {
        let file = TextFile::new("connectors/orders.yaml", "base_url: x\n\ttimeot: 2s\n");
        Diagnostic::new(Code::UnknownKey, file.place(13..19), "unknown key `timeot`")
            .also(file.place(0..8), "in this file")
            .on("Query.orders")
            .help("did you mean `timeout`?")
    }

    #[test]
    fn for_people() {
        let expected = "\
error[UNKNOWN_KEY]: unknown key `timeot`
 --> connectors/orders.yaml:2:2
  |
2 |  timeot: 2s
  |  ^^^^^^
 ::: connectors/orders.yaml:1:1
  |
1 | base_url: x
  | -------- in this file
  = at: Query.orders
  = help: did you mean `timeout`?

";
        assert_eq!(render(&[example()], false), expected);
        assert!(render(&[example()], true).contains("\u{1b}[1;31merror[UNKNOWN_KEY]\u{1b}[0m"));
    }

    #[test]
    fn marks_stand_below_wide_and_combined_characters() {
        let line = "a: \u{6771}\u{4eac} e\u{301}x \u{1f980} bad # c";
        let file = TextFile::new("f.yaml", line);
        let at = line.find("bad").unwrap();
        let shown = render(&[Diagnostic::new(Code::InvalidValue, file.place(at..at + 3), "no")], false);
        let marks = shown.lines().find(|line| line.ends_with("^^^")).unwrap();
        // `a: ` 3, two wide characters and a blank 5, e and x with an accent over the e and a blank 3, a crab and a blank 3.
        assert_eq!(marks, format!("  | {}^^^", " ".repeat(14)));
    }

    #[test]
    fn a_long_line_is_shown_round_its_range() {
        let line = format!("{}bad{}", "x".repeat(200), "y".repeat(200));
        let file = TextFile::new("f.yaml", line.as_str());
        let shown = render(&[Diagnostic::new(Code::InvalidValue, file.place(200..203), "no")], false);
        let excerpt = shown.lines().find(|line| line.starts_with("1 |")).unwrap();
        assert_eq!(excerpt, format!("1 | …{}bad{}…", "x".repeat(40), "y".repeat(97)));
        assert!(shown.contains(&format!("  | {}^^^\n", " ".repeat(41))), "{shown}");
    }

    #[test]
    fn lines_of_a_help_stand_below_each_other() {
        let diagnostic =
            Diagnostic::new(Code::NoSchema, Place::whole("schema"), "no").note("one").help("a\nb");
        let expected = "error[NO_SCHEMA]: no\n --> schema:1:1\n  = note: one\n  = help: a\n          b\n\n";
        assert_eq!(render(&[diagnostic], false), expected);
    }
}
