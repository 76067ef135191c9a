//! Finds the shape of a mapping: the rules of `evaluate`, over shapes instead of values.

use std::collections::HashMap;

use super::{FieldShape, ObjectShape, Shape, merge};
use crate::mapping::{
    ast::{Coalesce, Expr, ExprKind, Head, Item, Key, Mapping, Path, Root, Step, SubSelection},
    parse::ends_in_selection,
    references::local_name,
};

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
        "slice" => input.each(|shape| match shape {
            Shape::String(_) => Shape::String(None),
            other => other.clone(),
        }),
        "withError" | "withWarning" => input,
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

    #[test]
    fn a_shape_that_doubles_again_and_again_ends_as_unknown() {
        let text = format!("$.x{}", "->as($v)->echo([$v, { a: $v, b: $v }])".repeat(60));
        assert!(shape(&parse(&text, Grammar::V0_4).unwrap()).weight(usize::MAX) < 10 * WEIGHT_MAX);
        let text = "...$.k->match([1, { a: 1 }], [2, { b: 2 }]) ".repeat(40);
        assert!(shape(&parse(&text, Grammar::V0_4).unwrap()).weight(usize::MAX) < 10 * WEIGHT_MAX);
    }
}
