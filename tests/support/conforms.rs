//! Whether a mapping gave what its shape foretold: the judge of the property tests and of the fuzz targets.

use ficus::mapping::{
    Value,
    ast::Mapping,
    shape::{NothingKnown, Shape, infer},
};

/// What a mapping's shape foretells; nothing where a part of it never works, which is said of it instead.
pub(crate) fn foretold(mapping: &Mapping) -> Option<Shape> {
    let inferred = infer(&mapping.root, &NothingKnown);
    inferred.misuses.is_empty().then_some(inferred.shape)
}

/// Whether a value is one that the shape foretells.
pub(crate) fn conforms(value: &Value<'_>, shape: &Shape) -> bool {
    match (shape, value) {
        // What is missing at run time is null in a list.
        (Shape::Unknown, _) | (_, Value::Null) => true,
        (Shape::Missing | Shape::Null, _) => false,
        (Shape::Bool, value) => matches!(value, Value::Bool(_)),
        (Shape::Int, Value::Number(number)) => number.is_integer(),
        (Shape::Float, Value::Number(number)) => !number.is_integer(),
        (Shape::Number, Value::Number(_)) => true,
        (Shape::String(None), Value::String(_)) => true,
        (Shape::String(Some(known)), Value::String(text)) => known == text,
        (Shape::List(element), Value::List(values)) => values.iter().all(|value| conforms(value, element)),
        (Shape::Object(object), Value::Object(entries)) => {
            entries.iter().all(|(key, value)| match object.field(key) {
                // What is spread into an open object may replace an object or a list.
                Some(field) if object.is_open => is_made(&field.shape) || conforms(value, &field.shape),
                Some(field) => conforms(value, &field.shape),
                None => object.is_open,
            })
        }
        (Shape::Object(object), Value::List(values)) if object.maybe_list => {
            values.iter().all(|value| conforms(value, shape))
        }
        (Shape::Object(object), value) => object.maybe_list && !matches!(value, Value::List(_)),
        (Shape::OneOf(shapes), Value::List(values)) if shapes.iter().any(is_maybe_list) => {
            shapes.iter().any(|shape| conforms(value, shape))
                || values.iter().all(|value| conforms(value, shape))
        }
        (Shape::OneOf(shapes), value) => shapes.iter().any(|shape| conforms(value, shape)),
        _ => false,
    }
}

fn is_maybe_list(shape: &Shape) -> bool {
    matches!(shape, Shape::Object(object) if object.maybe_list)
}

fn is_made(shape: &Shape) -> bool {
    shape.alternatives().iter().any(|shape| matches!(shape, Shape::Object(_) | Shape::List(_)))
}
