//! One step of a plan: the keys of its objects, the requests for them, and what the responses make of each object.

use std::collections::HashMap;

use futures_util::future::join_all;

use super::{
    arguments::arguments,
    calls::Call,
    key::{self, Found, Key},
    respond::Links,
    run::{Cause, Run},
    watch::count_problems,
    window::join_answers,
};
use crate::{
    connector::Join,
    error::ClientError,
    fetch::Findings,
    plan::{PositionId, Step, StepId},
    response::{Link, Node, Row, StepResult, Table, unquoted},
};

/// One thing that a step asks for: objects with equal inputs are one unit.
pub(super) struct Unit {
    /// An object that has these inputs.
    pub(super) row: u32,
    pub(super) at: Row,
    /// All inputs.
    key: Key,
    /// How much of the key joins rows to it.
    join: usize,
}

impl Unit {
    /// All inputs.
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// The part that joins rows to it.
    pub(super) fn join_key(&self) -> &[u8] {
        self.key.get(..self.join).unwrap_or_default()
    }
}

/// What a step does for one of its objects.
#[derive(Clone, Copy)]
enum Asks {
    NotRun,
    Nothing,
    Unit(u32),
    Failed(u32),
}

/// What a unit's request came to.
#[derive(Clone, Copy)]
pub(super) enum Sent {
    Call(u32),
    Failed(u32),
    /// Nothing was sent: the cache has its rows.
    Kept,
}

/// Runs a step to its end.
pub(super) async fn run<'r>(run: &Run<'r>, id: StepId, changes: bool) -> StepResult {
    let step = run.plan.step(id);
    let mut work = Work::new(run, id);
    let Asked { asks, units } = work.ask();
    let arguments = match arguments(&step.arguments, run.variables) {
        Ok(arguments) => arguments,
        Err(error) => return work.all_failed(&asks, units.len(), error),
    };
    if step.connector.request.is_none() {
        let mapped = match run.cause {
            Some(Cause::Event(event, _)) if is_root(step.position) => {
                work.map_event(&units, &arguments, event)
            }
            _ => work.map_static(&units, &arguments),
        };
        if changes {
            work.invalidate_unanswered(&units);
        }
        return work.finish(&asks, mapped);
    }
    let (mut requests, mut sent) = work.send(&units, &arguments, changes).await;
    let mut answers = join_all(requests.calls.iter().map(Call::answered)).await;
    if step.connector.batch.is_some() && work.window().is_some() {
        join_answers(&mut answers, &mut sent);
    }
    let kept = &mut requests.kept;
    kept.stand_in(&answers, &mut sent);
    if let Some(uses) = run.uses {
        let answered = answers.iter().map(|(_, answer)| answer.as_ref().as_ref().ok());
        uses.note(run.plan, id, answered.chain(kept.answers().map(Some)));
    }
    let mapped = work.map(&units, &arguments, &answers, &sent, kept);
    if changes {
        work.invalidate(&units, &arguments, &answers).await;
    }
    work.finish(&asks, mapped)
}

pub(super) struct Work<'s, 'r> {
    pub(super) run: &'s Run<'r>,
    id: StepId,
    pub(super) step: &'r Step,
    pub(super) errors: Vec<ClientError>,
    /// What the step's mappings had to say, in all of its calls.
    pub(super) findings: Findings,
}

/// What a step is to do.
struct Asked {
    /// For each object of its position.
    asks: Vec<Asks>,
    /// Each thing once.
    units: Vec<Unit>,
}

impl<'s, 'r> Work<'s, 'r> {
    fn new(run: &'s Run<'r>, id: StepId) -> Self {
        Work { run, id, step: run.plan.step(id), errors: Vec::new(), findings: run.watch.findings() }
    }

    // ---- keys ------------------------------------------------------------------------------------------------

    /// What each object of the position asks for.
    fn ask(&mut self) -> Asked {
        let position = self.run.plan.position(self.step.position);
        let Some(owner_id) = position.owner else {
            let unit = Unit { row: 0, at: Row { table: 0, record: 0 }, key: Key::new(), join: 0 };
            return Asked { asks: vec![Asks::Unit(0)], units: vec![unit] };
        };
        let mut units = Vec::new();
        let (Some(owner), Some(number)) = (self.run.result(owner_id), position.numbered) else {
            return Asked { asks: Vec::new(), units };
        };
        let mut known: HashMap<Key, u32, ahash::RandomState> = HashMap::default();
        let mut asks = Vec::new();
        let mut key = Vec::new();
        let mut last = 0;
        for (at, row) in owner.rows(number).zip(0..) {
            if !self.applies(owner, at) {
                asks.push(Asks::NotRun);
                continue;
            }
            key.clear();
            let join = match self.key(owner, at, row, &mut key) {
                Ok(join) => join,
                Err(nothing) => {
                    asks.push(nothing);
                    continue;
                }
            };
            // Objects that stand side by side often ask for the same: that is seen without hashing.
            if units.get(last as usize).is_none_or(|unit: &Unit| *unit.key != *key) {
                last = known.get(&*key).copied().unwrap_or_else(|| {
                    let unit = u32::try_from(units.len()).unwrap_or(u32::MAX);
                    known.insert(Key::from_slice(&key), unit);
                    units.push(Unit { row, at, key: Key::from_slice(&key), join });
                    unit
                });
            }
            asks.push(Asks::Unit(last));
        }
        Asked { asks, units }
    }

    /// Whether an object has the concrete type that the step is for.
    fn applies(&self, owner: &StepResult, at: Row) -> bool {
        let Some(only) = &self.step.only else { return true };
        let position = self.run.plan.position(self.step.position);
        let (Some(table), Some(slot)) = (owner.table(at.table), position.typename) else { return false };
        match table.slot(at.record, slot) {
            Node::String { start, end } => unquoted(table.slice(start, end)) == only.as_str(),
            _ => false,
        }
    }

    /// The key of an object, and how much of it joins rows to it.
    fn key(&mut self, owner: &'r StepResult, at: Row, row: u32, key: &mut Vec<u8>) -> Result<usize, Asks> {
        let joins = self.step.row_key.len();
        let mut join = 0;
        for (input, index) in self.step.inputs.iter().zip(1..) {
            match key::find(input, owner, at, row, |id| self.run.result(id)) {
                Found::Nothing => return Err(Asks::Nothing),
                Found::Failed(id, error) => {
                    let error =
                        self.run.result(id).and_then(|result| result.errors.get(error as usize)).cloned();
                    return Err(error.map_or(Asks::Nothing, |error| Asks::Failed(self.fail(error))));
                }
                Found::Node(table, node, slots) => {
                    if !key::part(table, node, slots, key) {
                        return Err(Asks::Nothing);
                    }
                }
            }
            if index == joins {
                join = key.len();
            }
        }
        Ok(join)
    }

    /// Keeps an error.
    pub(super) fn fail(&mut self, error: ClientError) -> u32 {
        // One failure often meets many objects: it is kept once.
        let index = self.errors.iter().rposition(|known| *known == error).unwrap_or_else(|| {
            self.errors.push(error);
            self.errors.len() - 1
        });
        u32::try_from(index).unwrap_or(u32::MAX)
    }

    // ---- the result ------------------------------------------------------------------------------------------

    fn finish(self, asks: &[Asks], mut found: Links) -> StepResult {
        // Who has no key has no rows: of many that is an empty list, and null is equal to nothing.
        let nothing = if has_many(self.step) {
            found.tables.push(Table::default());
            let table = u32::try_from(found.tables.len() - 1).unwrap_or(u32::MAX);
            Link::Node { table, node: Node::List { start: 0, len: 0 } }
        } else {
            Link::Null
        };
        let links = asks
            .iter()
            .map(|asks| match asks {
                Asks::NotRun => Link::NotRun,
                Asks::Nothing => nothing,
                Asks::Failed(error) => Link::Error(*error),
                Asks::Unit(unit) => found.links.get(*unit as usize).copied().unwrap_or(Link::Null),
            })
            .collect();
        count_problems(self.run.graph, &self.step.connector, &self.findings, self.run.headers);
        self.run.watch.ended(self.id, self.findings);
        let is_shared = asks.len() >= 2 * found.links.len();
        let mut result = StepResult::new(found.tables, links, self.errors, self.step.numbered.len());
        result.is_shared = is_shared;
        result
    }

    fn all_failed(mut self, asks: &[Asks], units: usize, error: ClientError) -> StepResult {
        let error = self.fail(error);
        let links = vec![Link::Error(error); units];
        self.finish(asks, Links { tables: Vec::new(), links })
    }
}

/// Whether a step finds any number of rows for each of its objects.
pub(super) fn has_many(step: &Step) -> bool {
    let join = step.connector.batch.as_ref().map(|batch| &batch.join);
    step.rows_are_list && matches!(join, Some(Join::GroupBy { .. }))
}

/// The result of a step that did not end in time: every object that it was to run for has this error.
pub(super) fn cut_off(run: &Run<'_>, id: StepId, error: ClientError, changes: bool) -> StepResult {
    let mut work = Work::new(run, id);
    let Asked { asks, units } = work.ask();
    if changes {
        work.invalidate_unanswered(&units);
    }
    work.all_failed(&asks, units.len(), error)
}

/// Whether a position is the root of the operation.
pub(super) fn is_root(position: PositionId) -> bool {
    position == PositionId(0)
}
