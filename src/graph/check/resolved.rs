//! Every field that can be asked for comes from somewhere: a connector of its own, or a selection that fills it.
//! Types may be recursive; a field counts as resolved when some way to its type gives it.

use std::collections::{HashMap, HashSet, VecDeque};

use apollo_compiler::{
    Name,
    ast::OperationType,
    schema::{Component, FieldDefinition, Implementers},
};

use super::{selections::Given, typenames::possible_types};
use crate::{
    diagnostic::{Code, Diagnostic, Diagnostics},
    graph::{bind::Bound, compose::Composed},
};

/// Reports every field that is reachable from a root and resolved by nothing.
pub(super) fn check(composed: &Composed, bound: &Bound, given: &Given, diagnostics: &mut Diagnostics) {
    let schema = &composed.schema;
    let implementers: HashMap<Name, Implementers> = schema.implementers_map().into_iter().collect();
    let roots: Vec<&Name> = [OperationType::Query, OperationType::Mutation, OperationType::Subscription]
        .into_iter()
        .filter_map(|operation| schema.root_operation(operation))
        .collect();
    let opaque = opaque_throughout(composed, bound, given, &implementers);
    let mut queue: VecDeque<Name> = roots.iter().map(|root| (*root).clone()).collect();
    let mut seen: HashSet<Name> = queue.iter().cloned().collect();
    while let Some(name) = queue.pop_front() {
        let Some(object) = schema.get_object(&name) else { continue };
        for field in object.fields.values() {
            let key = (name.clone(), field.name.clone());
            let has_connector = bound.by_field.contains_key(&key);
            let is_given = given.fields.contains(&key) || opaque.contains(&name);
            if !has_connector && !is_given {
                diagnostics.push(unresolved(composed, &name, field, roots.contains(&&name)));
            }
            for possible in possible_types(schema, &implementers, field.ty.inner_named_type()) {
                if seen.insert(possible.clone()) {
                    queue.push_back(possible);
                }
            }
        }
    }
}

/// What is passed on as it is may hold anything, and so may the objects inside it: types whose objects are sometimes made
/// in a way that cannot be foreseen, and those of their fields, however deep.
fn opaque_throughout(
    composed: &Composed,
    bound: &Bound,
    given: &Given,
    implementers: &HashMap<Name, Implementers>,
) -> HashSet<Name> {
    let schema = &composed.schema;
    let mut opaque = given.opaque.clone();
    let mut waiting: Vec<Name> = opaque.iter().cloned().collect();
    while let Some(name) = waiting.pop() {
        let Some(object) = schema.get_object(&name) else { continue };
        for field in object.fields.values() {
            if bound.by_field.contains_key(&(name.clone(), field.name.clone())) {
                continue;
            }
            let possible = possible_types(schema, implementers, field.ty.inner_named_type());
            waiting.extend(possible.into_iter().filter(|inner| opaque.insert(inner.clone())));
        }
    }
    opaque
}

fn unresolved(
    composed: &Composed,
    owner: &Name,
    field: &Component<FieldDefinition>,
    is_root: bool,
) -> Diagnostic {
    let coordinate = format!("{owner}.{}", field.name);
    let subscription = composed.schema.root_operation(OperationType::Subscription);
    let help = if subscription == Some(owner) {
        "give it a `@subscribe`".to_owned()
    } else if is_root {
        "give it a `@connect`".to_owned()
    } else {
        format!("give it a `@connect`, or select `{}` in a mapping that fills `{owner}`", field.name)
    };
    let place = composed.files.place(field.name.location());
    let message = format!("nothing gives `{coordinate}` its value");
    Diagnostic::new(Code::ConnectorsUnresolvedField, place, message).on(coordinate).help(help)
}
