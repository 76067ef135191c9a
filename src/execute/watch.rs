//! What is written down of an operation for the people who look at it: its calls for the debugger, problems of mappings for
//! the log and for being counted. Where nobody looks, nothing is written down. What a client reads is not here, but for errors that mappings report.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::HeaderMap;
use serde_json::Value as Json;

use super::calls::Answered;
use crate::{
    connector::Connector,
    error::ClientError,
    fetch::{Exchange, Findings, Redaction, UpstreamRequest},
    graph::Graph,
    mapping::{json, value::Value},
    plan::{Step, StepId},
    telemetry::{self, LocatedProblem},
};

/// How many calls of one operation are written down; more are only counted.
const EXCHANGES_MAX: usize = 100;

/// Who looks at one operation, and what they see of it.
#[derive(Debug)]
pub(super) struct Watch {
    /// Whether the log wants problems, or it is this operation's turn to have them counted.
    notes_problems: bool,
    seen: Option<Mutex<Seen>>,
    /// By step: what mappings report to the client.
    reported: Mutex<BTreeMap<StepId, Findings>>,
}

/// The calls of one operation, in the order they were made.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// With the number of the call; none where nothing was sent.
    exchanges: Vec<(Option<u32>, Exchange)>,
    /// Calls, and failures before a call, that were not written down.
    left_out: u64,
}

/// What the mappings of one response made and had to say.
#[derive(Debug)]
pub(super) struct Notes {
    pub(super) findings: Findings,
    keeps_values: bool,
    mapped: Option<Json>,
    error: Option<ClientError>,
}

impl Watch {
    /// `debugging` asks for all calls, `counts_problems` for problems to be counted. Whether the log wants them is asked of
    /// the log.
    pub(super) fn new(debugging: bool, counts_problems: bool) -> Self {
        let logs_problems = tracing::enabled!(target: telemetry::PROBLEMS_TARGET, tracing::Level::DEBUG);
        Watch {
            notes_problems: logs_problems || counts_problems,
            seen: debugging.then(Mutex::default),
            reported: Mutex::default(),
        }
    }

    /// Whether somebody asked for all calls.
    pub(super) fn is_seen(&self) -> bool {
        self.seen.is_some()
    }

    /// An empty collection of what mappings have to say.
    pub(super) fn findings(&self) -> Findings {
        Findings::new(self.notes_problems || self.seen.is_some())
    }

    /// Nothing noted of a response yet.
    pub(super) fn notes(&self) -> Notes {
        Notes { findings: self.findings(), keeps_values: self.seen.is_some(), mapped: None, error: None }
    }

    /// A copy of a request, if anybody wants to see it.
    pub(super) fn copy(&self, request: &UpstreamRequest) -> Option<UpstreamRequest> {
        self.seen.is_some().then(|| request.clone())
    }

    /// A request was sent, or joined to the same one sent before.
    pub(super) fn sent(&self, call: u32, step: &Step, request: Option<UpstreamRequest>, findings: &Findings) {
        let Some(mut seen) = self.seen() else { return };
        match seen.exchange(call) {
            Some(exchange) => exchange.findings.append(findings),
            None => seen.push(Some(call), Exchange { request, ..exchange(step, findings.clone()) }),
        }
    }

    /// A request could not be built.
    pub(super) fn not_sent(&self, step: &Step, error: &ClientError, findings: &Findings) {
        let Some(mut seen) = self.seen() else { return };
        // The same failure for many objects is one.
        let known = seen.exchanges.iter_mut().find(|(call, exchange)| {
            call.is_none()
                && Arc::ptr_eq(&exchange.connector, &step.connector)
                && exchange.error.as_ref() == Some(error)
        });
        match known {
            Some((_, exchange)) => exchange.findings.append(findings),
            None => {
                let error = Some(error.clone());
                seen.push(None, Exchange { error, ..exchange(step, findings.clone()) });
            }
        }
    }

    /// A response was mapped. Of one that several objects share, the first mapping's value is kept.
    pub(super) fn mapped(&self, call: u32, answer: &Answered, notes: Notes) {
        let Some(mut seen) = self.seen() else { return };
        if let Some(exchange) = seen.exchange(call) {
            exchange.answer.get_or_insert_with(|| answer.clone());
            notes.write_into(exchange);
        }
    }

    /// A connector without a request was applied.
    pub(super) fn made(&self, step: &Step, notes: Notes) {
        let Some(mut seen) = self.seen() else { return };
        let mut exchange = exchange(step, self.findings());
        notes.write_into(&mut exchange);
        seen.push(None, exchange);
    }

    /// A step ended: this is what its mappings had to say, in all of its calls.
    pub(super) fn ended(&self, id: StepId, findings: Findings) {
        if !findings.reported().is_empty() {
            self.reported.lock().unwrap_or_else(PoisonError::into_inner).insert(id, findings);
        }
    }

    /// What was seen, where somebody asked, and what mappings report to the client.
    pub(super) fn end(self) -> (Option<Seen>, BTreeMap<StepId, Findings>) {
        let seen = self.seen.map(|seen| seen.into_inner().unwrap_or_else(PoisonError::into_inner));
        (seen, self.reported.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn seen(&self) -> Option<MutexGuard<'_, Seen>> {
        Some(self.seen.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Seen {
    /// The calls written down, in the order they were made.
    pub(super) fn exchanges(&self) -> impl Iterator<Item = &Exchange> {
        self.exchanges.iter().map(|(_, exchange)| exchange)
    }

    /// How many calls were not written down.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }

    fn exchange(&mut self, call: u32) -> Option<&mut Exchange> {
        self.exchanges.iter_mut().find(|(number, _)| *number == Some(call)).map(|(_, exchange)| exchange)
    }

    fn push(&mut self, call: Option<u32>, exchange: Exchange) {
        if self.exchanges.len() < EXCHANGES_MAX {
            self.exchanges.push((call, exchange));
        } else {
            self.left_out += 1;
        }
    }
}

impl Notes {
    /// Whether anybody wants to know what mappings have to say.
    pub(super) fn is_looking(&self) -> bool {
        self.findings.is_recording()
    }

    /// Keeps the first value that the selection gave.
    pub(super) fn gave(&mut self, value: Option<&Value<'_>>) {
        if self.keeps_values && self.mapped.is_none() {
            self.mapped = value.map(json::to_json);
        }
    }

    /// Keeps what the call failed with.
    pub(super) fn failed(&mut self, error: &ClientError) {
        if self.keeps_values {
            self.error.get_or_insert_with(|| error.clone());
        }
    }

    fn write_into(self, exchange: &mut Exchange) {
        exchange.findings.append(&self.findings);
        exchange.mapped = exchange.mapped.take().or(self.mapped);
        exchange.error = exchange.error.take().or(self.error);
    }
}

fn exchange(step: &Step, findings: Findings) -> Exchange {
    let applied = Some(step.mapping.root().to_string());
    Exchange { applied, ..Exchange::new(step.connector.clone(), findings) }
}

/// Counts what the mappings of one step had to say, where anybody looked, and tells the log.
pub(super) fn count_problems(
    graph: &Graph,
    connector: &Connector,
    findings: &Findings,
    client: Option<&HeaderMap>,
) {
    if !findings.is_recording() {
        return;
    }
    let located = findings.problems().iter().map(|finding| LocatedProblem {
        mapping: finding.site.as_str(),
        path: finding.problem.path.clone(),
        message: finding.problem.message.clone(),
        count: finding.problem.count,
    });
    connector.meter.examined(findings.count(), located);
    if tracing::enabled!(target: telemetry::PROBLEMS_TARGET, tracing::Level::DEBUG) {
        log_problems(graph, connector, findings, client);
    }
}

/// One line, of however many responses and rows. A mapping may put a value from the environment into its own words.
fn log_problems(graph: &Graph, connector: &Connector, findings: &Findings, client: Option<&HeaderMap>) {
    let Some(first) = findings.problems().first() else { return };
    let request_id = client.and_then(|headers| headers.get(&telemetry::REQUEST_ID)?.to_str().ok());
    let redaction = Redaction::of(graph);
    tracing::debug!(
        target: telemetry::PROBLEMS_TARGET,
        source = connector.source.name,
        request_id,
        connector = connector.coordinate,
        mapping = first.site.as_str(),
        path = &*redaction.text(&first.problem.path),
        problem = &*redaction.text(&first.problem.message),
        count = findings.count(),
        "mapping problems"
    );
}
