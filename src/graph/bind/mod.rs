//! From the composed schema and the connector files to the model of `connector`: sources merged, every `@connect` bound
//! to the element that carries it. Whether a schema's fields all come from somewhere is checked elsewhere.

mod absent;
mod batch;
mod cached;
mod connectors;
mod data;
mod expect;
mod headers;
mod inputs;
mod mappings;
mod private;
mod reads;
mod request;
mod settings;
mod sources;
mod subscribe;
mod topic;
mod transport;
mod verification;
mod webhooks;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use apollo_compiler::{
    Name, Node,
    ast::{Directive, OperationType},
    parser::SourceSpan,
    schema::{Component, ExtendedType, FieldDefinition, ObjectType},
};

use self::{
    connectors::{Binder, Element, WrittenBeside},
    sources::bind_sources,
};
pub(super) use self::{data::data_reads, reads::undefined_field};
use super::{
    compose::Composed,
    written::{DirectiveReader, WrittenConnect},
};
use crate::{
    config::ConnectorFile,
    connector::{Connector, ConnectorId, Kind, Source, Subscribe},
    diagnostic::{Code, Diagnostic, Diagnostics, Place},
};
pub(super) use expect::lone_key_help;

/// All connectors and sources of a graph.
#[derive(Debug, Default)]
pub(super) struct Bound {
    pub(super) connectors: Vec<BoundConnector>,
    pub(super) sources: Vec<Arc<Source>>,
    pub(super) by_field: HashMap<(Name, Name), ConnectorId>,
    pub(super) by_type: HashMap<Name, Vec<ConnectorId>>,
    /// By field of `Subscription`.
    pub(super) subscribes: HashMap<Name, Arc<Subscribe>>,
}

/// The directives beside a `@connect`.
#[derive(Debug, Clone, Copy, Default)]
struct Beside<'d> {
    group_by: Option<&'d Node<Directive>>,
    cached: Option<&'d Node<Directive>>,
    invalidates: Option<&'d Node<Directive>>,
}

/// A connector and how it is written.
#[derive(Debug)]
pub(super) struct BoundConnector {
    pub(super) connector: Arc<Connector>,
    pub(super) written: WrittenConnect,
}

/// Binds everything that has no fault; the faults are reported.
pub(super) fn bind(composed: &Composed, files: &[ConnectorFile], diagnostics: &mut Diagnostics) -> Bound {
    let mut sources = bind_sources(composed, files, diagnostics);
    let mut binder = Binder { composed, sources: &mut sources, diagnostics };
    let mut pass = Pass { composed, bound: Bound::default(), ids: BTreeMap::new(), of_entity: Vec::new() };
    for ty in composed.schema.types.values() {
        match ty {
            ExtendedType::Object(object) => pass.object(&mut binder, object),
            ExtendedType::Interface(interface) => {
                let fields = interface.fields.values().map(|field| (&interface.name, field));
                fields.for_each(|(owner, field)| pass.refuse_interface(&mut binder, owner, field));
            }
            _ => {}
        }
    }
    let Pass { mut bound, of_entity, .. } = pass;
    sources.warn_of_unused(diagnostics);
    let implementers = composed.schema.implementers_map();
    for (name, id) in of_entity {
        // After the type connectors: those may give many objects with one request.
        let members = match composed.schema.types.get(&name) {
            Some(ExtendedType::Union(union)) => {
                union.members.iter().map(|member| member.name.clone()).collect()
            }
            Some(ExtendedType::Interface(_)) => implementers
                .get(&name)
                .map(|found| found.objects.iter().cloned().collect())
                .unwrap_or_default(),
            _ => Vec::new(),
        };
        for completed in members.into_iter().chain([name]) {
            bound.by_type.entry(completed).or_default().push(id);
        }
    }
    bound.sources = sources.by_name.into_values().map(|named| named.source).collect();
    bound
}

struct Pass<'a> {
    composed: &'a Composed,
    bound: Bound,
    /// Where each `id` was first given.
    ids: BTreeMap<String, Place>,
    /// `entity: true` connectors by the type they complete.
    of_entity: Vec<(Name, ConnectorId)>,
}

impl<'a> Pass<'a> {
    fn object(&mut self, binder: &mut Binder<'a>, object: &'a Node<ObjectType>) {
        let schema = &self.composed.schema;
        let is_root = |operation| schema.root_operation(operation).is_some_and(|root| *root == object.name);
        let root = is_root(OperationType::Query) || is_root(OperationType::Mutation);
        let subscription = is_root(OperationType::Subscription);
        let of_type = cached::beside(
            &object.directives,
            &|name| self.is_connect(name),
            &mut |place: Option<SourceSpan>, message, help| {
                let place = self.composed.files.place(place);
                let diagnostic = Diagnostic::new(Code::InvalidCached, place, message).help(help);
                binder.diagnostics.push(diagnostic.on(object.name.as_str()));
            },
        );
        for (index, (directive, cached)) in of_type.into_iter().enumerate() {
            if root || subscription {
                let place = self.composed.files.place(directive.location());
                let message = format!("`@connect` on `{}`, which is not an entity", object.name);
                let diagnostic =
                    Diagnostic::new(Code::ConnectOnRoot, place, message).on(object.name.as_str());
                binder.diagnostics.push(diagnostic.help("put it on the fields"));
                continue;
            }
            let beside = Beside { cached, ..Beside::default() };
            self.bind(binder, Element::Type { name: &object.name }, index, directive, beside);
        }
        for field in object.fields.values() {
            if subscription {
                self.subscription(binder, &object.name, field);
                continue;
            }
            self.field(binder, &object.name, field, root);
        }
    }

    fn field(
        &mut self,
        binder: &mut Binder<'a>,
        parent: &'a Name,
        field: &'a Component<FieldDefinition>,
        root: bool,
    ) {
        let connects = self.connects(field.directives.iter());
        if let [first, second, ..] = connects.as_slice() {
            let place = self.composed.files.place(second.location());
            let message = format!("`{parent}.{}` has several `@connect`", field.name);
            let diagnostic = Diagnostic::new(Code::SeveralConnectors, place, message)
                .also(self.composed.files.place(first.location()), "the first one")
                .on(format!("{parent}.{}", field.name))
                .help("keep one of them: there is no rule yet that chooses between them");
            binder.diagnostics.push(diagnostic);
        }
        if let Some(directive) = field.directives.get("subscribe") {
            let message = format!("`@subscribe` on a field of `{parent}`, which answers once");
            self.refuse(binder, Code::InvalidSubscribe, parent, field, directive, &message);
        }
        if let Some(directive) = connects.first() {
            self.refuse_override(binder, parent, field);
            if let Some(second) = field.directives.get_all("cached").nth(1) {
                let message = "this `@connect` has two `@cached`";
                self.refuse(binder, Code::InvalidCached, parent, field, second, message);
            }
            let beside = Beside {
                group_by: field.directives.get("groupBy"),
                cached: field.directives.get("cached"),
                invalidates: field.directives.get("invalidates"),
            };
            self.bind(binder, Element::Field { parent, field, root }, 0, directive, beside);
            return;
        }
        self.refuse_beside(binder, parent, field);
    }

    /// Directives that stand beside a `@connect`, where there is none.
    fn refuse_beside(&self, binder: &mut Binder<'a>, parent: &Name, field: &FieldDefinition) {
        for (name, code, message) in [
            ("groupBy", Code::InvalidGroupBy, "`@groupBy` without `@connect`"),
            ("cached", Code::InvalidCached, "`@cached` without `@connect`"),
            ("invalidates", Code::InvalidInvalidates, "`@invalidates` without `@connect`"),
        ] {
            if let Some(directive) = field.directives.get(name) {
                self.refuse(binder, code, parent, field, directive, message);
            }
        }
    }

    /// Says that a directive cannot stand on a field.
    fn refuse(
        &self,
        binder: &mut Binder<'a>,
        code: Code,
        parent: &Name,
        field: &FieldDefinition,
        directive: &Node<Directive>,
        message: &str,
    ) {
        let place = self.composed.files.place(directive.location());
        let diagnostic = Diagnostic::new(code, place, message);
        binder.diagnostics.push(diagnostic.on(format!("{parent}.{}", field.name)));
    }

    fn bind(
        &mut self,
        binder: &mut Binder<'a>,
        element: Element<'a>,
        index: usize,
        directive: &Node<Directive>,
        beside: Beside<'_>,
    ) {
        let coordinate = format!("{}[{index}]", element.coordinate());
        let mut reader =
            DirectiveReader { files: &self.composed.files, diagnostics: binder.diagnostics, coordinate };
        let written = reader.connect(directive);
        let beside = WrittenBeside {
            group_by: beside.group_by.map(|found| reader.group_by(found)),
            cached: beside.cached.map(|found| reader.cached(found)),
            invalidates: beside.invalidates.map(|found| reader.invalidates(found)),
        };
        self.check_id(binder, &written, &element);
        let Some(connector) = binder.bind(element, index, &written, &beside) else { return };
        let Ok(index) = u32::try_from(self.bound.connectors.len()) else { return };
        let id = ConnectorId(index);
        match &connector.kind {
            Kind::Type { name } => self.bound.by_type.entry(name.clone()).or_default().push(id),
            Kind::Entity { parent, field, entity } => {
                self.of_entity.push((entity.clone(), id));
                self.bound.by_field.insert((parent.clone(), field.clone()), id);
            }
            Kind::Root { parent, field } | Kind::Field { parent, field } => {
                self.bound.by_field.insert((parent.clone(), field.clone()), id);
            }
        }
        self.bound.connectors.push(BoundConnector { connector: Arc::new(connector), written });
    }

    /// `@override` takes a field over from another subgraph, and there is none.
    fn refuse_override(&self, binder: &mut Binder<'_>, parent: &Name, field: &Component<FieldDefinition>) {
        let links = &self.composed.links;
        for directive in field.directives.iter().filter(|found| links.is_federation(&found.name, "override"))
        {
            let place = self.composed.files.place(directive.location());
            let message = "`@override` on a field with a connector";
            let diagnostic = Diagnostic::new(Code::OverrideOnConnector, place, message);
            let help =
                "remove it: a graph has one connector for a field, and no subgraphs that fields move between";
            binder.diagnostics.push(diagnostic.on(format!("{parent}.{}", field.name)).help(help));
        }
    }

    /// `id` is unique, letters, digits and `_`.
    fn check_id(&mut self, binder: &mut Binder<'a>, written: &WrittenConnect, element: &Element<'_>) {
        let Some(id) = &written.id else { return };
        let report = |binder: &mut Binder<'a>, diagnostic: Diagnostic| {
            binder.diagnostics.push(diagnostic.on(element.coordinate()));
        };
        let valid = !id.value.is_empty() && id.value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !valid {
            let message = format!("`{}` cannot be the id of a connector", id.value);
            let diagnostic = Diagnostic::new(Code::InvalidConnectorIdName, id.place.clone(), message);
            report(binder, diagnostic.help("letters, digits and `_`"));
        }
        match self.ids.get(&id.value) {
            Some(first) => {
                let message = format!("the id `{}` is given twice", id.value);
                let diagnostic = Diagnostic::new(Code::DuplicateIdName, id.place.clone(), message);
                report(
                    binder,
                    diagnostic.also(first.clone(), "first given here").help("give one of them another id"),
                );
            }
            None => {
                self.ids.insert(id.value.clone(), id.place.clone());
            }
        }
    }

    fn refuse_interface(&self, binder: &mut Binder<'a>, parent: &Name, field: &Component<FieldDefinition>) {
        for directive in self.connects(field.directives.iter()) {
            let place = self.composed.files.place(directive.location());
            let message = "`@connect` on a field of an interface, which no object inherits";
            let diagnostic = Diagnostic::new(Code::ConnectorsUnsupportedAbstractType, place, message)
                .on(format!("{parent}.{}", field.name))
                .help("put it on the field of each object type");
            binder.diagnostics.push(diagnostic);
        }
        if let Some(directive) = field.directives.get("subscribe") {
            let message = format!("`@subscribe` on a field of the interface `{parent}`, which answers once");
            self.refuse(binder, Code::InvalidSubscribe, parent, field, directive, &message);
        }
    }

    fn connects<'d>(
        &self,
        directives: impl Iterator<Item = &'d Node<Directive>>,
    ) -> Vec<&'d Node<Directive>> {
        directives.filter(|directive| self.is_connect(&directive.name)).collect()
    }

    fn is_connect(&self, name: &str) -> bool {
        self.composed.links.connect.iter().any(|known| known == name)
    }
}
