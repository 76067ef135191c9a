//! The ways to an object: every place where a selection makes one. A field that some selections give and others do not must
//! be completed where it is missing; where no connector can do that, clients would read null in one place and a value in another.

use std::collections::HashSet;

use apollo_compiler::{Name, collections::IndexMap, schema::ObjectType};

use crate::{
    connector::{ConnectorId, Kind},
    diagnostic::{Code, Diagnostic, Diagnostics, Place},
    graph::{bind::Bound, compose::Composed},
    mapping::shape::{ObjectShape, Shape, shape},
};

/// A place where a selection makes objects of a type.
#[derive(Debug)]
pub(super) struct Way {
    /// The object type.
    pub(super) ty: Name,
    /// What is known of the objects there.
    pub(super) object: ObjectShape,
    /// Where the selection makes them.
    pub(super) place: Place,
    /// The connector.
    pub(super) coordinate: String,
}

/// Names of fields, and places, that one warning shows.
const SHOWN_MAX: usize = 6;

/// Warns of fields that are given elsewhere, missing on a way, and completed by nothing there: once for all ways on which
/// objects of a type lack the same fields.
pub(super) fn check(composed: &Composed, bound: &Bound, ways: &[Way], diagnostics: &mut Diagnostics) {
    let shapes: Vec<Shape> = bound.connectors.iter().map(|found| shape(&found.connector.selection)).collect();
    let mut lacking: IndexMap<(&Name, Vec<&str>), Vec<&Way>> = IndexMap::default();
    for way in ways.iter().filter(|way| !way.object.is_open) {
        let Some(object) = composed.schema.get_object(&way.ty) else { continue };
        let reach = Reach::new(bound, &shapes, way, object);
        let missing: Vec<&str> = object
            .fields
            .keys()
            .map(Name::as_str)
            .filter(|field| !reach.has(&[(*field).to_owned()]))
            .collect();
        if !missing.is_empty() {
            lacking.entry((&way.ty, missing)).or_default().push(way);
        }
    }
    for ((ty, missing), ways) in lacking {
        let Some((way, others)) = ways.split_first() else { continue };
        let fields = shown(missing.iter().map(|field| format!("`{field}`")));
        let message = format!("objects of `{ty}` made here have no {fields}, which other selections give");
        let help = format!(
            "select more here, or let a connector complete it: `type {ty} @connect(…)` reading a key that is here"
        );
        let diagnostic = Diagnostic::new(Code::FieldsMissingOnOneWay, way.place.clone(), message)
            .on(way.coordinate.as_str())
            .help(help);
        let places =
            others.iter().map(|way| format!("{}:{}:{}", way.place.file, way.place.line, way.place.column));
        diagnostics.push(match others {
            [] => diagnostic,
            _ => diagnostic.note(format!("the same at {}", shown(places))),
        });
    }
}

/// The first few of several, and how many more there are.
fn shown(all: impl ExactSizeIterator<Item = String>) -> String {
    let more = all.len().saturating_sub(SHOWN_MAX);
    let first: Vec<String> = all.take(SHOWN_MAX).collect();
    let first = first.join(", ");
    if more == 0 { first } else { format!("{first} and {more} more") }
}

/// What can be had of the objects on a way.
struct Reach<'a> {
    bound: &'a Bound,
    /// What each connector's selection gives.
    shapes: &'a [Shape],
    way: &'a Way,
    /// Connectors whose inputs can be had.
    running: HashSet<ConnectorId>,
}

impl<'a> Reach<'a> {
    fn new(bound: &'a Bound, shapes: &'a [Shape], way: &'a Way, object: &ObjectType) -> Self {
        let own =
            object.fields.keys().filter_map(|field| bound.by_field.get(&(way.ty.clone(), field.clone())));
        let completions = bound.by_type.get(&way.ty).into_iter().flatten();
        let mut waiting: Vec<ConnectorId> = own.chain(completions).copied().collect();
        let mut reach = Reach { bound, shapes, way, running: HashSet::new() };
        // What one connector gives may be what another needs: until nothing more can run.
        loop {
            let (ready, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|id| reach.can_run(*id));
            if ready.is_empty() {
                return reach;
            }
            reach.running.extend(ready);
            waiting = rest;
        }
    }

    /// Whether a path is at hand, or a connector that can run gives it.
    fn has(&self, path: &[String]) -> bool {
        let Some((first, rest)) = path.split_first() else { return true };
        if self.way.object.field(first).is_some_and(|field| gives(&field.shape, rest)) {
            return true;
        }
        let key = Name::new(first).ok().map(|field| (self.way.ty.clone(), field));
        if key.and_then(|key| self.bound.by_field.get(&key)).is_some_and(|own| self.running.contains(own)) {
            return true;
        }
        let completions = self.bound.by_type.get(&self.way.ty).into_iter().flatten();
        completions.filter(|id| self.running.contains(id)).any(|id| {
            let given = self.shapes.get(id.0 as usize);
            given.is_some_and(|given| gives(given, path))
        })
    }

    fn can_run(&self, id: ConnectorId) -> bool {
        let Some(found) = self.bound.connectors.get(id.0 as usize) else { return false };
        let inputs = &found.connector.inputs;
        // What rows of a `@groupBy` are matched by is among `inputs.batch`.
        let keys = match found.connector.kind {
            Kind::Entity { .. } => &inputs.args,
            _ if found.connector.batch.is_some() => &inputs.batch,
            _ => &inputs.this,
        };
        keys.iter().all(|path| self.has(path))
    }
}

/// Whether a shape may have a value at a path.
pub(super) fn gives(shape: &Shape, path: &[String]) -> bool {
    shape.alternatives().iter().any(|shape| match (shape, path.split_first()) {
        (_, None) | (Shape::Unknown, _) => true,
        (Shape::List(element), _) => gives(element, path),
        (Shape::Object(object), Some((key, rest))) => {
            object.is_open || object.field(key).is_some_and(|field| gives(&field.shape, rest))
        }
        _ => false,
    })
}
