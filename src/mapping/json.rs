//! JSON text to values and back. Strings without escapes and all numbers stay slices of the text they were read from.

pub mod scan;

use std::io::Write as _;

use ahash::AHashMap;
use bumpalo::Bump;

use self::scan::{Broken, KeySeen, Quoted, Scanner};
use super::value::{DEPTH_MAX, Number, Value};

/// How deep lists and objects of a body may stand in each other.
pub const NESTING_MAX: usize = 200;

/// Why a text is not JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// It breaks off or breaks JSON's grammar.
    #[error("{what} (byte {at})")]
    Syntax {
        /// What is wrong.
        what: &'static str,
        /// Where, in bytes.
        at: usize,
    },
    /// Lists and objects stand more than [`NESTING_MAX`] deep in each other.
    #[error("nested more than {NESTING_MAX} levels deep (byte {at})")]
    TooDeep {
        /// Where, in bytes.
        at: usize,
    },
}

/// Reads one JSON value; nothing but blanks may follow it.
///
/// # Errors
/// Where the text is not JSON, nested too deep, or holds a number of more than 4300 digits.
pub fn read<'a>(text: &'a str, arena: &'a Bump) -> Result<Value<'a>, JsonError> {
    let scanner = Scanner::new(text);
    let (elements, entries, orders) = (Vec::new(), Vec::new(), Vec::new());
    let mut reader = Reader { text, arena, scanner, elements, entries, orders };
    reader.all().map_err(|Broken| reader.scanner.error())
}

/// How many keys of the objects at one depth are remembered in their order.
const ORDER_MAX: usize = 256;

/// A key as the objects at one depth have it.
struct Known<'a> {
    key: KeySeen,
    name: &'a str,
}

struct Reader<'a> {
    text: &'a str,
    arena: &'a Bump,
    scanner: Scanner<'a>,
    /// Elements of the lists that are open, the innermost list's last.
    elements: Vec<Value<'a>>,
    /// Entries of the objects that are open, the innermost object's last.
    entries: Vec<(&'a str, Value<'a>)>,
    /// For each depth below a list, the keys of the last object there, as far as they are distinct: objects of a list mostly
    /// have the same ones in the same order.
    orders: Vec<Vec<Known<'a>>>,
}

impl<'a> Reader<'a> {
    fn all(&mut self) -> Result<Value<'a>, Broken> {
        let first = self.scanner.peek()?;
        let value = self.value(first, 0, false)?;
        self.scanner.finish()?;
        Ok(value)
    }

    fn value(&mut self, first: u8, depth: usize, is_in_list: bool) -> Result<Value<'a>, Broken> {
        Ok(match first {
            b'"' => Value::String(keep(self.scanner.string()?, self.arena)),
            b'[' | b'{' if depth == NESTING_MAX => {
                let at = self.scanner.at();
                return Err(self.scanner.refuse(JsonError::TooDeep { at }));
            }
            b'[' => self.list(depth)?,
            b'{' => self.object(depth, is_in_list)?,
            b't' | b'f' | b'n' => {
                self.scanner.word(first)?;
                if first == b'n' { Value::Null } else { Value::Bool(first == b't') }
            }
            _ => {
                let start = self.scanner.at();
                self.scanner.number(first)?;
                let text = self.text.get(start..self.scanner.at()).unwrap_or_default();
                Value::Number(Number::Text(text))
            }
        })
    }

    fn list(&mut self, depth: usize) -> Result<Value<'a>, Broken> {
        let mark = self.elements.len();
        let mut next = self.scanner.list()?;
        while let Some(first) = next {
            let element = self.value(first, depth + 1, true)?;
            self.elements.push(element);
            next = self.scanner.next_element()?;
        }
        let list = self.arena.alloc_slice_copy(self.elements.get(mark..).unwrap_or_default());
        self.elements.truncate(mark);
        Ok(Value::List(list))
    }

    fn object(&mut self, depth: usize, is_in_list: bool) -> Result<Value<'a>, Broken> {
        let mark = self.entries.len();
        let mut has_more = self.scanner.object()?;
        // How many keys there are, if all of them stand where those of the last object stood.
        let mut again = is_in_list.then_some(0);
        while has_more {
            let name = match again.and_then(|position| self.key_again(depth, position)) {
                Some(name) => {
                    again = again.map(|position| position + 1);
                    name
                }
                None => {
                    again = None;
                    let position = self.entries.len() - mark;
                    self.new_key(depth, is_in_list.then_some(position))?
                }
            };
            let first = self.scanner.peek()?;
            let value = self.value(first, depth + 1, is_in_list)?;
            self.entries.push((name, value));
            has_more = self.scanner.next_entry()?;
        }
        let entries = self.entries.get(mark..).unwrap_or_default();
        let object: &[_] = if again.is_none() && has_duplicates(entries) {
            if let Some(order) = self.orders.get_mut(depth) {
                order.clear();
            }
            self.arena.alloc_slice_copy(&without_duplicates(entries))
        } else {
            self.arena.alloc_slice_copy(entries)
        };
        self.entries.truncate(mark);
        Ok(Value::Object(object))
    }

    /// Goes behind the key at hand, where it is the one that stood at this position of the last object.
    #[inline(always)]
    fn key_again(&mut self, depth: usize, position: usize) -> Option<&'a str> {
        let known = self.orders.get(depth)?.get(position)?;
        self.scanner.pass_again(&known.key).then_some(known.name)
    }

    /// Reads the key at hand, and remembers it at its position, if there is one.
    fn new_key(&mut self, depth: usize, position: Option<usize>) -> Result<&'a str, Broken> {
        let start = self.scanner.at();
        let name = keep(self.scanner.key()?, self.arena);
        if let Some(position) = position.filter(|position| *position < ORDER_MAX) {
            if self.orders.len() <= depth {
                self.orders.resize_with(depth + 1, Vec::new);
            }
            if let Some(order) = self.orders.get_mut(depth) {
                order.truncate(position);
                order.push(Known { key: self.scanner.seen(start), name });
            }
        }
        Ok(name)
    }
}

/// A string as a slice of the text where it is one, else copied into the arena.
fn keep<'a>(string: Quoted<'a>, arena: &'a Bump) -> &'a str {
    match string.plain() {
        Some(text) => text,
        None => arena.alloc_str(&string.characters()),
    }
}

/// Up to so many keys, comparing each with each is faster than hashing them.
const FEW_KEYS: usize = 16;

fn has_duplicates(entries: &[(&str, Value<'_>)]) -> bool {
    if entries.len() > FEW_KEYS {
        let mut seen = ahash::AHashSet::with_capacity(entries.len());
        return !entries.iter().all(|(key, _)| seen.insert(*key));
    }
    let mut rest = entries;
    while let Some(((key, _), after)) = rest.split_first() {
        if after.iter().any(|(other, _)| other == key) {
            return true;
        }
        rest = after;
    }
    false
}

/// The first place and the last value of each key.
fn without_duplicates<'a>(entries: &[(&'a str, Value<'a>)]) -> Vec<(&'a str, Value<'a>)> {
    let mut places: AHashMap<&str, usize> = AHashMap::with_capacity(entries.len());
    let mut kept: Vec<(&str, Value<'_>)> = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let place = *places.entry(key).or_insert(kept.len());
        match kept.get_mut(place) {
            Some((_, earlier)) => *earlier = *value,
            None => kept.push((key, *value)),
        }
    }
    kept
}

/// Writes a value as JSON, without blanks. What lies deeper than [`DEPTH_MAX`] is written as null.
pub fn write(value: &Value<'_>, out: &mut Vec<u8>) {
    write_at(value, out, 0);
}

fn write_at(value: &Value<'_>, out: &mut Vec<u8>, depth: usize) {
    match value {
        _ if depth > DEPTH_MAX => out.extend_from_slice(b"null"),
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(Number::Text(text)) => out.extend_from_slice(text.as_bytes()),
        // Writing into a Vec cannot fail.
        Value::Number(number) => drop(write!(out, "{number}")),
        Value::String(text) => write_string(text, out),
        Value::List(elements) => {
            out.push(b'[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_at(element, out, depth + 1);
            }
            out.push(b']');
        }
        Value::Object(entries) => {
            out.push(b'{');
            for (index, (key, value)) in entries.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_string(key, out);
                out.push(b':');
                write_at(value, out, depth + 1);
            }
            out.push(b'}');
        }
    }
}

/// Writes a JSON string: quoted, with the escapes that JSON demands and no others.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    loop {
        let at = scan::special(rest, 0);
        let (plain, special) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        out.extend_from_slice(plain);
        let Some((&byte, after)) = special.split_first() else { break };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            // Writing into a Vec cannot fail.
            control => drop(write!(out, "\\u{control:04x}")),
        }
        rest = after;
    }
    out.push(b'"');
}

/// A `serde_json` value as a value that borrows from it.
#[must_use]
pub fn from_json<'a>(json: &'a serde_json::Value, arena: &'a Bump) -> Value<'a> {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => Value::Number(match (number.as_i64(), number.as_f64()) {
            (Some(int), _) => Number::Int(int),
            (None, Some(float)) if number.is_f64() => Number::Float(float),
            _ => Number::Text(arena.alloc_str(&number.to_string())),
        }),
        serde_json::Value::String(text) => Value::String(text),
        serde_json::Value::Array(elements) => {
            Value::List(arena.alloc_slice_fill_iter(elements.iter().map(|element| from_json(element, arena))))
        }
        serde_json::Value::Object(entries) => from_map(entries, arena),
    }
}

/// As [`from_json`], of an object's entries.
#[must_use]
pub fn from_map<'a>(entries: &'a serde_json::Map<String, serde_json::Value>, arena: &'a Bump) -> Value<'a> {
    let entries = entries.iter().map(|(key, value)| (key.as_str(), from_json(value, arena)));
    Value::Object(arena.alloc_slice_fill_iter(entries))
}

/// A value as a `serde_json` value, for what outlives the arena. A number beyond the doubles becomes null.
#[must_use]
pub fn to_json(value: &Value<'_>) -> serde_json::Value {
    to_json_at(value, 0)
}

fn to_json_at(value: &Value<'_>, depth: usize) -> serde_json::Value {
    match value {
        _ if depth > DEPTH_MAX => serde_json::Value::Null,
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => serde_json::Value::Bool(*value),
        Value::Number(Number::Int(int)) => (*int).into(),
        Value::Number(Number::Float(float)) => (*float).into(),
        Value::Number(Number::Text(text)) => {
            serde_json::from_str(text).map_or(serde_json::Value::Null, serde_json::Value::Number)
        }
        Value::String(text) => serde_json::Value::String((*text).to_owned()),
        Value::List(elements) => elements.iter().map(|element| to_json_at(element, depth + 1)).collect(),
        Value::Object(entries) => {
            entries.iter().map(|(key, value)| ((*key).to_owned(), to_json_at(value, depth + 1))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rewritten(text: &str) -> Result<String, JsonError> {
        let arena = Bump::new();
        let mut out = Vec::new();
        write(&read(text, &arena)?, &mut out);
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn objects_of_a_list_may_have_other_keys_than_the_one_before() {
        let objects = [
            r#"{"a":1,"b":{"c":1,"d":[{"e":1},{"e":2}]}}"#,
            r#"{"a":2,"b":{"c":2,"d":[{"e":3}]},"more":0}"#,
            r#"{"a":3,"b":{"d":[{"f":4,"e":4}],"c":3}}"#,
            r#"{"b":{"c":4},"a":4}"#,
            r#"{}"#,
            r#"{"a":5,"a key that is longer than sixteen bytes":1,"b":5}"#,
            r#"{"a":6,"a key that is longer than sixteen bytes":2,"b":6}"#,
            r#"{"a":7,"a key that is longer than sixteen letters":3}"#,
        ];
        let text = format!("[{}]", objects.join(","));
        assert_eq!(rewritten(&text).unwrap(), text);
        // The last one of a key counts, in each of them.
        let twice = r#"{"a":1,"b":2,"a":3}"#;
        let once = r#"{"a":3,"b":2}"#;
        let rewritten = rewritten(&format!("[{twice},{twice},{once},{once},{twice}]")).unwrap();
        assert_eq!(rewritten, format!("[{once},{once},{once},{once},{once}]"));
    }

    #[test]
    fn numbers_and_plain_strings_stay_slices_of_the_text() {
        let text = r#" [ "plain", "a\u00e9\n", 1.50, -0, 1e400, 123456789012345678901234567890 ] "#;
        let arena = Bump::new();
        let Value::List(elements) = read(text, &arena).unwrap() else { panic!() };
        let range = text.as_bytes().as_ptr_range();
        let inside = |string: &str| range.contains(&string.as_ptr());
        assert!(inside(elements[0].as_str().unwrap()));
        assert_eq!(elements[1].as_str(), Some("aé\n"));
        assert!(!inside(elements[1].as_str().unwrap()));
        assert_eq!(
            rewritten(text).unwrap(),
            r#"["plain","aé\n",1.50,-0,1e400,123456789012345678901234567890]"#
        );
    }

    #[test]
    fn of_duplicate_keys_the_last_value_stands_at_the_first_place() {
        assert_eq!(rewritten(r#"{"a":1,"b":2,"a":3}"#).unwrap(), r#"{"a":3,"b":2}"#);
        let many: Vec<String> = (0..40).map(|index| format!("\"k{}\":{index}", index % 20)).collect();
        let kept: Vec<String> = (20..40).map(|index| format!("\"k{}\":{index}", index % 20)).collect();
        assert_eq!(rewritten(&format!("{{{}}}", many.join(","))).unwrap(), format!("{{{}}}", kept.join(",")));
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in [
            "",
            " ",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "nul",
            "1 2",
            "01",
            "1.",
            "NaN",
            "'a'",
            "\"\t\"",
            "\"\\ud800\"",
            "{a:1}",
        ] {
            assert!(matches!(rewritten(text), Err(JsonError::Syntax { .. })), "{text}");
        }
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(rewritten(&nested(NESTING_MAX)).is_ok());
        assert_eq!(rewritten(&nested(NESTING_MAX + 1)), Err(JsonError::TooDeep { at: NESTING_MAX }));
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<u64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(6, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(serde_json::Value::from),
                prop::collection::hash_map(any::<String>(), inner, 0..8)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn reading_and_writing_agree_with_serde_json(json in json(), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&json) } else { serde_json::to_string(&json) };
            let text = text.unwrap();
            // What serde_json reads is what counts: its own floats may differ in the last digit from what it wrote.
            let read_by_serde: serde_json::Value = serde_json::from_str(&text).unwrap();
            let written = rewritten(&text).unwrap();
            prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&written).unwrap(), &read_by_serde);
            let arena = Bump::new();
            prop_assert_eq!(&to_json(&read(&text, &arena).unwrap()), &read_by_serde);
            prop_assert_eq!(to_json(&from_json(&json, &arena)), json.clone());
        }

        #[test]
        fn any_text_is_read_or_refused_as_serde_json_does(text in "[\\[\\]{}\",:0-9a-z.eE+ \\\\-]{0,24}") {
            let ours = rewritten(&text).is_ok();
            let theirs = serde_json::from_str::<serde_json::Value>(&text);
            // serde_json refuses numbers beyond the doubles, which are kept as text here.
            let beyond = theirs.as_ref().is_err_and(|error| error.to_string().contains("out of range"));
            prop_assert!(ours == theirs.is_ok() || beyond);
        }
    }
}
