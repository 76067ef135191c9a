//! Entities: fields with `entity: true`, connectors of types, and `@key`.

use apollo_compiler::{
    Name, Node, Schema,
    ast::{FieldDefinition, InputValueDefinition, Type},
    schema::{ExtendedType, ObjectType},
};

use super::field_sets;
use crate::{
    connector::Kind,
    diagnostic::{Code, Diagnostic, Diagnostics, nearest},
    graph::{
        bind::{Bound, BoundConnector, undefined_field},
        compose::Composed,
    },
};

/// Checks entities and their keys.
pub(super) fn check(composed: &Composed, bound: &Bound, diagnostics: &mut Diagnostics) {
    let schema = &composed.schema;
    // A connector with a fault may be the one that a key is asked with.
    let whole = diagnostics.errors() == 0;
    for found in &bound.connectors {
        let mut faults = Vec::new();
        let connector = &found.connector;
        match &connector.kind {
            Kind::Type { .. } => {
                faults.extend(keyless(found));
            }
            Kind::Entity { parent, field, entity } => {
                if let Ok(definition) = schema.type_field(parent, field) {
                    faults.extend(entity_arguments(composed, found, definition, entity));
                }
            }
            Kind::Root { parent, field } | Kind::Field { parent, field } if found.written.entity => {
                faults.push(not_an_entity(composed, found, parent, field));
            }
            Kind::Root { .. } | Kind::Field { .. } => {}
        }
        faults.into_iter().for_each(|fault| diagnostics.push(fault.on(connector.coordinate.as_str())));
    }
    for ty in schema.types.values() {
        if let ExtendedType::Object(object) = ty {
            keys(composed, bound, object, whole, diagnostics);
        }
    }
}

/// `entity: true` that could not make an entity connector: not on `Query`, or of a type that is no entity.
fn not_an_entity(composed: &Composed, found: &BoundConnector, parent: &Name, field: &Name) -> Diagnostic {
    let place = found.written.place.clone();
    let query = composed.schema.schema_definition.query.as_ref();
    if query.is_none_or(|query| query.name != *parent) {
        let message = "`entity: true` on a field that is not one of `Query`";
        let help = "entities are completed by fields of `Query` or by `@connect` on their type";
        return Diagnostic::new(Code::EntityNotOnRootQuery, place, message).help(help);
    }
    let ty = composed.schema.type_field(parent, field).map(|field| field.ty.to_string()).unwrap_or_default();
    let message = format!("`entity: true` on a field of type `{ty}`");
    Diagnostic::new(Code::EntityTypeInvalid, place, message)
        .help("the type must be a nullable object, interface or union: a backend may not know the entity")
}

/// A connector of a type must read a key.
fn keyless(found: &BoundConnector) -> Option<Diagnostic> {
    let inputs = &found.connector.inputs;
    if found.written.entity {
        let message = "`entity: true` on a type";
        let help = "remove it: a `@connect` on a type always completes its entities";
        return Some(
            Diagnostic::new(Code::EntityNotOnRootQuery, found.written.place.clone(), message).help(help),
        );
    }
    let keyless = inputs.this.is_empty() && inputs.batch.is_empty();
    keyless.then(|| {
        let message = "the connector of a type reads no key, so it cannot tell its objects apart";
        Diagnostic::new(Code::ConnectOnTypeMustBeEntity, found.written.place.clone(), message)
            .help("read `$this.id` for one object a request, or `$batch.id` for many")
    })
}

/// Each argument of an entity connector is a key field of the entity, by name and type.
fn entity_arguments(
    composed: &Composed,
    found: &BoundConnector,
    field: &FieldDefinition,
    entity: &Name,
) -> Vec<Diagnostic> {
    let place = || found.written.place.clone();
    if composed.schema.types.get(entity).is_some_and(|ty| ty.is_leaf()) {
        let message = format!("`entity: true` on a field of type `{entity}`");
        let diagnostic = Diagnostic::new(Code::EntityTypeInvalid, place(), message);
        return vec![diagnostic.help("the type must be an object, interface or union")];
    }
    if field.arguments.is_empty() {
        let message = format!("`{}` takes no arguments, so no `{entity}` can be asked for", field.name);
        let diagnostic = Diagnostic::new(Code::EntityResolverArgumentMismatch, place(), message);
        return vec![diagnostic.help("add the entity's key as arguments, such as `id: ID!`")];
    }
    field.arguments.iter().filter_map(|argument| mismatch(composed, entity, argument)).collect()
}

fn mismatch(composed: &Composed, entity: &Name, argument: &Node<InputValueDefinition>) -> Option<Diagnostic> {
    let schema = &composed.schema;
    let place = composed.files.place(argument.name.location());
    let fields = match schema.types.get(entity)? {
        ExtendedType::Object(object) => &object.fields,
        ExtendedType::Interface(interface) => &interface.fields,
        // Each member has its own; the planner looks them up.
        _ => return None,
    };
    let name = &argument.name;
    let Some(field) = fields.get(name) else {
        let message = format!("the argument `{name}` is not a field of `{entity}`");
        let diagnostic = Diagnostic::new(Code::EntityResolverArgumentMismatch, place, message);
        let help = nearest(name, fields.keys().map(Name::as_str)).map_or_else(
            || format!("name it like the field that is the key of `{entity}`, `id` say: Ficus fills it from there"),
            |near| format!("did you mean `{near}`?"),
        );
        return Some(diagnostic.help(help));
    };
    if fits(schema, &argument.ty, &field.ty) {
        return None;
    }
    let message =
        format!("the argument `{name}` is `{}`, and `{entity}.{name}` is `{}`", argument.ty, field.ty);
    let diagnostic = Diagnostic::new(Code::EntityResolverArgumentMismatch, place, message);
    Some(diagnostic.help("the argument takes the value of the field: give both the same type"))
}

/// Whether a field's value can be an argument: the same leaf, or an input whose fields fit the object's. Nullability aside.
fn fits(schema: &Schema, argument: &Type, field: &Type) -> bool {
    if argument.is_list() != field.is_list() {
        return false;
    }
    match (schema.types.get(argument.inner_named_type()), schema.types.get(field.inner_named_type())) {
        (Some(ExtendedType::InputObject(input)), Some(ExtendedType::Object(object))) => input
            .fields
            .values()
            .all(|part| object.fields.get(&part.name).is_some_and(|field| fits(schema, &part.ty, &field.ty))),
        _ => argument.inner_named_type() == field.inner_named_type(),
    }
}

/// Every `@key` names fields of the type, and some connector can be asked with it.
fn keys(
    composed: &Composed,
    bound: &Bound,
    object: &Node<ObjectType>,
    whole: bool,
    diagnostics: &mut Diagnostics,
) {
    let links = &composed.links;
    for directive in object.directives.iter().filter(|directive| links.is_federation(&directive.name, "key"))
    {
        let Some(text) = directive.specified_argument_by_name("fields").and_then(|fields| fields.as_str())
        else {
            continue;
        };
        let place = composed.files.place(directive.location());
        let mut report = |code, message: String, help: &str| {
            let diagnostic = Diagnostic::new(code, place.clone(), message).on(object.name.as_str());
            diagnostics.push(diagnostic.help(help));
        };
        let Some(paths) = field_sets::paths(text) else {
            report(
                Code::ConnectorsCannotResolveKey,
                format!("`{text}` is not a list of fields"),
                "example: `id`",
            );
            continue;
        };
        let undefined = paths.iter().find_map(|path| undefined_field(&composed.schema, &object.name, path));
        if let Some((owner, key, _)) = undefined {
            let message = format!("the key names `{key}`, which is no field of `{owner}`");
            report(Code::ConnectorsCannotResolveKey, message, "a key is made of fields of the type");
            continue;
        }
        let resolvable = directive.specified_argument_by_name("resolvable").and_then(|value| value.to_bool());
        let resolved = || {
            let ids = bound.by_type.get(&object.name).into_iter().flatten();
            let completing = ids.filter_map(|id| bound.connectors.get(id.0 as usize));
            // A field that is fetched with the key answers for whoever knows only the key.
            let own = bound.connectors.iter().filter(
                |found| matches!(&found.connector.kind, Kind::Field { parent, .. } if *parent == object.name),
            );
            completing.chain(own).any(|found| paths.iter().all(|path| asked_with(found, path)))
        };
        // A stub: the key is all there is to it, so nobody needs to ask for more.
        let stub = object
            .fields
            .keys()
            .all(|field| paths.iter().any(|path| path.first().is_some_and(|key| key == field.as_str())));
        if whole && resolvable != Some(false) && !stub && !resolved() {
            let message = format!("no connector can be asked for a `{}` by `{text}`", object.name);
            let help = "add `@connect` to the type, reading the key through `$this` or `$batch`, \
                        or an `entity: true` field of `Query`";
            report(Code::MissingEntityConnector, message, help);
        }
    }
}

/// Whether a connector's key holds a path.
fn asked_with(found: &BoundConnector, path: &[String]) -> bool {
    let inputs = &found.connector.inputs;
    let key = match found.connector.kind {
        Kind::Entity { .. } => &inputs.args,
        _ if found.connector.batch.is_some() => &inputs.batch,
        _ => &inputs.this,
    };
    key.iter().any(|read| path.starts_with(read))
}
