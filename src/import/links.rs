//! Links of responses as nested fields: a key where a connector completes the object, else a connector of their own.

use serde_json::Value;

use super::{
    document::{Document, Located},
    entities::{Completions, with_parent},
    exchange, name,
    operations::{Gives, Request, Root, by_id, by_ref},
    report::{Code, Skip},
    types::{Definition, Field, Id, Kind, Origin, Slot, Type, fields},
};

/// Adds the links of responses as fields with connectors of their own. What cannot be followed is noted.
pub(super) fn add(
    document: Document<'_>,
    definitions: &mut [Definition],
    roots: &[Root<'_>],
    completions: &Completions,
) -> Vec<Skip> {
    let mut notes = Vec::new();
    for root in roots {
        let (Some(response), Gives::Value(Type::Named(owner))) = (&root.response, &root.gives) else {
            continue;
        };
        for (name, at) in exchange::links(document, response) {
            let target = link_target(document, roots, &at);
            let field = target
                .ok_or("its operation is not imported as a query".to_owned())
                .and_then(|target| link_field(definitions, *owner, &name, &at, target, completions));
            let reason = match (field, definitions.get_mut(*owner).map(|definition| &mut definition.kind)) {
                (Ok(field), Some(Kind::Object(list))) => {
                    if !list.iter().any(|known| known.name == field.name) {
                        list.push(field);
                        continue;
                    }
                    format!("the response has a property `{}`", field.name)
                }
                (Ok(_), _) => "the response is no object".to_owned(),
                (Err(reason), _) => reason,
            };
            let reason = format!("the link `{name}` is left out: {reason}");
            let (code, subject, pointer) = (Code::UnsupportedLink, root.line.clone(), at.pointer.clone());
            notes.push(Skip { code, subject, pointer, reason });
        }
    }
    notes
}

fn link_target<'r, 'd>(
    document: Document<'d>,
    roots: &'r [Root<'d>],
    at: &Located<'d>,
) -> Option<&'r Root<'d>> {
    let text = |key: &str| at.value.get(key).and_then(Value::as_str);
    let target = match (text("operationId"), text("operationRef")) {
        (Some(id), _) => by_id(roots, id),
        (None, Some(target)) => by_ref(document, roots, target),
        (None, None) => None,
    };
    target.filter(|target| !target.mutation && matches!(target.gives, Gives::Value(_)))
}

fn link_field(
    definitions: &[Definition],
    owner: Id,
    name: &str,
    at: &Located<'_>,
    target: &Root<'_>,
    completions: &Completions,
) -> Result<Field, String> {
    let list = fields(definitions, owner);
    let given = at.value.get("parameters").and_then(Value::as_object);
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for (index, argument) in target.arguments.iter().enumerate() {
        let value = given.and_then(|given| {
            let qualified =
                ["path", "query", "header"].map(|place| format!("{place}.{}", argument.parameter));
            let found = given.iter().find(|(key, _)| **key == argument.parameter || qualified.contains(key));
            found.and_then(|(_, value)| value.as_str())
        });
        let field = value.and_then(|value| linked(list, value));
        match field {
            Some(field) => pairs.push((index, field)),
            None if argument.slot.nullable && !argument.in_path => {}
            None => {
                return Err(format!(
                    "nothing in the response is known to be its parameter `{}`",
                    argument.parameter
                ));
            }
        }
    }
    let Gives::Value(ty) = &target.gives else { return Err("it gives nothing".to_owned()) };
    let name = name::field_name(name);
    if name.is_empty() {
        return Err("its name has no letters".to_owned());
    }
    let mut field = Field {
        name,
        key: String::new(),
        slot: Slot::nullable(ty.clone()),
        required: false,
        description: at.value.get("description").and_then(Value::as_str).map(str::to_owned),
        deprecated: false,
        default: None,
        origin: Origin::Property,
    };
    // What a connector completes by this very key needs no request of its own.
    let stub = match (ty, pairs.as_slice()) {
        (Type::Named(id), [(argument, property)]) => completions.get(id).and_then(|completion| {
            let [key] = completion.key.as_slice() else { return None };
            let key = fields(definitions, *id).get(*key)?;
            let argument = target.arguments.get(*argument)?;
            (argument.name == key.name).then(|| (list.get(*property), key.name.clone()))
        }),
        _ => None,
    };
    field.origin = match stub {
        Some((Some(property), key)) => {
            field.key.clone_from(&property.key);
            field.required = property.required && !property.slot.nullable;
            Origin::Stub { field: key }
        }
        _ => Origin::Connector(Box::new(Request {
            envelope: None,
            ..with_parent(target, "$this", &pairs, list)
        })),
    };
    Ok(field)
}

/// The field of the response that a runtime expression means.
fn linked(list: &[Field], expression: &str) -> Option<usize> {
    let expression = expression.trim_start_matches('{').trim_end_matches('}');
    let plain = |field: &Field| matches!((&field.slot.ty, &field.origin), (Type::Leaf(_), Origin::Property));
    if let Some(pointer) = expression.strip_prefix("$response.body#/") {
        return list.iter().position(|field| plain(field) && field.key == pointer);
    }
    // What was asked with is not kept; a property of the same name is the same thing.
    let asked =
        ["$request.path.", "$request.query."].iter().find_map(|start| expression.strip_prefix(start))?;
    list.iter().position(|field| plain(field) && name::folded(&field.key) == name::folded(asked))
}
