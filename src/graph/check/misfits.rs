//! Shapes against GraphQL types: what can never be a value of the type. The rules are those by which responses are
//! written (the table "Values"), so that whatever is reported here would be an error of every response.

use apollo_compiler::{Name, Schema, ast::Type, schema::ExtendedType};

use crate::mapping::shape::Shape;

/// Why a shape can never be a value of a type, with the part of the shape that cannot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misfit {
    /// Null for a non-null type.
    Null,
    /// A single value for a list.
    NotAList,
    /// A list for a single value.
    AList,
    /// An object for a leaf.
    AnObject,
    /// A leaf for an object.
    ALeaf,
    /// Another sort of leaf.
    OtherLeaf,
}

/// Whether no value of the shape fits, and why; gives the part of the type and of the shape that do not.
pub(super) fn misfit<'s, 't>(
    schema: &Schema,
    shape: &'s Shape,
    ty: &'t Type,
) -> Option<(Misfit, &'s Shape, &'t Type)> {
    let said = shape.alternatives().iter().filter(|shape| **shape != Shape::Missing);
    let (null, values): (Vec<_>, Vec<_>) = said.partition(|shape| **shape == Shape::Null);
    if values.is_empty() {
        return (!null.is_empty() && ty.is_non_null()).then_some((Misfit::Null, shape, ty));
    }
    let mut first = None;
    for value in values {
        let misfit = misfit_of_one(schema, value, ty)?;
        first = first.or(Some(misfit));
    }
    first
}

fn misfit_of_one<'s, 't>(
    schema: &Schema,
    shape: &'s Shape,
    ty: &'t Type,
) -> Option<(Misfit, &'s Shape, &'t Type)> {
    if ty.is_list() {
        return match shape {
            Shape::Unknown => None,
            Shape::List(element) => misfit(schema, element, ty.item_type()),
            Shape::Object(object) if object.maybe_list => misfit_of_one(schema, shape, innermost(ty)),
            _ => Some((Misfit::NotAList, shape, ty)),
        };
    }
    let why = match (schema.types.get(ty.inner_named_type())?, shape) {
        (_, Shape::Unknown) => return None,
        // Custom scalars hold anything.
        (ExtendedType::Scalar(scalar), _) if !scalar.is_built_in() => return None,
        (ExtendedType::InputObject(_), _) => return None,
        (_, Shape::List(_)) => Misfit::AList,
        (ExtendedType::Scalar(_) | ExtendedType::Enum(_), Shape::Object(_) | Shape::Declared(_)) => {
            Misfit::AnObject
        }
        (ExtendedType::Scalar(scalar), leaf) if fits(&scalar.name, leaf) => return None,
        // Which strings are values of the enum is checked one by one.
        (ExtendedType::Enum(_), Shape::String(_)) => return None,
        (ExtendedType::Scalar(_) | ExtendedType::Enum(_), _) => Misfit::OtherLeaf,
        (_, Shape::Object(_) | Shape::Declared(_)) => return None,
        _ => Misfit::ALeaf,
    };
    Some((why, shape, ty))
}

/// Whether a leaf may be a value of a built-in scalar.
fn fits(scalar: &str, leaf: &Shape) -> bool {
    match scalar {
        "Int" => matches!(leaf, Shape::Int | Shape::Number),
        "Float" => matches!(leaf, Shape::Int | Shape::Float | Shape::Number),
        "String" => matches!(leaf, Shape::String(_)),
        "Boolean" => matches!(leaf, Shape::Bool),
        _ => matches!(leaf, Shape::String(_) | Shape::Int | Shape::Number),
    }
}

/// A type without its lists.
fn innermost(ty: &Type) -> &Type {
    if ty.is_list() { innermost(ty.item_type()) } else { ty }
}

/// How the fields of an object are said, with one that it has.
pub(super) fn add_selection(schema: &Schema, ty: &Name) -> String {
    let first = match schema.types.get(ty) {
        Some(ExtendedType::Object(object)) => object.fields.keys().next(),
        Some(ExtendedType::Interface(interface)) => interface.fields.keys().next(),
        _ => None,
    };
    format!("add a selection: `{{ {} … }}`", first.map_or("id", Name::as_str))
}

/// What would fit instead.
pub(super) fn help(schema: &Schema, misfit: Misfit, found: &Shape, ty: &Type) -> String {
    let named = ty.inner_named_type();
    let is_enum = matches!(schema.types.get(named), Some(ExtendedType::Enum(_)));
    match (misfit, named.as_str()) {
        (Misfit::Null, _) => "give it a value, or make the field nullable".to_owned(),
        (Misfit::NotAList, _) => {
            format!("put it into a list, as `$([…])`, or declare `{named}` without a list")
        }
        (Misfit::AList, _) => format!("take one of them, as `->first` does, or declare a list: `[{named}]`"),
        (Misfit::AnObject, _) => "remove the `{ … }`, or select the value itself".to_owned(),
        (Misfit::ALeaf, _) => add_selection(schema, named),
        (Misfit::OtherLeaf, "Int" | "Float") if matches!(found, Shape::String(Some(text)) if text.parse::<f64>().is_ok()) => {
            "write the number without quotes".to_owned()
        }
        (Misfit::OtherLeaf, "Int") if matches!(found, Shape::String(_)) => {
            "make a number of it with `->parseInt`".to_owned()
        }
        (Misfit::OtherLeaf, "Float") if matches!(found, Shape::String(_)) => {
            "make a number of it with `->jsonParse`".to_owned()
        }
        (Misfit::OtherLeaf, "Int") if matches!(found, Shape::Float) => "declare `Float`".to_owned(),
        (Misfit::OtherLeaf, "String" | "ID") => "make a string of it with `->toString`".to_owned(),
        (Misfit::OtherLeaf, "Boolean") => "compare it with something, as `->eq(…)` does".to_owned(),
        (Misfit::OtherLeaf, _) if is_enum => "map it to one of the enum's values with `->match`".to_owned(),
        (Misfit::OtherLeaf, _) => format!("give a value of `{named}`, or declare another type"),
    }
}
