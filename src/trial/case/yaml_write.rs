//! Values as YAML that a person would have written: short ones on one line, others on lines of their own.

use serde_json::{Map, Value as Json};

/// Columns up to which a value stays on one line.
const WIDTH: usize = 96;

/// A value on lines of its own: the first stands where the value begins, the others are `indent` columns in.
pub(super) fn block(json: &Json, indent: usize) -> String {
    let pad = format!("\n{}", " ".repeat(indent));
    match json {
        Json::Object(entries) if !entries.is_empty() => {
            let lines: Vec<String> = entries.iter().map(|(name, value)| entry(name, value, indent)).collect();
            lines.join(&pad)
        }
        Json::Array(items) if !items.is_empty() => {
            let lines: Vec<String> =
                items.iter().map(|item| format!("- {}", fitting(item, indent + 2))).collect();
            lines.join(&pad)
        }
        scalar => flow(scalar),
    }
}

/// `key: value`, the value behind its key or below it.
pub(super) fn entry(name: &str, value: &Json, indent: usize) -> String {
    let key = key(name);
    let behind = behind_colon(value, indent, key.chars().count());
    format!("{key}:{behind}")
}

/// What stands behind the colon of a key that is `indent` columns in and so many characters long.
pub(super) fn behind_colon(value: &Json, indent: usize, key_chars: usize) -> String {
    let line = flow(value);
    let is_nested = match value {
        Json::Object(entries) => !entries.is_empty(),
        Json::Array(items) => !items.is_empty(),
        _ => false,
    };
    if !is_nested || indent + key_chars + 2 + line.chars().count() <= WIDTH {
        return format!(" {line}");
    }
    let below = indent + 2;
    format!("\n{}{}", " ".repeat(below), block(value, below))
}

/// On one line where that is short enough.
pub(super) fn fitting(json: &Json, indent: usize) -> String {
    let line = flow(json);
    if indent + line.chars().count() <= WIDTH { line } else { block(json, indent) }
}

/// On one line.
pub(super) fn flow(json: &Json) -> String {
    match json {
        Json::Object(entries) if entries.is_empty() => "{}".to_owned(),
        Json::Object(entries) => format!("{{ {} }}", members(entries)),
        Json::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Json::String(text) => scalar(text),
        other => other.to_string(),
    }
}

fn members(entries: &Map<String, Json>) -> String {
    let members: Vec<String> =
        entries.iter().map(|(name, value)| format!("{}: {}", key(name), flow(value))).collect();
    members.join(", ")
}

fn key(name: &str) -> String {
    if is_word(name) { name.to_owned() } else { quoted(name) }
}

/// A text that no reader of YAML takes for anything else stands as it is.
fn scalar(text: &str) -> String {
    let plain = text.split(' ').all(|word| {
        !word.is_empty()
            && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '$'))
    });
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    if plain && begins && !is_special(text) { text.to_owned() } else { quoted(text) }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '$'))
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$'))
        && !is_special(text)
}

fn is_special(text: &str) -> bool {
    ["null", "true", "false", "yes", "no", "on", "off", "y", "n"]
        .iter()
        .any(|word| word.eq_ignore_ascii_case(text))
}

/// JSON's quoted strings are YAML's, too.
fn quoted(text: &str) -> String {
    Json::from(text).to_string()
}
