//! Methods over strings, and those that make strings of other values.

use super::{Call, Given};
use crate::mapping::{json, value::Value};

/// `joinNotNull(separator)`: the texts of a list's scalars in one string, nulls left out.
pub(super) fn join_not_null<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    let separator = match call.argument(0)? {
        Value::String(separator) => separator,
        other => return call.miss_argument("a string", other),
    };
    let mut joined = String::new();
    let mut is_first = true;
    for element in call.elements() {
        if element.is_null() {
            continue;
        }
        if !std::mem::take(&mut is_first) {
            joined.push_str(separator);
        }
        match element.scalar_text(call.evaluator.arena) {
            Some(text) => joined.push_str(text),
            None => return call.miss(format_args!("joins scalars, not {}", element.kind())),
        }
        call.evaluator.spend(1 + separator.len() / 16)?;
    }
    call.text(&joined)
}

/// `toString`: the text of a scalar; null is the empty string.
pub(super) fn to_string<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    match call.input.scalar_text(call.evaluator.arena) {
        Some(text) => Some(Value::String(text)),
        None => call.miss_input("a scalar"),
    }
}

/// `split(separator[, n])`: the pieces between separators, at most the first n; an empty separator gives the characters.
pub(super) fn split<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    let separator = match call.argument(0)? {
        Value::String(separator) => separator,
        other => return call.miss_argument("a string as separator", other),
    };
    let count = match call.arguments.len() {
        1 => usize::MAX,
        _ => usize::try_from(call.whole_number(1, "a whole number of pieces")?).unwrap_or(0),
    };
    let Value::String(text) = call.input else { return call.miss_input("a string") };
    call.evaluator.spend(text.len() / 4)?;
    let pieces: Vec<Value<'_>> = if separator.is_empty() {
        let ends = text.char_indices().map(|(at, character)| (at, at + character.len_utf8()));
        ends.take(count).filter_map(|(from, to)| text.get(from..to)).map(Value::String).collect()
    } else {
        text.split(separator).take(count).map(Value::String).collect()
    };
    call.list(&pieces)
}

/// `trim`: without blanks at both ends.
pub(super) fn trim<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    trimmed(call, str::trim)
}

/// `trimStart`: without blanks in front.
pub(super) fn trim_start<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    trimmed(call, str::trim_start)
}

/// `trimEnd`: without blanks at the end.
pub(super) fn trim_end<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    trimmed(call, str::trim_end)
}

fn trimmed<'a>(call: &mut Call<'_, 'a>, trim: fn(&str) -> &str) -> Given<'a> {
    match call.input {
        Value::String(text) => Some(Value::String(trim(text))),
        _ => call.miss_input("a string"),
    }
}

/// `jsonStringify`: the value as JSON.
pub(super) fn json_stringify<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    call.evaluator.weigh(&call.input)?;
    let mut text = Vec::new();
    json::write(&call.input, &mut text);
    let text = String::from_utf8(text).ok()?;
    call.text(&text)
}

/// `jsonParse`: the value that a string holds as JSON.
pub(super) fn json_parse<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    let Value::String(text) = call.input else { return call.miss_input("a string") };
    call.evaluator.spend(text.len() / 4)?;
    match json::read(text, call.evaluator.arena) {
        Ok(value) => Some(value),
        Err(error) => call.miss(format_args!("finds no JSON: {error}")),
    }
}
