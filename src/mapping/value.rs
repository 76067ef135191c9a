//! The values that mappings are evaluated over: JSON in an arena, borrowed from the body it was read from.
//! Copying a value copies two words. Not for values that live longer than one evaluation.

use std::cmp::Ordering;

use bumpalo::Bump;

/// How deep functions that walk a value go. A body is at most 200 levels deep (see `json`); only a mapping that itself nests
/// thousands of literals could build more, and what lies deeper then counts as null.
pub const DEPTH_MAX: usize = 1000;

/// A JSON value. Lists and objects live in an arena, strings there or in the body.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number.
    Number(Number<'a>),
    /// A string, without escapes.
    String(&'a str),
    /// A list.
    List(&'a [Value<'a>]),
    /// An object: keys in order, each once (of duplicate keys in a body the last one's value counts, at the first one's place).
    Object(&'a [(&'a str, Value<'a>)]),
}

impl<'a> Value<'a> {
    /// The value of a key; none for a key that is not there, and for what is no object.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        match self {
            Value::Object(entries) => entries.iter().find(|(name, _)| *name == key).map(|(_, value)| *value),
            _ => None,
        }
    }

    /// What kind of value it is, in JSON's words: for messages and `->typeof`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::List(_) => "array",
            Value::Object(_) => "object",
        }
    }

    /// Whether it is `null`.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The string, where it is one.
    #[must_use]
    pub const fn as_str(&self) -> Option<&'a str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The elements, where it is a list.
    #[must_use]
    pub const fn as_list(&self) -> Option<&'a [Value<'a>]> {
        match self {
            Value::List(elements) => Some(elements),
            _ => None,
        }
    }

    /// The entries, where it is an object.
    #[must_use]
    pub const fn as_object(&self) -> Option<&'a [(&'a str, Value<'a>)]> {
        match self {
            Value::Object(entries) => Some(entries),
            _ => None,
        }
    }

    /// The text of a scalar: a string as it is, a number or boolean printed, nothing for null; none for a list or an object.
    #[must_use]
    pub fn scalar_text(&self, arena: &'a Bump) -> Option<&'a str> {
        Some(match self {
            Value::Null => "",
            Value::Bool(true) => "true",
            Value::Bool(false) => "false",
            Value::Number(Number::Text(text)) | Value::String(text) => text,
            Value::Number(number) => bumpalo::format!(in arena, "{}", number).into_bump_str(),
            Value::List(_) | Value::Object(_) => return None,
        })
    }

    /// Deep equality; numbers are equal where their values are (`1` and `1.0`), the order of keys does not matter.
    #[must_use]
    pub fn is_equal(&self, other: &Value<'_>) -> bool {
        equal(self, other, &|a, b| a.compare(b) == Some(Ordering::Equal), 0)
    }

    /// As [`Value::is_equal`], but a number written with a fraction or an exponent differs from one without (`1` from `1.0`).
    #[must_use]
    pub fn is_same(&self, other: &Value<'_>) -> bool {
        let same = |a: &Number<'_>, b: &Number<'_>| {
            a.is_integer() == b.is_integer() && a.compare(b) == Some(Ordering::Equal)
        };
        equal(self, other, &same, 0)
    }
}

fn equal(
    one: &Value<'_>,
    other: &Value<'_>,
    numbers: &impl Fn(&Number<'_>, &Number<'_>) -> bool,
    depth: usize,
) -> bool {
    if depth > DEPTH_MAX {
        return false;
    }
    match (one, other) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Number(a), Value::Number(b)) => numbers(a, b),
        (Value::String(a), Value::String(b)) => a == b,
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| equal(a, b, numbers, depth + 1))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, a)| other.get(key).is_some_and(|b| equal(a, &b, numbers, depth + 1)))
        }
        _ => false,
    }
}

/// A JSON number.
#[derive(Debug, Clone, Copy)]
pub enum Number<'a> {
    /// As it stands in a body or in the text of a mapping: valid JSON, any size.
    Text(&'a str),
    /// Computed.
    Int(i64),
    /// Computed; always finite.
    Float(f64),
}

/// Up to here every whole number has a double of its own.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

impl Number<'_> {
    /// Its value, where that is a whole number of 64 bits, however it is written (`2.0`, `1e3`).
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        let (float, max) = match self {
            Number::Int(int) => return Some(*int),
            Number::Float(float) => (*float, -(i64::MIN as f64)),
            Number::Text(text) => match text.parse() {
                Ok(int) => return Some(int),
                Err(_) if self.is_integer() => return None,
                Err(_) => (text.parse().ok()?, EXACT_MAX),
            },
        };
        #[allow(clippy::cast_possible_truncation, reason = "a whole number within the bounds of i64")]
        (float.fract() == 0.0 && float.abs() < max).then_some(float as i64)
    }

    /// Its value as a double; none beyond the doubles.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        self.rounded().filter(|float| float.is_finite())
    }

    /// Whether it is written without fraction and exponent: `1` is, `1.0` and `1e3` are not.
    #[must_use]
    pub fn is_integer(&self) -> bool {
        match self {
            Number::Int(_) => true,
            Number::Float(_) => false,
            Number::Text(text) => !text.contains(['.', 'e', 'E']),
        }
    }

    /// Compares values: whole numbers of 64 bits exactly, others as doubles; none for two numbers beyond the doubles on one side
    /// that are not written the same.
    #[must_use]
    pub fn compare(&self, other: &Number<'_>) -> Option<Ordering> {
        if let (Some(a), Some(b)) = (self.as_i64(), other.as_i64()) {
            return Some(a.cmp(&b));
        }
        if let (Number::Text(a), Number::Text(b)) = (self, other)
            && a == b
        {
            return Some(Ordering::Equal);
        }
        let (a, b) = (self.rounded()?, other.rounded()?);
        if a.is_infinite() && a == b { None } else { a.partial_cmp(&b) }
    }

    /// Its value as a double; infinite beyond the doubles.
    fn rounded(&self) -> Option<f64> {
        Some(match self {
            #[allow(clippy::cast_precision_loss, reason = "doubles round")]
            Number::Int(int) => *int as f64,
            Number::Float(float) => *float,
            Number::Text(text) => text.parse().ok()?,
        })
    }
}

impl std::fmt::Display for Number<'_> {
    /// As JSON.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Number::Text(text) => f.write_str(text),
            Number::Int(int) => write!(f, "{int}"),
            Number::Float(float) => {
                // As JavaScript and most writers of JSON have it: `1e+21`.
                let text = format!("{float:?}");
                match text.split_once('e') {
                    Some((digits, exponent)) if !exponent.starts_with('-') => {
                        write!(f, "{digits}e+{exponent}")
                    }
                    _ => f.write_str(&text),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_whole_by_its_value_and_an_integer_by_its_writing() {
        let cases = [
            ("1", Some(1), true),
            ("1.0", Some(1), false),
            ("1e3", Some(1000), false),
            ("1.5", None, false),
            ("9223372036854775807", Some(i64::MAX), true),
            ("9223372036854775808", None, true),
            ("9007199254740993.0", None, false),
            ("-0", Some(0), true),
            ("1e999", None, false),
        ];
        for (text, whole, is_integer) in cases {
            let number = Number::Text(text);
            assert_eq!((number.as_i64(), number.is_integer()), (whole, is_integer), "{text}");
        }
        assert_eq!(Number::Float(1e18).as_i64(), Some(1_000_000_000_000_000_000));
        assert_eq!(Number::Float(1e19).as_i64(), None);
        assert_eq!(Number::Text("1e999").as_f64(), None);
    }

    #[test]
    fn numbers_compare_by_value_and_exactly_where_doubles_would_round() {
        use Ordering::{Equal, Greater, Less};
        let cases = [
            ("1", "1.0", Some(Equal)),
            ("9007199254740993", "9007199254740992", Some(Greater)),
            ("1.5", "2", Some(Less)),
            ("1e999", "1e999", Some(Equal)),
            ("1e999", "1", Some(Greater)),
            ("-1e999", "1e999", Some(Less)),
            ("1e999", "2e999", None),
            ("18446744073709551616", "18446744073709551616", Some(Equal)),
        ];
        for (a, b, expected) in cases {
            assert_eq!(Number::Text(a).compare(&Number::Text(b)), expected, "{a} {b}");
        }
    }

    #[test]
    fn objects_are_equal_in_any_order_and_same_only_with_numbers_written_alike() {
        let one = Value::Number(Number::Text("1"));
        let float = Value::Number(Number::Float(1.0));
        let object = |a, b| [("a", a), ("b", b)];
        let (left, right) = (object(one, Value::Null), [("b", Value::Null), ("a", float)]);
        assert!(Value::Object(&left).is_equal(&Value::Object(&right)));
        assert!(!Value::Object(&left).is_same(&Value::Object(&right)));
        assert!(!Value::Object(&left).is_equal(&Value::Object(&left[..1])));
    }
}
