//! The operation that shows a finding: the way from a root to a field, with the arguments that must be there as variables. Valid
//! for the schema that clients see.

use apollo_compiler::{
    Name, Schema,
    ast::{FieldDefinition, OperationType},
};

use super::Leg;
use crate::plan::types;

/// One line of GraphQL that selects the field of a leg; `select` is a field that must stand below it.
pub(super) fn operation(schema: &Schema, legs: &[Leg], last: usize, select: Option<&Name>) -> String {
    let way = way(legs, last);
    let mut variables = Variables::default();
    let mut text = String::new();
    let mut closing = String::new();
    for leg in &way {
        text.push_str(" { ");
        closing.push_str(" }");
        if leg.declared != leg.concrete {
            text.push_str(&format!("... on {} {{ ", leg.concrete));
            closing.push_str(" }");
        }
        text.push_str(&leg.field);
        if let Some(field) = field(schema, leg) {
            text.push_str(&variables.arguments(field));
        }
    }
    if let Some(field) = way.last().and_then(|leg| field(schema, leg))
        && !types::is_leaf(schema, &field.ty)
    {
        text.push_str(&below(schema, field, select));
    }
    let root = way.first().map(|leg| &leg.concrete);
    let is_root = |kind: &OperationType| root.is_some() && schema.root_operation(*kind) == root;
    let kind = [OperationType::Mutation, OperationType::Subscription].into_iter().find(is_root);
    let kind = kind.unwrap_or(OperationType::Query).name();
    format!("{kind}{}{text}{closing}", variables.declared())
}

/// From the root to a leg.
fn way(legs: &[Leg], last: usize) -> Vec<&Leg> {
    let mut way: Vec<&Leg> =
        std::iter::successors(legs.get(last), |leg| leg.before.and_then(|before| legs.get(before))).collect();
    way.reverse();
    way
}

fn field<'s>(schema: &'s Schema, leg: &Leg) -> Option<&'s FieldDefinition> {
    schema.type_field(&leg.concrete, &leg.field).ok().map(|field| &***field)
}

/// A selection set for the objects of a field: what must be there, else something that takes no arguments.
fn below(schema: &Schema, field: &FieldDefinition, select: Option<&Name>) -> String {
    let declared = field.ty.inner_named_type();
    let object = schema.get_object(declared);
    let fields = object.into_iter().flat_map(|object| object.fields.values());
    let plain = |field: &&FieldDefinition| {
        types::is_leaf(schema, &field.ty) && !field.arguments.iter().any(|argument| argument.is_required())
    };
    let wanted = select.and_then(|name| schema.type_field(declared, name).ok()).map(|field| &***field);
    match wanted {
        Some(field) if types::is_leaf(schema, &field.ty) => format!(" {{ {} }}", field.name),
        Some(field) => format!(" {{ {} {{ __typename }} }}", field.name),
        None => {
            let name =
                fields.map(|field| &***field).find(plain).map_or("__typename", |field| field.name.as_str());
            format!(" {{ {name} }}")
        }
    }
}

/// The variables of an operation: name and type.
#[derive(Default)]
struct Variables(Vec<(String, String)>);

impl Variables {
    /// The arguments that a field cannot do without, each with a variable of its own.
    fn arguments(&mut self, field: &FieldDefinition) -> String {
        let required = field.arguments.iter().filter(|argument| argument.is_required());
        let written: Vec<String> = required
            .map(|argument| {
                let name = self.named(&argument.name);
                self.0.push((name.clone(), argument.ty.to_string()));
                format!("{}: ${name}", argument.name)
            })
            .collect();
        if written.is_empty() { String::new() } else { format!("({})", written.join(", ")) }
    }

    /// A name that is still free.
    fn named(&self, name: &str) -> String {
        let is_free = |name: &String| self.0.iter().all(|(taken, _)| taken != name);
        let numbered = (2..=self.0.len() + 1).map(|number| format!("{name}{number}"));
        std::iter::once(name.to_owned()).chain(numbered).find(is_free).unwrap_or_else(|| name.to_owned())
    }

    fn declared(&self) -> String {
        let declared: Vec<String> = self.0.iter().map(|(name, ty)| format!("${name}: {ty}")).collect();
        if declared.is_empty() { String::new() } else { format!(" ({})", declared.join(", ")) }
    }
}
