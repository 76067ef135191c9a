//! Decides where each field of an operation comes from: the record at hand, a step of its own, or a step that
//! completes the object; and what each step needs. Steps are made in an order in which their inputs stand before them.

use std::cell::OnceCell;

use apollo_compiler::{
    ExecutableDocument, Name,
    ast::{self, OperationType},
    executable::{Operation, SelectionSet},
};

use super::{
    Condition, Content, From, Layout, LayoutId, Plan, PositionId, SlotIndex, StepId, Type,
    arguments::arguments,
    caching::hint,
    collect::{Merged, collect, concrete_types},
    draft::{FieldDraft, PositionDraft, StepDraft},
    given::Given,
    steps::step_id,
    types,
    whole::missing_is_null,
};
use crate::{connector::ConnectorId, graph::Graph};

/// Compiles an operation.
#[must_use]
pub fn plan(graph: &Graph, document: &ExecutableDocument, operation: &Operation) -> Plan {
    let mut planner = Planner::new(graph, document);
    let root = planner.new_position(operation.object_type(), None, Given::nothing(), None, Vec::new());
    let mutation = operation.operation_type == OperationType::Mutation;
    let merged = collect(
        &graph.schema,
        document,
        operation.object_type(),
        &[(&operation.selection_set, Condition::always())],
    );
    let mut groups = Vec::new();
    let mut fields = Vec::new();
    for field in &merged {
        let before = planner.steps.len();
        fields.push(planner.field(root, operation.object_type(), field));
        groups.push((before..planner.steps.len()).map(step_id).collect());
    }
    planner.draft(root).variants.push((operation.object_type().clone(), fields));
    if !mutation {
        groups = vec![groups.concat()];
    }
    let subscribed = merged.first().filter(|_| operation.operation_type == OperationType::Subscription);
    let subscribed = subscribed.and_then(|field| field.selections.first());
    let subscribe = subscribed.and_then(|(field, _)| graph.subscribes.get(&field.name).cloned());
    Plan { subscribe, ..planner.finish(mutation, groups) }
}

pub(super) struct Planner<'a> {
    pub(super) graph: &'a Graph,
    pub(super) document: &'a ExecutableDocument,
    pub(super) positions: Vec<PositionDraft<'a>>,
    pub(super) layouts: Vec<Layout>,
    pub(super) steps: Vec<StepDraft>,
    /// What each connector's selection gives, once it was asked.
    pub(super) selections: Vec<OnceCell<Given>>,
    /// Connectors that complete an interface or union, and thereby all its types. There are few: most types are objects.
    pub(super) of_abstract: Vec<(&'a Name, &'a Vec<ConnectorId>)>,
}

/// Which way a field is resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Base,
    Own(ConnectorId),
    Completion(ConnectorId),
    Nowhere,
}

impl<'a> Planner<'a> {
    /// A planner that planned nothing yet.
    pub(super) fn new(graph: &'a Graph, document: &'a ExecutableDocument) -> Self {
        Planner {
            graph,
            document,
            positions: Vec::new(),
            layouts: Vec::new(),
            steps: Vec::new(),
            selections: graph.connectors.iter().map(|_| OnceCell::new()).collect(),
            of_abstract: graph
                .by_type
                .iter()
                .filter(|(name, _)| graph.schema.get_object(name).is_none())
                .collect(),
        }
    }

    // ---- without an operation ----------------------------------------------------------------------------------

    /// A position that no operation made, to ask what would be done there. What was planned before is forgotten.
    pub(super) fn stand_at(&mut self, declared: &Name, given: Given, is_root: bool) -> PositionId {
        self.forget();
        let owner = (!is_root).then(|| step_id(0));
        let layout = owner.map(|_| self.new_layout());
        self.new_position(declared, layout, given, owner, Vec::new())
    }

    /// The connectors of the steps since then, those that only fetch a key too.
    pub(super) fn planned(&self) -> Vec<ConnectorId> {
        self.steps.iter().map(|step| step.connector).collect()
    }

    pub(super) fn forget(&mut self) {
        self.positions.clear();
        self.layouts.clear();
        self.steps.clear();
    }

    // ---- positions -------------------------------------------------------------------------------------------

    fn new_position(
        &mut self,
        declared: &Name,
        base: Option<LayoutId>,
        given: Given,
        owner: Option<StepId>,
        path: Vec<String>,
    ) -> PositionId {
        let id = PositionId(u32::try_from(self.positions.len()).unwrap_or(u32::MAX));
        let is_abstract = self.graph.schema.get_object(declared).is_none();
        let typename = match base {
            Some(layout) if is_abstract => Some(self.leaf_slot(layout, "__typename", 0)),
            _ => None,
        };
        self.positions.push(PositionDraft {
            declared: declared.clone(),
            base,
            given,
            owner,
            typename,
            stub_key: Vec::new(),
            path,
            variants: Vec::new(),
            planned: Vec::new(),
            completions: Vec::new(),
        });
        id
    }

    #[allow(clippy::indexing_slicing, reason = "ids come from new_position")]
    pub(super) fn draft(&mut self, id: PositionId) -> &mut PositionDraft<'a> {
        &mut self.positions[id.0 as usize]
    }

    #[allow(clippy::indexing_slicing, reason = "ids come from new_position")]
    pub(super) fn at(&self, id: PositionId) -> &PositionDraft<'a> {
        &self.positions[id.0 as usize]
    }

    #[allow(clippy::indexing_slicing, reason = "ids come from new_step")]
    pub(super) fn step(&mut self, id: StepId) -> &mut StepDraft {
        &mut self.steps[id.0 as usize]
    }

    /// Plans the objects that stand at a field: all concrete types they may have.
    fn objects(
        &mut self,
        declared: &Name,
        layout: LayoutId,
        given: Given,
        owner: StepId,
        path: Vec<String>,
        selection_sets: &[(&'a SelectionSet, Condition)],
    ) -> PositionId {
        let stub_key = self.stub_key(declared, layout, &given);
        let id = self.new_position(declared, Some(layout), given, Some(owner), path);
        self.draft(id).stub_key = stub_key;
        for concrete in concrete_types(&self.graph.schema, declared) {
            let merged = collect(&self.graph.schema, self.document, &concrete, selection_sets);
            let fields = merged.iter().map(|field| self.field(id, &concrete, field)).collect();
            self.draft(id).variants.push((concrete, fields));
        }
        id
    }

    /// The key of a stub: a mapping that gives nothing but the key of a connector that completes the type.
    fn stub_key(&mut self, declared: &Name, layout: LayoutId, given: &Given) -> Vec<SlotIndex> {
        let Some(names) = given.names() else { return Vec::new() };
        let names: Vec<String> = names.into_iter().filter(|name| name != "__typename").collect();
        let is_key = self.completions(declared).any(|id| {
            let paths = self.key_paths(id);
            !names.is_empty()
                && names.iter().all(|name| paths.iter().any(|path| path.as_slice() == [name.as_str()]))
        });
        if !is_key {
            return Vec::new();
        }
        names.iter().map(|name| self.leaf_slot(layout, name, 0)).collect()
    }

    // ---- fields ----------------------------------------------------------------------------------------------

    fn field(&mut self, position: PositionId, concrete: &Name, merged: &Merged<'a>) -> FieldDraft {
        let Some((first, _)) = merged.selections.first() else {
            return FieldDraft::nowhere(merged.key);
        };
        let definition = &first.definition;
        let ty = &definition.ty;
        let location = first.location().and_then(|span| span.line_column(&self.document.sources));
        let mut draft = FieldDraft {
            key: merged.key.to_string(),
            coordinate: format!("{concrete}.{}", first.name),
            ty: types::of(&self.graph.schema, ty, None),
            from: From::Nowhere,
            when: merged.when(),
            location: location.map_or((0, 0), |place| (place.line as u32, place.column as u32)),
            hint: hint(self.graph, concrete, &first.name, ty, position == PositionId(0)),
        };
        match first.name.as_str() {
            "__typename" => draft.from = From::Typename,
            "__schema" | "__type" => draft.from = From::Introspection,
            name => {
                let source = self.source(position, concrete, name, merged);
                // Steps are made for one concrete type; what the record holds serves all that share a selection.
                let known = self.at(position).planned.iter().find(|(other, planned)| {
                    source == Source::Base
                        && other.same_selections(merged)
                        && types::same_wrappers(&planned.ty, &draft.ty)
                });
                if let Some((_, planned)) = known {
                    let FieldDraft { coordinate, hint, .. } = draft;
                    return FieldDraft { coordinate, hint, ..planned.clone() };
                }
                self.resolve(position, concrete, merged, source, ty, &mut draft);
                if source == Source::Base {
                    self.draft(position).planned.push((merged.clone(), draft.clone()));
                }
            }
        }
        draft
    }

    /// Which way a field is resolved: what the record at hand holds costs nothing and comes first, unless the field's
    /// own connector gives more of what is selected; then the field's own connector; then a completion.
    /// A mapping of an interface or union speaks of all its types at once, and one that passes an object on as it is
    /// of any key: neither means that this type's field is there, so its own connector comes first.
    fn source(&self, position: PositionId, concrete: &Name, name: &str, merged: &Merged<'a>) -> Source {
        let own = self.own_connector(concrete, name);
        let takes_arguments =
            merged.selections.first().is_some_and(|(field, _)| !field.definition.arguments.is_empty());
        if let Some(given) = self.at(position).given.field(name) {
            match own {
                None => return Source::Base,
                Some(_) if takes_arguments => {}
                Some(_) if self.at(position).declared != *concrete || given.is_anything() => {}
                Some(_) if self.covers(&given, merged) => return Source::Base,
                Some(_) => {}
            }
        }
        if let Some(own) = own.filter(|own| self.can_run(position, concrete, *own, &mut Vec::new())) {
            return Source::Own(own);
        }
        match self.completion_for(position, concrete, name, &mut Vec::new()) {
            Some(connector) => Source::Completion(connector),
            None => Source::Nowhere,
        }
    }

    pub(super) fn own_connector(&self, concrete: &Name, name: &str) -> Option<ConnectorId> {
        let name = Name::new(name).ok()?;
        self.graph.by_field.get(&(concrete.clone(), name)).copied()
    }

    /// Whether what a mapping gives for a field, together with connectors, is all that is selected of it.
    fn covers(&self, given: &Given, merged: &Merged<'a>) -> bool {
        let Some((first, _)) = merged.selections.first() else { return true };
        let selection_sets = merged.selection_sets();
        concrete_types(&self.graph.schema, first.definition.ty.inner_named_type()).iter().all(|concrete| {
            collect(&self.graph.schema, self.document, concrete, &selection_sets).iter().all(|field| {
                let Some((selected, _)) = field.selections.first() else { return true };
                let name = selected.name.as_str();
                if name == "__typename" || self.own_connector(concrete, name).is_some() {
                    return true;
                }
                match given.field(name) {
                    Some(nested) => self.covers(&nested, field),
                    None => self.completions(concrete).any(|id| self.gives(id, name)),
                }
            })
        })
    }

    fn resolve(
        &mut self,
        position: PositionId,
        concrete: &Name,
        merged: &Merged<'a>,
        source: Source,
        ty: &ast::Type,
        draft: &mut FieldDraft,
    ) {
        match source {
            Source::Nowhere => {}
            Source::Base => {
                let (Some(layout), Some(owner)) = (self.at(position).base, self.at(position).owner) else {
                    return;
                };
                let given = self.at(position).given.clone();
                let (slot, ty) = self.slot(position, layout, owner, &given, merged, ty);
                draft.from = From::Slot(slot);
                draft.ty = ty;
            }
            Source::Completion(connector) => {
                let Some(step) = self.complete(position, concrete, connector, &draft.when, &mut Vec::new())
                else {
                    return;
                };
                let (given, content) = (self.step(step).given.clone(), self.step(step).content);
                let Content::Record { layout, .. } = content else { return };
                self.step(step).fields.push(draft.key.clone());
                let (slot, ty) = self.slot(position, layout, step, &given, merged, ty);
                draft.from = From::Completed(step, slot);
                draft.ty = ty;
            }
            Source::Own(connector) => {
                let Some((first, _)) = merged.selections.first() else { return };
                let arguments = arguments(&self.graph.schema, &first.definition, &first.arguments);
                let step = self.new_step(position, concrete, connector, &draft.when, &mut Vec::new());
                self.step(step).arguments = arguments;
                self.step(step).fields.push(draft.key.clone());
                self.step(step).rows_are_list = ty.is_list();
                self.step(step).missing_is_null = self
                    .connector(connector)
                    .is_some_and(|connector| missing_is_null(&self.graph.schema, connector));
                let given = self.step(step).given.clone();
                let (content, ty) = self.content(position, step, given, merged, ty);
                self.step(step).content = content;
                self.group_keys(step);
                draft.from = From::Fetched(step);
                draft.ty = ty;
            }
        }
    }

    /// A slot for a field in a record, and the field's type with the position of its objects.
    fn slot(
        &mut self,
        position: PositionId,
        layout: LayoutId,
        owner: StepId,
        given: &Given,
        merged: &Merged<'a>,
        ty: &ast::Type,
    ) -> (SlotIndex, Type) {
        let name = merged.selections.first().map_or("", |(field, _)| field.name.as_str());
        if types::is_leaf(&self.graph.schema, ty) {
            let slot = self.leaf_slot(layout, name, types::list_depth(ty));
            return (slot, types::of(&self.graph.schema, ty, None));
        }
        let given = given.field(name).unwrap_or_else(Given::nothing);
        let (content, ty) = self.content(position, owner, given, merged, ty);
        (self.new_slot(layout, name, content), ty)
    }

    /// What a field's value is kept as, and its type with the position of its objects.
    fn content(
        &mut self,
        position: PositionId,
        owner: StepId,
        given: Given,
        merged: &Merged<'a>,
        ty: &ast::Type,
    ) -> (Content, Type) {
        if types::is_leaf(&self.graph.schema, ty) {
            return (Content::Leaf { lists: types::list_depth(ty) }, types::of(&self.graph.schema, ty, None));
        }
        let layout = self.new_layout();
        let mut path = self.at(position).path.clone();
        path.push(merged.key.to_string());
        let child = self.objects(ty.inner_named_type(), layout, given, owner, path, &merged.selection_sets());
        (Content::Record { layout, position: Some(child) }, types::of(&self.graph.schema, ty, Some(child)))
    }
}
