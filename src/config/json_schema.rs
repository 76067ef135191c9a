//! The tables of keys as JSON Schema (draft 2020-12), which editors complete and underline with.
//!
//! What the schema refuses, `reader` refuses too; the reader also knows bounds of durations and sizes, and the environment.
//! A value may come from the environment wherever one is read, so every kind also allows text with `${` in it.

use serde_json::{Map, Value, json};

use super::{
    connector_file::CONNECTOR_FILE,
    gateway_file::GATEWAY_FILE,
    keys::{Group, Key, Kind, STATUSES},
};

/// The JSON Schema of `connectors/*.yaml`, pretty-printed, with a line break at its end.
#[must_use]
pub fn connector_schema() -> String {
    let about = "One backend of a Ficus graph: `connectors/<source>.yaml`. Every key is optional; what `@source` in the \
                 schema says about the same source holds where the file says nothing.";
    document("Ficus connector file", about, &CONNECTOR_FILE)
}

/// The JSON Schema of `ficus.yaml`, as [`connector_schema`].
#[must_use]
pub fn gateway_schema() -> String {
    let about = "How a Ficus gateway listens, limits and logs: `ficus.yaml`. Every key is optional, and so is the file.";
    document("Ficus gateway file", about, &GATEWAY_FILE)
}

fn document(title: &str, about: &str, group: &Group) -> String {
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".to_owned(), json!(title));
    schema.insert("description".to_owned(), json!(about));
    schema.extend(mapping(group));
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

fn mapping(group: &Group) -> Map<String, Value> {
    let properties: Map<String, Value> =
        group.keys.iter().map(|key| (key.name.to_owned(), property(key))).collect();
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("properties".to_owned(), Value::Object(properties));
    if let Some(rule) = &group.rule {
        schema.insert("required".to_owned(), json!(rule.required));
        if let Some(names) = rule.one_of {
            let one_of = names.iter().map(|name| json!({ "required": [name] })).collect();
            schema.insert("oneOf".to_owned(), Value::Array(one_of));
        }
    }
    schema.insert("additionalProperties".to_owned(), json!(false));
    schema
}

fn property(key: &Key) -> Value {
    let mut schema = Map::new();
    let bounds = bounds(&key.kind);
    schema.insert("description".to_owned(), json!(format!("{}{bounds}", key.doc)));
    schema.extend(kind(&key.kind));
    if let Some(default) = key.default {
        schema.insert("default".to_owned(), plain(&key.kind, default));
    }
    if !key.examples.is_empty() {
        let examples = key.examples.iter().map(|example| plain(&key.kind, example)).collect();
        schema.insert("examples".to_owned(), Value::Array(examples));
    }
    Value::Object(schema)
}

/// Bounds that a pattern cannot say.
fn bounds(kind: &Kind) -> String {
    match kind {
        Kind::Duration(from, to) => {
            let to = match to.as_secs() {
                seconds @ ..3_600 => format!("{seconds}s"),
                seconds => format!("{}h", seconds / 3_600),
            };
            format!(" From {} to {to}.", if from.is_zero() { "0" } else { "1ms" })
        }
        Kind::Size(_, to) => format!(" At most {}MiB.", to >> 20),
        _ => String::new(),
    }
}

/// A default or example as JSON.
fn plain(kind: &Kind, written: &str) -> Value {
    match kind {
        Kind::Boolean | Kind::Integer(..) | Kind::Ratio => written.parse().unwrap_or(Value::Null),
        _ => json!(written),
    }
}

fn kind(kind: &Kind) -> Map<String, Value> {
    let schema = match kind {
        // What YAML reads as a number or a boolean is text here too.
        Kind::Text | Kind::Template | Kind::Mapping => json!({ "type": ["string", "number", "boolean"] }),
        Kind::Boolean => json!({ "anyOf": [{ "type": "boolean" }, text("true|false")] }),
        Kind::Integer(from, to) => {
            json!({ "anyOf": [{ "type": "integer", "minimum": from, "maximum": to }, text("[0-9]+")] })
        }
        Kind::Duration(from, _) if from.is_zero() => json!({ "anyOf": [{ "const": 0 }, text(DURATION)] }),
        Kind::Duration(..) => Value::Object(text_schema(DURATION)),
        Kind::Size(from, to) => {
            json!({ "anyOf": [{ "type": "integer", "minimum": from, "maximum": to }, text(SIZE)] })
        }
        Kind::Ratio => {
            let number = json!({ "type": "number", "exclusiveMinimum": 0, "maximum": 1 });
            json!({ "anyOf": [number, text(r"[0-9.]+")] })
        }
        Kind::Word(words) => word(words),
        Kind::Address => Value::Object(text_schema(r"[^\s]+:[0-9]+")),
        Kind::Form(form) => match form.integers {
            None => text(form.pattern),
            Some((from, to)) => {
                json!({ "anyOf": [{ "type": "integer", "minimum": from, "maximum": to }, text(form.pattern)] })
            }
        },
        Kind::Anything => json!({ "type": "object" }),
        Kind::Group(group) => Value::Object(mapping(group)),
        Kind::OffOr(group) => json!({ "anyOf": [{ "enum": ["off", false] }, mapping(group)] }),
        Kind::List(item) => {
            let item = self::kind(item);
            json!({ "anyOf": [item, { "type": "array", "items": item }] })
        }
        Kind::ByStatus(meaning) => {
            let (least, most) = (STATUSES.start() / 100, STATUSES.end() / 100);
            let pattern = format!("^[{least}-{most}][0-9][0-9]$");
            json!({
                "type": "object",
                "patternProperties": { pattern: self::kind(meaning) },
                "additionalProperties": false
            })
        }
        Kind::ByName(kind) => json!({ "type": "object", "additionalProperties": self::kind(kind) }),
    };
    match schema {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}

const DURATION: &str = r"0|[0-9]+(\.[0-9]*)? *(ms|s|m|h|d)";
const SIZE: &str = r"[0-9]+|[0-9]+(\.[0-9]*)? *(B|kB|KB|MB|GB|KiB|MiB|GiB)";

fn text(pattern: &str) -> Value {
    Value::Object(text_schema(pattern))
}

/// Text that matches as a whole, or that the environment makes.
fn text_schema(pattern: &str) -> Map<String, Value> {
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("string"));
    schema.insert("pattern".to_owned(), json!(format!(r"^ *({pattern}) *$|\$\{{")));
    schema
}

/// A few words; YAML reads `null` as no text at all.
fn word(words: &[&str]) -> Value {
    let named = words.iter().map(|word| json!(word));
    let null = words.contains(&"null").then_some(Value::Null);
    let words: Vec<Value> = null.into_iter().chain(named).collect();
    json!({ "anyOf": [{ "enum": words }, { "type": "string", "pattern": r"\$\{" }] })
}
