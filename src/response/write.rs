//! Walks a plan and the tables of its steps together and writes `{"data": …, "errors": …, "extensions": …}`.
//! Null propagation is the GraphQL specification's (section 6.4.4): what was written of a nulled object is cut off again.

use std::sync::OnceLock;

use apollo_compiler::response::JsonMap;
use bytes::Bytes;

use super::{
    append::append,
    copies::{Copies, Shared},
    errors::{ErrorList, PathSegment},
    leaf::{self, Expected},
    nulls::is_non_null,
    table::{Link, Node, StepResult, Table},
};
use crate::{
    error::{ClientError, Code},
    plan::{Field, From, Named, Plan, Position, PositionId, SlotIndex, StepId, Type, Variant},
    telemetry::Tally,
};

/// All that a response is written from.
pub struct Answer<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Results by step; none for a step that did not run.
    pub results: &'a [OnceLock<StepResult>],
    /// Which conditions hold, by their index.
    pub conditions: &'a [bool],
    /// Introspection's part of the response, by response key.
    pub introspection: Option<&'a JsonMap>,
    /// Most entries of `errors`.
    pub errors_max: usize,
    /// `extensions`; an empty map is left out.
    pub extensions: serde_json::Map<String, serde_json::Value>,
    /// Counts the entries of `errors`, those that are left out too.
    pub counts: &'a Tally<Code>,
}

/// A response, written.
#[derive(Debug)]
pub struct Written {
    /// `{"data": …}` as JSON.
    pub body: Bytes,
    /// How many errors it has, those that were left out too.
    pub errors: usize,
}

/// No more bytes than this are set aside before anything is written: many tables may be read of one body.
const GUESS_MAX: usize = 4 << 20;

/// Writes a response.
#[must_use]
pub fn write(answer: &Answer<'_>) -> Written {
    // Most responses are shorter than half of what they are made from, and a name for each value; then the buffer never moves.
    let tables = answer.results.iter().filter_map(OnceLock::get).flat_map(|result| &result.tables);
    let bytes: usize = tables.map(|table| table.text.len() / 2 + 16 * table.nodes.len()).sum();
    let mut writer = Writer {
        answer,
        out: Vec::with_capacity(1024 + bytes.min(GUESS_MAX)),
        errors: ErrorList::new(answer.errors_max, answer.counts),
        path: Vec::new(),
        copies: Copies::default(),
    };
    writer.out.extend_from_slice(b"{\"data\":");
    let mark = writer.out.len();
    let root = answer.plan.position(PositionId(0));
    let written = match root.variants.first() {
        Some(variant) => writer.object(variant, Place::ROOT),
        None => Err(Nulled),
    };
    if written.is_err() {
        writer.out.truncate(mark);
        writer.out.extend_from_slice(b"null");
    }
    let Writer { mut out, errors, .. } = writer;
    let count = errors.count();
    let errors = errors.finish();
    if let Some(errors) = &errors {
        out.extend_from_slice(b",\"errors\":");
        out.extend_from_slice(errors);
    }
    if !answer.extensions.is_empty()
        && let Ok(extensions) = serde_json::to_vec(&answer.extensions)
    {
        out.extend_from_slice(b",\"extensions\":");
        out.extend_from_slice(&extensions);
    }
    out.push(b'}');
    Written { body: out.into(), errors: count }
}

/// A non-null field has no value: the object around it has none either.
pub(super) struct Nulled;

/// Where the object at hand is.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// The table that holds its record, its index, and the step it belongs to; none for the root.
    held: Option<(&'a Table, u32, StepId)>,
    record: u32,
    /// Its number among the objects of its position.
    row: u32,
}

impl Place<'_> {
    const ROOT: Self = Place { held: None, record: 0, row: 0 };
}

/// A value, with the table that it points into.
#[derive(Clone, Copy)]
pub(super) struct Held<'a> {
    pub(super) table: &'a Table,
    index: u32,
    step: StepId,
    pub(super) node: Node,
}

pub(super) struct Writer<'a> {
    answer: &'a Answer<'a>,
    pub(super) out: Vec<u8>,
    pub(super) errors: ErrorList<'a>,
    pub(super) path: Vec<PathSegment<'a>>,
    copies: Copies,
}

impl<'a> Writer<'a> {
    fn object(&mut self, variant: &'a Variant, place: Place<'a>) -> Result<(), Nulled> {
        let mark = self.out.len();
        for field in &variant.fields {
            if !self.is_there(field) {
                continue;
            }
            append(&mut self.out, &field.key_json.padded, 0, field.key_json.len);
            if self.is_leaf_written(field, place) {
                continue;
            }
            self.path.push(PathSegment::Key(&field.key));
            let written = self.field(field, variant, place);
            self.path.pop();
            written?;
        }
        match self.out.get_mut(mark) {
            // A comma stands before each field: the first one's is in the place of the brace.
            Some(first) => *first = b'{',
            None => self.out.push(b'{'),
        }
        self.out.push(b'}');
        Ok(())
    }

    /// Writes a leaf of the record itself, or of what completes it, where it is there and fits its type: what most fields are.
    #[inline]
    fn is_leaf_written(&mut self, field: &Field, place: Place<'a>) -> bool {
        let Type::Named { named, .. } = &field.ty else { return false };
        let found = match (field.from, place.held) {
            (From::Slot(slot), Some((table, ..))) => Some((table, table.slot(place.record, slot))),
            (From::Completed(step, slot), _) => self.completed(step, place.row, slot),
            _ => None,
        };
        match found {
            None | Some((_, Node::Null | Node::Missing)) => false,
            Some((table, node)) => leaf::write(named, table, node, &mut self.out).is_ok(),
        }
    }

    /// A slot of the record that a completing step made for an object; none where it made no record.
    #[inline]
    fn completed(&self, step: StepId, row: u32, slot: SlotIndex) -> Option<(&'a Table, Node)> {
        let result = self.result(step)?;
        let Link::Node { table, node: Node::Record { start, .. } } = result.link(row) else { return None };
        let table = result.table(table)?;
        Some((table, table.slot(start, slot)))
    }

    fn result(&self, step: StepId) -> Option<&'a StepResult> {
        self.answer.results.get(step.0 as usize)?.get()
    }

    fn is_there(&self, field: &Field) -> bool {
        field.when.is_none_or(|id| self.answer.conditions.get(usize::from(id.0)).copied().unwrap_or(true))
    }

    fn field(&mut self, field: &'a Field, variant: &'a Variant, place: Place<'a>) -> Result<(), Nulled> {
        match field.from {
            From::Typename => {
                self.out.push(b'"');
                self.out.extend_from_slice(variant.name.as_bytes());
                self.out.push(b'"');
                Ok(())
            }
            From::Introspection => {
                let value = self.answer.introspection.and_then(|values| values.get(&*field.key));
                let json = value.and_then(|value| serde_json::to_vec(value).ok());
                self.out.extend_from_slice(json.as_deref().unwrap_or(b"null"));
                Ok(())
            }
            From::Slot(slot) => match place.held {
                Some((table, index, step)) => {
                    let node = table.slot(place.record, slot);
                    self.value(&field.ty, field, Held { table, index, step, node })
                }
                None => self.null(&field.ty, field),
            },
            From::Completed(step, slot) => self.linked(field, step, place.row, |held| match held.node {
                Node::Record { start, .. } => Some(held.table.slot(start, slot)),
                Node::Null | Node::Missing => Some(Node::Null),
                _ => None,
            }),
            From::Fetched(step) => self.fetched(field, step, place.row),
            From::Nowhere => {
                let message = format!("No connector gives {} here.", field.coordinate);
                self.errors.push(&ClientError::new(Code::Internal, message), &self.path, field.location);
                self.nulled(&field.ty)
            }
        }
    }

    /// The value that a field's own step found for an object. One that several objects have is written once and copied.
    fn fetched(&mut self, field: &'a Field, step: StepId, row: u32) -> Result<(), Nulled> {
        let shared = self.result(step).filter(|result| result.is_shared).and_then(|result| {
            let Link::Node { table, node } = result.link(row) else { return None };
            let field = std::ptr::from_ref(field) as usize;
            Some((Shared { field, table, node }, result.links.len()))
        });
        if shared.is_some_and(|(value, _)| self.copies.append(&value, &mut self.out)) {
            return Ok(());
        }
        let (from, errors) = (self.out.len(), self.errors.count());
        self.linked(field, step, row, |held| Some(held.node))?;
        if let Some((value, links)) = shared.filter(|_| self.errors.count() == errors) {
            self.copies.note(value, from, &self.out, links);
        }
        Ok(())
    }

    /// The value that a step found for an object; `pick` takes the field's part of it.
    fn linked(
        &mut self,
        field: &'a Field,
        step: StepId,
        row: u32,
        pick: impl Fn(&Held<'a>) -> Option<Node>,
    ) -> Result<(), Nulled> {
        let Some(result) = self.result(step) else { return self.null(&field.ty, field) };
        match result.link(row) {
            Link::NotRun | Link::Null => self.null(&field.ty, field),
            Link::Error(index) => {
                if let Some(error) = result.errors.get(index as usize) {
                    self.errors.push(error, &self.path, field.location);
                }
                self.nulled(&field.ty)
            }
            Link::Node { table: index, node } => {
                let Some(table) = result.table(index) else { return self.null(&field.ty, field) };
                let held = Held { table, index, step, node };
                match pick(&held) {
                    Some(node) => self.value(&field.ty, field, Held { node, ..held }),
                    // It is the object around the field that is none.
                    None => {
                        let coordinate = &self.answer.plan.step(step).connector.coordinate;
                        self.mismatch_of(coordinate, &field.ty, field, Expected::Object, &held)
                    }
                }
            }
        }
    }

    fn value(&mut self, ty: &'a Type, field: &'a Field, held: Held<'a>) -> Result<(), Nulled> {
        if matches!(held.node, Node::Null | Node::Missing) {
            return self.null_for(ty, field, leaf::found(held.table, held.node));
        }
        match ty {
            Type::List { item, .. } => self.list(ty, item, field, held),
            Type::Named { named: Named::Object(position), .. } => self.record(ty, *position, field, held),
            Type::Named { named, .. } => match leaf::write(named, held.table, held.node, &mut self.out) {
                Ok(()) => Ok(()),
                Err(expected) => self.mismatch(ty, field, expected, &held),
            },
        }
    }

    fn list(&mut self, ty: &'a Type, item: &'a Type, field: &'a Field, held: Held<'a>) -> Result<(), Nulled> {
        let Node::List { start, len } = held.node else {
            return self.mismatch(ty, field, Expected::List, &held);
        };
        let mark = self.out.len();
        self.out.push(b'[');
        for (node, index) in held.table.list(start, len).iter().zip(0..) {
            if index > 0 {
                self.out.push(b',');
            }
            self.path.push(PathSegment::Index(index));
            let written = self.value(item, field, Held { node: *node, ..held });
            self.path.pop();
            if written.is_err() {
                self.cut(mark);
                return self.nulled(ty);
            }
        }
        self.out.push(b']');
        Ok(())
    }

    fn record(
        &mut self,
        ty: &'a Type,
        id: PositionId,
        field: &'a Field,
        held: Held<'a>,
    ) -> Result<(), Nulled> {
        let position = self.answer.plan.position(id);
        let Node::Record { start, row } = held.node else {
            return self.mismatch(ty, field, Expected::Object, &held);
        };
        let row = match (position.numbered, self.result(held.step)) {
            (Some(number), Some(result)) => result.row(number, held.index, row),
            _ => row,
        };
        if !is_non_null(ty) && self.is_absent(position, held.table, start, row) {
            self.out.extend_from_slice(b"null");
            return Ok(());
        }
        let Some(variant) = self.variant(position, held.table, start) else {
            return self.unknown_type(ty, position, field, held.table, start);
        };
        let mark = self.out.len();
        let place = Place { held: Some((held.table, held.index, held.step)), record: start, row };
        if self.object(variant, place).is_err() {
            self.cut(mark);
            return self.nulled(ty);
        }
        Ok(())
    }

    /// A stub whose key is null, or which none of the steps that complete it found, is no object.
    fn is_absent(&self, position: &Position, table: &Table, record: u32, row: u32) -> bool {
        let null = |slot: &u16| matches!(table.slot(record, *slot), Node::Null | Node::Missing);
        if !position.stub_key.is_empty() && position.stub_key.iter().all(null) {
            return true;
        }
        let mut looked = false;
        for step in &position.stub {
            match self.result(*step).map_or(Link::NotRun, |result| result.link(row)) {
                Link::NotRun => {}
                Link::Null => looked = true,
                Link::Node { node: Node::Null | Node::Missing, .. } => looked = true,
                Link::Node { .. } | Link::Error(_) => return false,
            }
        }
        looked
    }

    /// Takes back what was written.
    fn cut(&mut self, mark: usize) {
        self.out.truncate(mark);
        self.copies = Copies::default();
    }

    fn variant(&self, position: &'a Position, table: &Table, record: u32) -> Option<&'a Variant> {
        let Some(slot) = position.typename else { return position.variants.first() };
        let Node::String { start, end } = table.slot(record, slot) else { return None };
        let name = leaf::unquoted(table.slice(start, end));
        position.variants.iter().find(|variant| variant.name.as_str() == name)
    }
}
