//! What a mapping gives, known without running it: the checker compares it with the schema's types, the planner learns
//! which fields a selection gives. What a backend answers is never known, so shapes of data are `Unknown`; what variables
//! hold may be known ([`Known`]). What can be seen never to work is found on the way.

mod infer;
mod kinds;
mod known;
mod made;
mod methods;
mod select;

pub use self::{
    infer::{Absent, Inferred, infer, shape, shape_of_root},
    known::{Known, NothingKnown},
};
use super::ast::Span;

/// Beyond this many parts a shape that is used again counts as unknown: by using it twice and that twice again, a short
/// mapping could write down a shape of any size.
const WEIGHT_MAX: usize = 2_000;

/// What a mapping gives, when it gives something: a value may always be missing at run time, and missing is null in a list.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Anything.
    Unknown,
    /// Never a value: a key that an object literal does not have, say.
    Missing,
    /// Null.
    Null,
    /// True or false.
    Bool,
    /// A whole number.
    Int,
    /// A number with a fraction that is not zero: never a whole one.
    Float,
    /// A number of either sort.
    Number,
    /// A string; the text where the mapping writes it out (`__typename: "Book"`).
    String(Option<String>),
    /// A list.
    List(Box<Shape>),
    /// An object that the mapping makes.
    Object(ObjectShape),
    /// An object that a variable holds, whose keys are declared: an input, the parent. By the name that [`Known`] gave it.
    Declared(String),
    /// One of several: two or more, none of them a `OneOf`, no two alike.
    OneOf(Vec<Shape>),
}

/// An object that a mapping makes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ObjectShape {
    /// In the order written, each name once.
    pub fields: Vec<FieldShape>,
    /// Whether it may have more keys: something unknown was spread into it. That may even replace an object or a list among
    /// its fields by another value; they are taken to stay what they are.
    pub is_open: bool,
    /// Whether there may be a list of such objects (or lists of lists) instead of one: `key { a b }` maps over whatever list
    /// the data holds. Where the data holds a scalar or null, that may stand instead too. Of several alternatives that come
    /// from one `{ … }` (`...kind->match(…)`) each element of the list may be another one, or null where null is one of them.
    pub maybe_list: bool,
}

/// A key of an object that a mapping makes. It may be missing at run time.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldShape {
    /// The key.
    pub name: String,
    /// Where the mapping writes it.
    pub span: Span,
    /// Where its value stands; the key itself for a bare key.
    pub value: Span,
    /// Its value.
    pub shape: Shape,
}

impl Shape {
    /// The shapes that it is one of; just itself where it is not a `OneOf`.
    #[must_use]
    pub fn alternatives(&self) -> &[Shape] {
        match self {
            Shape::OneOf(shapes) => shapes,
            one => std::slice::from_ref(one),
        }
    }

    /// One of several shapes: flattened, without repetitions.
    fn one_of(shapes: impl IntoIterator<Item = Shape>) -> Shape {
        let mut distinct: Vec<Shape> = Vec::new();
        for shape in shapes {
            for alternative in shape.alternatives() {
                if !distinct.contains(alternative) {
                    distinct.push(alternative.clone());
                }
            }
        }
        match distinct.pop() {
            None => Shape::Missing,
            // What may be anything is unknown, and `Missing` says nothing beside a value.
            Some(last) if distinct.is_empty() => last,
            Some(last) => {
                distinct.push(last);
                if distinct.contains(&Shape::Unknown) {
                    return Shape::Unknown;
                }
                distinct.retain(|shape| *shape != Shape::Missing);
                match distinct.as_slice() {
                    [one] => one.clone(),
                    _ => Shape::OneOf(distinct),
                }
            }
        }
    }

    /// Any of several shapes; none of none.
    pub(crate) fn any_of(shapes: Vec<Shape>) -> Option<Shape> {
        (!shapes.is_empty()).then(|| Shape::one_of(shapes))
    }

    /// In words, for messages: "a string", "a list".
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Shape::Unknown => "a value that is not known".to_owned(),
            Shape::Missing => "nothing".to_owned(),
            Shape::Null => "null".to_owned(),
            Shape::Bool => "true or false".to_owned(),
            Shape::Int => "a whole number".to_owned(),
            Shape::Float => "a number with a fraction".to_owned(),
            Shape::Number => "a number".to_owned(),
            Shape::String(Some(text)) if text.len() <= 40 => format!("the string {text:?}"),
            Shape::String(_) => "a string".to_owned(),
            Shape::List(_) => "a list".to_owned(),
            Shape::Object(_) | Shape::Declared(_) => "an object".to_owned(),
            Shape::OneOf(shapes) => {
                let mut words: Vec<String> = Vec::new();
                for shape in shapes {
                    let word = shape.in_words();
                    if !words.contains(&word) {
                        words.push(word);
                    }
                }
                words.join(" or ")
            }
        }
    }

    /// What it is but for null, where it may be something else.
    fn but_null(&self) -> Shape {
        match self {
            Shape::OneOf(shapes) => {
                Shape::one_of(shapes.iter().filter(|shape| **shape != Shape::Null).cloned())
            }
            one => one.clone(),
        }
    }

    /// Applies a function to each alternative.
    fn each(&self, apply: impl FnMut(&Shape) -> Shape) -> Shape {
        Shape::one_of(self.alternatives().iter().map(apply))
    }

    /// Missing for an object whose every key is missing.
    fn or_missing_if_empty(&self) -> Shape {
        match self {
            Shape::Object(object)
                if !object.is_open
                    && !object.maybe_list
                    && object.fields.iter().all(|f| f.shape == Shape::Missing) =>
            {
                Shape::Missing
            }
            other => other.clone(),
        }
    }

    /// What keys of `$` are read of: braces are applied to each element of a list, so within them there is one. It may be a scalar,
    /// too, which has no keys.
    fn one(&self) -> Shape {
        self.each(|shape| match shape {
            Shape::Object(object) => Shape::Object(ObjectShape { maybe_list: false, ..object.clone() }),
            other => other.clone(),
        })
    }

    fn list(self) -> Shape {
        Shape::List(Box::new(self))
    }

    /// What an element of it is; what is no list is one element.
    fn element(&self) -> Shape {
        let element = self.each(|shape| match shape {
            Shape::List(element) => (**element).clone(),
            // Lists of lists of objects are beyond what `maybe_list` tells apart.
            other => other.clone(),
        });
        element.in_a_list()
    }

    /// As an element of a list, where what is missing is null: of that `{ … }` makes something else than of a list.
    fn in_a_list(self) -> Shape {
        let is_list = |shape: &Shape| matches!(shape, Shape::List(_));
        if self == Shape::Missing {
            Shape::Null
        } else if self.alternatives().iter().all(is_list) {
            Shape::one_of([self, Shape::Null])
        } else {
            self
        }
    }

    /// How many shapes it holds, as far as the limit.
    fn weight(&self, limit: usize) -> usize {
        match self {
            Shape::List(element) => weight_of([&**element], limit),
            Shape::Object(object) => object.weight(limit),
            Shape::OneOf(shapes) => weight_of(shapes, limit),
            _ => 1,
        }
    }
}

/// How many shapes one holds that is made of others, as far as the limit.
fn weight_of<'s>(parts: impl IntoIterator<Item = &'s Shape>, limit: usize) -> usize {
    let mut weight = 1;
    for part in parts {
        if weight >= limit {
            break;
        }
        weight += part.weight(limit - weight);
    }
    weight
}

impl ObjectShape {
    /// A field by its name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&FieldShape> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// As [`Shape::weight`].
    fn weight(&self, limit: usize) -> usize {
        weight_of(self.fields.iter().map(|field| &field.shape), limit)
    }

    /// Adds a key. Where its value may be missing, what something unknown gave before it may stand.
    fn put(&mut self, mut field: FieldShape, is_there: bool) {
        match self.fields.iter_mut().find(|known| known.name == field.name) {
            Some(known) => known.shape = merge(&known.shape, &field.shape),
            None => {
                if self.is_open && !is_there {
                    field.weaken();
                }
                self.fields.push(field);
            }
        }
    }

    /// Adds the keys of an object, each of which may be missing.
    fn put_all(&mut self, other: &ObjectShape) {
        if other.is_open {
            self.fields.iter_mut().for_each(FieldShape::weaken);
        }
        other.fields.iter().cloned().for_each(|field| self.put(field, false));
        self.is_open |= other.is_open;
    }

    /// Adds keys that nobody knows.
    fn open(&mut self) {
        self.put_all(&ObjectShape { is_open: true, ..ObjectShape::default() });
    }
}

impl FieldShape {
    /// Unknown, where something unknown may stand in its place. An object or a list is taken to stay one, and so is what the
    /// mapping writes as `__typename`.
    fn weaken(&mut self) {
        if self.name != "__typename" && !self.shape.alternatives().iter().all(is_made) {
            self.shape = Shape::Unknown;
        }
    }

    /// Whether it may be an object or a list.
    fn is_made(&self) -> bool {
        self.shape.alternatives().iter().any(is_made)
    }
}

/// Whether a shape is an object's or a list's.
fn is_made(shape: &Shape) -> bool {
    matches!(shape, Shape::Object(_) | Shape::List(_) | Shape::Declared(_))
}

/// Beyond so many pairs of parts, what two shapes give together is unknown: alternatives multiply, and those within them again.
const PAIRS_MAX: usize = 10_000;

/// What two items of one key give together. The later one may be missing at run time; the earlier one stands alone then.
fn merge(earlier: &Shape, later: &Shape) -> Shape {
    let pairs = earlier.weight(PAIRS_MAX) * later.weight(PAIRS_MAX);
    if pairs > PAIRS_MAX {
        return Shape::Unknown;
    }
    earlier.each(|one| later.each(|other| merge_one(one, other)))
}

fn merge_one(earlier: &Shape, later: &Shape) -> Shape {
    match (earlier, later) {
        (Shape::Object(one), Shape::Object(other)) => {
            let mut merged = one.clone();
            merged.maybe_list |= other.maybe_list;
            merged.put_all(other);
            Shape::Object(merged)
        }
        (Shape::List(one), Shape::List(other)) => merge(one, other).list(),
        // Where it is a list of such objects, it merges with the other list.
        (Shape::List(one), Shape::Object(object)) if object.maybe_list => {
            Shape::one_of([merge(one, later).list(), later.clone()])
        }
        (Shape::Object(object), Shape::List(other)) if object.maybe_list => {
            Shape::one_of([merge(earlier, other).list(), earlier.clone()])
        }
        // Objects merge, so what comes of one that is known in part has keys that nobody knows.
        (Shape::Declared(_), Shape::Object(_)) | (Shape::Object(_), Shape::Declared(_)) => Shape::Unknown,
        (one, other) => Shape::one_of([one.clone(), other.clone()]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::{ast::Grammar, parse::parse};

    /// A shape in one line: `{a: ?}` an object, `{…}*` or a list of them, `{a, ...}` open, `[?]` a list, `a | b` one of.
    fn show(shape: &Shape) -> String {
        match shape {
            Shape::Unknown => "?".to_owned(),
            Shape::Missing => "-".to_owned(),
            Shape::Null => "null".to_owned(),
            Shape::Bool => "bool".to_owned(),
            Shape::Int => "int".to_owned(),
            Shape::Float => "float".to_owned(),
            Shape::Number => "number".to_owned(),
            Shape::String(None) => "string".to_owned(),
            Shape::String(Some(text)) => format!("{text:?}"),
            Shape::Declared(name) => name.clone(),
            Shape::List(element) => format!("[{}]", show(element)),
            Shape::OneOf(shapes) => shapes.iter().map(show).collect::<Vec<_>>().join(" | "),
            Shape::Object(object) => {
                let mut fields: Vec<String> = Vec::new();
                for field in &object.fields {
                    fields.push(format!("{}: {}", field.name, show(&field.shape)));
                }
                if object.is_open {
                    fields.push("...".to_owned());
                }
                format!("{{{}}}{}", fields.join(", "), if object.maybe_list { "*" } else { "" })
            }
        }
    }

    fn shape_in(text: &str, grammar: Grammar) -> String {
        show(&shape(&parse(text, grammar).unwrap()))
    }

    #[test]
    fn a_mapping_tells_what_it_gives() {
        let cases = [
            ("id name", "{id: ?, name: ?}*"),
            ("$.data", "?"),
            ("$.data { id }", "{id: ?}*"),
            ("a { b { c } }", "{a: {b: {c: ?}*}*}*"),
            ("a: { b c: d.e }", "{a: {b: ?, c: ?}}*"),
            ("id $.data { name }", "{id: ?, name: ?}*"),
            ("a: b { x } a: c { y }", "{a: {x: ?, y: ?}*}*"),
            ("a: b a: c { y }", "{a: ?}*"),
            ("a: $(['x']) a: $.x->parseInt", "{a: [\"x\"] | int}*"),
            ("$.list->map({ id: @.id })", "[{id: ?}]"),
            ("$.list->map(@.id)", "[?] | null"),
            ("$.list->entries->map(@.key)", "[string]"),
            ("$([[], [[1, 2]]]).b", "[[null] | [[null]]]"),
            ("$([1, 2])->map(@->nosuch) { c: $(1) }", "[{c: int} | null]"),
            ("$([1, 2])->map(@->nosuch) { c }", "[null]"),
            ("$(true) { a: { @.b } c: $.d }", "bool"),
            ("$(true) { a: { @.b { c } } }", "{a: {}}"),
            ("$([[1]]).b { c: $(1) }", "[[{c: int} | null] | {c: int} | null]"),
            ("a: $status->map($args) { c: $(1) }", "{a: [{c: int}*] | {c: int} | null}*"),
            ("$.list->first { id }", "{id: ?}*"),
            ("$([1, 2])->first", "int"),
            ("$('abc')->slice(0, 1)", "string"),
            ("$([{ a: 1 }]) { a b }", "[{a: int, b: -}]"),
            ("$({ a: 1 }).b", "-"),
            ("$([{ a: 1 }]).a", "[int]"),
            ("$([1, 1]).a?.b", "[null]"),
            ("$.x->match([1, 'a'], [@, 'b'])", "\"a\" | \"b\""),
            ("$.x->match([1, $(2).b], [@, 'b'])", "null | \"b\""),
            ("$.x->match([1, []], [@, ['b']])", "[-] | null | [\"b\"]"),
            ("$(1) { $({}) }", "{} | int"),
            ("$(1) { $args.x {} }", "{}* | int"),
            ("$($.x { b: $(1) }).b", "?"),
            ("$([$.x->keys])->map(@ { b: $(1) })", "[[{b: int} | string] | {b: int} | null]"),
            ("a: $(['x']) a: b { c }", "{a: [\"x\" | {c: ?}*] | {c: ?}*}*"),
            ("a: b { c } a: $(['x'])", "{a: [{c: ?}* | \"x\"] | {c: ?}*}*"),
            ("a: { $.x { b } $([1]) { c: $ } }", "{a: {b: ?}* | [{c: int}] | [{b: ?, c: int}*]}*"),
            ("$.x->size", "int"),
            ("$.x->entries { key }", "[{key: string}]"),
            ("$.x->as($v, @->size)->echo([$v])", "[int]"),
            ("$(['a'])->filter(@->eq(1))", "[\"a\"]"),
            ("a: { $.x->entries { key } }", "{a: {} | [{key: string}]}*"),
            ("$.x->nosuch", "-"),
            ("a { $.b }", "{a: ?}*"),
            ("$args.x", "?"),
            ("$($.x { a: $(1) }) { b: $ c: a d: $.a e: @ }", "{b: {a: int}*, c: int, d: int, e: {a: int}*}*"),
            ("", "{}*"),
        ];
        for (text, expected) in cases {
            assert_eq!(shape_in(text, Grammar::V0_3), expected, "{text}");
            assert_eq!(shape_in(text, Grammar::V0_4), expected, "{text}");
        }
    }

    #[test]
    fn literals_chains_and_spreads() {
        let cases = [
            (
                "a: 1 b: 1.5 c: true d: null e: 'x' f: []",
                "{a: int, b: float, c: bool, d: null, e: \"x\", f: [-]}*",
            ),
            ("{ a b: 1 }", "{a: ?, b: int}"),
            ("a: 1 ...$.b c: 2", "{a: ?, c: int, ...}*"),
            ("a: 1 $.b { c->echo(2) } d: 3", "{a: ?, d: int, ...}* | {d: int}*"),
            ("[{ a: 1 }, { b: 2 }]", "[{a: int} | {b: int}]"),
            ("$.x ?? 'none'", "?"),
            ("null ?? 1", "int"),
            ("null ?! 1", "null | int"),
            ("$.x->toString ?? 1", "string | int"),
            ("id ...data", "{id: ?, ...}*"),
            ("a: 1 b: $(1).x c: { d: 1 } ...data e: 1", "{a: ?, b: ?, c: {d: int}, e: int, ...}*"),
            ("id ...data { a }", "{id: ?, a: ?}*"),
            ("a: $({ b: [], c: 1, ...$.x }).b", "{a: ?}*"),
            ("...data a: 1 b: $.x->size c: $(1).x d: [$.y->size]", "{a: int, b: ?, c: ?, d: [int], ...}*"),
            ("a: 1 b: $.x->size ...$.y { ...$.z b: 2 c: 3 }", "{a: ?, b: ?, c: int, ...}*"),
            ("x: { id $.data { a } }", "{x: {id: ?, a: ?}*}*"),
            ("x: { $(['s']) { c: '' } id }", "{x: {id: ?} | [{c: \"\"}]}*"),
            ("x: { $(['s']) { c: '' } id: 1 }", "{x: {id: int}}*"),
            ("x: { id ...null }", "{x: null}*"),
            ("x: { ...$.a->match([1, null]) }", "{x: null | {}}*"),
            (
                "id ...kind->match(['b', { __typename: 'Book', pages }], ['m', { __typename: 'Movie' }], [@, null]) last",
                "{id: ?, __typename: \"Book\", pages: ?, last: ?}* | {id: ?, __typename: \"Movie\", last: ?}* | null",
            ),
            ("...$.a->match([1, { x: 1 }], [2, { y: 1 }]) { x }", "{x: int}* | {x: -}*"),
        ];
        for (text, expected) in cases {
            assert_eq!(shape_in(text, Grammar::V0_4), expected, "{text}");
        }
    }

    #[test]
    fn what_two_lists_of_many_alternatives_give_together_is_not_worked_out() {
        let twice = |count: usize| {
            let list = |letter: &str| {
                let texts: Vec<String> = (0..count).map(|number| format!("'{letter}{number}'")).collect();
                format!("a: [{}] ", texts.join(", "))
            };
            shape_in(&(list("x") + &list("y")), Grammar::V0_4)
        };
        assert_eq!(twice(1), r#"{a: ["x0" | "y0"]}*"#);
        assert!(twice(90).starts_with(r#"{a: ["x0" | "#));
        assert_eq!(twice(110), "{a: ?}*");
    }
}
