//! Of which object type an object is: what stands for an interface or union, and what `__typename` says of it.

use std::collections::HashMap;

use apollo_compiler::{
    Name, Schema,
    schema::{ExtendedType, Implementers},
};

use super::{selections::Pass, written::literal};
use crate::{
    diagnostic::{Code, suggest},
    mapping::{
        ast::Span,
        shape::{FieldShape, ObjectShape, Shape},
    },
};

impl Pass<'_> {
    /// The object types that an object may be of: where it says `__typename`, that one.
    pub(super) fn possible_types(
        &mut self,
        object: &ObjectShape,
        owner: &Name,
        key: Option<&Span>,
    ) -> Vec<Name> {
        let all = possible_types(self.schema, self.implementers, owner);
        let is_abstract = self.schema.get_object(owner).is_none();
        let Some(typename) = object.field("__typename") else {
            if is_abstract && !object.is_open {
                self.no_typename(owner, &all, key);
            }
            return all;
        };
        if is_abstract {
            for alternative in typename.shape.alternatives() {
                self.typename(alternative, owner, &all, typename);
            }
        }
        let named = match &typename.shape {
            Shape::String(Some(name)) => all.iter().find(|ty| *ty == name.as_str()).cloned(),
            _ => None,
        };
        named.map_or(all, |name| vec![name])
    }

    fn no_typename(&mut self, owner: &Name, all: &[Name], key: Option<&Span>) {
        let types: Vec<String> = all.iter().map(|name| format!("`{name}`")).collect();
        let message =
            format!("an object made here has no `__typename`, and `{owner}` is one of {}", types.join(", "));
        let first = all.first().map_or("…", Name::as_str);
        let help = format!("say which it is: `__typename: $.kind->match([\"…\", \"{first}\"], …)`");
        self.report(Code::MissingTypename, key, message, help);
    }

    /// A `__typename` that is written out and cannot be.
    fn typename(&mut self, shape: &Shape, owner: &Name, all: &[Name], field: &FieldShape) {
        let Shape::String(Some(name)) = shape else { return };
        if all.iter().any(|ty| ty == name.as_str()) {
            return;
        }
        let (code, message) = match self.schema.types.contains_key(name.as_str()) {
            true => (
                Code::SelectionTypeMismatch,
                format!("`{name}` is not one of the types that `{owner}` stands for"),
            ),
            false => (
                Code::MissingSchemaType,
                format!("`__typename` names `{name}`, which is no type of the schema"),
            ),
        };
        let span = literal(self.mapping, Some(&field.value), name).unwrap_or_else(|| field.value.clone());
        let help = suggest(name, all.iter().map(Name::as_str));
        self.report(code, Some(&span), message, help.unwrap_or_else(|| format!("name a type of `{owner}`")));
    }
}

/// The object types that a type stands for.
pub(super) fn possible_types(
    schema: &Schema,
    implementers: &HashMap<Name, Implementers>,
    owner: &Name,
) -> Vec<Name> {
    match schema.types.get(owner) {
        Some(ExtendedType::Union(union)) => union.members.iter().map(|member| member.name.clone()).collect(),
        Some(ExtendedType::Interface(_)) => {
            let mut objects: Vec<Name> = implementers
                .get(owner)
                .map(|found| found.objects.iter().cloned().collect())
                .unwrap_or_default();
            objects.sort();
            objects
        }
        _ => vec![owner.clone()],
    }
}
