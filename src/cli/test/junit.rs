//! A JUnit report of cases, for build servers. A file is a suite, its name and the cases' names tell them apart from run to
//! run; there are no times in it, so that equal runs give equal reports.

use std::fmt::Write as _;

use super::{Report, difference};
use crate::diagnostic::Diagnostic;

/// The report.
pub(super) fn report(reports: &[Report], diagnostics: &[Diagnostic]) -> String {
    let mut files: Vec<&str> = Vec::new();
    let names = reports.iter().map(|report| report.file.as_str());
    for file in names.chain(diagnostics.iter().map(|diagnostic| &*diagnostic.place.file)) {
        if !files.contains(&file) {
            files.push(file);
        }
    }
    let failed = reports.iter().filter(|report| !report.passed()).count();
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "<testsuites name=\"ficus test\" tests=\"{}\" failures=\"{failed}\" errors=\"{errors}\">",
        reports.len() + errors
    );
    for file in files {
        suite(&mut out, file, reports, diagnostics);
    }
    out + "</testsuites>\n"
}

fn suite(out: &mut String, file: &str, reports: &[Report], diagnostics: &[Diagnostic]) {
    let of_file: Vec<&Report> = reports.iter().filter(|report| report.file == file).collect();
    let faults: Vec<&Diagnostic> =
        diagnostics.iter().filter(|fault| fault.is_error() && &*fault.place.file == file).collect();
    let failed = of_file.iter().filter(|report| !report.passed()).count();
    let name = escaped(file);
    let _ = writeln!(
        out,
        "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{failed}\" errors=\"{}\">",
        of_file.len() + faults.len(),
        faults.len()
    );
    for fault in faults {
        let place = format!("{}:{}", fault.place.line, fault.place.column);
        let message = escaped(&fault.message);
        let _ = writeln!(
            out,
            "    <testcase classname=\"{name}\" name=\"the file at {place}\">\n      <error type=\"{}\" message=\"{message}\"/>\n    </testcase>",
            fault.code.as_str()
        );
    }
    for report in of_file {
        let title = escaped(&report.name);
        if report.passed() {
            let _ = writeln!(out, "    <testcase classname=\"{name}\" name=\"{title}\"/>");
            continue;
        }
        let lines = difference::lines(&report.ran);
        let message = escaped(lines.first().map_or("", String::as_str));
        let text = escaped(&lines.join("\n"));
        let _ = writeln!(
            out,
            "    <testcase classname=\"{name}\" name=\"{title}\">\n      <failure message=\"{message}\">{text}</failure>\n    </testcase>"
        );
    }
    out.push_str("  </testsuite>\n");
}

/// Text as it may stand in an attribute or an element; what XML cannot hold at all becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' | '\r' => {
                let _ = write!(out, "&#{};", c as u32);
            }
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if (c as u32) < 0x20 => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
