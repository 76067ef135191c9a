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
        reader::literal,
        yaml::{Key, Node, NodeKind, parse},
    },
    diagnostic::{Code, Diagnostic, Diagnostics, TextFile, suggest},
    trial::Inputs,
};

/// Reads `cases: [ … ]`.
pub(super) fn read(file: &TextFile, diagnostics: &mut Diagnostics) -> Vec<Case> {
    let Some(root) = parse(file, diagnostics) else { return Vec::new() };
    let mut reader = Reader { file, diagnostics };
    let Some(fields) = reader.fields(&root, "this file", &["cases"]) else { return Vec::new() };
    let mut cases: Vec<Case> = Vec::new();
    match fields.get("cases") {
        Some(Node { kind: NodeKind::List(items), .. }) => {
            for item in items {
                let before = reader.diagnostics.errors();
                let Some(case) = reader.case(item) else { continue };
                if let Some(first) = cases.iter().find(|known| known.name == case.name) {
                    let message = format!("a second case of the name `{}`", case.name);
                    let diagnostic = Diagnostic::new(Code::InvalidValue, case.place.clone(), message)
                        .also(first.place.clone(), "first here");
                    reader.diagnostics.push(diagnostic.help("reports tell cases apart by their names"));
                }
                // What is not as it was meant is not run.
                if reader.diagnostics.errors() == before {
                    cases.push(case);
                }
            }
        }
        Some(other) => reader.invalid(other, "`cases` must be a list", "begin each case with `- name: …`"),
        None => reader.invalid(&root, "there is no `cases`", "write `cases:` and below it `- name: …`"),
    }
    cases
}

struct Reader<'a> {
    file: &'a TextFile,
    diagnostics: &'a mut Diagnostics,
}

/// The entries of a mapping.
struct Fields<'n>(&'n [(Key, Node)]);

impl<'n> Fields<'n> {
    fn get(&self, name: &str) -> Option<&'n Node> {
        self.0.iter().find(|(key, _)| key.text == name).map(|(_, node)| node)
    }
}

impl Reader<'_> {
    fn invalid(&mut self, node: &Node, message: impl Into<String>, help: impl Into<String>) {
        let place = self.file.place(node.range.clone());
        self.diagnostics.push(Diagnostic::new(Code::InvalidValue, place, message).help(help));
    }

    /// The entries of a mapping; keys that are not known or stand twice are reported.
    fn fields<'n>(&mut self, node: &'n Node, what: &str, known: &[&str]) -> Option<Fields<'n>> {
        let NodeKind::Map(entries) = &node.kind else {
            let message = format!("{what} must be a mapping, not {}", node.describe());
            self.invalid(node, message, "write `key: value`");
            return None;
        };
        for (index, (key, _)) in entries.iter().enumerate() {
            let place = self.file.place(key.range.clone());
            if let Some((first, _)) = entries.iter().take(index).find(|(other, _)| other.text == key.text) {
                let diagnostic = Diagnostic::new(
                    Code::DuplicateKey,
                    place,
                    format!("the key `{}` stands twice", key.text),
                );
                let first = self.file.place(first.range.clone());
                self.diagnostics.push(diagnostic.also(first, "first here").help("keep one of them"));
            } else if !known.contains(&key.text.as_str()) {
                let diagnostic =
                    Diagnostic::new(Code::UnknownKey, place, format!("unknown key `{}`", key.text));
                self.diagnostics.push(diagnostic.help(did_you_mean(&key.text, known)));
            }
        }
        Some(Fields(entries))
    }

    /// The items of a list; one value that is not a list counts as a list of one.
    fn items<'n>(&self, node: &'n Node) -> &'n [Node] {
        match &node.kind {
            NodeKind::List(items) => items,
            _ => std::slice::from_ref(node),
        }
    }

    fn case(&mut self, node: &Node) -> Option<Case> {
        let fields =
            self.fields(node, "a case", &["name", "connector", "variables", "response", "expect"])?;
        let name = fields.get("name").and_then(|node| self.text(node));
        let connector = fields.get("connector").and_then(|node| self.text(node));
        let inputs = fields.get("variables").map_or_else(Inputs::default, |node| self.inputs(node));
        let responses = match fields.get("response") {
            Some(node) => self.items(node).iter().filter_map(|item| self.response(item)).collect(),
            None => Vec::new(),
        };
        let expect = fields.get("expect");
        for (key, missing) in
            [("name", name.is_none()), ("connector", connector.is_none()), ("expect", expect.is_none())]
        {
            if missing {
                self.invalid(node, format!("this case has no `{key}`"), help_for(key));
            }
        }
        let (key, node_of_expect) = entry(node, "expect")?;
        let expected = self.expected(node_of_expect);
        let place = self.file.place(first_line(node));
        let written = Written::Yaml { colon: colon(self.file, key), node: node_of_expect.clone() };
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
                self.invalid(
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
                self.invalid(node, "`variables` must be a mapping", "example: `$args: { id: \"7\" }`");
                return Inputs::default();
            }
        };
        match Inputs::read(&variables) {
            Ok(inputs) => inputs,
            Err(error) => {
                self.invalid(node, error.to_string(), "the names of variables begin with `$`");
                Inputs::default()
            }
        }
    }

    fn response(&mut self, node: &Node) -> Option<MockResponse> {
        let fields = self.fields(node, "a response", &["status", "headers", "body", "text"])?;
        let status = match fields.get("status") {
            Some(status) => self.status(status)?,
            None => StatusCode::OK,
        };
        let headers = fields.get("headers").map_or_else(HeaderMap::new, |node| self.headers(node));
        let (body, text) = (fields.get("body"), fields.get("text"));
        if let (Some(_), Some(text)) = (body, text) {
            self.invalid(
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
        Some(MockResponse::new(status, headers, bytes))
    }

    fn status(&mut self, node: &Node) -> Option<StatusCode> {
        let status =
            literal(node).as_u64().and_then(|status| StatusCode::from_u16(status.try_into().ok()?).ok());
        if status.is_none() {
            self.invalid(node, "this is not the status of a response", "a number such as 200 or 404");
        }
        status
    }

    fn headers(&mut self, node: &Node) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let NodeKind::Map(entries) = &node.kind else {
            self.invalid(node, "`headers` must be a mapping", "example: `headers: { etag: '\"1\"' }`");
            return headers;
        };
        for (key, value) in entries {
            for value in self.items(value) {
                let NodeKind::Scalar { text, .. } = &value.kind else {
                    self.invalid(value, "the value of a header must be a text", "write one line of text");
                    continue;
                };
                match (HeaderName::from_bytes(key.text.as_bytes()), HeaderValue::from_str(text)) {
                    (Ok(name), Ok(value)) => drop(headers.append(name, value)),
                    _ => self.invalid(
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
        let known = Part::ALL.map(Part::as_str);
        let Some(fields) = self.fields(node, "`expect`", &known) else { return Vec::new() };
        let mut expected = Vec::new();
        for part in Part::ALL {
            let Some(value) = fields.get(part.as_str()) else { continue };
            match part {
                Part::Request => self.items(value).iter().for_each(|item| self.check_request(item)),
                Part::Result => {}
                _ if !matches!(value.kind, NodeKind::List(_)) => {
                    let message = format!("`{}` must be a list", part.as_str());
                    self.invalid(value, message, "an empty list `[]` expects that there are none");
                }
                _ => {}
            }
            expected.push((part, literal(value)));
        }
        expected
    }

    fn check_request(&mut self, node: &Node) {
        let _ = self.fields(node, "a request", &REQUEST_KEYS);
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
