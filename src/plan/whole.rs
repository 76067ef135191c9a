//! A plan for one connector by itself: everything that its selection gives, of the type it is for, and no fetch beside
//! it. What an operation could select of one response is checked and written by it, without an operation.

use apollo_compiler::{
    Name, Schema,
    ast::{self, OperationType},
};
use http::Method;

use super::{
    Content, Field, From, KeyJson, Layout, LayoutId, Plan, Position, PositionId, Reads, Slot, SlotIndex,
    StepId, Type, Variant, collect::concrete_types, given::Given, types,
};
use crate::{
    connector::{Connector, Join, Kind},
    graph::Graph,
    mapping::value::Value,
};

/// A plan whose root has one field: the value that step 0 made for it.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) plan: Plan,
    /// What the value is kept as.
    pub(crate) content: Content,
}

/// Plans all that a connector's selection gives. Where the selection passes on what the backend says as it stands, the
/// keys of `value` are what it gives.
///
/// None where clients see nothing of the connector's field or type.
pub(crate) fn whole(graph: &Graph, connector: &Connector, value: Option<Value<'_>>) -> Option<Whole> {
    let ty = result_type(&graph.schema, connector)?;
    let mut draft =
        Draft { graph, positions: vec![position(&ty.inner_named_type().clone())], layouts: Vec::new() };
    let values: Vec<Value<'_>> = value.into_iter().collect();
    let (content, ty) = draft.content(&ty, &Given::of(&connector.selection), &values);
    let coordinate = connector.coordinate.split('[').next().unwrap_or_default();
    let field = field(coordinate, coordinate, ty, From::Fetched(StepId(0)));
    if let Some(root) = draft.positions.first_mut() {
        root.variants.push(Variant { name: root.declared.clone(), fields: vec![field] });
    }
    let plan = Plan {
        mutation: false,
        subscribe: None,
        positions: draft.positions,
        layouts: draft.layouts,
        steps: Vec::new(),
        conditions: Vec::new(),
        introspection: false,
        groups: Vec::new(),
        reads: Reads::default(),
        allowances: None,
    };
    Some(Whole { plan, content })
}

/// What the response of a connector is mapped to: its field's type, its type, or a list of the rows of a batch.
fn result_type(schema: &Schema, connector: &Connector) -> Option<ast::Type> {
    let join = connector.batch.as_ref().map(|batch| &batch.join);
    Some(match (&connector.kind, join) {
        (Kind::Type { name }, None) => {
            schema.types.contains_key(name).then(|| ast::Type::Named(name.clone()))?
        }
        (Kind::Type { name }, Some(_)) => {
            schema.types.contains_key(name).then(|| ast::Type::Named(name.clone()).list())?
        }
        (
            Kind::Root { parent, field } | Kind::Entity { parent, field, .. } | Kind::Field { parent, field },
            join,
        ) => {
            let ty = &schema.type_field(parent, field).ok()?.ty;
            match join {
                Some(Join::GroupBy { .. }) if !ty.is_list() => ty.clone().list(),
                _ => ty.clone(),
            }
        }
    })
}

/// Whether "not found" is an answer of a connector: for a GET of a single nullable object on `Query`, or for an entity.
pub(crate) fn missing_is_null(schema: &Schema, connector: &Connector) -> bool {
    let (parent, field) = match &connector.kind {
        Kind::Type { .. } => return true,
        Kind::Field { .. } => return false,
        Kind::Root { parent, field } | Kind::Entity { parent, field, .. } => (parent, field),
    };
    let is_get = connector.request.as_ref().is_some_and(|request| request.method == Method::GET);
    let is_object = schema.type_field(parent, field).is_ok_and(|definition| {
        let ty = &definition.ty;
        !ty.is_list() && !ty.is_non_null() && !types::is_leaf(schema, ty)
    });
    is_get && is_object && schema.root_operation(OperationType::Query) == Some(parent)
}

struct Draft<'g> {
    graph: &'g Graph,
    positions: Vec<Position>,
    layouts: Vec<Layout>,
}

impl Draft<'_> {
    fn content(&mut self, ty: &ast::Type, given: &Given, values: &[Value<'_>]) -> (Content, Type) {
        let schema = &self.graph.schema;
        if types::is_leaf(schema, ty) {
            return (Content::Leaf { lists: types::list_depth(ty) }, types::of(schema, ty, None));
        }
        let layout = LayoutId(u32::try_from(self.layouts.len()).unwrap_or(u32::MAX));
        self.layouts.push(Layout::default());
        let id = self.objects(ty.inner_named_type(), layout, given, values);
        let content = Content::Record { layout, position: Some(id) };
        (content, types::of(schema, ty, Some(id)))
    }

    /// The objects of a type that stand at one place.
    fn objects(
        &mut self,
        declared: &Name,
        layout: LayoutId,
        given: &Given,
        values: &[Value<'_>],
    ) -> PositionId {
        let graph = self.graph;
        let mut objects = Vec::new();
        values.iter().for_each(|value| flatten(*value, &mut objects));
        let id = PositionId(u32::try_from(self.positions.len()).unwrap_or(u32::MAX));
        self.positions.push(position(declared));
        let is_abstract = graph.schema.get_object(declared).is_none();
        let typename = is_abstract.then(|| self.slot(layout, "__typename", Content::Leaf { lists: 0 }));
        let mut variants = Vec::new();
        for concrete in concrete_types(&graph.schema, declared) {
            let fields = self.fields(&concrete, layout, given, &objects);
            variants.push(Variant { name: concrete, fields });
        }
        let stub_key = self.stub_key(declared, layout, given);
        if let Some(position) = self.positions.get_mut(id.0 as usize) {
            position.base = Some(layout);
            position.typename = typename;
            position.variants = variants;
            position.stub_key = stub_key;
        }
        id
    }

    fn fields(
        &mut self,
        concrete: &Name,
        layout: LayoutId,
        given: &Given,
        objects: &[Value<'_>],
    ) -> Vec<Field> {
        let graph = self.graph;
        let Some(definition) = graph.schema.get_object(concrete) else { return Vec::new() };
        let mut fields = Vec::new();
        for (name, definition) in &definition.fields {
            let values: Vec<Value<'_>> = objects.iter().filter_map(|object| object.get(name)).collect();
            let is_own = graph.by_field.contains_key(&(concrete.clone(), name.clone()));
            let Some(below) = given.field(name) else { continue };
            let is_named = given.names_field(name);
            // What is passed on as it stands gives a field only by chance, and then its own connector comes first.
            if !is_named && (values.is_empty() || is_own) {
                continue;
            }
            let (content, ty) = self.content(&definition.ty, &below, &values);
            let slot = self.slot(layout, name, content);
            fields.push(field(name, &format!("{concrete}.{name}"), ty, From::Slot(slot)));
        }
        fields
    }

    /// The key of a stub, as in the plan of an operation: where it is null there is no object, and no error.
    fn stub_key(&mut self, declared: &Name, layout: LayoutId, given: &Given) -> Vec<SlotIndex> {
        let Some(mut names) = given.names() else { return Vec::new() };
        names.retain(|name| name != "__typename");
        let completions = self.graph.by_type.get(declared).into_iter().flatten();
        let is_key = completions.filter_map(|id| self.graph.connectors.get(id.0 as usize)).any(|connector| {
            let inputs = &connector.inputs;
            let read = [&inputs.batch, &inputs.this, &inputs.args];
            let is_read = |name: &String| {
                read.iter()
                    .any(|paths| paths.iter().any(|path| path.as_slice() == std::slice::from_ref(name)))
            };
            !names.is_empty() && names.iter().all(is_read)
        });
        if !is_key {
            return Vec::new();
        }
        names.iter().map(|name| self.slot(layout, name, Content::Leaf { lists: 0 })).collect()
    }

    fn slot(&mut self, layout: LayoutId, name: &str, content: Content) -> SlotIndex {
        let Some(layout) = self.layouts.get_mut(layout.0 as usize) else { return SlotIndex::MAX };
        let slot = Slot { name: name.to_owned(), content };
        let index = layout.slots.iter().position(|known| *known == slot).unwrap_or(layout.slots.len());
        if index == layout.slots.len() {
            layout.slots.push(slot);
        }
        SlotIndex::try_from(index).unwrap_or(SlotIndex::MAX)
    }
}

/// The objects among values, lists looked through.
fn flatten<'a>(value: Value<'a>, objects: &mut Vec<Value<'a>>) {
    match value {
        Value::List(items) => items.iter().for_each(|item| flatten(*item, objects)),
        Value::Object(_) => objects.push(value),
        _ => {}
    }
}

fn position(declared: &Name) -> Position {
    Position {
        declared: declared.clone(),
        variants: Vec::new(),
        base: None,
        typename: None,
        owner: None,
        numbered: None,
        stub: Vec::new(),
        stub_key: Vec::new(),
    }
}

fn field(key: &str, coordinate: &str, ty: Type, from: From) -> Field {
    Field {
        key_json: KeyJson::of(key),
        key: key.into(),
        coordinate: coordinate.into(),
        ty,
        from,
        when: None,
        location: (0, 0),
    }
}
