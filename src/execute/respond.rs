//! From one response to the records of a step: is it a success, what is it, what does the mapping make of it, and which
//! row belongs to whom.

use std::{cell::LazyCell, collections::HashMap};

use bumpalo::Bump;
use bytes::Bytes;
use serde_json::Value as Json;
use smallvec::SmallVec;

use super::{
    calls::Answered,
    key::{self, Key},
    project::{Misfit, project},
    record::record,
    rows::Kept,
    step::{Sent, Unit, Work, has_many},
    watch::Notes,
};
use crate::{
    connector::Connector,
    error::{ClientError, Code},
    fetch::{Body, FetchError, Given, Outcome, Scope, Site, UpstreamResponse, unexpected_format},
    mapping::{
        evaluate::{Variables, evaluate_root},
        value::Value,
    },
    plan::{CompiledMapping, InputFrom, Step},
    response::{Link, Node, Table, found},
};

/// Tables, and what each unit found in them.
#[derive(Default)]
pub(super) struct Links {
    pub(super) tables: Vec<Table>,
    pub(super) links: Vec<Link>,
}

impl Links {
    /// Adds the table of one unit.
    fn push(&mut self, table: Table) {
        let link =
            Link::Node { table: u32::try_from(self.tables.len()).unwrap_or(u32::MAX), node: table.node(0) };
        self.tables.push(table);
        self.links.push(link);
    }

    /// Adds a table, and what units found in it.
    pub(super) fn add(&mut self, nodes: Vec<(usize, Node)>, table: Table) {
        let number = u32::try_from(self.tables.len()).unwrap_or(u32::MAX);
        self.tables.push(table);
        for (unit, node) in nodes {
            self.set(unit, Link::Node { table: number, node });
        }
    }

    pub(super) fn set(&mut self, unit: usize, link: Link) {
        if let Some(place) = self.links.get_mut(unit) {
            *place = link;
        }
    }
}

impl Work<'_, '_> {
    /// Links units to what a connector without request gives.
    pub(super) fn map_static(&mut self, units: &[Unit], arguments: &Json) -> Links {
        let mut found = Links::default();
        let mut notes = self.run.watch.notes();
        for unit in units {
            let arena = Bump::new();
            let variables = self.given(unit, arguments, &arena).variables(&self.step.connector, &arena);
            match evaluate(self, Value::Null, 0, &variables, &arena, &mut notes) {
                Ok(table) => found.push(table),
                Err(error) => found.links.push(Link::Error(self.fail_noted(error, &mut notes))),
            }
        }
        self.findings.append(&notes.findings);
        if units.is_empty() {
            return found;
        }
        self.run.watch.made(self.step, notes);
        found
    }

    /// Links units to what an event gives.
    pub(super) fn map_event(&mut self, units: &[Unit], arguments: &Json, event: &[u8]) -> Links {
        let mut found = Links::default();
        let mut notes = self.run.watch.notes();
        let bytes_max = self.step.connector.source.settings.body_bytes_max;
        for unit in units {
            let arena = Bump::new();
            let text = std::str::from_utf8(event).ok().filter(|_| event.len() <= bytes_max);
            let data = text.and_then(|text| Body::Json(text).value(&arena).ok());
            let variables = self.given(unit, arguments, &arena).variables(&self.step.connector, &arena);
            let made = match data {
                Some(data) => evaluate(self, data, event.len(), &variables, &arena, &mut notes),
                None => Err(unreadable_event(&self.step.connector)),
            };
            match made {
                Ok(table) => found.push(table),
                Err(error) => found.links.push(Link::Error(self.fail_noted(error, &mut notes))),
            }
        }
        self.findings.append(&notes.findings);
        self.run.watch.made(self.step, notes);
        found
    }

    /// Links units to what the responses hold for them.
    pub(super) fn map(
        &mut self,
        units: &[Unit],
        arguments: &Json,
        answers: &[(u32, Answered)],
        sent: &[Sent],
        kept: &mut Kept,
    ) -> Links {
        if self.step.connector.batch.is_some() {
            self.map_batches(units, arguments, answers, sent, kept)
        } else {
            self.map_singles(units, arguments, answers, sent)
        }
    }

    fn map_singles(
        &mut self,
        units: &[Unit],
        arguments: &Json,
        answers: &[(u32, Answered)],
        sent: &[Sent],
    ) -> Links {
        let mut found = Links::default();
        for (unit, sent) in units.iter().zip(sent) {
            let answer = match sent {
                Sent::Failed(error) => {
                    found.links.push(Link::Error(*error));
                    continue;
                }
                Sent::Call(call) => answers.get(*call as usize),
                // Only rows of batches are kept one by one.
                Sent::Kept => None,
            };
            let Some((call, answer)) = answer else { continue };
            let arena = Bump::new();
            let mut notes = self.run.watch.notes();
            match respond(self, answer, || self.given(unit, arguments, &arena), &arena, &mut notes) {
                Ok(Mapped::Null) => found.links.push(Link::Null),
                Ok(Mapped::Table(table)) => found.push(table),
                Err(error) => found.links.push(Link::Error(self.fail_noted(error, &mut notes))),
            }
            self.noted(*call, answer, notes);
        }
        found
    }

    fn map_batches(
        &mut self,
        units: &[Unit],
        arguments: &Json,
        answers: &[(u32, Answered)],
        sent: &[Sent],
        kept: &mut Kept,
    ) -> Links {
        let mut found = Links { tables: Vec::new(), links: vec![Link::Null; units.len()] };
        for ((call, answer), position) in answers.iter().zip(0..) {
            let asked = || {
                sent.iter().zip(units).zip(0..).filter_map(
                    move |((sent, unit), index): ((&Sent, &Unit), usize)| {
                        matches!(sent, Sent::Call(of) if *of == position).then_some((index, unit))
                    },
                )
            };
            let arena = Bump::new();
            let given = || self.given_batch(asked().map(|(_, unit)| unit), arguments, &arena);
            let mut notes = self.run.watch.notes();
            let joined = match respond(self, answer, given, &arena, &mut notes) {
                Ok(Mapped::Null) => Ok(None),
                Ok(Mapped::Table(mut table)) => {
                    join(self.step, &mut table, asked()).map(|nodes| Some((nodes, table)))
                }
                Err(error) => Err(error),
            };
            match joined {
                Ok(None) => {}
                Ok(Some((nodes, table))) => {
                    found.add(nodes, table);
                    self.keep_rows(answer, asked(), arguments, kept);
                }
                Err(error) => {
                    let error = self.fail_noted(error, &mut notes);
                    asked().for_each(|(unit, _)| found.set(unit, Link::Error(error)));
                }
            }
            self.noted(*call, answer, notes);
        }
        self.map_kept(units, arguments, sent, kept, &mut found);
        for (sent, link) in sent.iter().zip(&mut found.links) {
            if let Sent::Failed(error) = sent {
                *link = Link::Error(*error);
            }
        }
        found
    }

    fn fail_noted(&mut self, error: ClientError, notes: &mut Notes) -> u32 {
        notes.failed(&error);
        self.step.connector.source.meter().errors.count(error.code);
        self.fail(error)
    }

    fn noted(&mut self, call: u32, answer: &Answered, notes: Notes) {
        self.findings.append(&notes.findings);
        self.run.watch.mapped(call, answer, notes);
    }
}

/// What a response came to.
enum Mapped {
    /// Null, without an error.
    Null,
    /// Records; the result is the first node.
    Table(Table),
}

/// Reads and maps a response. `given` is what mappings read, and is made where one is evaluated.
fn respond<'a>(
    work: &'a Work<'_, '_>,
    answered: &'a Answered,
    given: impl FnOnce() -> Given<'a>,
    arena: &'a Bump,
    notes: &mut Notes,
) -> Result<Mapped, ClientError> {
    let connector = &*work.step.connector;
    let response = match &**answered {
        Ok(response) => response,
        Err(error) => return Err(*error.clone().attributed(connector, None).client),
    };
    let variables =
        LazyCell::new(|| Given { response: Some(response), ..given() }.variables(connector, arena));
    let not_found_is_null = work.step.missing_is_null && connector.batch.is_none();
    let outcome = Outcome::by_status(connector, response, not_found_is_null, arena).unwrap_or_else(|| {
        let mut scope = Scope { variables: &variables, arena, findings: &mut notes.findings };
        Outcome::of(connector, response, not_found_is_null, &mut scope)
    });
    match outcome {
        Outcome::Null => Ok(Mapped::Null),
        Outcome::Failure(error) => Err(*error.client),
        Outcome::Data(body) => map(work, response, body, &variables, arena, notes).map(Mapped::Table),
    }
}

/// Maps a body. `variables` are made where the mapping is evaluated.
pub(super) fn map<'a>(
    work: &'a Work<'_, '_>,
    response: &'a UpstreamResponse,
    body: Body<'a>,
    variables: &LazyCell<Variables<'a>, impl FnOnce() -> Variables<'a>>,
    arena: &'a Bump,
    notes: &mut Notes,
) -> Result<Table, ClientError> {
    let read = || body.value(arena).map_err(|error| invalid(work, response, error.to_string()));
    if let (Body::Json(text), CompiledMapping::Project { projection, .. }) = (body, &work.step.mapping) {
        match project(projection, text, bytes_of(text, &response.body), work.step.numbered.len()) {
            Ok(table) => {
                if notes.is_looking() {
                    // A projection does not tell what it misses; looking must not change what it gives.
                    let _ = evaluate(work, read()?, 0, variables, arena, notes);
                }
                return Ok(table);
            }
            Err(Misfit::Json(detail)) => return Err(invalid(work, response, detail)),
            Err(Misfit::Shape) => {}
        }
    }
    evaluate(work, read()?, response.body.len(), variables, arena, notes)
}

/// The error of a body that is not what it is said to be.
fn invalid(work: &Work<'_, '_>, response: &UpstreamResponse, detail: String) -> ClientError {
    *unexpected_format(detail).attributed(&work.step.connector, Some(response.status)).client
}

/// Evaluates a step's mapping and makes records of the result. `data` was read of so many bytes.
fn evaluate<'a>(
    work: &'a Work<'_, '_>,
    data: Value<'a>,
    bytes: usize,
    variables: &Variables<'a>,
    arena: &'a Bump,
    notes: &mut Notes,
) -> Result<Table, ClientError> {
    let step = work.step;
    let mut problems = notes.findings.fresh();
    let value = evaluate_root(step.mapping.root(), data, variables, arena, &mut problems);
    notes.findings.keep(Site::Selection, &problems);
    notes.gave(value.as_ref());
    if problems.work_ran_out() {
        return Err(too_much_work(&step.connector));
    }
    Ok(record(work.run.plan, value, step.content, step.numbered.len(), bytes))
}

/// The error of an event that is no JSON, or more than an answer of a backend may be.
fn unreadable_event(connector: &Connector) -> ClientError {
    let error = FetchError::new(Code::ConnectorResponseInvalid, "The event is too large, or no JSON.");
    *error.attributed(connector, None).client
}

/// The error of a mapping that was stopped.
pub(crate) fn too_much_work(connector: &Connector) -> ClientError {
    let message = format!("{}: the mapping does too much work for this response.", connector.coordinate);
    ClientError::new(Code::ConnectorResponseInvalid, message)
}

/// The error of a batch whose response is mapped to anything but rows.
pub(crate) fn not_a_list(connector: &Connector, found: &str) -> ClientError {
    let message = format!("{}: expected a list of rows, found {found}.", connector.coordinate);
    ClientError::new(Code::ValueMismatch, message)
}

/// The text as part of the body that it was read from, without a copy where that is so.
fn bytes_of(text: &str, body: &Bytes) -> Bytes {
    let offset = (text.as_ptr() as usize).checked_sub(body.as_ptr() as usize);
    match offset {
        Some(offset) if offset + text.len() <= body.len() => body.slice(offset..offset + text.len()),
        _ => Bytes::copy_from_slice(text.as_bytes()),
    }
}

/// Finds the rows of a batch for each unit that asked for them, by key.
pub(super) fn join<'u>(
    step: &Step,
    table: &mut Table,
    units: impl Iterator<Item = (usize, &'u Unit)>,
) -> Result<Vec<(usize, Node)>, ClientError> {
    let Node::List { start, len } = table.node(0) else {
        return Err(not_a_list(&step.connector, found(table, table.node(0))));
    };
    let many = has_many(step);
    let mut rows: HashMap<Key, SmallVec<[Node; 1]>, ahash::RandomState> =
        HashMap::with_capacity_and_hasher(len as usize, ahash::RandomState::default());
    let mut row_key = Vec::new();
    for node in table.list(start, len) {
        row_key.clear();
        let complete = step.row_key.iter().all(|input| match &input.from {
            InputFrom::Base(slots) => key::part(table, *node, slots, &mut row_key),
            _ => false,
        });
        if !complete {
            continue;
        }
        let known = rows.entry(Key::from_slice(&row_key)).or_default();
        if !many {
            // Of two rows with one key the last counts.
            known.clear();
        }
        known.push(*node);
    }
    Ok(units
        .map(|(unit_index, unit)| {
            let found = rows.get(unit.join_key()).map_or(&[][..], SmallVec::as_slice);
            let node = match (many, found) {
                (true, found) => {
                    let start = u32::try_from(table.nodes.len()).unwrap_or(u32::MAX);
                    table.nodes.extend_from_slice(found);
                    Node::List { start, len: u32::try_from(found.len()).unwrap_or(0) }
                }
                (false, [.., last]) => *last,
                (false, []) => Node::Null,
            };
            (unit_index, node)
        })
        .collect())
}
