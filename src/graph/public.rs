//! The public API schema: what clients see. Everything that only connectors and other tools read is taken out.

use std::collections::HashSet;

use apollo_compiler::{
    Name, Node, Schema,
    ast::{self, Directive, FieldDefinition, InputValueDefinition},
    schema::{Component, ComponentName, ComponentOrigin, DirectiveList, ExtendedType},
    validation::{Valid, WithErrors},
};

/// Namespaces of types that other tools write into a schema for their own use.
const MACHINERY: [&str; 4] = ["link__", "connect__", "federation__", "join__"];

/// Makes the public schema of a composed one. `added` are the names that Ficus defined itself, `inaccessible` the names
/// that `@inaccessible` goes by: what carries it is for connectors only.
///
/// # Errors
/// When what is left is no valid schema; a valid composed schema always leaves one.
pub(super) fn public_schema(
    composed: &Schema,
    added: &HashSet<Name>,
    inaccessible: &dyn Fn(&str) -> bool,
) -> Result<Valid<Schema>, Box<WithErrors<Schema>>> {
    let hidden = |name: &str| added.contains(name) || MACHINERY.iter().any(|prefix| name.starts_with(prefix));
    let accessible = hide(composed, inaccessible);
    keep(&accessible, &|directive| !hidden(directive), &|name| !hidden(name)).validate().map_err(Box::new)
}

/// Without what is inaccessible.
fn hide(schema: &Schema, inaccessible: &dyn Fn(&str) -> bool) -> Schema {
    let carried = |directives: &ast::DirectiveList| directives.iter().any(|found| inaccessible(&found.name));
    let mut schema = schema.clone();
    schema.types.retain(|_, ty| !ty.directives().iter().any(|found| inaccessible(&found.name)));
    for ty in schema.types.values_mut().filter(|ty| !ty.is_built_in()) {
        let fields = match ty {
            ExtendedType::Object(ty) => &mut ty.make_mut().fields,
            ExtendedType::Interface(ty) => &mut ty.make_mut().fields,
            ExtendedType::Enum(ty) => {
                ty.make_mut().values.retain(|_, value| !carried(&value.directives));
                continue;
            }
            ExtendedType::InputObject(ty) => {
                ty.make_mut().fields.retain(|_, field| !carried(&field.directives));
                continue;
            }
            ExtendedType::Scalar(_) | ExtendedType::Union(_) => continue,
        };
        fields.retain(|_, field| !carried(&field.directives));
        for field in fields.values_mut() {
            field.node.make_mut().arguments.retain(|argument| !carried(&argument.directives));
        }
    }
    schema
}

/// A schema with only some of its directives and types, each type in one piece. Definitions of directives that are not
/// kept go too.
pub(super) fn keep(
    schema: &Schema,
    directive: &dyn Fn(&str) -> bool,
    type_name: &dyn Fn(&str) -> bool,
) -> Schema {
    let mut schema = schema.clone();
    schema.directive_definitions.retain(|name, _| directive(name));
    schema.types.retain(|name, _| type_name(name));
    let definition = schema.schema_definition.make_mut();
    strip(&mut definition.directives, directive);
    for root in [&mut definition.query, &mut definition.mutation, &mut definition.subscription] {
        root.iter_mut().for_each(|root| root.origin = ComponentOrigin::Definition);
    }
    for definition in schema.types.values_mut().filter(|definition| !definition.is_built_in()) {
        match definition {
            ExtendedType::Scalar(ty) => strip(&mut ty.make_mut().directives, directive),
            ExtendedType::Union(ty) => {
                let ty = ty.make_mut();
                strip(&mut ty.directives, directive);
                ty.members = ty.members.iter().map(joined).collect();
            }
            ExtendedType::Object(ty) => {
                let ty = ty.make_mut();
                strip(&mut ty.directives, directive);
                ty.implements_interfaces = ty.implements_interfaces.iter().map(joined).collect();
                ty.fields.values_mut().for_each(|field| strip_field(field, directive));
            }
            ExtendedType::Interface(ty) => {
                let ty = ty.make_mut();
                strip(&mut ty.directives, directive);
                ty.implements_interfaces = ty.implements_interfaces.iter().map(joined).collect();
                ty.fields.values_mut().for_each(|field| strip_field(field, directive));
            }
            ExtendedType::Enum(ty) => {
                let ty = ty.make_mut();
                strip(&mut ty.directives, directive);
                for value in ty.values.values_mut() {
                    value.origin = ComponentOrigin::Definition;
                    strip_ast(&mut value.node.make_mut().directives, directive);
                }
            }
            ExtendedType::InputObject(ty) => {
                let ty = ty.make_mut();
                strip(&mut ty.directives, directive);
                for field in ty.fields.values_mut() {
                    field.origin = ComponentOrigin::Definition;
                    strip_input(&mut field.node, directive);
                }
            }
        }
    }
    schema
}

fn strip_field(field: &mut Component<FieldDefinition>, keep: &dyn Fn(&str) -> bool) {
    field.origin = ComponentOrigin::Definition;
    let field = field.node.make_mut();
    strip_ast(&mut field.directives, keep);
    field.arguments.iter_mut().for_each(|argument| strip_input(argument, keep));
}

fn strip_input(input: &mut Node<InputValueDefinition>, keep: &dyn Fn(&str) -> bool) {
    strip_ast(&mut input.make_mut().directives, keep);
}

fn strip(directives: &mut DirectiveList, keep: &dyn Fn(&str) -> bool) {
    directives.retain(|directive: &Component<Directive>| keep(&directive.name));
    directives.iter_mut().for_each(|directive| directive.origin = ComponentOrigin::Definition);
}

/// A part of a type as part of its definition, whichever extension it came from.
fn joined(part: &ComponentName) -> ComponentName {
    ComponentName { origin: ComponentOrigin::Definition, name: part.name.clone() }
}

fn strip_ast(directives: &mut ast::DirectiveList, keep: &dyn Fn(&str) -> bool) {
    directives.0.retain(|directive| keep(&directive.name));
}
