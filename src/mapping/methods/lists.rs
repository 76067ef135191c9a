//! Methods over lists; those that also take strings count them in characters.

use super::{Call, Elements, Given};
use crate::mapping::value::{Number, Value};

/// `map(e)`: e for each element; missing becomes null.
pub(super) fn map<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    let elements = call.elements();
    call.evaluator.spend(elements.len() + 1)?;
    let arena = call.evaluator.arena;
    let mut is_given = false;
    let mapped = arena.alloc_slice_fill_with(elements.len(), |index| {
        let value = elements.get(index).and_then(|element| call.evaluate_for(*element));
        is_given |= value.is_some();
        value.unwrap_or(Value::Null)
    });
    // What is no list and maps to nothing is null, not a list of one null.
    if !matches!(call.input, Value::List(_)) && !is_given {
        Some(Value::Null)
    } else {
        Some(Value::List(mapped))
    }
}

/// `filter(e)`: the elements for which e is true.
pub(super) fn filter<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    let mut kept = Elements::new();
    for element in call.elements() {
        if holds(call, *element)? {
            kept.push(*element);
        }
    }
    call.list(&kept)
}

/// `find(e)`: the first element for which e is true; none is missing without a problem.
pub(super) fn find<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    for element in call.elements() {
        if holds(call, *element)? {
            return Some(*element);
        }
    }
    None
}

fn holds<'a>(call: &mut Call<'_, 'a>, element: Value<'a>) -> Option<bool> {
    call.evaluator.spend(1)?;
    match call.evaluate_for(element) {
        Some(Value::Bool(holds)) => Some(holds),
        Some(other) => {
            call.miss(format_args!("needs a condition that is true or false, not {}", other.kind()));
            None
        }
        None => {
            call.miss(format_args!("needs a condition that is true or false, not nothing"));
            None
        }
    }
}

/// `first`: the first element or character; of an empty list or string missing, of anything else itself and a problem.
pub(super) fn first<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    end(call, |elements| elements.first().copied(), |text| text.chars().next())
}

/// `last`: as `first`, from the end.
pub(super) fn last<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    end(call, |elements| elements.last().copied(), |text| text.chars().next_back())
}

fn end<'a>(
    call: &mut Call<'_, 'a>,
    of_list: impl Fn(&'a [Value<'a>]) -> Given<'a>,
    of_text: impl Fn(&'a str) -> Option<char>,
) -> Given<'a> {
    match call.input {
        Value::List(elements) => of_list(elements),
        Value::String(text) => of_text(text).and_then(|character| character_text(call, character)),
        other => {
            call.problem(format_args!("needs a list or a string, not {}", other.kind()));
            Some(other)
        }
    }
}

fn character_text<'a>(call: &mut Call<'_, 'a>, character: char) -> Given<'a> {
    call.text(character.encode_utf8(&mut [0; 4]))
}

/// `get(i)`: an element or character by its index (from the end if negative), or a value by its key.
pub(super) fn get<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    let index = call.argument(0)?;
    match (call.input, index) {
        (Value::Object(entries), Value::String(key)) => {
            call.evaluator.spend(entries.len() / 16)?;
            match call.input.get(key) {
                None => call.miss(format_args!("found no key {key:?}")),
                found => found,
            }
        }
        (Value::Object(_), other) => call.miss_argument("a string for an object", other),
        (Value::List(elements), Value::Number(number)) => {
            match position(number, elements.len()).and_then(|at| elements.get(at)) {
                Some(element) => Some(*element),
                None => call.miss(format_args!("found no index {number}")),
            }
        }
        (Value::String(text), Value::Number(number)) => {
            call.evaluator.spend(text.len() / 16)?;
            let length = text.chars().count();
            match position(number, length).and_then(|at| text.chars().nth(at)) {
                Some(character) => character_text(call, character),
                None => call.miss(format_args!("found no index {number}")),
            }
        }
        (Value::List(_) | Value::String(_), other) => {
            call.miss_argument("a whole number for a list or a string", other)
        }
        _ => call.miss_input("a list, a string or an object"),
    }
}

/// An index as a position; negative ones count from the end.
fn position(index: Number<'_>, length: usize) -> Option<usize> {
    let index = index.as_i64()?;
    match usize::try_from(index) {
        Ok(position) => Some(position),
        Err(_) => length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?),
    }
}

/// `slice(a[, b])`: the elements or characters from a up to but without b. Both are clamped; nothing, with a problem, where b
/// is before a.
pub(super) fn slice<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    let start = bound(call, 0)?;
    let end = if call.arguments.len() > 1 { bound(call, 1)? } else { usize::MAX };
    let sliced = match call.input {
        Value::List(elements) => {
            let end = end.min(elements.len());
            Value::List(elements.get(start.min(end)..end).unwrap_or_default())
        }
        Value::String(text) => {
            call.evaluator.spend(text.len() / 16)?;
            let byte = |position: usize| text.char_indices().nth(position).map_or(text.len(), |(at, _)| at);
            let end = byte(end);
            Value::String(text.get(byte(start).min(end)..end).unwrap_or_default())
        }
        _ => return call.miss_input("a list or a string"),
    };
    if end < start {
        call.problem(format_args!("ends ({end}) before it begins ({start})"));
    }
    Some(sliced)
}

/// An argument of `slice`: negative numbers are 0.
fn bound(call: &mut Call<'_, '_>, index: usize) -> Option<usize> {
    Some(usize::try_from(call.whole_number(index, "whole numbers")?).unwrap_or(0))
}

/// `size`: how many elements, characters or keys.
pub(super) fn size<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    let size = match call.input {
        Value::List(elements) => elements.len(),
        Value::String(text) => {
            call.evaluator.spend(text.len() / 16)?;
            text.chars().count()
        }
        Value::Object(entries) => entries.len(),
        _ => return call.miss_input("a list, a string or an object"),
    };
    Some(Value::Number(Number::Int(i64::try_from(size).ok()?)))
}

/// `contains(x)`: whether the input, a list, has x among its elements.
pub(super) fn contains<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    let wanted = call.argument(0)?;
    match call.input {
        Value::List(elements) => is_among(call, wanted, elements),
        _ => call.miss_input("a list"),
    }
}

/// `in(list)`: whether the input is among the list's elements.
pub(super) fn is_in<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    match call.argument(0)? {
        Value::List(elements) => is_among(call, call.input, elements),
        other => call.miss_argument("one list", other),
    }
}

fn is_among<'a>(call: &mut Call<'_, 'a>, wanted: Value<'a>, elements: &'a [Value<'a>]) -> Given<'a> {
    call.evaluator.spend(elements.len())?;
    for element in elements {
        if call.is_equal(*element, wanted)? {
            return Some(Value::Bool(true));
        }
    }
    Some(Value::Bool(false))
}
