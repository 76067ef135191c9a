//! Which lists lead to a request for each of their items: every connector that does not batch, at every place below a list where
//! the planner would use it. Walks the whole graph once, so that nobody has to think of the operation that shows it.
//!
//! A **stop** of the walk is what the planner's decisions depend on: a concrete type, the type that is declared there, and the mapping
//! that gave the object. Each is visited once without a list above it and once for each of the nearest lists above it, up to a
//! bound, so recursive types end and large graphs stay cheap. What the planner would do at a stop is asked of the planner.

mod operation;

use std::{
    collections::{HashMap, HashSet, VecDeque},
    rc::Rc,
};

use apollo_compiler::{
    ExecutableDocument, Name,
    ast::{FieldDefinition, OperationType, Type},
};

use super::{Condition, StepId, collect::concrete_types, given::Given, planner::Planner, types};
use crate::{
    connector::{Connector, ConnectorId, Kind, Request},
    diagnostic::{Code, Diagnostic, counted},
    graph::Graph,
    mapping::references::{Reference, references, references_of_template, references_of_url},
};
use operation::operation;

/// Lists that one stop is visited for. Beyond it a connector is still found, but not below every list.
const LISTS_MAX: usize = 8;
/// Lists that one diagnostic shows.
const NOTES_MAX: usize = 5;

/// One warning for each connector that makes a request for each item of a list, with operations that show it.
#[must_use]
pub fn n_plus_one(graph: &Graph) -> Vec<Diagnostic> {
    let document = ExecutableDocument::new();
    let mut walk = Walk {
        planner: Planner::new(graph, &document),
        graph,
        legs: Vec::new(),
        visited: HashMap::new(),
        given: HashMap::new(),
        known_ways: HashMap::new(),
        found: Vec::new(),
        known: HashSet::new(),
        waiting: VecDeque::new(),
    };
    for kind in [OperationType::Query, OperationType::Mutation, OperationType::Subscription] {
        if let Some(root) = graph.schema.root_operation(kind) {
            walk.visit(
                Stop { declared: root.clone(), concrete: root.clone(), origin: Origin::Root },
                None,
                None,
            );
        }
    }
    // The nearest stops first: what is found first has the shortest operation.
    while let Some(visit) = walk.waiting.pop_front() {
        walk.look(&visit);
    }
    walk.diagnostics()
}

/// Where an object's mapping stands: what it gives decides which of its fields need a fetch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Origin {
    /// No mapping gives a root.
    Root,
    /// A connector's selection, at a path of response keys.
    Mapping(ConnectorId, Vec<String>),
    /// An object of a body as it stands, at any depth.
    Anything,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Stop {
    declared: Name,
    concrete: Name,
    origin: Origin,
}

/// A step of the way to a stop: a field, of which type where several may stand there, and the leg before.
#[derive(Debug, Clone)]
struct Leg {
    before: Option<usize>,
    declared: Name,
    concrete: Name,
    field: Name,
}

struct Visit {
    stop: Stop,
    /// The last leg of the way; none at a root.
    leg: Option<usize>,
    /// The nearest list above: its coordinate.
    list: Option<String>,
}

/// A connector below a list.
struct Found {
    connector: ConnectorId,
    list: String,
    operation: String,
}

struct Walk<'a> {
    planner: Planner<'a>,
    graph: &'a Graph,
    legs: Vec<Leg>,
    visited: HashMap<Stop, Vec<Option<String>>>,
    given: HashMap<Origin, Given>,
    /// What was asked at each stop already.
    known_ways: HashMap<Stop, Rc<Vec<(&'a FieldDefinition, Edge)>>>,
    found: Vec<Found>,
    known: HashSet<(ConnectorId, String)>,
    waiting: VecDeque<Visit>,
}

/// How a field is got: by which connectors, and where its objects' mapping stands. `select` is a field of them that must be
/// selected for it to be got this way.
struct Edge {
    steps: Vec<ConnectorId>,
    origin: Origin,
    select: Option<Name>,
}

impl<'a> Walk<'a> {
    fn visit(&mut self, stop: Stop, leg: Option<usize>, list: Option<String>) {
        let lists = self.visited.entry(stop.clone()).or_default();
        if lists.contains(&list) || lists.iter().flatten().count() >= LISTS_MAX {
            return;
        }
        lists.push(list.clone());
        self.waiting.push_back(Visit { stop, leg, list });
    }

    fn look(&mut self, visit: &Visit) {
        let schema = &self.graph.schema;
        for (field, edge) in self.ways_on(&visit.stop).iter() {
            self.legs.push(Leg {
                before: visit.leg,
                declared: visit.stop.declared.clone(),
                concrete: visit.stop.concrete.clone(),
                field: field.name.clone(),
            });
            let leg = self.legs.len() - 1;
            if let Some(list) = &visit.list {
                edge.steps.iter().for_each(|id| self.find(*id, list, leg, edge.select.as_ref()));
            }
            if types::is_leaf(schema, &field.ty) {
                continue;
            }
            let declared = field.ty.inner_named_type();
            let coordinate = || format!("{}.{}", visit.stop.concrete, field.name);
            let list = if field.ty.is_list() { Some(coordinate()) } else { visit.list.clone() };
            for concrete in concrete_types(schema, declared) {
                let stop = Stop { declared: declared.clone(), concrete, origin: edge.origin.clone() };
                self.visit(stop, Some(leg), list.clone());
            }
        }
    }

    /// All fields of a stop with the ways to get them, which do not depend on the lists above it.
    fn ways_on(&mut self, stop: &Stop) -> Rc<Vec<(&'a FieldDefinition, Edge)>> {
        if let Some(known) = self.known_ways.get(stop) {
            return known.clone();
        }
        let mut ways = Vec::new();
        if let Some(object) = self.graph.schema.get_object(&stop.concrete) {
            for field in object.fields.values() {
                let field: &'a FieldDefinition = field;
                ways.extend(self.edges(stop, field).into_iter().map(|edge| (field, edge)));
            }
        }
        self.planner.forget();
        let ways = Rc::new(ways);
        self.known_ways.insert(stop.clone(), ways.clone());
        ways
    }

    fn find(&mut self, id: ConnectorId, list: &str, leg: usize, select: Option<&Name>) {
        let Some(connector) = self.planner.connector(id) else { return };
        if asks_for_each(connector) && self.known.insert((id, list.to_owned())) {
            let operation = operation(&self.graph.schema, &self.legs, leg, select);
            self.found.push(Found { connector: id, list: list.to_owned(), operation });
        }
    }

    /// The ways in which the planner may get a field here; more than one where that depends on what is selected below it.
    fn edges(&mut self, stop: &Stop, field: &FieldDefinition) -> Vec<Edge> {
        let name = field.name.as_str();
        let given = self.given(&stop.origin);
        let own = self.planner.own_connector(&stop.concrete, name);
        let mut edges = Vec::new();
        let mut select = None;
        if let Some(below) = given.field(name) {
            let ambiguous = stop.declared != stop.concrete || below.is_anything();
            match own {
                Some(_) if !field.arguments.is_empty() || ambiguous => {}
                _ => {
                    let origin = self.below(&stop.origin, name, below.clone());
                    edges.push(Edge { steps: Vec::new(), origin, select: None });
                    // The field's own connector is asked only for what the mapping does not give.
                    select = self.not_given(&below, &field.ty);
                    if own.is_none() || select.is_none() {
                        return edges;
                    }
                }
            }
        }
        let position = self.planner.stand_at(&stop.declared, given, stop.origin == Origin::Root);
        let (concrete, always) = (&stop.concrete, Condition::always());
        let can_run = |id: &ConnectorId| self.planner.can_run(position, concrete, *id, &mut Vec::new());
        if let Some(own) = own.filter(can_run) {
            self.planner.new_step(position, concrete, own, &always, &mut Vec::new());
            edges.push(Edge {
                steps: self.planner.planned(),
                origin: Origin::Mapping(own, Vec::new()),
                select,
            });
        } else if let Some(id) = self.planner.completion_for(position, concrete, name, &mut Vec::new()) {
            let step: Option<StepId> =
                self.planner.complete(position, concrete, id, &always, &mut Vec::new());
            if step.is_some() {
                let origin = Origin::Mapping(id, vec![name.to_owned()]);
                edges.push(Edge { steps: self.planner.planned(), origin, select });
            }
        }
        edges
    }

    fn given(&mut self, origin: &Origin) -> Given {
        if let Some(known) = self.given.get(origin) {
            return known.clone();
        }
        let given = match origin {
            Origin::Mapping(id, path) => {
                let whole = self.planner.selection(*id).cloned().unwrap_or_else(Given::nothing);
                path.iter().fold(whole, |given, name| given.field(name).unwrap_or_else(Given::nothing))
            }
            Origin::Root | Origin::Anything => Given::nothing(),
        };
        self.given.insert(origin.clone(), given.clone());
        given
    }

    /// Where the mapping of a field's objects stands. What is unknown is so at any depth: one origin for all of it.
    fn below(&mut self, origin: &Origin, name: &str, below: Given) -> Origin {
        match origin {
            Origin::Mapping(id, path) if !below.is_unknown() => {
                let path = path.iter().cloned().chain([name.to_owned()]).collect();
                Origin::Mapping(*id, path)
            }
            _ => {
                self.given.insert(Origin::Anything, below);
                Origin::Anything
            }
        }
    }

    /// A field of a field's objects that neither their mapping nor another connector gives.
    fn not_given(&self, given: &Given, ty: &Type) -> Option<Name> {
        let schema = &self.graph.schema;
        concrete_types(schema, ty.inner_named_type()).iter().find_map(|concrete| {
            let mut fields = schema.get_object(concrete)?.fields.keys();
            fields
                .find(|field| {
                    given.field(field).is_none()
                        && self.planner.own_connector(concrete, field).is_none()
                        && !self.planner.completions(concrete).any(|id| self.planner.gives(id, field))
                })
                .cloned()
        })
    }

    fn diagnostics(self) -> Vec<Diagnostic> {
        let mut connectors: Vec<ConnectorId> = self.found.iter().map(|found| found.connector).collect();
        connectors.sort_unstable();
        connectors.dedup();
        let diagnostic = |id: ConnectorId| {
            let connector = self.planner.connector(id)?;
            let of: Vec<&Found> = self.found.iter().filter(|found| found.connector == id).collect();
            Some(report(connector, &of))
        };
        connectors.into_iter().filter_map(diagnostic).collect()
    }
}

fn report(connector: &Connector, found: &[&Found]) -> Diagnostic {
    let lists = match found {
        [one] => format!("the list `{}`", one.list),
        several => counted(several.len(), "list"),
    };
    let message = format!("one request for each object below {lists}");
    let mut diagnostic = Diagnostic::new(Code::NPlusOne, connector.place.clone(), message);
    for found in found.iter().take(NOTES_MAX) {
        diagnostic = diagnostic.note(format!("below `{}`: {}", found.list, found.operation));
    }
    if found.len() > NOTES_MAX {
        let more = found.len() - NOTES_MAX;
        diagnostic = diagnostic.note(format!("and below {}", counted(more, "other list")));
    }
    diagnostic.on(connector.coordinate.as_str()).help(advice(connector))
}

/// What to write so that one request asks for all.
fn advice(connector: &Connector) -> String {
    match (&connector.batch, &connector.kind) {
        (Some(_), _) => "let more than one object into a request: remove `maxSize: 1`".to_owned(),
        (None, Kind::Type { .. }) => {
            "if the backend can answer for many keys at once, send `$batch.id` for `$this.id`: `queryParams: \"id: $batch.id\"`"
                .to_owned()
        }
        (None, Kind::Entity { entity, .. }) => format!(
            "if the backend can answer for many keys at once, give the type a connector that does: \
             `type {entity} @connect(…)` reading `$batch`"
        ),
        (None, Kind::Field { .. } | Kind::Root { .. }) => {
            "if the backend can answer for many parents at once, send `$batch.id` for `$this.id`, and say with \
             `@groupBy(item: …, parent: \"id\")` how rows find their parent"
                .to_owned()
        }
    }
}

/// Whether each object needs a request of its own: it is not batched, and the request is made of the object. Equal requests of
/// one operation are sent once.
fn asks_for_each(connector: &Connector) -> bool {
    let Some(request) = &connector.request else { return false };
    let unbatched = connector.batch.as_ref().is_none_or(|batch| batch.size_max == Some(1));
    let of_object = match connector.kind {
        Kind::Entity { .. } => "args",
        Kind::Root { .. } | Kind::Field { .. } | Kind::Type { .. } => "this",
    };
    unbatched && (connector.batch.is_some() || read(request).iter().any(|found| found.variable == of_object))
}

/// What a request reads.
fn read(request: &Request) -> Vec<Reference> {
    use crate::connector::HeaderValue;
    let mappings = [&request.path, &request.query_params, &request.body];
    let templates = request.headers.iter().filter_map(|header| match &header.value {
        HeaderValue::Template(template) => Some(references_of_template(template)),
        HeaderValue::From(_) | HeaderValue::Secret(_) => None,
    });
    let mut read = references_of_url(&request.url);
    read.extend(mappings.into_iter().flatten().flat_map(references));
    read.extend(templates.flatten());
    read
}
