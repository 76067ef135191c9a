//! Diagnostics as people read them in a terminal, and as JSON for other tools.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Diagnostic, Place, Severity};

/// Longest part of a source line that is shown, in characters: a terminal's width and a little.
const EXCERPT_CHARS_MAX: usize = 140;

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
    let (word, shade) = match diagnostic.code.severity() {
        Severity::Error => ("error", "31"),
        Severity::Warning => ("warning", "33"),
    };
    let paint = |text: &str, shade: &str| match colour {
        true => format!("\u{1b}[1;{shade}m{text}\u{1b}[0m"),
        false => text.to_owned(),
    };
    let title = paint(&format!("{word}[{}]", diagnostic.code.as_str()), shade);
    line(out, format_args!("{title}: {}", diagnostic.message));
    let widest = diagnostic.further.iter().map(|(place, _)| place.line).fold(diagnostic.place.line, u32::max);
    let gutter = widest.to_string().len();
    excerpt(out, &diagnostic.place, "-->", gutter, |marks| paint(&"^".repeat(marks), shade));
    for (place, label) in &diagnostic.further {
        excerpt(out, place, ":::", gutter, |marks| paint(&format!("{} {label}", "-".repeat(marks)), "34"));
    }
    if let Some(coordinate) = &diagnostic.coordinate {
        line(out, format_args!("{:gutter$} = at: {coordinate}", ""));
    }
    if let Some(help) = &diagnostic.help {
        line(out, format_args!("{:gutter$} = help: {help}", ""));
    }
}

fn excerpt(out: &mut String, place: &Place, arrow: &str, gutter: usize, marker: impl Fn(usize) -> String) {
    line(out, format_args!("{:gutter$}{arrow} {}:{}:{}", "", place.file, place.line, place.column));
    if place.excerpt.trim().is_empty() {
        return;
    }
    let before = place.excerpt_column as usize - 1;
    let column = (place.column as usize - 1).saturating_sub(before);
    // A very long line is shown from shortly before the range.
    let skipped = if column > EXCERPT_CHARS_MAX - 40 { column - 40 } else { 0 };
    // Tabs and other controls would move the marks away from what they mark.
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let shown: String = place.excerpt.chars().skip(skipped).take(EXCERPT_CHARS_MAX).map(plain).collect();
    let length = place.excerpt.chars().count();
    let end = if place.end_line > place.line { length } else { (place.end_column as usize - 1).saturating_sub(before) };
    let end = end.min(skipped + EXCERPT_CHARS_MAX);
    let marks = end.saturating_sub(column).max(1);
    line(out, format_args!("{:gutter$} |", ""));
    line(out, format_args!("{:>gutter$} | {}", place.line, shown.trim_end()));
    line(out, format_args!("{:gutter$} | {}{}", "", " ".repeat(column - skipped), marker(marks)));
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}

#[derive(Serialize)]
struct Document<'a> {
    diagnostics: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    code: &'a str,
    severity: &'a str,
    message: &'a str,
    help: Option<&'a str>,
    file: &'a str,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
    coordinate: Option<&'a str>,
}

/// `{"diagnostics": […]}`, also when there are none.
#[must_use]
pub fn to_json(diagnostics: &[Diagnostic]) -> String {
    let entries = diagnostics
        .iter()
        .map(|d| Entry {
            code: d.code.as_str(),
            severity: match d.code.severity() {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            message: &d.message,
            help: d.help.as_deref(),
            file: &d.place.file,
            line: d.place.line,
            column: d.place.column,
            end_line: d.place.end_line,
            end_column: d.place.end_column,
            coordinate: d.coordinate.as_deref(),
        })
        .collect();
    serde_json::to_string_pretty(&Document { diagnostics: entries }).unwrap_or_default()
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
    fn as_json() {
        let json: serde_json::Value = serde_json::from_str(&to_json(&[example()])).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"diagnostics": [{
                "code": "UNKNOWN_KEY", "severity": "error", "message": "unknown key `timeot`",
                "help": "did you mean `timeout`?", "file": "connectors/orders.yaml",
                "line": 2, "column": 2, "end_line": 2, "end_column": 8, "coordinate": "Query.orders"
            }]})
        );
        let empty: serde_json::Value = serde_json::from_str(&to_json(&[])).unwrap();
        assert_eq!(empty, serde_json::json!({"diagnostics": []}));
    }
}
