//! Counts what a document asks for, with fragments expanded in passing and never in memory, and stops at the first
//! limit that it passes: the cost of the count is bounded by the limits themselves.

use std::collections::HashMap;

use apollo_compiler::{
    Name, Node,
    ast::{self, Definition, FragmentDefinition, Selection},
};

use super::{Refusal, document::Rules};
use crate::error::{ClientError, Code};

/// Nesting of fields below `__schema` and `__type`: the introspection queries of known tools need 13 to 17.
const INTROSPECTION_DEPTH_MAX: usize = 20;

pub(super) fn check(document: &ast::Document, rules: &Rules) -> Result<(), Refusal> {
    let fragments = document
        .definitions
        .iter()
        .filter_map(|definition| definition.as_fragment_definition())
        .map(|fragment| (&fragment.name, fragment))
        .collect();
    for definition in &document.definitions {
        let Definition::OperationDefinition(operation) = definition else { continue };
        let mut count =
            Count { rules, fragments: &fragments, open: Vec::new(), fields: 0, aliases: 0, directives: 0 };
        count.directives(operation.directives.len())?;
        for variable in &operation.variables {
            count.directives(variable.directives.len())?;
        }
        let mut root_fields = 0;
        count.selections(
            &operation.selection_set,
            Place { depth: 1, introspection: false },
            &mut root_fields,
        )?;
    }
    Ok(())
}

struct Count<'a> {
    rules: &'a Rules,
    fragments: &'a HashMap<&'a Name, &'a Node<FragmentDefinition>>,
    /// Fragments being expanded: a cycle is left for validation to report.
    open: Vec<&'a Name>,
    fields: usize,
    aliases: usize,
    directives: usize,
}

#[derive(Clone, Copy)]
struct Place {
    depth: usize,
    introspection: bool,
}

impl<'a> Count<'a> {
    fn selections(
        &mut self,
        selections: &'a [Selection],
        place: Place,
        root_fields: &mut usize,
    ) -> Result<(), Refusal> {
        for selection in selections {
            bound(&mut self.fields, 1, self.rules.limits.fields_max, Code::LimitFields, "selections")?;
            match selection {
                Selection::Field(field) => self.field(field, place, root_fields)?,
                Selection::InlineFragment(fragment) => {
                    self.directives(fragment.directives.len())?;
                    self.selections(&fragment.selection_set, place, root_fields)?;
                }
                Selection::FragmentSpread(spread) => {
                    self.directives(spread.directives.len())?;
                    let Some(fragment) = self.fragments.get(&spread.fragment_name) else { continue };
                    if self.open.contains(&&fragment.name) {
                        continue;
                    }
                    self.open.push(&fragment.name);
                    self.directives(fragment.directives.len())?;
                    self.selections(&fragment.selection_set, place, root_fields)?;
                    self.open.pop();
                }
            }
        }
        Ok(())
    }

    fn field(
        &mut self,
        field: &'a Node<ast::Field>,
        place: Place,
        root_fields: &mut usize,
    ) -> Result<(), Refusal> {
        let limits = &self.rules.limits;
        if place.depth == 1 {
            bound(root_fields, 1, limits.root_fields_max, Code::LimitRootFields, "root fields")?;
        }
        if field.alias.is_some() {
            bound(&mut self.aliases, 1, limits.aliases_max, Code::LimitAliases, "aliases")?;
        }
        self.directives(field.directives.len())?;
        let introspection =
            place.introspection || (place.depth == 1 && matches!(field.name.as_str(), "__schema" | "__type"));
        if introspection && !self.rules.introspection {
            let message = "Introspection is not allowed here.";
            return Err(Refusal::one(ClientError::new(Code::IntrospectionDisabled, message), None));
        }
        let depth_max = if introspection { INTROSPECTION_DEPTH_MAX } else { limits.depth_max };
        if place.depth > depth_max {
            let message = format!("The operation nests fields deeper than {depth_max} levels.");
            return Err(Refusal::limit(ClientError::new(Code::LimitDepth, message)));
        }
        self.selections(&field.selection_set, Place { depth: place.depth + 1, introspection }, root_fields)
    }

    fn directives(&mut self, count: usize) -> Result<(), Refusal> {
        bound(
            &mut self.directives,
            count,
            self.rules.limits.directives_max,
            Code::LimitDirectives,
            "directives",
        )
    }
}

fn bound(counter: &mut usize, by: usize, max: usize, code: Code, what: &str) -> Result<(), Refusal> {
    *counter += by;
    if *counter > max {
        let message = format!("The operation has more than {max} {what}.");
        return Err(Refusal::limit(ClientError::new(code, message)));
    }
    Ok(())
}
