//! JSON values as GraphQL writes them: defaults of arguments and input fields, and the values of constants in mappings.

use serde_json::Value;

use super::types::{Definition, Kind, Leaf, Type};

/// A default for a type; none when the type would not take it.
pub(super) fn literal(definitions: &[Definition], ty: &Type, value: &Value) -> Option<String> {
    match (ty, value) {
        (_, Value::Null) => None,
        (Type::List(of), Value::Array(items)) => {
            let items: Option<Vec<String>> =
                items.iter().map(|item| literal(definitions, &of.ty, item)).collect();
            Some(format!("[{}]", items?.join(", ")))
        }
        (Type::List(of), one) => Some(format!("[{}]", literal(definitions, &of.ty, one)?)),
        (Type::Leaf(leaf), value) => of_leaf(*leaf, value),
        (Type::Named(id), Value::String(text)) => match &definitions.get(*id)?.kind {
            Kind::Enum(values) => {
                values.iter().find(|(_, value)| value == text).map(|(name, _)| name.clone())
            }
            _ => None,
        },
        _ => None,
    }
}

fn of_leaf(leaf: Leaf, value: &Value) -> Option<String> {
    // Documents write `default: "20"` for numbers as often as not.
    let number = match value {
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) if text.parse::<f64>().is_ok_and(f64::is_finite) => Some(text.clone()),
        _ => None,
    };
    match leaf {
        Leaf::Int => number.and_then(|number| Some(number.parse::<i32>().ok()?.to_string())),
        Leaf::Long => number.and_then(|number| Some(number.parse::<i64>().ok()?.to_string())),
        Leaf::Float => {
            number.and_then(|number| number.parse::<f64>().ok()).map(|number| format!("{number:?}"))
        }
        Leaf::Boolean => match value {
            Value::Bool(flag) => Some(flag.to_string()),
            Value::String(text) if text == "true" || text == "false" => Some(text.clone()),
            _ => None,
        },
        Leaf::String | Leaf::Id | Leaf::Date | Leaf::DateTime => match value {
            Value::String(text) => Some(quoted(text)),
            Value::Number(number) => Some(quoted(&number.to_string())),
            Value::Bool(flag) => Some(quoted(&flag.to_string())),
            _ => None,
        },
        Leaf::Json => match value {
            Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
            Value::String(text) => Some(quoted(text)),
            _ => None,
        },
    }
}

/// A text as a GraphQL string on one line.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            control if control.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(control))),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// A text as a string of the mapping language, in single quotes.
pub(super) fn mapped(text: &str) -> String {
    let mut mapped = String::from("'");
    for letter in text.chars() {
        match letter {
            '\'' => mapped.push_str("\\'"),
            '\\' => mapped.push_str("\\\\"),
            '\n' => mapped.push_str("\\n"),
            letter => mapped.push(letter),
        }
    }
    mapped.push('\'');
    mapped
}

/// A key in a mapping: as it is if it can stand so, else in quotes.
pub(super) fn key(text: &str) -> String {
    let mut letters = text.bytes();
    let plain = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == b'_')
        && !matches!(text, "true" | "false" | "null");
    if plain { text.to_owned() } else { mapped(text) }
}
