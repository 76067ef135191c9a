//! What selections and literals make, apart from the way to it: spreads into objects, numbers, objects made of scalars.

use super::{ObjectShape, Shape, merge};
use crate::mapping::ast::{ExprKind, Head, Item, SubSelection};

/// How many alternatives spreads of alternatives may multiply to.
const ALTERNATIVES_MAX: usize = 256;

/// Whether a selection makes an object of a scalar for sure: one of its values is there whatever it is applied to.
pub(super) fn makes_something(selection: &SubSelection) -> bool {
    selection.items.iter().any(|item| match item {
        Item::Named { value, .. } => match &value.kind {
            ExprKind::Path(path) => path.steps.is_empty() && matches!(path.head, Head::Dollar | Head::At),
            ExprKind::Chain { .. } => false,
            _ => true,
        },
        Item::Spread { .. } => false,
    })
}

/// Every object so far together with every alternative of what is spread into it.
pub(super) fn spread(made: &[Shape], value: &Shape, is_explicit: bool) -> Vec<Shape> {
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
                Shape::Unknown | Shape::Declared(_) => Shape::Object(opened(object)),
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

/// An object into which something unknown is spread: it may have more keys, and other values where a scalar or nothing stood.
/// An object is taken to stay one, and so is what the mapping writes as `__typename`.
fn opened(object: &ObjectShape) -> ObjectShape {
    let mut object = ObjectShape { is_open: true, ..object.clone() };
    for field in object.fields.iter_mut().filter(|field| field.name != "__typename") {
        let may_change =
            |shape: &Shape| !matches!(shape, Shape::Object(_) | Shape::List(_) | Shape::Declared(_));
        if field.shape.alternatives().iter().any(may_change) {
            field.shape = Shape::Unknown;
        }
    }
    object
}

/// A number as it is written: `2.0` is a whole one for a field that takes whole numbers.
pub(super) fn number(text: &str) -> Shape {
    match text.split_once('.') {
        None => Shape::Int,
        Some((_, fraction)) if fraction.bytes().all(|digit| digit == b'0') => Shape::Number,
        Some(_) => Shape::Float,
    }
}
