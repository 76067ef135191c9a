//! Puts the pieces together: selections for all connectors, the types that they reach, and the two files.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;

use super::{
    Imported, Options,
    document::Document,
    entities::{Completions, How},
    name,
    operations::{Gives, Request, Root},
    report::{Code, Report, Skip},
    sdl::{self, Connected, Connector, File, Written},
    select::{Given, Node, Selector},
    source::Source,
    types::{Definition, Field, Id, Kind, Leaf, Origin, Slot, Type, fields},
};

/// What the files are made of, besides the root fields.
pub(super) struct Parts<'a, 'd> {
    pub(super) document: Document<'d>,
    pub(super) options: &'a Options,
    pub(super) source: &'a Source,
    pub(super) definitions: &'a [Definition],
    pub(super) completions: &'a Completions,
}

/// Connectors of types, and of fields inside them.
#[derive(Default)]
struct Inner {
    types: BTreeMap<Id, Connector>,
    fields: BTreeMap<(Id, usize), Connector>,
}

/// Which fields are left, and what is known of them.
struct Kept<'a> {
    definitions: &'a [Definition],
    given: &'a Given,
    inner: &'a Inner,
    /// Input fields that would demand an object without end.
    circles: HashSet<(Id, usize)>,
}

/// Makes the files.
pub(super) fn assemble(parts: &Parts<'_, '_>, roots: &[Root<'_>], report: &Report) -> Imported {
    let mut report = report.clone();
    let keys = parts.completions.iter().map(|(id, completion)| (*id, completion.key.clone())).collect();
    let mut selector = Selector::new(parts.definitions, &keys);
    let mut selected: Vec<(&Root<'_>, Vec<Node>)> = Vec::new();
    for root in roots {
        let selection = match &root.gives {
            Gives::Done => Some(vec![Node::Line("$(true)".to_owned())]),
            Gives::Value(ty) => selector.select(ty, None),
        };
        match selection {
            Some(selection) => selected.push((root, selection)),
            None => report.skipped.push(Skip {
                code: Code::TooDeep,
                subject: root.line.clone(),
                pointer: root.at.pointer.clone(),
                reason: "nothing of its answer can be selected".to_owned(),
            }),
        }
    }
    report.imported = selected.len();
    let inner = inner(parts, &mut selector);
    let inputs = inputs(parts.definitions, &selected);
    let circles = required_circles(parts.definitions, &inputs);
    let kept = Kept { definitions: parts.definitions, given: &selector.given, inner: &inner, circles };
    let outputs = kept.outputs(&selected);
    kept.note_dropped(&outputs, &mut report);
    let types: Vec<Written<'_>> = outputs.union(&inputs).filter_map(|id| kept.definition(*id)).collect();
    let (mut queries, mut mutations) = (Vec::new(), Vec::new());
    for (root, selection) in &selected {
        if root.mutation { &mut mutations } else { &mut queries }.push(root_field(root, selection));
    }
    let ready = format!("{}Ready", name::field_name(&parts.options.source));
    if queries.is_empty() {
        queries.push(placeholder(&ready));
    }
    let file = File {
        source: &parts.options.source,
        heading: heading(parts),
        skipped: &report.skipped,
        scalars: scalars(&types, &selected, parts.options),
        queries,
        mutations,
        types,
    };
    let schema = sdl::write(&file, parts.definitions);
    let heading = format!("Where {} is, and what every request to it carries.", title(parts));
    // Editors complete and underline the file's keys with this; `ficus import` writes that schema beside it.
    let editors = "yaml-language-server: $schema=.schema.json".to_owned();
    Imported { schema, connector: parts.source.write(&[editors, heading]), report }
}

fn title(parts: &Parts<'_, '_>) -> String {
    let text =
        |pointer: &str| parts.document.root.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let title = format!("{} {}", text("/info/title").trim(), text("/info/version").trim());
    let title: String = title.trim().chars().filter(|c| !c.is_control()).take(100).collect();
    if title.is_empty() { "the backend".to_owned() } else { title }
}

fn heading(parts: &Parts<'_, '_>) -> Vec<String> {
    let (title, document) = (title(parts), &parts.options.document);
    vec![format!(
        "{title}, imported from {document} by `ficus import openapi`. From here on it is yours to edit."
    )]
}

fn root_field<'a>(root: &'a Root<'_>, selection: &[Node]) -> Connected<'a> {
    let slot = match &root.gives {
        Gives::Done => Slot::nullable(Type::Leaf(Leaf::Boolean)),
        Gives::Value(ty) => Slot::nullable(ty.clone()),
    };
    Connected {
        name: &root.name,
        description: root.description.as_deref(),
        arguments: &root.arguments,
        slot,
        deprecated: root.deprecated,
        connector: Connector {
            request: Some(root.request.clone()),
            entity: root.entity,
            batch_size_max: None,
            selection: selection.to_vec(),
        },
    }
}

/// GraphQL demands a query; a document of writes alone has none.
fn placeholder(name: &str) -> Connected<'_> {
    let selection = vec![Node::Line("$(true)".to_owned())];
    Connected {
        name,
        description: Some("Always true: a schema needs a query, and the document has none."),
        arguments: &[],
        slot: Slot::nullable(Type::Leaf(Leaf::Boolean)),
        deprecated: false,
        connector: Connector { request: None, entity: false, batch_size_max: None, selection },
    }
}

/// Connectors of types and of their fields, for all types that selections make, until nothing new is made.
fn inner(parts: &Parts<'_, '_>, selector: &mut Selector<'_>) -> Inner {
    let mut inner = Inner::default();
    let mut wanted: BTreeSet<Id> = BTreeSet::new();
    loop {
        let before = (inner.types.len(), inner.fields.len(), wanted.len());
        for id in 0..parts.definitions.len() {
            if selector.given.made(id) {
                wanted.insert(id);
            }
            if !wanted.contains(&id) {
                continue;
            }
            for (index, field) in fields(parts.definitions, id).iter().enumerate() {
                match &field.origin {
                    Origin::Stub { .. } => wanted.extend(field.slot.ty.definition()),
                    Origin::Connector(request) if !inner.fields.contains_key(&(id, index)) => {
                        let selection = selector.select(&field.slot.ty, None);
                        let made = selection.map(|selection| connector(request, None, selection));
                        inner.fields.extend(made.map(|connector| ((id, index), connector)));
                    }
                    Origin::Connector(_) | Origin::Property => {}
                }
            }
            let completion = parts.completions.get(&id).filter(|_| !inner.types.contains_key(&id));
            if let Some(How::Type { request, size_max }) = completion.map(|completion| &completion.how) {
                let selection = selector.select(&Type::Named(id), request.envelope.as_deref());
                inner.types.extend(selection.map(|selection| (id, connector(request, *size_max, selection))));
            }
        }
        if before == (inner.types.len(), inner.fields.len(), wanted.len()) {
            return inner;
        }
    }
}

fn connector(request: &Request, batch_size_max: Option<u64>, selection: Vec<Node>) -> Connector {
    Connector { request: Some(request.clone()), entity: false, batch_size_max, selection }
}

impl<'a> Kept<'a> {
    fn has(&self, id: Id, index: usize, field: &Field) -> bool {
        match (&field.origin, self.definitions.get(id).map(|definition| &definition.kind)) {
            (_, Some(Kind::Input(_))) => true,
            (Origin::Connector(_), _) => self.inner.fields.contains_key(&(id, index)),
            _ => self.given.ever(id, index),
        }
    }

    fn slot(&self, id: Id, index: usize, field: &Field) -> Slot {
        // What is not there on every way to an object cannot be promised.
        let promised = matches!(field.origin, Origin::Connector(_)) || self.given.always(id, index);
        let nullable = field.slot.nullable || !promised || self.circles.contains(&(id, index));
        Slot { nullable, ..field.slot.clone() }
    }

    /// Types that can be asked for.
    fn outputs(&self, selected: &[(&Root<'_>, Vec<Node>)]) -> BTreeSet<Id> {
        let mut found = BTreeSet::new();
        let mut waiting: Vec<Id> = selected
            .iter()
            .filter_map(|(root, _)| match &root.gives {
                Gives::Done => None,
                Gives::Value(ty) => ty.definition(),
            })
            .collect();
        while let Some(id) = waiting.pop() {
            if !found.insert(id) {
                continue;
            }
            if let Some(Kind::Union(tell)) = self.definitions.get(id).map(|definition| &definition.kind) {
                waiting.extend(tell.members.iter().map(|(_, member)| *member));
            }
            let list = fields(self.definitions, id).iter().enumerate();
            let kept = list.filter(|(index, field)| self.has(id, *index, field));
            waiting.extend(kept.filter_map(|(_, field)| field.slot.ty.definition()));
        }
        found
    }

    fn note_dropped(&self, outputs: &BTreeSet<Id>, report: &mut Report) {
        for id in outputs {
            let Some(definition) = self.definitions.get(*id) else { continue };
            for (index, field) in fields(self.definitions, *id).iter().enumerate() {
                if !self.has(*id, index, field) {
                    report.notes.push(Skip {
                        code: Code::TooDeep,
                        subject: format!("{}.{}", definition.name, field.name),
                        pointer: definition.pointer.clone(),
                        reason: "it lies deeper than any selection goes, so it is left out".to_owned(),
                    });
                }
            }
        }
    }

    fn definition(&self, id: Id) -> Option<Written<'a>> {
        let definition = self.definitions.get(id)?;
        let list = fields(self.definitions, id).iter().enumerate();
        let list: Vec<(&Field, Slot, Option<Connector>)> = list
            .filter(|(index, field)| self.has(id, *index, field))
            .map(|(index, field)| {
                (field, self.slot(id, index, field), self.inner.fields.get(&(id, index)).cloned())
            })
            .collect();
        let mut members: Vec<&str> = Vec::new();
        match &definition.kind {
            Kind::Object(_) | Kind::Input(_) if list.is_empty() => return None,
            Kind::Union(tell) => {
                for (_, member) in &tell.members {
                    let name = self.definitions.get(*member).map(|member| member.name.as_str());
                    members.extend(name.filter(|name| !members.contains(name)));
                }
            }
            _ => {}
        }
        let connectors = self.inner.types.get(&id).cloned().into_iter().collect();
        Some(Written { definition, fields: list, connectors, members })
    }
}

/// Types that arguments can be of.
fn inputs(definitions: &[Definition], selected: &[(&Root<'_>, Vec<Node>)]) -> BTreeSet<Id> {
    let arguments = selected.iter().flat_map(|(root, _)| &root.arguments);
    let mut waiting: Vec<Id> = arguments.filter_map(|argument| argument.slot.ty.definition()).collect();
    let mut found = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if found.insert(id) {
            waiting.extend(fields(definitions, id).iter().filter_map(|field| field.slot.ty.definition()));
        }
    }
    found
}

/// Input fields that demand an object which demands them again: GraphQL has no value for such a circle.
fn required_circles(definitions: &[Definition], inputs: &BTreeSet<Id>) -> HashSet<(Id, usize)> {
    let mut broken: HashSet<(Id, usize)> = HashSet::new();
    let mut done: HashSet<Id> = HashSet::new();
    for start in inputs {
        // Depth first, without recursion: each type on the way with the field that is looked at next.
        let mut way: Vec<(Id, usize)> = vec![(*start, 0)];
        while let Some((id, index)) = way.last_mut() {
            let (at, next) = (*id, *index);
            *index += 1;
            let Some(field) = fields(definitions, at).get(next) else {
                done.insert(at);
                way.pop();
                continue;
            };
            let Slot { ty: Type::Named(inner), nullable: false } = &field.slot else { continue };
            if way.iter().any(|(outer, _)| outer == inner) {
                broken.insert((at, next));
            } else if !done.contains(inner) {
                way.push((*inner, 0));
            }
        }
    }
    broken
}

/// The scalars that the file must define.
fn scalars(types: &[Written<'_>], selected: &[(&Root<'_>, Vec<Node>)], options: &Options) -> Vec<Leaf> {
    let in_types = types.iter().flat_map(|ty| ty.fields.iter().filter_map(|(_, slot, _)| slot.ty.leaf()));
    let in_roots = selected.iter().flat_map(|(root, _)| {
        let gives = match &root.gives {
            Gives::Done => None,
            Gives::Value(ty) => ty.leaf(),
        };
        gives.into_iter().chain(root.arguments.iter().filter_map(|argument| argument.slot.ty.leaf()))
    });
    let used: BTreeSet<Leaf> = in_types.chain(in_roots).collect();
    used.into_iter()
        .filter(|leaf| leaf.description().is_some() && !options.taken.contains(leaf.name()))
        .collect()
}
