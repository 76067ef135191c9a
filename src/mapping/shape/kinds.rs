//! The kinds of values, as far as methods tell them apart: which of them a shape may be, and which of them methods take.

use super::Shape;

/// The kinds of values that methods tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Bool,
    Number,
    String,
    List,
    Object,
}

use Kind::{Bool, List, Null, Number, Object, String as Text};

/// The kind of one alternative; none where it may be any.
pub(super) fn kind(shape: &Shape) -> Option<Kind> {
    Some(match shape {
        Shape::Null => Null,
        Shape::Bool => Bool,
        Shape::Int | Shape::Float | Shape::Number => Number,
        Shape::String(_) => Text,
        Shape::List(_) => List,
        Shape::Object(object) if !object.maybe_list => Object,
        Shape::Declared(_) => Object,
        Shape::Object(_) | Shape::Unknown | Shape::Missing | Shape::OneOf(_) => return None,
    })
}

/// Whether a value may be of one of the kinds.
pub(super) fn may_be(shape: &Shape, kinds: &[Kind]) -> bool {
    shape.alternatives().iter().any(|shape| kind(shape).is_none_or(|kind| kinds.contains(&kind)))
}

/// Whether two values may be of one kind.
pub(super) fn may_be_alike(one: &Shape, other: &Shape) -> bool {
    let pairs = one.alternatives().iter().flat_map(|a| other.alternatives().iter().map(move |b| (a, b)));
    pairs.into_iter().any(|(a, b)| match (kind(a), kind(b)) {
        (Some(a), Some(b)) => a == b || a == Null || b == Null,
        _ => true,
    })
}

/// What the input of a method must be, in words too; none where it may be anything.
pub(super) fn input_of(method: &str) -> Option<(&'static [Kind], &'static str)> {
    Some(match method {
        "and" | "or" | "not" => (&[Bool], "true or false"),
        "add" | "sub" | "mul" | "div" | "mod" => (&[Number], "a number"),
        "gt" | "gte" | "lt" | "lte" => (&[Number, Text], "a number or a string"),
        "contains" => (&[List], "a list"),
        "entries" | "keys" | "values" | "keysToCamelCase" => (&[Object], "an object"),
        "has" | "keysToCamelCaseDeep" => (&[Object, List], "an object or a list"),
        "first" | "last" | "slice" => (&[List, Text], "a list or a string"),
        "get" | "size" => (&[List, Text, Object], "a list, a string or an object"),
        "split" | "trim" | "trimStart" | "trimEnd" | "jsonParse" => (&[Text], "a string"),
        "parseInt" => (&[Text, Number], "a string or a number"),
        "toString" => (&[Null, Bool, Number, Text], "a scalar"),
        "joinNotNull" => (&[List, Null, Bool, Number, Text], "a list of scalars"),
        _ => return None,
    })
}

/// How to make what a method needs.
pub(super) fn conversion(method: &str, wanted: &[Kind], found: &Shape) -> Option<String> {
    let of = |kinds: &[Kind]| {
        found.alternatives().iter().all(|shape| kind(shape).is_some_and(|kind| kinds.contains(&kind)))
    };
    let help = if method == "add" && of(&[Text]) {
        "Strings are joined by `$([a, b])->joinNotNull(\"\")`."
    } else if wanted.contains(&Number) && of(&[Text]) {
        "Make a number of it with `->parseInt`."
    } else if wanted.contains(&Text) && !wanted.contains(&List) && of(&[Number, Bool]) {
        "Make a string of it with `->toString`."
    } else if wanted == [Bool] {
        "Compare it with something, as `->eq(…)` does."
    } else if of(&[List]) && !wanted.contains(&List) {
        "Take one element with `->first`, or apply it to each with `->map(…)`."
    } else if method == "joinNotNull" && of(&[Object]) {
        "Join the values of an object with `->values->joinNotNull(…)`."
    } else {
        return None;
    };
    Some(help.to_owned())
}
