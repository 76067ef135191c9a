//! The connector file: where the backend is, and which headers every request to it carries.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    document::{Document, Operation, entries},
    read::Version,
};

/// What goes into the connector file.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: String,
    /// Without a path of its own at the end, and whether the document names a host.
    pub(super) server: Server,
    headers: Vec<Header>,
    /// `name=${…}` of the base URL.
    query: Vec<(String, String)>,
    comments: Vec<String>,
}

/// A base URL, with the variables of its template filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) url: String,
    /// Whether the document names no host.
    pub(super) made_up: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Header {
    name: String,
    /// `value: …` or `from: …`.
    text: String,
    comment: Option<String>,
}

/// Where requests go when the document does not say.
const NOWHERE: &str = "http://127.0.0.1:8080";

/// The server that most of the operations use; the document's own, unless all have others.
pub(super) fn source(document: Document<'_>, name: &str, operations: &[Operation<'_>]) -> Source {
    let mut uses: Vec<(Server, usize)> = Vec::new();
    for operation in operations {
        let server = server_of(document, operation);
        match uses.iter_mut().find(|(known, _)| *known == server) {
            Some((_, count)) => *count += 1,
            None => uses.push((server, 1)),
        }
    }
    // Of equals the first: `max_by_key` would take the last.
    let most = uses.iter().rev().max_by_key(|(_, count)| *count).map(|(server, _)| server.clone());
    let server = most.unwrap_or_else(|| servers(document.root, document.version).unwrap_or_else(nowhere));
    let mut source = Source {
        name: name.to_owned(),
        server,
        headers: Vec::new(),
        query: Vec::new(),
        comments: Vec::new(),
    };
    source.secure(document, operations);
    source
}

/// The server of one operation.
pub(super) fn server_of(document: Document<'_>, operation: &Operation<'_>) -> Server {
    let own = [operation.at.value, operation.item, document.root];
    own.into_iter().find_map(|value| servers(value, document.version)).unwrap_or_else(nowhere)
}

fn nowhere() -> Server {
    Server { url: NOWHERE.to_owned(), made_up: true }
}

fn servers(value: &Value, version: Version) -> Option<Server> {
    if version == Version::Swagger2 {
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::trim);
        let schemes = value.get("schemes").and_then(Value::as_array).into_iter().flatten();
        let schemes: Vec<&str> = schemes.filter_map(Value::as_str).collect();
        let scheme = if schemes.is_empty() || schemes.contains(&"https") { "https" } else { "http" };
        let path = text("basePath").unwrap_or_default().trim_end_matches('/');
        return match text("host").filter(|host| !host.is_empty()) {
            Some(host) => checked(&format!("{scheme}://{host}{}", rooted(path))),
            None if path.is_empty() => None,
            None => checked(&rooted(path)),
        };
    }
    let list = value.get("servers").and_then(Value::as_array)?;
    list.iter().find_map(|server| {
        let mut url = server.get("url").and_then(Value::as_str)?.trim().to_owned();
        for (name, variable) in entries(server.get("variables")) {
            let default = match variable.get("default") {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Number(number)) => number.to_string(),
                _ => variable.pointer("/enum/0").and_then(Value::as_str).unwrap_or(name).to_owned(),
            };
            url = url.replace(&format!("{{{name}}}"), &default);
        }
        // A variable that is not described can only stand for itself.
        checked(&url.replace(['{', '}'], ""))
    })
}

fn rooted(path: &str) -> String {
    if path.is_empty() || path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}

/// A URL that a base URL can be made of; a path alone is put behind a made up host.
fn checked(url: &str) -> Option<Server> {
    let url = url.split(['#', '?']).next().unwrap_or_default().trim_end_matches('/');
    let plain = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/@%+,;=!$&'()*[]".contains(&byte))
    };
    let Some((scheme, rest)) = url.split_once("://") else {
        let path = match url.strip_prefix("//") {
            Some(rest) => return checked(&format!("https://{rest}")),
            None => rooted(url.trim_start_matches('.')),
        };
        return plain(&path).then(|| Server { url: format!("{NOWHERE}{path}"), made_up: true });
    };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = authority.split_once(':').unwrap_or((authority, "80"));
    let is_host =
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    let fits =
        matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") && port.parse::<u16>().is_ok();
    (is_host && fits && plain(path)).then(|| Server { url: url.to_owned(), made_up: false })
}

impl Source {
    /// Headers and query keys for the security schemes that the operations name: of alternatives the first.
    fn secure(&mut self, document: Document<'_>, operations: &[Operation<'_>]) {
        let schemes = document.root.pointer("/components/securitySchemes");
        let schemes = schemes.or_else(|| document.root.get("securityDefinitions"));
        let mut used: BTreeMap<usize, (&String, &Value)> = BTreeMap::new();
        for operation in operations {
            let demanded = operation.at.value.get("security").or_else(|| document.root.get("security"));
            let first =
                demanded.and_then(Value::as_array).and_then(|all| all.iter().find(|one| is_named(one)));
            for (name, _) in entries(first) {
                let known = entries(schemes).enumerate().find(|(_, (known, _))| *known == name);
                used.extend(known);
            }
        }
        for (name, scheme) in used.into_values() {
            let scheme =
                match document.follow(super::document::Located { pointer: "#".to_owned(), value: scheme }) {
                    Ok(found) => found.value,
                    Err(_) => continue,
                };
            self.scheme(name, scheme);
        }
    }

    fn scheme(&mut self, name: &str, scheme: &Value) {
        let text = |key: &str| scheme.get(key).and_then(Value::as_str).unwrap_or_default();
        let variable = |what: &str| format!("{}_{}", self.variable(), shouted(what));
        match (text("type"), text("in"), text("scheme").to_ascii_lowercase().as_str()) {
            ("apiKey", "query", _) => {
                let value = format!("${{{}:-}}", variable(text("name")));
                self.query.push((text("name").to_owned(), value));
            }
            ("apiKey", "cookie", _) => {
                let value = format!("{}=${{{}:-}}", text("name"), variable(text("name")));
                self.header("cookie", format!("value: \"{value}\""), None);
            }
            ("apiKey", _, _) if !text("name").eq_ignore_ascii_case("authorization") => {
                let value = format!("${{{}:-}}", variable(text("name")));
                self.header(text("name"), format!("value: \"{value}\""), None);
            }
            ("basic", ..) | ("http", _, "basic") => {
                let comment = format!(
                    "`{name}` is HTTP basic: copied from the client's request; or `value: \"Basic ${{{}}}\"`",
                    variable("BASIC")
                );
                self.header("authorization", "from: authorization".to_owned(), Some(comment));
            }
            (kind, _, _) => {
                let kind = if kind == "http" || kind == "apiKey" { "a token" } else { kind };
                let comment = format!(
                    "`{name}` is {kind}: copied from the client's request; or `value: \"Bearer ${{{}}}\"`",
                    variable("TOKEN")
                );
                self.header("authorization", "from: authorization".to_owned(), Some(comment));
            }
        }
    }

    fn header(&mut self, name: &str, text: String, comment: Option<String>) {
        let is_token =
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        let known = self.headers.iter().any(|header| header.name.eq_ignore_ascii_case(name));
        let hop = ["connection", "host", "te", "content-length", "content-type", "accept"];
        if is_token && !known && !hop.contains(&name.to_ascii_lowercase().as_str()) {
            self.headers.push(Header { name: name.to_owned(), text, comment });
        } else if let (Some(comment), true) = (comment, known) {
            self.comments.push(comment);
        }
    }

    /// Whether every request carries a header anyway.
    pub(super) fn sends(&self, name: &str) -> bool {
        self.headers.iter().any(|header| header.name.eq_ignore_ascii_case(name))
    }

    /// Whether every request carries a query key anyway.
    pub(super) fn asks(&self, name: &str) -> bool {
        self.query.iter().any(|(known, _)| known == name)
    }

    /// The beginning of the names of its variables.
    pub(super) fn variable(&self) -> String {
        shouted(&self.name)
    }

    /// The file.
    pub(super) fn write(&self, heading: &[String]) -> String {
        let mut text: String = heading.iter().map(|line| format!("# {line}\n")).collect();
        text.push('\n');
        if self.server.made_up {
            text.push_str("# The document names no host.\n");
        }
        let query: Vec<String> = self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
        let url = format!("${{{}_URL:-{}}}{query}", self.variable(), self.server.url);
        text.push_str(&format!("base_url: {}\n", yaml(&url)));
        if !self.headers.is_empty() {
            text.push_str("headers:\n");
        }
        for header in &self.headers {
            if let Some(comment) = &header.comment {
                text.push_str(&format!("  # {comment}\n"));
            }
            text.push_str(&format!("  - {{ name: {}, {} }}\n", header.name, header.text));
        }
        text
    }
}

fn is_named(requirement: &Value) -> bool {
    requirement.as_object().is_some_and(|schemes| !schemes.is_empty())
}

/// `X-Api-Key` as `X_API_KEY`.
fn shouted(text: &str) -> String {
    let letters = text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    letters.collect::<String>().trim_matches('_').to_owned()
}

/// A text as a YAML value: in quotes.
fn yaml(text: &str) -> String {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"${}/._-:?=&".contains(&byte));
    if plain && !text.contains(": ") {
        text.to_owned()
    } else {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    }
}
