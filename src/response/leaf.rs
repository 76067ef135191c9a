//! Leaf values against the schema's types (the table "Values a client sees"): what fits is written as it stands.

use std::borrow::Cow;

use super::{
    append::append,
    table::{Node, Table},
};
use crate::plan::Named;

/// Writes a leaf, or writes nothing and says what was expected.
#[inline]
pub(super) fn write(named: &Named, table: &Table, node: Node, out: &mut Vec<u8>) -> Result<(), Expected> {
    match (named, node) {
        (Named::Int, Node::Number { start, end }) => {
            let text = table.slice(start, end);
            if is_short_int(text) {
                append(out, &table.text, start as usize, end as usize);
            } else {
                int(text, out).ok_or(Expected::Int)?;
            }
        }
        (Named::Float, Node::Number { start, end }) => {
            let text = table.slice(start, end);
            let finite = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
            if !finite.is_some_and(f64::is_finite) {
                return Err(Expected::Float);
            }
            out.extend_from_slice(text);
        }
        (Named::String | Named::Id, Node::String { start, end }) => {
            append(out, &table.text, start as usize, end as usize);
        }
        (Named::Boolean, Node::Bool(value)) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        (Named::Id, Node::Number { start, end }) => {
            let text = table.slice(start, end);
            if !text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-') {
                return Err(Expected::Id);
            }
            out.push(b'"');
            out.extend_from_slice(text);
            out.push(b'"');
        }
        (Named::Enum { values, .. }, Node::String { start, end }) => {
            let text = unquoted(table.slice(start, end));
            if !values.iter().any(|value| value.as_str() == text) {
                return Err(Expected::Enum);
            }
            out.push(b'"');
            out.extend_from_slice(text.as_bytes());
            out.push(b'"');
        }
        (Named::Custom, node) => any(table, node, out),
        (Named::Int, _) => return Err(Expected::Int),
        (Named::Float, _) => return Err(Expected::Float),
        (Named::String, _) => return Err(Expected::String),
        (Named::Boolean, _) => return Err(Expected::Boolean),
        (Named::Id, _) => return Err(Expected::Id),
        (Named::Enum { .. }, _) => return Err(Expected::Enum),
        (Named::Object(_), _) => return Err(Expected::Object),
    }
    Ok(())
}

/// A value of a custom scalar: anything.
fn any(table: &Table, node: Node, out: &mut Vec<u8>) {
    match node {
        Node::Missing | Node::Null => out.extend_from_slice(b"null"),
        Node::Bool(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        Node::Number { start, end } | Node::String { start, end } | Node::Json { start, end } => {
            out.extend_from_slice(table.slice(start, end));
        }
        Node::List { start, len } => {
            out.push(b'[');
            for (index, item) in table.list(start, len).iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                any(table, *item, out);
            }
            out.push(b']');
        }
        // A record has a layout, and a layout an object type.
        Node::Record { .. } => out.extend_from_slice(b"null"),
    }
}

/// Whether a number fits whatever its digits, and is written in its plain form.
#[inline]
fn is_short_int(text: &[u8]) -> bool {
    text.len() <= 9 && text.first().is_some_and(|first| *first != b'0') && text.iter().all(u8::is_ascii_digit)
}

/// `1`, `-7`, `1.0`, `1e2`: a whole number of 32 bits, written in its plain form.
fn int(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let text = std::str::from_utf8(text).ok()?;
    match text.parse::<i32>() {
        // JSON knows no plus and no leading zeros: what is not `-0` stands there as it is written.
        Ok(value) if value != 0 => out.extend_from_slice(text.as_bytes()),
        Ok(_) => out.push(b'0'),
        Err(_) => {
            let value = text.parse::<f64>().ok()?;
            let whole = value.fract() == 0.0 && (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&value);
            #[allow(clippy::cast_possible_truncation, reason = "whole and within the bounds of i32")]
            let value = whole.then_some(value as i32)?;
            out.extend_from_slice(value.to_string().as_bytes());
        }
    }
    Some(())
}

/// The characters of a string's JSON text.
pub(crate) fn unquoted(json: &[u8]) -> Cow<'_, str> {
    let inside = json.get(1..json.len().saturating_sub(1)).unwrap_or_default();
    if inside.contains(&b'\\') {
        return serde_json::from_slice::<String>(json).map_or(Cow::Borrowed(""), Cow::Owned);
    }
    std::str::from_utf8(inside).map_or(Cow::Borrowed(""), Cow::Borrowed)
}

/// What a type accepts, for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    Int,
    Float,
    String,
    Boolean,
    Id,
    Enum,
    Object,
    List,
}

impl Expected {
    /// What was expected, and what a mapping can do about it.
    pub(super) fn describe(self, found: &str) -> (&'static str, &'static str) {
        match (self, found) {
            (Expected::Int, "a string") => ("a whole 32-bit number", " Map it with ->parseInt."),
            (Expected::Int, _) => ("a whole 32-bit number", ""),
            (Expected::Float, _) => ("a finite number", ""),
            (Expected::String, "a number" | "a boolean") => ("a string", " Map it with ->toString."),
            (Expected::String, _) => ("a string", ""),
            (Expected::Boolean, _) => ("true or false", " Map it with ->match or ->eq."),
            (Expected::Id, _) => ("a string or an integer", " Map it with ->toString."),
            (Expected::Enum, _) => ("a value of the enum", " Map it with ->match."),
            (Expected::Object, "a list") => ("an object", " Map it with ->first."),
            (Expected::Object, _) => ("an object", " Map it with { … }."),
            (Expected::List, _) => ("a list", ""),
        }
    }
}

/// What kind of value was found, for messages.
pub(crate) fn found(table: &Table, node: Node) -> &'static str {
    match node {
        Node::Missing => "nothing",
        Node::Null => "null",
        Node::Bool(_) => "a boolean",
        Node::Number { .. } => "a number",
        Node::String { .. } => "a string",
        Node::Json { start, .. } if table.slice(start, start + 1) == b"[" => "a list",
        Node::List { .. } => "a list",
        Node::Json { .. } | Node::Record { .. } => "an object",
    }
}
