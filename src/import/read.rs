//! From bytes to a document: JSON or YAML read into one tree of values whose keys keep their order. It knows nothing of
//! OpenAPI but how its versions name themselves.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, StrInput};
use serde_json::{Map, Number, Value};

use super::ImportError;

/// Larger documents are refused: the tree of this many bytes is some hundred MiB.
pub const DOCUMENT_BYTES_MAX: usize = 32 << 20;

/// Values in one YAML document, aliases expanded. The largest documents in public have two million; an alias bomb has billions.
const NODES_MAX: usize = 4_000_000;

/// Nesting, of JSON and YAML alike: what `serde_json` allows.
const DEPTH_MAX: usize = 120;

/// The versions that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// `swagger: "2.0"`
    Swagger2,
    /// `openapi: 3.0.x`
    V3_0,
    /// `openapi: 3.1.x`, and 3.2 as far as it is the same.
    V3_1,
}

/// Reads a document, JSON when it begins like JSON, YAML otherwise.
pub(super) fn read(text: &str) -> Result<(Value, Version), ImportError> {
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err(ImportError::TooLarge { bytes: text.len(), bytes_max: DOCUMENT_BYTES_MAX });
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let value = if text.trim_start().starts_with(['{', '[']) {
        // YAML's flow style begins like JSON too.
        serde_json::from_str(text)
            .map_err(|error| ImportError::Unreadable(format!("this is not JSON: {error}")))
            .or_else(|error| yaml(text).map_err(|_| error))?
    } else {
        yaml(text)?
    };
    let version = version(&value)?;
    Ok((value, version))
}

fn version(value: &Value) -> Result<Version, ImportError> {
    let written = |key: &str| match value.get(key) {
        Some(Value::String(text)) => Some(text.clone()),
        // YAML reads an unquoted 2.0 or 3.1 as a number.
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let (swagger, openapi) = (written("swagger"), written("openapi"));
    let is = |text: &Option<String>, start: &str| text.as_ref().is_some_and(|text| text.starts_with(start));
    if is(&openapi, "3.0") || openapi.as_deref() == Some("3") {
        Ok(Version::V3_0)
    } else if is(&openapi, "3.1") || is(&openapi, "3.2") {
        Ok(Version::V3_1)
    } else if is(&swagger, "2") {
        Ok(Version::Swagger2)
    } else {
        Err(ImportError::Version(openapi.or(swagger)))
    }
}

fn yaml(text: &str) -> Result<Value, ImportError> {
    let mut builder = Yaml { parser: Parser::new_from_str(text), anchors: HashMap::new(), nodes: 0 };
    builder.document().map_err(ImportError::Unreadable)
}

struct Yaml<'t> {
    parser: Parser<'t, StrInput<'t>>,
    anchors: HashMap<usize, (Value, usize)>,
    nodes: usize,
}

impl<'t> Yaml<'t> {
    /// The first document; what follows it is left unread.
    fn document(&mut self) -> Result<Value, String> {
        loop {
            match self.next()? {
                Event::StreamStart | Event::DocumentStart(..) => {}
                Event::StreamEnd | Event::DocumentEnd => return Err("the document is empty".to_owned()),
                event => return self.value(event, 0),
            }
        }
    }

    fn next(&mut self) -> Result<Event<'t>, String> {
        match self.parser.next_event() {
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => Err(format!(
                "this is neither JSON nor YAML: line {}: {}",
                error.marker().line(),
                error.info()
            )),
            None => Ok(Event::StreamEnd),
        }
    }

    fn value(&mut self, event: Event<'t>, depth: usize) -> Result<Value, String> {
        let before = self.nodes;
        self.count(1)?;
        if depth > DEPTH_MAX {
            return Err(format!("values are nested deeper than {DEPTH_MAX}"));
        }
        let tag = event.tag().map(ToString::to_string).unwrap_or_default();
        let (value, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain && !tag.ends_with("str");
                (if plain { scalar(&text) } else { Value::String(text.into_owned()) }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => (self.list(depth)?, anchor),
            Event::MappingStart(_, anchor, _) => (self.map(depth)?, anchor),
            Event::Alias(anchor) => {
                let (value, weight) =
                    self.anchors.get(&anchor).cloned().ok_or("an alias of something that contains it")?;
                self.count(weight)?;
                (value, 0)
            }
            _ => return Err("unexpected content".to_owned()),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, (value.clone(), self.nodes - before));
        }
        Ok(value)
    }

    fn count(&mut self, nodes: usize) -> Result<(), String> {
        self.nodes += nodes;
        if self.nodes > NODES_MAX {
            return Err(format!("the document has more than {NODES_MAX} values"));
        }
        Ok(())
    }

    fn list(&mut self, depth: usize) -> Result<Value, String> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                Event::SequenceEnd => return Ok(Value::Array(items)),
                event => items.push(self.value(event, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, String> {
        let mut entries = Map::new();
        let mut merged = Vec::new();
        loop {
            let key = match self.next()? {
                Event::MappingEnd => break,
                // As written: a status code is text, however it looks.
                Event::Scalar(text, ..) => text.into_owned(),
                _ => return Err("a key of a mapping must be a single value".to_owned()),
            };
            let event = self.next()?;
            let value = self.value(event, depth + 1)?;
            if key == "<<" {
                merged.push(value);
            } else {
                entries.insert(key, value);
            }
        }
        for value in merged {
            let maps = match value {
                Value::Array(maps) => maps,
                one => vec![one],
            };
            for (key, value) in maps.into_iter().filter_map(|map| map.as_object().cloned()).flatten() {
                entries.entry(key).or_insert(value);
            }
        }
        Ok(Value::Object(entries))
    }
}

/// A plain scalar by YAML's core schema.
fn scalar(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let is_number = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    let number = if is_number {
        let integer =
            text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from));
        integer.ok().or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64))
    } else {
        None
    };
    number.map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_and_json_give_the_same_tree() {
        let yaml = "openapi: 3.1.0\nx: &a {n: 1, big: 18446744073709551615, f: 1.5, 'q': \"5\", none: ~, yes: true}\n\
                    y: *a\nz: {<<: *a, n: 2}\n200: {t: 2020-01-01}\n";
        let json = r#"{"openapi": "3.1.0", "x": {"n": 1, "big": 18446744073709551615, "f": 1.5, "q": "5", "none": null, "yes": true},
            "y": {"n": 1, "big": 18446744073709551615, "f": 1.5, "q": "5", "none": null, "yes": true},
            "z": {"n": 2, "big": 18446744073709551615, "f": 1.5, "q": "5", "none": null, "yes": true}, "200": {"t": "2020-01-01"}}"#;
        assert_eq!(read(yaml).unwrap(), read(json).unwrap());
    }

    #[test]
    fn what_is_no_document_is_refused_with_a_reason() {
        let refused = |text: &str| read(text).unwrap_err().to_string();
        assert!(refused("").contains("empty"));
        assert!(refused("{").contains("not JSON"), "{}", refused("{"));
        assert!(refused("a: [").contains("neither JSON nor YAML"));
        assert!(refused("a: 1").contains("OpenAPI"));
        assert!(refused("openapi: 4.0.0").contains("4.0.0"));
        assert!(refused(&"[".repeat(100_000)).contains("not JSON"));
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let list = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{list}]\n"));
        }
        assert!(refused(&bomb).contains("more than"));
    }
}
