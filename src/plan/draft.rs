//! Positions, fields and steps while a plan is being made, and how they become the plan.

use std::{collections::BTreeSet, sync::Arc};

use apollo_compiler::Name;

use super::{
    Argument, CompiledMapping, Condition, ConditionId, Content, Field, From, Input, KeyJson, Layout,
    LayoutId, Named, Plan, Position, PositionId, SlotIndex, Step, StepId, Type, Variant,
    caching::{self, FieldHint, Reads},
    collect::Merged,
    given::Given,
    planner::Planner,
    projection, prune,
    steps::group_key_name,
};
use crate::{
    connector::{Connector, ConnectorId, Join},
    mapping::rows::{row_item, row_selection},
};

pub(super) struct PositionDraft<'a> {
    pub(super) declared: Name,
    pub(super) base: Option<LayoutId>,
    pub(super) given: Given,
    pub(super) owner: Option<StepId>,
    pub(super) typename: Option<SlotIndex>,
    pub(super) stub_key: Vec<SlotIndex>,
    pub(super) path: Vec<String>,
    pub(super) variants: Vec<(Name, Vec<FieldDraft>)>,
    /// Fields of the record at hand, so that concrete types that share a selection share its slot.
    pub(super) planned: Vec<(Merged<'a>, FieldDraft)>,
    /// Completing steps, each with the concrete type it is for.
    pub(super) completions: Vec<(Name, ConnectorId, StepId)>,
}

#[derive(Clone)]
pub(super) struct FieldDraft {
    pub(super) key: String,
    pub(super) coordinate: String,
    pub(super) ty: Type,
    pub(super) from: From,
    pub(super) when: Condition,
    pub(super) location: (u32, u32),
    pub(super) hint: FieldHint,
}

pub(super) struct StepDraft {
    pub(super) connector: ConnectorId,
    pub(super) position: PositionId,
    pub(super) only: Option<Name>,
    pub(super) inputs: Vec<Input>,
    pub(super) arguments: Vec<Argument>,
    pub(super) after: BTreeSet<StepId>,
    pub(super) when: Condition,
    pub(super) content: Content,
    pub(super) row_key: Vec<Input>,
    pub(super) path: Vec<String>,
    pub(super) fields: Vec<String>,
    pub(super) given: Given,
    pub(super) missing_is_null: bool,
    pub(super) rows_are_list: bool,
}

impl Planner<'_> {
    pub(super) fn finish(self, mutation: bool, groups: Vec<Vec<StepId>>) -> Plan {
        let mut conditions = Conditions::default();
        let mut numbered: Vec<Option<u16>> = vec![None; self.positions.len()];
        let mut numbered_of: Vec<Vec<PositionId>> = vec![Vec::new(); self.steps.len()];
        let read: BTreeSet<PositionId> = self.steps.iter().map(|step| step.position).collect();
        for id in read {
            let Some(owner) = self.positions.get(id.0 as usize).and_then(|position| position.owner) else {
                continue;
            };
            let Some(of_owner) = numbered_of.get_mut(owner.0 as usize) else { continue };
            if let Some(number) = numbered.get_mut(id.0 as usize) {
                *number = u16::try_from(of_owner.len()).ok();
            }
            of_owner.push(id);
        }
        let number = |id: PositionId| numbered.get(id.0 as usize).copied().flatten();
        let Planner { graph, positions, layouts, steps, .. } = self;
        let introspection = positions
            .first()
            .is_some_and(|root| root.fields().any(|field| field.from == From::Introspection));
        let may_be_kept = !mutation && !graph.cache_hints.is_empty();
        let condition = |field: &FieldDraft| conditions.id(field.when.clone());
        let allowances = may_be_kept.then(|| caching::allowances(&positions, condition)).flatten();
        let positions: Vec<Position> = positions
            .into_iter()
            .enumerate()
            .map(|(index, draft)| {
                draft.finish(&steps, numbered.get(index).copied().flatten(), &mut conditions)
            })
            .collect();
        let steps: Vec<Step> = steps
            .into_iter()
            .zip(numbered_of)
            .filter_map(|(draft, numbered_of)| {
                let connector = graph.connectors.get(draft.connector.0 as usize)?.clone();
                Some(draft.finish(connector, &layouts, numbered_of, number, &mut conditions))
            })
            .collect();
        let (reads, conditions) = (Reads::of(&steps), conditions.all);
        let subscribe = None;
        Plan {
            mutation,
            subscribe,
            positions,
            layouts,
            steps,
            conditions,
            introspection,
            groups,
            reads,
            allowances,
        }
    }
}

#[derive(Default)]
struct Conditions {
    all: Vec<Condition>,
}

impl Conditions {
    fn id(&mut self, condition: Condition) -> Option<ConditionId> {
        if condition.is_always() {
            return None;
        }
        let index = self.all.iter().position(|known| *known == condition).unwrap_or_else(|| {
            self.all.push(condition);
            self.all.len() - 1
        });
        Some(ConditionId(u16::try_from(index).unwrap_or(u16::MAX)))
    }
}

impl PositionDraft<'_> {
    fn fields(&self) -> impl Iterator<Item = &FieldDraft> {
        self.variants.iter().flat_map(|(_, fields)| fields)
    }

    fn finish(self, steps: &[StepDraft], numbered: Option<u16>, conditions: &mut Conditions) -> Position {
        let stub = self.stub(steps);
        let variants = self
            .variants
            .into_iter()
            .map(|(name, fields)| Variant {
                name,
                fields: fields.into_iter().map(|field| field.finish(conditions)).collect(),
            })
            .collect();
        Position {
            declared: self.declared,
            variants,
            base: self.base,
            typename: self.typename,
            owner: self.owner,
            numbered,
            stub,
            stub_key: self.stub_key,
        }
    }

    /// The completing steps, if the mapping gives nothing but what they read: then the objects are stubs, and exist
    /// only if one of the steps finds them.
    fn stub(&self, steps: &[StepDraft]) -> Vec<StepId> {
        let completing: Vec<StepId> = self.completions.iter().map(|(_, _, step)| *step).collect();
        let reads = |name: &str| {
            completing.iter().filter_map(|id| steps.get(id.0 as usize)).any(|step| {
                step.inputs.iter().any(|input| input.path.first().is_some_and(|first| first == name))
            })
        };
        let is_stub = self
            .given
            .names()
            .is_some_and(|names| names.iter().all(|name| name == "__typename" || reads(name)));
        if is_stub { completing } else { Vec::new() }
    }
}

impl FieldDraft {
    pub(super) fn nowhere(key: &Name) -> Self {
        FieldDraft {
            key: key.to_string(),
            coordinate: String::new(),
            ty: Type::Named { named: Named::Custom, non_null: false },
            from: From::Nowhere,
            when: Condition::always(),
            location: (0, 0),
            hint: FieldHint::NOTHING,
        }
    }

    fn finish(self, conditions: &mut Conditions) -> Field {
        Field {
            key_json: KeyJson::of(&self.key),
            key: self.key.into(),
            coordinate: self.coordinate.into(),
            ty: self.ty,
            from: self.from,
            when: conditions.id(self.when),
            location: self.location,
        }
    }
}

impl StepDraft {
    fn finish(
        self,
        connector: Arc<Connector>,
        layouts: &[Layout],
        numbered: Vec<PositionId>,
        number: impl Fn(PositionId) -> Option<u16>,
        conditions: &mut Conditions,
    ) -> Step {
        let mut selection = connector.selection.root.clone();
        if let Some(Join::GroupBy { item, .. }) = connector.batch.as_ref().map(|batch| &batch.join)
            && let Some(rows) = row_selection(&mut selection)
        {
            rows.items
                .extend(item.iter().enumerate().map(|(index, path)| row_item(&group_key_name(index), path)));
        }
        let root = prune::prune(&selection, &prune::Wanted::of(layouts, self.content));
        let mapping = match projection::compile(&root, self.content, layouts, number) {
            Some(projection) if connector.request.is_some() => {
                CompiledMapping::Project { projection, fallback: root }
            }
            _ => CompiledMapping::Evaluate(root),
        };
        Step {
            connector,
            position: self.position,
            only: self.only,
            inputs: self.inputs,
            arguments: self.arguments,
            after: self.after.into_iter().collect(),
            when: conditions.id(self.when),
            content: self.content,
            mapping,
            row_key: self.row_key,
            numbered,
            path: self.path.join("."),
            fields: self.fields,
            missing_is_null: self.missing_is_null,
            rows_are_list: self.rows_are_list,
        }
    }
}
