//! Cases in YAML. Every fault has its place; nothing is read from the environment.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Map, Value as Json};

use super::{
    Case, MockResponse, Written,
    expect::{Part, REQUEST_KEYS},
};
use crate::{
    config::{
        reader::{Reader, literal},
        yaml::{Key, Node, NodeKind, parse},
    },
    diagnostic::{Code, Diagnostic, Diagnostics, TextFile, suggest},
    trial::Inputs,
};

/// Reads `cases: [ … ]`.
pub(super) fn read(file: &TextFile, diagnostics: &mut Diagnostics) -> Vec<Case> {
    let Some(root) = parse(file, diagnostics) else { return Vec::new() };
    let mut reader = CaseReader { reader: Reader { file, lookup: &|_| None, diagnostics } };
    let Some(mut fields) = reader.reader.fields(&root, "") else { return Vec::new() };
    let mut cases: Vec<Case> = Vec::new();
    match fields.take("cases") {
        Some(Node { kind: NodeKind::List(items), .. }) => {
            for item in items {
                let Some(case) = reader.case(item) else { continue };
                if let Some(first) = cases.iter().find(|known| known.name == case.name) {
                    let message = format!("a second case of the name `{}`", case.name);
                    let diagnostic = Diagnostic::new(Code::InvalidValue, case.place.clone(), message)
                        .also(first.place.clone(), "first here");
                    reader
                        .reader
                        .diagnostics
                        .push(diagnostic.help("reports tell cases apart by their names"));
                }
                cases.push(case);
            }
        }
        Some(other) => {
            reader.reader.invalid(other, "`cases` must be a list", "begin each case with `- name: …`")
        }
        None => {
            reader.reader.invalid(&root, "there is no `cases`", "write `cases:` and below it `- name: …`")
        }
    }
    reader.reader.finish(fields, &[]);
    cases
}

struct CaseReader<'a> {
    reader: Reader<'a>,
}

impl CaseReader<'_> {
    fn case(&mut self, node: &Node) -> Option<Case> {
        let mut fields = self.reader.fields(node, "a case")?;
        let name = fields.take("name").and_then(|node| self.text(node));
        let connector = fields.take("connector").and_then(|node| self.text(node));
        let inputs = fields.take("variables").map_or_else(Inputs::default, |node| self.inputs(node));
        let responses = match fields.take("response") {
            Some(node) => self.reader.items(node).iter().filter_map(|item| self.response(item)).collect(),
            None => Vec::new(),
        };
        let expect = fields.take("expect");
        self.reader.finish(fields, &[]);
        for (key, missing) in
            [("name", name.is_none()), ("connector", connector.is_none()), ("expect", expect.is_none())]
        {
            if missing {
                self.reader.invalid(node, format!("this case has no `{key}`"), help_for(key));
            }
        }
        let (key, node_of_expect) = entry(node, "expect")?;
        let expected = self.expected(node_of_expect);
        let place = self.reader.file.place(first_line(node));
        let written = Written::Yaml { colon: colon(self.reader.file, key), node: node_of_expect.clone() };
        Some(Case {
            name: name?,
            place,
            connector: connector?,
            inputs,
            responses,
            expected,
            open: Vec::new(),
            written,
        })
    }

    fn text(&mut self, node: &Node) -> Option<String> {
        match &node.kind {
            NodeKind::Scalar { text, .. } if !text.is_empty() => Some(text.clone()),
            _ => {
                self.reader.invalid(
                    node,
                    format!("expected a text, not {}", node.describe()),
                    "write one line of text",
                );
                None
            }
        }
    }

    fn inputs(&mut self, node: &Node) -> Inputs {
        let variables = match literal(node) {
            Json::Object(variables) => variables,
            Json::Null => Map::new(),
            _ => {
                self.reader.invalid(node, "`variables` must be a mapping", "example: `$args: { id: \"7\" }`");
                return Inputs::default();
            }
        };
        match Inputs::read(&variables) {
            Ok(inputs) => inputs,
            Err(error) => {
                self.reader.invalid(node, error.to_string(), "the names of variables begin with `$`");
                Inputs::default()
            }
        }
    }

    fn response(&mut self, node: &Node) -> Option<MockResponse> {
        let mut fields = self.reader.fields(node, "response")?;
        let status = match fields.take("status") {
            Some(status) => self.reader.integer(status, 100..=999)?,
            None => 200,
        };
        let headers = fields.take("headers").map_or_else(HeaderMap::new, |node| self.headers(node));
        let (body, text) = (fields.take("body"), fields.take("text"));
        self.reader.finish(fields, &[]);
        if let (Some(_), Some(text)) = (body, text) {
            self.reader.invalid(
                text,
                "a response has `body` or `text`, not both",
                "`text` is sent as it stands, `body` as JSON",
            );
        }
        let is_text = headers.get(header::CONTENT_TYPE).is_some_and(|value| {
            value.to_str().is_ok_and(|value| value.starts_with("text/") && !value.starts_with("text/json"))
        });
        let bytes = match (body.map(literal), text) {
            (Some(Json::String(body)), _) if is_text => Bytes::from(body),
            (Some(body), _) => Bytes::from(body.to_string()),
            (None, Some(text)) => Bytes::from(self.text(text)?),
            (None, None) => Bytes::new(),
        };
        let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok())?;
        Some(MockResponse::new(status, headers, bytes))
    }

    fn headers(&mut self, node: &Node) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let NodeKind::Map(entries) = &node.kind else {
            self.reader.invalid(node, "`headers` must be a mapping", "example: `headers: { etag: '\"1\"' }`");
            return headers;
        };
        for (key, value) in entries {
            for value in self.reader.items(value) {
                let NodeKind::Scalar { text, .. } = &value.kind else {
                    self.reader.invalid(
                        value,
                        "the value of a header must be a text",
                        "write one line of text",
                    );
                    continue;
                };
                match (HeaderName::from_bytes(key.text.as_bytes()), HeaderValue::from_str(text)) {
                    (Ok(name), Ok(value)) => drop(headers.append(name, value)),
                    _ => self.reader.invalid(
                        value,
                        format!("`{}` cannot be a header", key.text),
                        "letters, digits and `-`, and a value of one line",
                    ),
                }
            }
        }
        headers
    }

    /// The parts of `expect`; empty where `--update` is to write them.
    fn expected(&mut self, node: &Node) -> Vec<(Part, Json)> {
        if literal(node).is_null() {
            return Vec::new();
        }
        let Some(mut fields) = self.reader.fields(node, "expect") else { return Vec::new() };
        let mut expected = Vec::new();
        for part in Part::ALL {
            let Some(value) = fields.take(part.as_str()) else { continue };
            match part {
                Part::Request => self.reader.items(value).iter().for_each(|item| self.check_request(item)),
                Part::Result => {}
                _ if !matches!(value.kind, NodeKind::List(_)) => {
                    let message = format!("`{}` must be a list", part.as_str());
                    self.reader.invalid(value, message, "an empty list `[]` expects that there are none");
                }
                _ => {}
            }
            expected.push((part, literal(value)));
        }
        self.reader.finish(fields, &[]);
        expected
    }

    fn check_request(&mut self, node: &Node) {
        let Some(mut fields) = self.reader.fields(node, "request") else { return };
        for key in REQUEST_KEYS {
            let _ = fields.take(key);
        }
        self.reader.finish(fields, &[]);
    }
}

fn help_for(key: &str) -> &'static str {
    match key {
        "name" => "a few words on what it shows: `name: an order that is not there`",
        "connector" => "which one it runs: `connector: Query.order`",
        _ => "write `expect:` and below it what is expected; left empty, `ficus test --update` fills it",
    }
}

/// A key of a mapping, and its value.
fn entry<'n>(node: &'n Node, name: &str) -> Option<(&'n Key, &'n Node)> {
    let NodeKind::Map(entries) = &node.kind else { return None };
    entries.iter().find(|(key, _)| key.text == name).map(|(key, value)| (key, value))
}

/// The bytes where a case begins, not the whole of it.
fn first_line(node: &Node) -> std::ops::Range<usize> {
    match &node.kind {
        NodeKind::Map(entries) => {
            entries.first().map_or(node.range.clone(), |(key, value)| key.range.start..value.range.end)
        }
        _ => node.range.clone(),
    }
}

/// Behind the colon of a key.
pub(super) fn colon(file: &TextFile, key: &Key) -> usize {
    let rest = file.text.get(key.range.end..).unwrap_or_default();
    key.range.end + rest.find(':').map_or(0, |at| at + 1)
}

/// Words on a kind of block or key that is not known.
pub(super) fn did_you_mean(typed: &str, known: &[&str]) -> String {
    suggest(typed, known.iter().copied()).unwrap_or_default()
}
