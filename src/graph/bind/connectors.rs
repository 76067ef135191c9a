//! One `@connect` after the other: what it resolves, the request it makes, what it reads.

use std::{collections::BTreeSet, sync::Arc};

use apollo_compiler::{
    Name,
    ast::{FieldDefinition, Type},
};

use super::{
    batch::{batch, join},
    cached::{Keeps, tags},
    expect::Expect,
    inputs::inputs,
    mappings::Mappings,
    reads::Readable,
    request::request,
    sources::Sources,
};
use crate::{
    connector::{Connector, ErrorMapping, Kind, Source},
    diagnostic::{Code, Diagnostic, Diagnostics},
    graph::{
        compose::Composed,
        written::{WrittenCached, WrittenConnect, WrittenGroupBy, WrittenInvalidates},
    },
    mapping::{ast::Mapping, references::Reference},
    telemetry::ConnectorMeter,
};

/// What carries a `@connect`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Element<'s> {
    /// A field; `root` when its type is `Query` or `Mutation`.
    Field { parent: &'s Name, field: &'s FieldDefinition, root: bool },
    /// An object type.
    Type { name: &'s Name },
}

impl Element<'_> {
    /// Its schema coordinate.
    pub(super) fn coordinate(&self) -> String {
        match self {
            Element::Field { parent, field, .. } => format!("{parent}.{}", field.name),
            Element::Type { name } => name.to_string(),
        }
    }
}

/// The directives beside a `@connect`, as they are written.
#[derive(Debug, Default)]
pub(super) struct WrittenBeside {
    pub(super) group_by: Option<WrittenGroupBy>,
    pub(super) cached: Option<WrittenCached>,
    pub(super) invalidates: Option<WrittenInvalidates>,
}

/// Binds connectors to their sources.
pub(super) struct Binder<'a> {
    pub(super) composed: &'a Composed,
    pub(super) sources: &'a mut Sources,
    pub(super) diagnostics: &'a mut Diagnostics,
}

impl<'a> Binder<'a> {
    /// One connector; none when it has a fault that leaves nothing to bind.
    pub(super) fn bind(
        &mut self,
        element: Element<'a>,
        index: usize,
        written: &WrittenConnect,
        beside: &WrittenBeside,
    ) -> Option<Connector> {
        let coordinate = format!("{}[{index}]", element.coordinate());
        let (source, source_read) = self.source(written, &coordinate)?;
        let mut mappings = Mappings {
            schema: &self.composed.schema,
            grammar: self.composed.links.grammar,
            diagnostics: self.diagnostics,
            coordinate: coordinate.clone(),
            source: &source.name,
            config: &source.config,
            read: Vec::new(),
        };
        let request = request(&mut mappings, element, written, &source);
        let uses_batch = variables(&mappings.read).contains("batch");
        let selection = selection(&mut mappings, element, written);
        let in_errors = in_response(element, "`errors` and `isSuccess`", true);
        let errors = &written.errors;
        let message =
            mappings.mapping(errors.message.as_ref(), Code::InvalidErrorsMessage, Expect::Message, in_errors);
        let extensions = mappings.mapping(
            errors.extensions.as_ref(),
            Code::InvalidErrorsMessage,
            Expect::Extensions,
            in_errors,
        );
        let is_success = mappings.mapping(
            written.is_success.as_ref(),
            Code::InvalidIsSuccess,
            Expect::Condition,
            in_errors,
        );
        if uses_batch && variables(&mappings.read).contains("this") {
            let message = "`$batch` and `$this` cannot be read by one connector";
            let help = "`$batch` is all objects of one request, `$this` a single one: use one of them";
            let diagnostic = Diagnostic::new(Code::ConnectBatchAndThis, written.place.clone(), message);
            mappings.report(diagnostic.help(help));
        }
        let group_by = beside.group_by.as_ref();
        let join = join(&mut mappings, element, written, group_by, uses_batch);
        let tags = tags(&mut mappings, element, beside, join.is_some());
        let request = request.ok()?;
        let mut inputs = inputs(&mappings.read, &source_read, request.as_ref(), &source);
        let batch = join.map(|join| batch(join, written, group_by, &mut inputs));
        let selection = selection?;
        let bound = Keeps {
            element,
            place: &written.place,
            source: &source,
            request: request.as_ref(),
            selection: &selection,
            batch: batch.as_ref(),
            inputs: &inputs,
        };
        let (caching, invalidates) = bound.caching(&mut mappings, beside, tags);
        Some(Connector {
            coordinate,
            place: written.place.clone(),
            id: written.id.as_ref().map(|id| id.value.clone()),
            kind: self.kind(element, written.entity),
            source,
            request,
            selection,
            errors: ErrorMapping { message, extensions },
            is_success,
            batch,
            inputs,
            caching,
            invalidates,
            meter: ConnectorMeter::default(),
        })
    }

    /// The source it names, or one of its own.
    pub(super) fn source(
        &mut self,
        written: &WrittenConnect,
        coordinate: &str,
    ) -> Option<(Arc<Source>, Vec<Reference>)> {
        match &written.source {
            Some(name) => {
                let named = self.sources.find(&name.value, &name.place, coordinate, self.diagnostics)?;
                Some((named.source.clone(), named.read.clone()))
            }
            None => Some((Arc::new(Source::named("")), Vec::new())),
        }
    }

    fn kind(&self, element: Element<'_>, entity: bool) -> Kind {
        let (parent, field, root) = match element {
            Element::Type { name } => return Kind::Type { name: name.clone() },
            Element::Field { parent, field, root } => (parent.clone(), field, root),
        };
        let name = field.name.clone();
        let query = self.composed.schema.schema_definition.query.as_ref().map(|query| &query.name);
        match &field.ty {
            Type::Named(ty) if entity && query == Some(&parent) => {
                Kind::Entity { parent, field: name, entity: ty.clone() }
            }
            _ if root => Kind::Root { parent, field: name },
            _ => Kind::Field { parent, field: name },
        }
    }
}

/// What the selection, `errors` and `isSuccess` of a connector may read.
fn in_response<'s>(element: Element<'s>, place: &'static str, batch: bool) -> Readable<'s> {
    let readable = in_request(element);
    Readable { place, response: true, data: true, batch: readable.batch.filter(|_| batch), ..readable }
}

/// What the request of a connector may read.
pub(super) fn in_request(element: Element<'_>) -> Readable<'_> {
    let place = "the request of this connector";
    let readable = Readable { place, request: true, ..Readable::NOTHING };
    match element {
        Element::Type { name } => Readable { this: Some(name), batch: Some(name), ..readable },
        Element::Field { field, root: true, .. } => Readable { args: Some(field), ..readable },
        Element::Field { parent, field, root: false } => {
            Readable { args: Some(field), this: Some(parent), batch: Some(parent), ..readable }
        }
    }
}

fn selection(mappings: &mut Mappings<'_>, element: Element<'_>, written: &WrittenConnect) -> Option<Mapping> {
    let readable = in_response(element, "the selection", false);
    mappings.mapping(written.selection.as_ref(), Code::InvalidSelection, Expect::Anything, readable)
}

/// Names of the variables in a list of references.
fn variables(read: &[Reference]) -> BTreeSet<&str> {
    read.iter().map(|reference| reference.variable.as_str()).collect()
}
