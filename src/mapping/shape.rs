//! What a mapping gives, known without running it: the checker compares it with the schema's types, the planner learns
//! which fields a selection gives. What a backend answers is never known, so shapes of data are `Unknown`.

use std::collections::HashMap;

use super::{
    ast::{Coalesce, Expr, ExprKind, Head, Item, Key, Mapping, Path, Root, Span, Step, SubSelection},
    parse::ends_in_selection,
    references::local_name,
};

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
    /// A number with a fraction.
    Float,
    /// A number of either sort.
    Number,
    /// A string; the text where the mapping writes it out (`__typename: "Book"`).
    String(Option<String>),
    /// A list.
    List(Box<Shape>),
    /// An object.
    Object(ObjectShape),
    /// One of several: two or more, none of them a `OneOf`, no two alike.
    OneOf(Vec<Shape>),
}

/// An object that a mapping makes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ObjectShape {
    /// In the order written, each name once.
    pub fields: Vec<FieldShape>,
    /// Whether it may have more keys: something unknown was spread into it.
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

    /// Applies a function to each alternative.
    fn each(&self, apply: impl FnMut(&Shape) -> Shape) -> Shape {
        Shape::one_of(self.alternatives().iter().map(apply))
    }

    /// Missing for an object whose every key is missing.
    fn or_missing_if_empty(&self) -> Shape {
        match self {
            Shape::Object(object)
                if !object.is_open && object.fields.iter().all(|f| f.shape == Shape::Missing) =>
            {
                Shape::Missing
            }
            other => other.clone(),
        }
    }

    fn list(self) -> Shape {
        Shape::List(Box::new(self))
    }

    /// What a key of it gives.
    fn key(&self, name: &str) -> Shape {
        self.each(|shape| match shape {
            Shape::Unknown => Shape::Unknown,
            Shape::List(element) => element.key(name).list(),
            Shape::Object(object) => match object.field(name) {
                Some(field) if object.maybe_list => {
                    Shape::one_of([field.shape.clone(), field.shape.clone().list()])
                }
                Some(field) => field.shape.clone(),
                None if object.is_open || object.maybe_list => Shape::Unknown,
                None => Shape::Missing,
            },
            _ => Shape::Missing,
        })
    }

    /// What an element of it is; what is no list is one element.
    fn element(&self) -> Shape {
        self.each(|shape| match shape {
            Shape::List(element) => (**element).clone(),
            // Lists of lists of objects are beyond what `maybe_list` tells apart.
            other => other.clone(),
        })
    }

    /// How many shapes it holds, as far as the limit.
    fn weight(&self, limit: usize) -> usize {
        let mut weight = 1;
        let mut add = |shape: &Shape| {
            if weight < limit {
                weight += shape.weight(limit - weight);
            }
        };
        match self {
            Shape::List(element) => add(element),
            Shape::Object(object) => object.fields.iter().for_each(|field| add(&field.shape)),
            Shape::OneOf(shapes) => shapes.iter().for_each(add),
            _ => {}
        }
        weight
    }
}

impl ObjectShape {
    /// A field by its name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&FieldShape> {
        self.fields.iter().find(|field| field.name == name)
    }

    fn put(&mut self, field: FieldShape) {
        match self.fields.iter_mut().find(|known| known.name == field.name) {
            Some(known) => known.shape = merge(&known.shape, &field.shape),
            None => self.fields.push(field),
        }
    }
}

/// What two items of one key give together.
fn merge(earlier: &Shape, later: &Shape) -> Shape {
    match (earlier, later) {
        (Shape::Object(one), Shape::Object(other)) => {
            let mut merged = one.clone();
            merged.is_open |= other.is_open;
            merged.maybe_list |= other.maybe_list;
            other.fields.iter().cloned().for_each(|field| merged.put(field));
            Shape::Object(merged)
        }
        (Shape::List(one), Shape::List(other)) => merge(one, other).list(),
        (Shape::Unknown, Shape::Object(other)) | (Shape::Object(other), Shape::Unknown) => {
            Shape::Object(ObjectShape { is_open: true, maybe_list: true, ..other.clone() })
        }
        (one, Shape::Missing) => one.clone(),
        (_, other) => other.clone(),
    }
}

/// What a mapping gives when it is applied to data that nothing is known of.
#[must_use]
pub fn shape(mapping: &Mapping) -> Shape {
    shape_of_root(&mapping.root)
}

/// As [`shape`], for a tree that was pruned or extended after parsing.
#[must_use]
pub fn shape_of_root(root: &Root) -> Shape {
    let scope = Scope { dollar: Shape::Unknown, at: Shape::Unknown, locals: HashMap::new() };
    match root {
        Root::Selection(selection) => select(&Shape::Unknown, selection, &scope),
        Root::Expression(value) => expression(value, &scope),
    }
}

/// Beyond this many parts a shape that is used again counts as unknown: by using it twice and that twice again, a short
/// mapping could write down a shape of any size.
const WEIGHT_MAX: usize = 10_000;

/// How many alternatives spreads of alternatives may multiply to.
const ALTERNATIVES_MAX: usize = 256;

#[derive(Clone)]
struct Scope<'m> {
    dollar: Shape,
    at: Shape,
    locals: HashMap<&'m str, Shape>,
}

fn bounded(shape: &Shape) -> Shape {
    if shape.weight(WEIGHT_MAX) < WEIGHT_MAX { shape.clone() } else { Shape::Unknown }
}

fn expression<'m>(expr: &'m Expr, scope: &Scope<'m>) -> Shape {
    match &expr.kind {
        ExprKind::Null => Shape::Null,
        ExprKind::Bool(_) => Shape::Bool,
        ExprKind::Number(text) if text.contains('.') => Shape::Float,
        ExprKind::Number(_) => Shape::Int,
        ExprKind::String(text) => Shape::String(Some(text.clone())),
        ExprKind::Array(elements) => {
            let shapes = elements.iter().map(|element| match expression(element, scope) {
                Shape::Missing => Shape::Null,
                shape => shape,
            });
            let shapes: Vec<Shape> = shapes.collect();
            if shapes.is_empty() { Shape::Unknown.list() } else { Shape::one_of(shapes).list() }
        }
        ExprKind::Object(selection) => object(selection, scope),
        ExprKind::Path(steps) => path(steps, scope),
        ExprKind::Chain { operator, operands } => chain(*operator, operands, scope),
    }
}

fn chain<'m>(operator: Coalesce, operands: &'m [Expr], scope: &Scope<'m>) -> Shape {
    let last = operands.len().saturating_sub(1);
    let shapes = operands.iter().enumerate().map(|(index, operand)| {
        let shape = expression(operand, scope);
        if index == last || operator == Coalesce::Missing {
            return shape;
        }
        // A null that is skipped is not what the chain gives.
        shape.each(|shape| if *shape == Shape::Null { Shape::Missing } else { shape.clone() })
    });
    Shape::one_of(shapes)
}

fn path<'m>(path: &'m Path, scope: &Scope<'m>) -> Shape {
    let mut scope = scope.clone();
    let mut shape = match &path.head {
        Head::Dollar => bounded(&scope.dollar),
        Head::At => bounded(&scope.at),
        Head::Key(key) => bounded(&scope.dollar.key(&key.name)),
        Head::Variable(name) => match scope.locals.get(name.name.as_str()) {
            Some(local) => bounded(local),
            None if name.name == "status" => Shape::Int,
            None => Shape::Unknown,
        },
        Head::Expr(inner) => expression(inner, &scope),
    };
    for step in &path.steps {
        shape = match step {
            Step::Key(key) => shape.key(&key.name),
            Step::Optional(_) => shape.each(|shape| match shape {
                Shape::Null => Shape::Missing,
                other => other.clone(),
            }),
            Step::Select(selection) => select(&shape, selection, &scope),
            Step::Method { name, arguments, .. } => method(name, arguments, shape, &mut scope),
        };
    }
    shape
}

/// `{ … }` applied to a shape.
fn select<'m>(shape: &Shape, selection: &'m SubSelection, scope: &Scope<'m>) -> Shape {
    shape.each(|shape| {
        if let Shape::List(element) = shape {
            return select(element, selection, scope).list();
        }
        let mut inner = scope.clone();
        inner.dollar = match shape {
            // The selection is applied to each element, so within it there is one object.
            Shape::Object(object) => Shape::Object(ObjectShape { maybe_list: false, ..object.clone() }),
            other => other.clone(),
        };
        inner.at = inner.dollar.clone();
        let made = object(selection, &inner);
        let maybe_list = match shape {
            Shape::Unknown => true,
            Shape::Missing => return Shape::Missing,
            Shape::Object(object) => object.maybe_list,
            // A scalar, or null, stays where nothing is made of it.
            scalar => return Shape::one_of([made.each(Shape::or_missing_if_empty), scalar.clone()]),
        };
        if !maybe_list {
            return made;
        }
        if !made.alternatives().iter().any(|shape| matches!(shape, Shape::Object(_))) {
            return Shape::Unknown;
        }
        made.each(|shape| match shape {
            Shape::Object(object) => Shape::Object(ObjectShape { maybe_list: true, ..object.clone() }),
            other => other.clone(),
        })
    })
}

/// The object that items build; several where a spread gives one of several.
fn object<'m>(selection: &'m SubSelection, scope: &Scope<'m>) -> Shape {
    if let [Item::Spread { value, explicit: false, .. }] = selection.items.as_slice() {
        let shape = expression(value, scope);
        return if ends_in_selection(value) && shape == Shape::Missing {
            Shape::Object(ObjectShape::default())
        } else {
            shape
        };
    }
    // Each is an object so far, or null for good.
    let mut made = vec![Shape::Object(ObjectShape::default())];
    for item in &selection.items {
        match item {
            Item::Named { name, value } => {
                let shape = expression(value, scope);
                let field = FieldShape { name: name.name.clone(), span: name.span.clone(), shape };
                for shape in &mut made {
                    if let Shape::Object(object) = shape {
                        object.put(field.clone());
                    }
                }
            }
            Item::Spread { value, explicit, .. } => {
                made = spread(&made, &expression(value, scope), *explicit);
            }
        }
    }
    Shape::one_of(made)
}

/// Every object so far together with every alternative of what is spread into it.
fn spread(made: &[Shape], value: &Shape, is_explicit: bool) -> Vec<Shape> {
    let alternatives = value.alternatives();
    if made.len().saturating_mul(alternatives.len()) > ALTERNATIVES_MAX {
        return vec![Shape::Object(ObjectShape { is_open: true, ..ObjectShape::default() })];
    }
    let mut all = Vec::new();
    for object in made {
        let Shape::Object(object) = object else {
            all.push(object.clone());
            continue;
        };
        for alternative in alternatives {
            all.push(match alternative {
                Shape::Null if is_explicit => Shape::Null,
                Shape::Unknown => Shape::Object(ObjectShape { is_open: true, ..object.clone() }),
                Shape::Object(other) => {
                    // What is merged upward is one object, however it was come by.
                    let other = ObjectShape { maybe_list: object.maybe_list, ..other.clone() };
                    merge(&Shape::Object(object.clone()), &Shape::Object(other))
                }
                _ => Shape::Object(object.clone()),
            });
        }
    }
    all
}

fn method<'m>(name: &'m Key, arguments: &'m [Expr], input: Shape, scope: &mut Scope<'m>) -> Shape {
    // An argument, with `@` bound to the input or to an element of it.
    let argument = |index: usize, at: &Shape, scope: &Scope<'m>| match arguments.get(index) {
        Some(expr) => expression(expr, &Scope { at: bounded(at), ..scope.clone() }),
        None => Shape::Missing,
    };
    match name.name.as_str() {
        "as" => {
            let bound = if arguments.len() > 1 { argument(1, &input, scope) } else { bounded(&input) };
            if let Some(local) = arguments.first().and_then(local_name) {
                scope.locals.insert(local, bound);
            }
            input
        }
        "echo" => argument(0, &input, scope),
        "map" => argument(0, &input.element(), scope).list(),
        "filter" => input.element().list(),
        "find" => input.element(),
        "first" | "last" => first(&input),
        "get" => match arguments.first().map(|argument| &argument.kind) {
            Some(ExprKind::String(key)) => input.key(key),
            Some(ExprKind::Number(_)) => first(&input),
            _ => Shape::Unknown,
        },
        "slice" | "withWarning" => input,
        "match" | "matchIf" => pairs(arguments, &input, scope),
        "keysToCamelCase" | "keysToCamelCaseDeep" | "jsonParse" => Shape::Unknown,
        "entries" => entry().list(),
        "keys" | "split" => Shape::String(None).list(),
        "values" => Shape::Unknown.list(),
        "joinNotNull" | "jsonStringify" | "toString" | "trim" | "trimStart" | "trimEnd" | "typeof" => {
            Shape::String(None)
        }
        "size" | "parseInt" => Shape::Int,
        "div" => Shape::Float,
        "add" | "sub" | "mul" | "mod" => Shape::Number,
        "eq" | "ne" | "gt" | "gte" | "lt" | "lte" | "and" | "or" | "not" | "in" | "contains" | "has" => {
            Shape::Bool
        }
        _ => Shape::Missing,
    }
}

/// What `->first` gives: an element of a list, a character of a string, anything else itself.
fn first(input: &Shape) -> Shape {
    input.each(|shape| match shape {
        Shape::String(_) => Shape::String(None),
        other => other.element(),
    })
}

/// `[candidate, value]` pairs: one of the values.
fn pairs<'m>(arguments: &'m [Expr], input: &Shape, scope: &Scope<'m>) -> Shape {
    let inner = Scope { at: bounded(input), ..scope.clone() };
    Shape::one_of(arguments.iter().map(|argument| match &argument.kind {
        ExprKind::Array(pair) => match pair.as_slice() {
            [_, value] => expression(value, &inner),
            _ => Shape::Missing,
        },
        _ => Shape::Unknown,
    }))
}

/// `{ key, value }`, as `->entries` gives them.
fn entry() -> Shape {
    let field = |name: &str, shape| FieldShape { name: name.to_owned(), span: 0..0, shape };
    let fields = vec![field("key", Shape::String(None)), field("value", Shape::Unknown)];
    Shape::Object(ObjectShape { fields, ..ObjectShape::default() })
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
            ("a: b a: c { y }", "{a: {y: ?, ...}*}*"),
            ("$.list->map({ id: @.id })", "[{id: ?}]"),
            ("$.list->first { id }", "{id: ?}*"),
            ("$([1, 2])->first", "int"),
            ("$([{ a: 1 }]) { a b }", "[{a: int, b: -}]"),
            ("$({ a: 1 }).b", "-"),
            ("$([{ a: 1 }]).a", "[int]"),
            ("$.x->match([1, 'a'], [@, 'b'])", "\"a\" | \"b\""),
            ("$.x->size", "int"),
            ("$.x->entries { key }", "[{key: string}]"),
            ("$.x->as($v, @->size)->echo([$v])", "[int]"),
            ("$(['a'])->filter(@->eq(1))", "[\"a\"]"),
            ("$.x->nosuch", "-"),
            ("a { $.b }", "{a: ?}*"),
            ("$args.x", "?"),
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
                "{a: int, b: float, c: bool, d: null, e: \"x\", f: [?]}*",
            ),
            ("{ a b: 1 }", "{a: ?, b: int}"),
            ("[{ a: 1 }, { b: 2 }]", "[{a: int} | {b: int}]"),
            ("$.x ?? 'none'", "?"),
            ("null ?? 1", "int"),
            ("null ?! 1", "null | int"),
            ("$.x->toString ?? 1", "string | int"),
            ("id ...data", "{id: ?, ...}*"),
            ("id ...data { a }", "{id: ?, a: ?}*"),
            ("x: { id ...null }", "{x: null}*"),
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
    fn a_shape_that_doubles_again_and_again_ends_as_unknown() {
        let text = format!("$.x{}", "->as($v)->echo([$v, { a: $v, b: $v }])".repeat(60));
        assert!(shape(&parse(&text, Grammar::V0_4).unwrap()).weight(usize::MAX) < 10 * WEIGHT_MAX);
        let text = "...$.k->match([1, { a: 1 }], [2, { b: 2 }]) ".repeat(40);
        assert!(shape(&parse(&text, Grammar::V0_4).unwrap()).weight(usize::MAX) < 10 * WEIGHT_MAX);
    }
}
