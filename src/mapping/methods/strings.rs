//! Methods over strings, and those that make strings of other values.

use memchr::memmem;

use super::{Call, Elements, Given};
use crate::mapping::{json, value::Value};

/// `joinNotNull(separator)`: the texts of a list's scalars in one string, nulls left out.
pub(super) fn join_not_null<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    let separator = match call.argument(0)? {
        Value::String(separator) => separator,
        other => return call.miss_argument("a string", other),
    };
    let arena = call.evaluator.arena;
    let mut joined = bumpalo::collections::String::new_in(arena);
    let mut is_first = true;
    for element in call.elements() {
        if element.is_null() {
            continue;
        }
        if !std::mem::take(&mut is_first) {
            joined.push_str(separator);
        }
        let Some(text) = element.scalar_text(arena) else {
            return call.miss(format_args!("joins scalars, not {}", element.kind()));
        };
        call.evaluator.spend(1 + (separator.len() + text.len()) / 16)?;
        joined.push_str(text);
    }
    Some(Value::String(joined.into_bump_str()))
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
    let mut pieces = Elements::new();
    if separator.is_empty() {
        let ends = text.char_indices().map(|(at, character)| (at, at + character.len_utf8()));
        pieces.extend(ends.filter_map(|(from, to)| text.get(from..to)).map(Value::String).take(count));
    } else {
        let ends = memmem::find_iter(text.as_bytes(), separator).map(|at| (at, at + separator.len()));
        let mut from = 0;
        for (to, next) in ends.chain([(text.len(), text.len())]).take(count) {
            pieces.push(Value::String(text.get(from..to).unwrap_or_default()));
            from = next;
        }
    }
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
