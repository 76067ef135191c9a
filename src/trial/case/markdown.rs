//! Cases in Markdown: prose, and fenced blocks that are told apart by the words after the fence.
//!
//! - `json run CONNECTOR` begins a case, named by the heading above it, and holds its variables.
//! - `http response`: a status, header lines, an empty line, the body. One for each request.
//! - `http request`, `json result`, `json errors`, `json reported`, `json problems`: what is expected.
//!
//! Any other block is prose.

use std::{collections::HashMap, ops::Range};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Map, Value as Json};

use super::{Case, MockResponse, Written, expect::Part, yaml::did_you_mean};
use crate::{
    diagnostic::{Code, Diagnostic, Diagnostics, TextFile},
    trial::Inputs,
};

/// What the words after a fence may be.
const KINDS: [&str; 7] = [
    "json run",
    "http response",
    "http request",
    "json result",
    "json errors",
    "json reported",
    "json problems",
];

/// A fenced block, or a heading.
enum Piece<'t> {
    Heading(&'t str),
    Block { info: &'t str, fence: Range<usize>, inside: Range<usize> },
}

/// Reads the cases of a file.
pub(super) fn read(file: &TextFile, diagnostics: &mut Diagnostics) -> Vec<Case> {
    let mut reader = Reader {
        file,
        diagnostics,
        cases: Vec::new(),
        current: None,
        has_case: false,
        heading: "",
        used: HashMap::new(),
    };
    for piece in pieces(&file.text) {
        match piece {
            Piece::Heading(text) => reader.heading = text,
            Piece::Block { info, fence, inside } => reader.block(info, fence, inside),
        }
    }
    reader.end_case();
    let Reader { cases, has_case, diagnostics, .. } = reader;
    if !has_case {
        let diagnostic =
            Diagnostic::new(Code::InvalidValue, file.place(0..0), "there is no case in this file");
        diagnostics.push(diagnostic.help("begin one with a block ```json run Query.field"));
    }
    cases
}

struct Reader<'a> {
    file: &'a TextFile,
    diagnostics: &'a mut Diagnostics,
    cases: Vec<Case>,
    /// The case that is being read, and how many errors there were before it.
    current: Option<(Case, usize)>,
    /// Whether a case has begun so far.
    has_case: bool,
    heading: &'a str,
    /// How many cases a heading has so far.
    used: HashMap<&'a str, usize>,
}

impl<'a> Reader<'a> {
    fn fault(&mut self, range: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        let diagnostic = Diagnostic::new(Code::InvalidValue, self.file.place(range), message);
        self.diagnostics.push(diagnostic.help(help));
    }

    fn block(&mut self, info: &'a str, fence: Range<usize>, inside: Range<usize>) {
        let words: Vec<&str> = info.split_whitespace().collect();
        let text = self.file.text.get(inside.clone()).unwrap_or_default();
        match words.as_slice() {
            ["json", "run", connector] => {
                self.end_case();
                let before = self.diagnostics.errors();
                let case = self.case(connector, fence, inside.clone(), text);
                self.current = Some((case, before));
                self.has_case = true;
            }
            ["http", "response"] => {
                if let (Some(response), true) = (self.response(&inside, text), self.follows(&fence)) {
                    self.with_case(|case| case.responses.push(response));
                }
            }
            ["http", "request"] if self.follows(&fence) => {
                let expected = request(text);
                self.expect(Part::Request, expected, inside);
            }
            ["json", name] if self.is_part(name) && self.follows(&fence) => {
                let Some(part) = Part::ALL.into_iter().find(|part| part.as_str() == *name) else { return };
                let expected = if text.trim().is_empty() { None } else { self.json(&inside, text) };
                self.expect(part, expected, inside);
            }
            ["http", "request"] => {}
            ["json", name] if self.is_part(name) => {}
            ["json" | "http", _, ..] => {
                let known = did_you_mean(info, &KINDS);
                let place = self.file.place(fence);
                let message = format!("unknown kind of block `{info}`");
                let diagnostic = Diagnostic::new(Code::UnknownKey, place, message);
                self.diagnostics.push(if known.is_empty() { diagnostic } else { diagnostic.help(known) });
            }
            _ => {}
        }
    }

    fn is_part(&self, name: &str) -> bool {
        Part::ALL.into_iter().any(|part| part != Part::Request && part.as_str() == name)
    }

    /// Whether a block belongs to a case.
    fn follows(&mut self, fence: &Range<usize>) -> bool {
        if !self.has_case {
            let help = "begin one with a block ```json run Query.field";
            self.fault(fence.clone(), "this block belongs to no case", help);
        }
        self.has_case
    }

    fn with_case(&mut self, change: impl FnOnce(&mut Case)) {
        if let Some((case, _)) = &mut self.current {
            change(case);
        }
    }

    /// Keeps the case that was read. What is not as it was meant is not run.
    fn end_case(&mut self) {
        let Some((case, errors_before)) = self.current.take() else { return };
        if matches!(&case.written, Written::Markdown(blocks) if blocks.is_empty()) {
            let help = "add a block ```json result; left empty, `ficus test --update` fills it";
            let diagnostic =
                Diagnostic::new(Code::InvalidValue, case.place.clone(), "this case expects nothing");
            self.diagnostics.push(diagnostic.help(help));
        }
        if self.diagnostics.errors() == errors_before {
            self.cases.push(case);
        }
    }

    fn case(&mut self, connector: &str, fence: Range<usize>, inside: Range<usize>, text: &str) -> Case {
        let inputs = match text.trim().is_empty() {
            true => Inputs::default(),
            false => match self.json(&inside, text) {
                Some(Json::Object(variables)) => Inputs::read(&variables).unwrap_or_else(|error| {
                    self.fault(inside.clone(), error.to_string(), "the names of variables begin with `$`");
                    Inputs::default()
                }),
                Some(_) => {
                    self.fault(
                        inside,
                        "the variables must be a JSON object",
                        "example: {\"$args\": {\"id\": \"7\"}}",
                    );
                    Inputs::default()
                }
                None => Inputs::default(),
            },
        };
        let heading = if self.heading.is_empty() { "case" } else { self.heading };
        let count = self.used.entry(heading).or_insert(0);
        *count += 1;
        let name = if *count == 1 { heading.to_owned() } else { format!("{heading} ({count})") };
        Case {
            name,
            place: self.file.place(fence),
            connector: connector.to_owned(),
            inputs,
            responses: Vec::new(),
            expected: Vec::new(),
            open: Vec::new(),
            written: Written::Markdown(Vec::new()),
        }
    }

    fn expect(&mut self, part: Part, expected: Option<Json>, inside: Range<usize>) {
        let is_blank = self.file.text.get(inside.clone()).is_some_and(|text| text.trim().is_empty());
        self.with_case(|case| {
            if is_blank {
                case.open.push(part);
            } else if let Some(expected) = expected {
                // Several requests of one case are a list.
                match case.expected.iter_mut().find(|(known, _)| *known == part) {
                    Some((_, Json::Array(all))) if part == Part::Request => all.push(expected),
                    Some((_, known)) if part == Part::Request => {
                        *known = Json::Array(vec![known.take(), expected])
                    }
                    Some((_, known)) => *known = expected,
                    None => case.expected.push((part, expected)),
                }
            }
            if let Written::Markdown(blocks) = &mut case.written {
                blocks.push((part, inside));
            }
        });
    }

    fn json(&mut self, inside: &Range<usize>, text: &str) -> Option<Json> {
        match serde_json::from_str(text) {
            Ok(json) => Some(json),
            Err(error) => {
                let lines: usize =
                    text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
                let at = inside.start + lines + error.column().saturating_sub(1);
                // Where it is wrong says the place, in lines of the file.
                let words = error.to_string();
                let words = words.split(" at line ").next().unwrap_or_default();
                self.fault(at..at, format!("this is not JSON: {words}"), "write one JSON value");
                None
            }
        }
    }

    fn response(&mut self, inside: &Range<usize>, text: &str) -> Option<MockResponse> {
        let (head, body) = head_and_body(text);
        let mut lines = head.lines();
        let status =
            lines.next().unwrap_or_default().split_whitespace().find_map(|word| {
                word.parse::<u16>().ok().and_then(|status| StatusCode::from_u16(status).ok())
            });
        let Some(status) = status else {
            self.fault(inside.clone(), "a response begins with its status", "example: HTTP/1.1 200");
            return None;
        };
        let mut headers = HeaderMap::new();
        for line in lines.filter(|line| !line.trim().is_empty()) {
            let header = line.split_once(':').and_then(|(name, value)| {
                Some((
                    HeaderName::from_bytes(name.trim().as_bytes()).ok()?,
                    HeaderValue::from_str(value.trim()).ok()?,
                ))
            });
            match header {
                Some((name, value)) => drop(headers.append(name, value)),
                None => self.fault(
                    inside.clone(),
                    format!("`{line}` is no header"),
                    "write `name: value`; an empty line stands before the body",
                ),
            }
        }
        Some(MockResponse::new(status, headers, Bytes::from(body.unwrap_or_default().to_owned())))
    }
}

/// What stands before the first empty line, and what behind it.
fn head_and_body(text: &str) -> (&str, Option<&str>) {
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        if line.trim().is_empty() {
            let body = text.get(offset + line.len()..).unwrap_or_default().trim_end_matches(['\r', '\n']);
            return (text.get(..offset).unwrap_or_default(), Some(body));
        }
        offset += line.len();
    }
    (text, None)
}

/// `METHOD URL`, header lines, an empty line and the body, where they are spoken of.
pub(super) fn request(text: &str) -> Option<Json> {
    let (head, body) = head_and_body(text);
    let mut lines = head.lines();
    let (method, url) = lines.next()?.trim().split_once(char::is_whitespace)?;
    let mut request = Map::new();
    request.insert("method".to_owned(), method.into());
    request.insert("url".to_owned(), url.trim().into());
    let mut headers: Map<String, Json> = Map::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = Json::from(value.trim());
        match headers.get_mut(name.trim()) {
            Some(Json::Array(values)) => values.push(value),
            Some(known) => *known = Json::Array(vec![known.take(), value]),
            None => drop(headers.insert(name.trim().to_owned(), value)),
        }
    }
    if !headers.is_empty() {
        request.insert("headers".to_owned(), Json::Object(headers));
    }
    if let Some(body) = body {
        let json = serde_json::from_str(body)
            .unwrap_or_else(|_| if body.is_empty() { Json::Null } else { body.into() });
        request.insert("body".to_owned(), json);
    }
    Some(Json::Object(request))
}

/// Headings and fenced blocks, in order.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut open: Option<(usize, &str, Range<usize>, usize)> = None;
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let plain = line.trim_end_matches(['\r', '\n']);
        let ticks = plain.len() - plain.trim_start_matches('`').len();
        match &open {
            None if ticks >= 3 => {
                let info = plain.trim_start_matches('`').trim();
                open = Some((ticks, info, offset..offset + plain.len(), offset + line.len()));
            }
            None => {
                if let Some(heading) = plain.strip_prefix('#').map(|rest| rest.trim_start_matches('#'))
                    && heading.starts_with(' ')
                {
                    pieces.push(Piece::Heading(heading.trim()));
                }
            }
            Some((fence_ticks, info, fence, start)) if ticks >= *fence_ticks && ticks == plain.len() => {
                pieces.push(Piece::Block { info, fence: fence.clone(), inside: *start..offset });
                open = None;
            }
            Some(_) => {}
        }
        offset += line.len();
    }
    pieces
}
