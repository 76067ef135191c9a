//! Methods over objects.

use ahash::AHashMap;

use super::{Call, Given};
use crate::mapping::value::Value;

/// `entries`: `[{ key, value }]`.
pub(super) fn entries<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    let Value::Object(entries) = call.input else { return call.miss_input("an object") };
    call.evaluator.list(entries.len(), |evaluator, index| {
        let (key, value) = entries.get(index)?;
        evaluator.spend(2)?;
        let entry = [("key", Value::String(key)), ("value", *value)];
        Some(Value::Object(evaluator.arena.alloc_slice_copy(&entry)))
    })
}

/// `keys`: the keys, in order.
pub(super) fn keys<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    let Value::Object(entries) = call.input else { return call.miss_input("an object") };
    call.evaluator.list(entries.len(), |_, index| entries.get(index).map(|(key, _)| Value::String(key)))
}

/// `values`: the values, in the order of their keys.
pub(super) fn values<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    let Value::Object(entries) = call.input else { return call.miss_input("an object") };
    call.evaluator.list(entries.len(), |_, index| entries.get(index).map(|(_, value)| *value))
}

/// `has(x)`: whether an object has the key, or a list the index.
pub(super) fn has<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    let wanted = call.argument(0)?;
    match (call.input, wanted) {
        (Value::Object(entries), Value::String(key)) => {
            call.evaluator.spend(entries.len() / 16)?;
            Some(Value::Bool(call.input.get(key).is_some()))
        }
        (Value::List(elements), Value::Number(number)) => {
            let index = number.as_i64().and_then(|index| usize::try_from(index).ok());
            Some(Value::Bool(index.is_some_and(|index| index < elements.len())))
        }
        (Value::Object(_) | Value::List(_), _) => Some(Value::Bool(false)),
        _ => call.miss_input("an object or a list"),
    }
}

/// `keysToCamelCase`: the same object with its keys in camel case.
pub(super) fn keys_to_camel_case<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    match call.input {
        Value::Object(_) => rename(call, call.input, false),
        _ => call.miss_input("an object"),
    }
}

/// `keysToCamelCaseDeep`: the same, in all objects within.
pub(super) fn keys_to_camel_case_deep<'a>(call: &mut Call<'_, 'a>) -> Given<'a> {
    match call.input {
        Value::Object(_) | Value::List(_) => {
            call.evaluator.weigh(&call.input)?;
            rename(call, call.input, true)
        }
        _ => call.miss_input("an object or a list"),
    }
}

fn rename<'a>(call: &mut Call<'_, 'a>, value: Value<'a>, is_deep: bool) -> Given<'a> {
    match value {
        Value::Object(entries) => {
            call.evaluator.spend(entries.len())?;
            let mut renamed: Vec<(&str, Value<'_>)> = Vec::with_capacity(entries.len());
            let mut places: AHashMap<&str, usize> = AHashMap::with_capacity(entries.len());
            for (key, value) in entries {
                let name: &str = call.evaluator.arena.alloc_str(&camel_case(key));
                let value = if is_deep { rename(call, *value, true)? } else { *value };
                let place = *places.entry(name).or_insert(renamed.len());
                match renamed.get_mut(place) {
                    Some((_, earlier)) => {
                        *earlier = value;
                        call.problem(format_args!("makes {name:?} of several keys; the last one holds"));
                    }
                    None => renamed.push((name, value)),
                }
            }
            call.object(&renamed)
        }
        Value::List(elements) if is_deep => {
            let mut renamed = Vec::with_capacity(elements.len());
            for element in elements {
                renamed.push(rename(call, *element, true)?);
            }
            call.list(&renamed)
        }
        other => Some(other),
    }
}

/// `first_name`, `first-name`, `First Name` and `FIRST_NAME` are `firstName`. Underscores in front stay.
fn camel_case(key: &str) -> String {
    let bare = key.trim_start_matches('_');
    let mut name = String::with_capacity(key.len());
    name.extend(key.chars().take_while(|character| *character == '_'));
    let words = bare.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        // A word all in capitals is a shouted word (`USER_ID`), not an abbreviation to keep.
        let word = if word.chars().any(char::is_lowercase) { word.to_owned() } else { word.to_lowercase() };
        let mut characters = word.chars();
        match characters.next() {
            Some(first) if index == 0 => name.extend(first.to_lowercase()),
            Some(first) => name.extend(first.to_uppercase()),
            None => {}
        }
        name.push_str(characters.as_str());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_camel_case() {
        let cases = [
            ("login_name", "loginName"),
            ("first-name", "firstName"),
            ("First Name", "firstName"),
            ("USER_ID", "userId"),
            ("userID", "userID"),
            ("user_ID", "userId"),
            ("alreadyCamel", "alreadyCamel"),
            ("__typename", "__typename"),
            ("_id", "_id"),
            ("a__b_", "aB"),
            ("line_1", "line1"),
            ("größe_über", "größeÜber"),
            ("", ""),
        ];
        for (key, expected) in cases {
            assert_eq!(camel_case(key), expected, "{key}");
        }
    }
}
