//! Merging of selection sets (`CollectFields`, `MergeSelectionSets`), once per concrete type, with the conditions under
//! which each field is there.

use apollo_compiler::{
    ExecutableDocument, Name, Node, Schema,
    executable::{Field, Selection, SelectionSet},
    schema::ExtendedType,
};

use super::condition::Condition;

/// One field of a merged selection set: all selections with one response key.
#[derive(Debug, Clone)]
pub(super) struct Merged<'a> {
    pub(super) key: &'a Name,
    pub(super) selections: Vec<(&'a Node<Field>, Condition)>,
}

impl<'a> Merged<'a> {
    /// When the field is in the response.
    pub(super) fn when(&self) -> Condition {
        let mut when = Condition::never();
        for (_, condition) in &self.selections {
            when.or(condition);
        }
        when
    }

    /// The sub-selection sets to merge, each with the condition under which its field is there.
    pub(super) fn selection_sets(&self) -> Vec<(&'a SelectionSet, Condition)> {
        self.selections.iter().map(|(field, condition)| (&field.selection_set, condition.clone())).collect()
    }

    /// Two merged fields of different concrete types are one field when the same selections made them.
    pub(super) fn same_selections(&self, other: &Merged<'_>) -> bool {
        self.selections.len() == other.selections.len()
            && self.selections.iter().zip(&other.selections).all(|(a, b)| a.0.ptr_eq(b.0) && a.1 == b.1)
    }
}

/// The fields that an object of a concrete type has in these selection sets, in the order of the response.
pub(super) fn collect<'a>(
    schema: &Schema,
    document: &'a ExecutableDocument,
    concrete: &Name,
    selection_sets: &[(&'a SelectionSet, Condition)],
) -> Vec<Merged<'a>> {
    let mut merged = Vec::new();
    let collector = Collector { schema, document, concrete };
    for (selection_set, condition) in selection_sets {
        collector.selections(&selection_set.selections, condition, &mut Vec::new(), &mut merged);
    }
    merged
}

struct Collector<'s, 'a> {
    schema: &'s Schema,
    document: &'a ExecutableDocument,
    concrete: &'s Name,
}

impl<'a> Collector<'_, 'a> {
    fn selections(
        &self,
        selections: &'a [Selection],
        outer: &Condition,
        open: &mut Vec<&'a Name>,
        merged: &mut Vec<Merged<'a>>,
    ) {
        for selection in selections {
            let Some(condition) = outer.narrowed(selection.directives()) else { continue };
            match selection {
                Selection::Field(field) => {
                    let key = field.response_key();
                    match merged.iter_mut().find(|known| known.key == key) {
                        Some(known) => known.selections.push((field, condition)),
                        None => merged.push(Merged { key, selections: vec![(field, condition)] }),
                    }
                }
                Selection::InlineFragment(fragment) => {
                    if fragment.type_condition.as_ref().is_none_or(|condition| self.applies(condition)) {
                        self.selections(&fragment.selection_set.selections, &condition, open, merged);
                    }
                }
                Selection::FragmentSpread(spread) => {
                    let Some(fragment) = self.document.fragments.get(&spread.fragment_name) else { continue };
                    if self.applies(fragment.type_condition()) && !open.contains(&&fragment.name) {
                        open.push(&fragment.name);
                        self.selections(&fragment.selection_set.selections, &condition, open, merged);
                        open.pop();
                    }
                }
            }
        }
    }

    fn applies(&self, condition: &Name) -> bool {
        condition == self.concrete || self.schema.is_subtype(condition, self.concrete)
    }
}

/// The concrete types that may stand where a type is declared, in the order of the schema.
pub(super) fn concrete_types(schema: &Schema, declared: &Name) -> Vec<Name> {
    match schema.types.get(declared) {
        Some(ExtendedType::Object(_)) => vec![declared.clone()],
        Some(ExtendedType::Union(union)) => union.members.iter().map(|member| member.name.clone()).collect(),
        Some(ExtendedType::Interface(_)) => schema
            .types
            .iter()
            .filter(|(name, ty)| ty.is_object() && schema.is_subtype(declared, name))
            .map(|(name, _)| name.clone())
            .collect(),
        _ => Vec::new(),
    }
}
