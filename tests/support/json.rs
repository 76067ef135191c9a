//! JSON as a reader wants it in a case: members in the order they were sent, numbers as they were written,
//! short values on one line. Comparing two laid-out texts compares these too, which comparing trees of maps would not.

use std::fmt;

/// Columns up to which a value stays on one line.
const WIDTH: usize = 100;

/// A JSON value that keeps the order of its members and the text of its scalars.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Scalar(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Takes a member out of an object.
    pub(crate) fn take(&mut self, name: &str) -> Option<Json> {
        let Json::Object(members) = self else { return None };
        let index = members.iter().position(|(key, _)| key.trim_matches('"') == name)?;
        Some(members.remove(index).1)
    }
}

/// Reads JSON and writes it in the one layout that cases use.
///
/// # Errors
/// When the text is not JSON.
pub(crate) fn layout(text: &str) -> Result<String, String> {
    let mut out = String::new();
    write(&parse(text)?, 0, &mut out);
    Ok(out)
}

/// Reads JSON.
///
/// # Errors
/// When the text is not JSON.
pub(crate) fn parse(text: &str) -> Result<Json, String> {
    // serde decides what JSON is, so that the reader below may assume it.
    serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|error| format!("{error} in:\n{text}"))?;
    let mut rest = text.trim();
    Ok(value(&mut rest))
}

/// One value at the beginning of valid JSON; moves `rest` behind it.
fn value(rest: &mut &str) -> Json {
    match rest.as_bytes()[0] {
        b'{' => Json::Object(items(rest, '}', |rest| {
            let key = scalar(rest);
            eat(rest, ':');
            (key, value(rest))
        })),
        b'[' => Json::List(items(rest, ']', value)),
        _ => Json::Scalar(scalar(rest)),
    }
}

fn items<T>(rest: &mut &str, close: char, mut item: impl FnMut(&mut &str) -> T) -> Vec<T> {
    *rest = rest[1..].trim_start();
    let mut items = Vec::new();
    while !rest.starts_with(close) {
        items.push(item(rest));
        eat(rest, ',');
    }
    *rest = &rest[1..];
    items
}

/// Skips blanks, and `token` when it comes next.
fn eat(rest: &mut &str, token: char) {
    *rest = rest.trim_start();
    *rest = rest.strip_prefix(token).unwrap_or(rest).trim_start();
}

fn scalar(rest: &mut &str) -> String {
    let mut escaped = false;
    let end = if let Some(text) = rest.strip_prefix('"') {
        let close = |c: char| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        };
        1 + text.find(close).unwrap() + 1
    } else {
        rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c))).unwrap_or(rest.len())
    };
    let (scalar, after) = rest.split_at(end);
    *rest = after;
    // How a string is escaped is its writer's business; how a number is written may be the point.
    serde_json::from_str::<String>(scalar)
        .map_or_else(|_| scalar.to_owned(), |text| serde_json::Value::from(text).to_string())
}

fn write(json: &Json, depth: usize, out: &mut String) {
    let line = json.to_string();
    let column = out.len() - out.rfind('\n').map_or(0, |newline| newline + 1);
    if column + line.len() <= WIDTH {
        out.push_str(&line);
        return;
    }
    let indent = "  ".repeat(depth + 1);
    let mut separator = "\n";
    match json {
        Json::Scalar(text) => out.push_str(text),
        Json::List(items) => {
            out.push('[');
            for item in items {
                out.push_str(separator);
                out.push_str(&indent);
                write(item, depth + 1, out);
                separator = ",\n";
            }
            out.push_str(&format!("\n{}]", &indent[2..]));
        }
        Json::Object(members) => {
            out.push('{');
            for (key, member) in members {
                out.push_str(&format!("{separator}{indent}{key}: "));
                write(member, depth + 1, out);
                separator = ",\n";
            }
            out.push_str(&format!("\n{}}}", &indent[2..]));
        }
    }
}

/// On one line.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Json::Scalar(text) => f.write_str(text),
            Json::List(items) => {
                let items: Vec<_> = items.iter().map(Json::to_string).collect();
                write!(f, "[{}]", items.join(", "))
            }
            Json::Object(members) => {
                let members: Vec<_> = members.iter().map(|(key, json)| format!("{key}: {json}")).collect();
                write!(f, "{{{}}}", members.join(", "))
            }
        }
    }
}
