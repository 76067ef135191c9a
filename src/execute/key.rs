//! Keys: what steps read of the objects they run for, compared after coercion (`"7"` and `7` are one key).

use bumpalo::Bump;
use smallvec::SmallVec;

use crate::{
    mapping::{
        json,
        value::{Number, Value},
    },
    plan::{Input, InputFrom, SlotIndex, StepId},
    response::{Link, Node, Row, StepResult, Table, unquoted},
};

/// A key that is kept. Numbers and ids need no allocation.
pub(super) type Key = SmallVec<[u8; 48]>;

/// Where an input's value was found for one object.
#[derive(Clone, Copy)]
pub(super) enum Found<'r> {
    /// A node, and the slots to go down from it.
    Node(&'r Table, Node, &'r [SlotIndex]),
    /// The step that should have given it failed for this object.
    Failed(StepId, u32),
    /// Nothing.
    Nothing,
}

/// Finds an input's value for the object `row`, which stands as `at` in the owner's tables.
pub(super) fn find<'r>(
    input: &'r Input,
    owner: &'r StepResult,
    at: Row,
    row: u32,
    results: impl Fn(StepId) -> Option<&'r StepResult>,
) -> Found<'r> {
    let (step, slots) = match &input.from {
        InputFrom::Base(slots) => {
            let Some(table) = owner.table(at.table) else { return Found::Nothing };
            return Found::Node(table, Node::Record { start: at.record, row: 0 }, slots);
        }
        InputFrom::Completed(step, slots) | InputFrom::Fetched(step, slots) => (*step, slots.as_slice()),
    };
    let Some(result) = results(step) else { return Found::Nothing };
    match result.link(row) {
        Link::Error(index) => Found::Failed(step, index),
        Link::Node { table, node } => {
            result.table(table).map_or(Found::Nothing, |t| Found::Node(t, node, slots))
        }
        Link::Null | Link::NotRun => Found::Nothing,
    }
}

/// Appends one part of a key. False for null or nothing: such a key is never sent.
pub(super) fn part(table: &Table, node: Node, slots: &[SlotIndex], key: &mut Vec<u8>) -> bool {
    let mark = key.len();
    key.extend_from_slice(&[0; 4]);
    let there = text(table, node, slots, key);
    let len = u32::try_from(key.len() - mark - 4).unwrap_or(u32::MAX);
    // The length stands before each part, so that no two keys of several parts read the same.
    if let Some(place) = key.get_mut(mark..mark + 4) {
        place.copy_from_slice(&len.to_be_bytes());
    }
    there
}

/// Appends one part of a key as [`part`] does, of a value of a body. None for a value that is no scalar; false for null.
pub(super) fn part_of(value: Value<'_>, key: &mut Vec<u8>) -> Option<bool> {
    let mut text = Vec::new();
    match value {
        Value::Null => return Some(false),
        Value::Bool(value) => text.extend_from_slice(if value { b"true" } else { b"false" }),
        Value::String(value) => text.extend_from_slice(value.as_bytes()),
        Value::Number(Number::Text(value)) => number(value.as_bytes(), &mut text),
        Value::Number(_) => {
            let mut written = Vec::new();
            json::write(&value, &mut written);
            number(&written, &mut text);
        }
        Value::List(_) | Value::Object(_) => return None,
    }
    key.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes());
    key.extend_from_slice(&text);
    Some(true)
}

fn text(table: &Table, node: Node, slots: &[SlotIndex], out: &mut Vec<u8>) -> bool {
    match (node, slots) {
        (Node::Record { start, .. }, [slot, below @ ..]) => text(table, table.slot(start, *slot), below, out),
        (Node::List { start, len }, _) => {
            out.push(b'[');
            for item in table.list(start, len) {
                part(table, *item, slots, out);
            }
            true
        }
        (Node::Missing | Node::Null, _) | (Node::Record { .. }, []) => false,
        (Node::Bool(value), _) => {
            out.extend_from_slice(if value { b"true" } else { b"false" });
            true
        }
        (Node::Number { start, end }, _) => {
            number(table.slice(start, end), out);
            true
        }
        (Node::String { start, end }, _) => {
            out.extend_from_slice(unquoted(table.slice(start, end)).as_bytes());
            true
        }
        (Node::Json { start, end }, _) => {
            out.extend_from_slice(table.slice(start, end));
            true
        }
    }
}

/// `7`, `7.0` and `70e-1` are one key.
fn number(text: &[u8], out: &mut Vec<u8>) {
    let is_plain = text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-');
    let value = if is_plain {
        None
    } else {
        std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok())
    };
    match value {
        Some(value) => out.extend_from_slice(value.to_string().as_bytes()),
        None => out.extend_from_slice(text),
    }
}

/// The value itself, for a request: as the backend gave it, not coerced.
pub(super) fn value<'a>(table: &'a Table, node: Node, slots: &[SlotIndex], arena: &'a Bump) -> Value<'a> {
    let text = |start, end| std::str::from_utf8(table.slice(start, end)).unwrap_or("null");
    match (node, slots) {
        (Node::Record { start, .. }, [slot, below @ ..]) => {
            value(table, table.slot(start, *slot), below, arena)
        }
        (Node::List { start, len }, _) => {
            let items = table.list(start, len).iter().map(|item| value(table, *item, slots, arena));
            Value::List(arena.alloc_slice_fill_iter(items.collect::<Vec<_>>()))
        }
        (Node::Missing | Node::Null, _) | (Node::Record { .. }, []) => Value::Null,
        (Node::Bool(value), _) => Value::Bool(value),
        (Node::Number { start, end }, _) => Value::Number(Number::Text(text(start, end))),
        (Node::String { start, end } | Node::Json { start, end }, _) => {
            json::read(text(start, end), arena).unwrap_or(Value::Null)
        }
    }
}

/// Puts a value at its path into the object that `$this`, an element of `$batch`, or `$args` is.
pub(super) fn insert<'a>(
    entries: &mut Vec<(&'a str, Value<'a>)>,
    path: &'a [String],
    value: Value<'a>,
    arena: &'a Bump,
) {
    let Some((name, below)) = path.split_first() else { return };
    let known = entries.iter().position(|(key, _)| *key == name.as_str());
    let mut nested: Vec<(&'a str, Value<'a>)> = match known.and_then(|index| entries.get(index)) {
        Some((_, Value::Object(entries))) if !below.is_empty() => entries.to_vec(),
        _ => Vec::new(),
    };
    let value = if below.is_empty() {
        value
    } else {
        insert(&mut nested, below, value, arena);
        Value::Object(arena.alloc_slice_copy(&nested))
    };
    match known.and_then(|index| entries.get_mut(index)) {
        Some(entry) => entry.1 = value,
        None => entries.push((name, value)),
    }
}
