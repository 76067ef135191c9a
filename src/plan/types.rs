//! Output types as a plan keeps them: what is needed to check and write a value, without the schema.

use apollo_compiler::{Schema, ast, schema::ExtendedType};

use super::{Named, PositionId, Type};

pub(super) fn of(schema: &Schema, ty: &ast::Type, position: Option<PositionId>) -> Type {
    match ty {
        ast::Type::List(item) => Type::List { item: Box::new(of(schema, item, position)), non_null: false },
        ast::Type::NonNullList(item) => {
            Type::List { item: Box::new(of(schema, item, position)), non_null: true }
        }
        ast::Type::Named(name) => Type::Named { named: named(schema, name, position), non_null: false },
        ast::Type::NonNullNamed(name) => Type::Named { named: named(schema, name, position), non_null: true },
    }
}

fn named(schema: &Schema, name: &ast::NamedType, position: Option<PositionId>) -> Named {
    if let Some(position) = position {
        return Named::Object(position);
    }
    match (name.as_str(), schema.types.get(name)) {
        ("Int", _) => Named::Int,
        ("Float", _) => Named::Float,
        ("String", _) => Named::String,
        ("Boolean", _) => Named::Boolean,
        ("ID", _) => Named::Id,
        (_, Some(ExtendedType::Enum(definition))) => {
            Named::Enum { name: name.clone(), values: definition.values.keys().cloned().collect() }
        }
        _ => Named::Custom,
    }
}

pub(super) fn is_leaf(schema: &Schema, ty: &ast::Type) -> bool {
    schema.types.get(ty.inner_named_type()).is_none_or(ExtendedType::is_leaf)
}

pub(super) fn list_depth(ty: &ast::Type) -> u8 {
    match ty {
        ast::Type::List(item) | ast::Type::NonNullList(item) => list_depth(item).saturating_add(1),
        _ => 0,
    }
}

/// Whether two types have the same lists and the same non-nulls, and the same leaf.
pub(super) fn same_wrappers(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::List { item: a, non_null: x }, Type::List { item: b, non_null: y }) => {
            x == y && same_wrappers(a, b)
        }
        (Type::Named { named: a, non_null: x }, Type::Named { named: b, non_null: y }) => {
            // A planned composite field has a position already, a new one has not: their selections decide.
            x == y && (a == b || matches!(a, Named::Object(_)))
        }
        _ => false,
    }
}
