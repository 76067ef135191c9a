//! A run as text for people: request, response and result, beside each other where the terminal is wide enough.

use std::fmt::Write as _;

use http::HeaderMap;
use serde_json::Value as Json;

use crate::{
    diagnostic::counted,
    fetch::{Exchange, FetchError, Redaction, UpstreamRequest},
    trial::Trial,
};

/// Columns that three texts beside each other need at least.
const WIDTH_MIN: usize = 120;
/// Lines of one body or result; all of it is in `--format json`.
const LINES_MAX: usize = 120;
/// Characters of one line of them.
const LINE_CHARS_MAX: usize = 2_000;

/// The text of a whole run, for a terminal of so many columns or a reader that has none.
pub(super) fn trial(trial: &Trial, redaction: &Redaction, width: Option<usize>) -> String {
    let mut out = format!("{}\n", trial.coordinate);
    let calls = trial.calls.len();
    let numbered = |word: &str, index: usize| match calls {
        0 | 1 => word.to_owned(),
        _ => format!("{word} {} of {calls}", index + 1),
    };
    let result = bounded(&format!("{:#}", redaction.json(&trial.result)));
    let exchanges: Vec<[(String, Vec<String>); 2]> = trial
        .calls
        .iter()
        .enumerate()
        .map(|(index, call)| {
            let response = response(call, redaction);
            [(numbered("request", index), sent(call, redaction)), (numbered("response", index), response)]
        })
        .collect();
    match (width, exchanges.as_slice()) {
        (Some(width), [[request, response]]) if width >= WIDTH_MIN => {
            let result = ("result".to_owned(), result);
            out.push_str(&beside([request, response, &result], width));
        }
        _ => {
            exchanges.iter().flatten().for_each(|(title, lines)| section(&mut out, title, lines));
            section(&mut out, "result", &result);
        }
    }
    notes(&mut out, trial, redaction);
    out
}

/// The text of requests that were not sent.
pub(super) fn requests(
    coordinate: &str,
    requests: &[Result<UpstreamRequest, FetchError>],
    redaction: &Redaction,
) -> String {
    let mut out = format!("{coordinate}\n");
    if requests.is_empty() {
        out.push_str("\nno request: its selection is applied to null\n");
    }
    for (built, index) in requests.iter().zip(1..) {
        let title = match requests.len() {
            1 => "request".to_owned(),
            count => format!("request {index} of {count}"),
        };
        let lines = match built {
            Ok(built) => request(built, redaction),
            Err(error) => vec![redaction.text(&error.to_string()).into_owned()],
        };
        section(&mut out, &title, &lines);
    }
    out
}

fn request(request: &UpstreamRequest, redaction: &Redaction) -> Vec<String> {
    let mut lines = vec![format!("{} {}", request.method, redaction.url(&request.url))];
    let header = |(name, value): &(_, _)| format!("{name}: {}", redaction.header(name, value));
    lines.extend(request.headers.iter().map(header));
    if let Some(body) = request.body.as_ref().filter(|body| !body.is_empty()) {
        lines.push(String::new());
        lines.extend(bounded(&body_text(body, redaction)));
    }
    lines
}

fn sent(call: &Exchange, redaction: &Redaction) -> Vec<String> {
    match &call.request {
        Some(built) => request(built, redaction),
        None => vec!["(none)".to_owned()],
    }
}

fn response(call: &Exchange, redaction: &Redaction) -> Vec<String> {
    let response = match call.answer.as_deref() {
        Some(Ok(response)) => response,
        Some(Err(error)) => return vec![redaction.text(&error.to_string()).into_owned()],
        None => return vec!["(none)".to_owned()],
    };
    let mut lines = vec![format!("{}, {}", response.status, counted(response.body.len(), "byte"))];
    lines.extend(headers(&response.headers, redaction));
    if !response.body.is_empty() {
        lines.push(String::new());
        lines.extend(bounded(&body_text(&response.body, redaction)));
    }
    lines
}

fn headers(headers: &HeaderMap, redaction: &Redaction) -> Vec<String> {
    headers.iter().map(|(name, value)| format!("{name}: {}", redaction.header(name, value))).collect()
}

/// JSON on lines of its own, any other text as it is, without the control characters that would move the cursor.
fn body_text(body: &[u8], redaction: &Redaction) -> String {
    let text = String::from_utf8_lossy(body);
    let text = redaction.text(&text);
    match serde_json::from_str::<Json>(&text) {
        Ok(json) => format!("{json:#}"),
        Err(_) => text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect(),
    }
}

fn bounded(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let cut = |line: &&str| match line.char_indices().nth(LINE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => (*line).to_owned(),
    };
    let mut shown: Vec<String> = lines.iter().take(LINES_MAX).map(cut).collect();
    if lines.len() > LINES_MAX {
        shown.push(format!("… {} more (--format json prints all)", counted(lines.len() - LINES_MAX, "line")));
    }
    shown
}

fn section(out: &mut String, title: &str, lines: &[String]) {
    let _ = writeln!(out, "\n{title}");
    for line in lines {
        let _ = writeln!(out, "{}", format!("  {line}").trim_end());
    }
}

/// Three texts in columns of equal width.
fn beside(texts: [&(String, Vec<String>); 3], width: usize) -> String {
    let column = (width - 6) / 3;
    let columns = texts.map(|(title, lines)| {
        let mut folded = vec![title.clone(), "-".repeat(title.len())];
        folded.extend(lines.iter().flat_map(|line| fold(line, column)));
        folded
    });
    let height = columns.iter().map(Vec::len).max().unwrap_or(0);
    let mut out = String::from("\n");
    for row in 0..height {
        let cells = columns.each_ref().map(|lines| {
            let cell = lines.get(row).map_or("", String::as_str);
            format!("{cell}{}", " ".repeat(column.saturating_sub(cell.chars().count())))
        });
        let _ = writeln!(out, "{}", cells.join(" | ").trim_end());
    }
    out
}

/// A line in pieces of so many characters.
fn fold(line: &str, width: usize) -> Vec<String> {
    if line.is_empty() {
        return vec![String::new()];
    }
    let characters: Vec<char> = line.chars().collect();
    characters.chunks(width.max(1)).map(|piece| piece.iter().collect()).collect()
}

/// Errors, reported errors and problems.
fn notes(out: &mut String, trial: &Trial, redaction: &Redaction) {
    let errors: Vec<String> = trial
        .errors
        .iter()
        .map(|error| {
            let text = |key: &str| error.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
            let code = error.pointer("/extensions/code").and_then(Json::as_str).unwrap_or_default();
            let path = error.get("path").map(|path| format!("{path}: ")).unwrap_or_default();
            redaction.text(&format!("{code}: {path}{}", text("message"))).into_owned()
        })
        .collect();
    let times = |count: u64| if count > 1 { format!(" ({count} times)") } else { String::new() };
    let at = |path: &str| if path.is_empty() { String::new() } else { format!("{path}: ") };
    let findings = &trial.findings;
    let reported: Vec<String> = findings
        .reported()
        .iter()
        .map(|error| {
            let text = format!("{}{}{}", at(&error.path), error.message, times(error.count));
            redaction.text(&text).into_owned()
        })
        .collect();
    let problems: Vec<String> = findings
        .problems()
        .iter()
        .map(|finding| {
            let problem = &finding.problem;
            let site = finding.site.as_str();
            let text = format!("{site}: {}{}{}", at(&problem.path), problem.message, times(problem.count));
            redaction.text(&text).into_owned()
        })
        .collect();
    let is_quiet = errors.is_empty() && reported.is_empty() && problems.is_empty();
    for (title, lines) in [("errors", errors), ("reported to the client", reported), ("problems", problems)] {
        if !lines.is_empty() {
            section(out, title, &lines);
        }
    }
    if is_quiet {
        out.push_str("\nno errors, no problems\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_texts_stand_beside_each_other_in_a_wide_terminal() {
        let text = |title: &str, lines: &[&str]| {
            (title.to_owned(), lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>())
        };
        let request = text("request", &["GET http://h/1"]);
        let response = text("response", &["200 OK", "", "a line of äöü"]);
        let shown = beside([&request, &response, &text("result", &["null"])], 36);
        let expected = "
request    | response   | result
-------    | --------   | ------
GET http:/ | 200 OK     | null
/h/1       |            |
           | a line of  |
           | äöü        |
";
        assert_eq!(shown, expected);
    }

    #[test]
    fn long_texts_are_cut_and_say_so() {
        let long = vec!["line"; LINES_MAX + 2].join("\n");
        let shown = bounded(&long);
        assert_eq!(shown.len(), LINES_MAX + 1);
        assert_eq!(shown.last().unwrap(), "… 2 lines more (--format json prints all)");
        assert_eq!(bounded(&"x".repeat(LINE_CHARS_MAX + 1))[0].chars().count(), LINE_CHARS_MAX + 1);
    }
}
