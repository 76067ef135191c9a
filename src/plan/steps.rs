//! The steps of a plan: which connector can complete an object, what a step reads of the objects it runs for, and where
//! it finds that.

use std::collections::BTreeSet;

use apollo_compiler::Name;

use super::{
    Condition, Content, Input, InputFrom, Layout, LayoutId, PositionId, Slot, SlotIndex, StepId,
    draft::StepDraft, given::Given, planner::Planner,
};
use crate::connector::{Connector, ConnectorId, Join, Kind};

pub(super) fn step_id(index: usize) -> StepId {
    StepId(u32::try_from(index).unwrap_or(u32::MAX))
}

impl<'a> Planner<'a> {
    // ---- layouts ---------------------------------------------------------------------------------------------

    pub(super) fn new_layout(&mut self) -> LayoutId {
        self.layouts.push(Layout::default());
        LayoutId(u32::try_from(self.layouts.len() - 1).unwrap_or(u32::MAX))
    }

    pub(super) fn new_slot(&mut self, layout: LayoutId, name: &str, content: Content) -> SlotIndex {
        let Some(layout) = self.layouts.get_mut(layout.0 as usize) else { return SlotIndex::MAX };
        layout.slots.push(Slot { name: name.to_owned(), content });
        SlotIndex::try_from(layout.slots.len() - 1).unwrap_or(SlotIndex::MAX)
    }

    /// A slot for a leaf: shared by all who read the same leaf.
    pub(super) fn leaf_slot(&mut self, layout: LayoutId, name: &str, lists: u8) -> SlotIndex {
        let slot = Slot { name: name.to_owned(), content: Content::Leaf { lists } };
        let known = self
            .layouts
            .get(layout.0 as usize)
            .and_then(|layout| layout.slots.iter().position(|s| *s == slot));
        match known.and_then(|index| SlotIndex::try_from(index).ok()) {
            Some(index) => index,
            None => self.new_slot(layout, name, slot.content),
        }
    }

    /// Slots for the value at a path below a record: nested records that stand at no position, a leaf at the end.
    pub(super) fn path_slots(&mut self, layout: LayoutId, path: &[String]) -> Vec<SlotIndex> {
        match path {
            [] => Vec::new(),
            [name] => vec![self.leaf_slot(layout, name, 0)],
            [name, rest @ ..] => {
                let nested = self.new_layout();
                let mut slots =
                    vec![self.new_slot(layout, name, Content::Record { layout: nested, position: None })];
                slots.extend(self.path_slots(nested, rest));
                slots
            }
        }
    }

    // ---- steps -----------------------------------------------------------------------------------------------

    /// Connectors that can complete objects of a type, in the order in which they are tried.
    pub(super) fn completions(&self, concrete: &Name) -> impl Iterator<Item = ConnectorId> {
        let schema = &self.graph.schema;
        let own = self.graph.by_type.get(concrete).into_iter().flatten();
        let inherited = self.of_abstract.iter().filter(|(name, _)| schema.is_subtype(name, concrete));
        let mut inherited: Vec<ConnectorId> = inherited.flat_map(|(_, ids)| ids.iter().copied()).collect();
        inherited.sort_unstable();
        own.copied().chain(inherited)
    }

    pub(super) fn connector(&self, id: ConnectorId) -> Option<&'a Connector> {
        self.graph.connectors.get(id.0 as usize).map(AsRef::as_ref)
    }

    pub(super) fn gives(&self, id: ConnectorId, name: &str) -> bool {
        self.selection(id).is_some_and(|given| given.field(name).is_some())
    }

    /// What a connector's selection gives.
    pub(super) fn selection(&self, id: ConnectorId) -> Option<&Given> {
        let connector = self.connector(id)?;
        Some(self.selections.get(id.0 as usize)?.get_or_init(|| Given::of(&connector.selection)))
    }

    /// The first connector that gives a field of an object and whose key is at hand or can be got.
    pub(super) fn completion_for(
        &self,
        position: PositionId,
        concrete: &Name,
        name: &str,
        trying: &mut Vec<ConnectorId>,
    ) -> Option<ConnectorId> {
        self.at(position).owner?;
        self.completions(concrete)
            .find(|id| self.gives(*id, name) && self.can_run(position, concrete, *id, trying))
    }

    /// Whether all that a connector reads of an object is at hand or can be got; `trying` holds the connectors that
    /// wait for the answer, so that none waits for itself.
    pub(super) fn can_run(
        &self,
        position: PositionId,
        concrete: &Name,
        id: ConnectorId,
        trying: &mut Vec<ConnectorId>,
    ) -> bool {
        if self.at(position).owner.is_none() {
            return true;
        }
        if trying.contains(&id) {
            return false;
        }
        trying.push(id);
        let all = self.key_paths(id).iter().all(|path| self.can_get(position, concrete, path, trying));
        trying.pop();
        all
    }

    fn can_get(
        &self,
        position: PositionId,
        concrete: &Name,
        path: &[String],
        trying: &mut Vec<ConnectorId>,
    ) -> bool {
        let Some(name) = path.first() else { return true };
        self.at(position).given.has_path(path)
            || self
                .own_connector(concrete, name)
                .is_some_and(|own| self.can_run(position, concrete, own, trying))
            || self.completion_for(position, concrete, name, trying).is_some()
    }

    /// What a connector reads of the objects it runs for.
    pub(super) fn key_paths(&self, id: ConnectorId) -> Vec<Vec<String>> {
        let Some(connector) = self.connector(id) else { return Vec::new() };
        let mut paths = match (&connector.batch, &connector.kind) {
            (Some(batch), _) => match &batch.join {
                Join::Entity { key } => key.clone(),
                Join::GroupBy { parent, .. } => parent.clone(),
            },
            (None, _) => Vec::new(),
        };
        let read = match connector.kind {
            Kind::Entity { .. } => &connector.inputs.args,
            _ if connector.batch.is_some() => &connector.inputs.batch,
            _ => &connector.inputs.this,
        };
        for path in read {
            if !paths.contains(path) {
                paths.push(path.clone());
            }
        }
        paths
    }

    /// The step that completes objects of a type with a connector; made at its first use.
    pub(super) fn complete(
        &mut self,
        position: PositionId,
        concrete: &Name,
        connector: ConnectorId,
        when: &Condition,
        trying: &mut Vec<ConnectorId>,
    ) -> Option<StepId> {
        let known =
            self.at(position).completions.iter().find(|(ty, id, _)| ty == concrete && *id == connector);
        if let Some((_, _, step)) = known {
            let step = *step;
            self.widen(step, when);
            return Some(step);
        }
        let step = self.new_step(position, concrete, connector, when, trying);
        let layout = self.new_layout();
        self.step(step).content = Content::Record { layout, position: None };
        self.step(step).missing_is_null = true;
        let key = match self.connector(connector)?.batch.as_ref().map(|batch| &batch.join) {
            Some(Join::Entity { key }) => key.clone(),
            _ => Vec::new(),
        };
        let row_key = key
            .into_iter()
            .map(|path| Input { from: InputFrom::Base(self.path_slots(layout, &path)), path })
            .collect();
        self.step(step).row_key = row_key;
        self.draft(position).completions.push((concrete.clone(), connector, step));
        Some(step)
    }

    /// A step runs when any of its fields is there, and so do the steps it reads.
    pub(super) fn widen(&mut self, step: StepId, when: &Condition) {
        let mut wider = self.step(step).when.clone();
        wider.or(when);
        if wider == self.step(step).when {
            return;
        }
        self.step(step).when = wider;
        for earlier in self.step(step).after.clone() {
            self.widen(earlier, when);
        }
    }

    pub(super) fn new_step(
        &mut self,
        position: PositionId,
        concrete: &Name,
        connector: ConnectorId,
        when: &Condition,
        trying: &mut Vec<ConnectorId>,
    ) -> StepId {
        trying.push(connector);
        let own_arguments = self.at(position).owner.is_none();
        let mut after: BTreeSet<StepId> = self.at(position).owner.into_iter().collect();
        let mut inputs = Vec::new();
        let paths = if own_arguments { Vec::new() } else { self.key_paths(connector) };
        for path in paths {
            if let Some(from) = self.input(position, concrete, &path, when, trying) {
                match from {
                    InputFrom::Completed(step, _) | InputFrom::Fetched(step, _) => {
                        after.insert(step);
                    }
                    InputFrom::Base(_) => {}
                }
                inputs.push(Input { path, from });
            }
        }
        trying.pop();
        let is_abstract = self.graph.schema.get_object(&self.at(position).declared).is_none();
        let given = self.selection(connector).cloned().unwrap_or_else(Given::nothing);
        let path = self.at(position).path.clone();
        self.steps.push(StepDraft {
            connector,
            position,
            only: is_abstract.then(|| concrete.clone()),
            inputs,
            arguments: Vec::new(),
            after,
            when: when.clone(),
            content: Content::Leaf { lists: 0 },
            row_key: Vec::new(),
            path,
            fields: Vec::new(),
            given,
            missing_is_null: false,
            rows_are_list: false,
        });
        step_id(self.steps.len() - 1)
    }

    /// Where a step finds an input; makes the step that gets it, if need be.
    pub(super) fn input(
        &mut self,
        position: PositionId,
        concrete: &Name,
        path: &[String],
        when: &Condition,
        trying: &mut Vec<ConnectorId>,
    ) -> Option<InputFrom> {
        let name = path.first()?;
        if self.at(position).given.has_path(path) {
            return Some(InputFrom::Base(self.path_slots(self.at(position).base?, path)));
        }
        if let Some(own) =
            self.own_connector(concrete, name).filter(|own| self.can_run(position, concrete, *own, trying))
        {
            let step = self.new_step(position, concrete, own, when, trying);
            let rest = path.get(1..).unwrap_or_default();
            let (content, slots) = if rest.is_empty() {
                (Content::Leaf { lists: 0 }, Vec::new())
            } else {
                let layout = self.new_layout();
                (Content::Record { layout, position: None }, self.path_slots(layout, rest))
            };
            self.step(step).content = content;
            self.step(step).fields.push(name.clone());
            return Some(InputFrom::Fetched(step, slots));
        }
        let connector = self.completion_for(position, concrete, name, trying)?;
        let step = self.complete(position, concrete, connector, when, trying)?;
        let Content::Record { layout, .. } = self.step(step).content else { return None };
        Some(InputFrom::Completed(step, self.path_slots(layout, path)))
    }

    /// Slots for the keys by which rows of a one-to-many batch find their parents.
    pub(super) fn group_keys(&mut self, step: StepId) {
        let id = self.step(step).connector;
        let connector = self.connector(id);
        let Some(Join::GroupBy { item, .. }) =
            connector.and_then(|found| found.batch.as_ref()).map(|batch| &batch.join)
        else {
            return;
        };
        let Content::Record { layout, .. } = self.step(step).content else { return };
        let row_key = item
            .iter()
            .enumerate()
            .map(|(index, path)| Input {
                path: path.clone(),
                from: InputFrom::Base(vec![self.leaf_slot(layout, &group_key_name(index), 0)]),
            })
            .collect();
        self.step(step).row_key = row_key;
    }
}

/// The key that a row of a one-to-many batch carries for its parent; no GraphQL name begins with a digit.
pub(super) fn group_key_name(index: usize) -> String {
    format!("{index} group key")
}
