//! Drives the steps of one plan: each begins as soon as its own inputs are there, none waits for a sibling.

use std::sync::{Arc, OnceLock, atomic::AtomicU32};

use bumpalo::Bump;
use futures_buffered::FuturesUnorderedBounded;
use futures_util::StreamExt as _;
use http::HeaderMap;
use serde_json::{Map, Value as Json};
use tokio::time::Instant;

use super::{
    caching::Uses,
    calls::Calls,
    event::EventCalls,
    step::{self, cut_off, is_root},
    watch::Watch,
    window::Windows,
};
use crate::{
    connector::Connector,
    error::Code,
    fetch::{self, FetchError, Findings, Given, Scope, Upstream, UpstreamRequest},
    graph::Graph,
    mapping::json::from_map,
    operation,
    plan::{Plan, StepId},
    response::StepResult,
};

/// What makes a subscription give its next value.
#[derive(Clone, Copy)]
pub(super) enum Cause<'r> {
    /// An event: its JSON, and the requests of its other executions.
    Event(&'r [u8], &'r EventCalls),
    /// A time that passed.
    Poll,
}

/// One operation under way.
pub(super) struct Run<'r> {
    pub(super) graph: &'r Graph,
    pub(super) plan: &'r Plan,
    pub(super) variables: &'r operation::Variables,
    pub(super) headers: Option<&'r HeaderMap>,
    pub(super) context: &'r Map<String, Json>,
    /// When the operation's time is up.
    pub(super) deadline: Instant,
    pub(super) windows: &'r Windows,
    /// Which conditions of the plan hold.
    pub(super) conditions: Vec<bool>,
    results: &'r [OnceLock<StepResult>],
    pub(super) upstream: &'r Arc<dyn Upstream>,
    pub(super) calls: Calls<'r>,
    pub(super) watch: &'r Watch,
    pub(super) uses: Option<&'r Uses>,
    /// Of a subscription.
    pub(super) cause: Option<Cause<'r>>,
}

/// What one operation runs with.
pub(super) struct Operation<'r> {
    pub(super) graph: &'r Graph,
    pub(super) plan: &'r Plan,
    pub(super) variables: &'r operation::Variables,
    pub(super) headers: Option<&'r HeaderMap>,
    pub(super) context: &'r Map<String, Json>,
    pub(super) upstream: &'r Arc<dyn Upstream>,
    pub(super) deadline: Instant,
    pub(super) windows: &'r Windows,
    pub(super) watch: &'r Watch,
    /// Notes the answers that were used, where anybody wants to know.
    pub(super) uses: Option<&'r Uses>,
    /// Of a subscription.
    pub(super) cause: Option<Cause<'r>>,
}

/// Runs all steps. Those that do not end before the deadline leave an error for each of their objects.
pub(super) async fn run(operation: &Operation<'_>) -> (Vec<OnceLock<StepResult>>, Vec<bool>) {
    let plan = operation.plan;
    let results: Vec<OnceLock<StepResult>> = plan.steps.iter().map(|_| OnceLock::new()).collect();
    let conditions: Vec<bool> = plan
        .conditions
        .iter()
        .map(|condition| condition.holds(|name| operation.variables.is_true(name)))
        .collect();
    let deadline = operation.deadline;
    let next_call = AtomicU32::new(0);
    let event = match operation.cause {
        Some(Cause::Event(_, calls)) => Some(calls),
        Some(Cause::Poll) | None => None,
    };
    for group in &plan.groups {
        // What a mutation changed must be seen by the root fields behind it: they share no request with it.
        let run = Run {
            graph: operation.graph,
            plan,
            variables: operation.variables,
            headers: operation.headers,
            context: operation.context,
            deadline,
            windows: operation.windows,
            conditions: conditions.clone(),
            results: &results,
            upstream: operation.upstream,
            calls: Calls::new(operation.upstream, &next_call, deadline, event),
            watch: operation.watch,
            uses: operation.uses,
            cause: operation.cause,
        };
        run.group(group, deadline).await;
    }
    (results, conditions)
}

impl<'r> Run<'r> {
    pub(super) fn result(&self, id: StepId) -> Option<&'r StepResult> {
        self.results.get(id.0 as usize)?.get()
    }

    async fn group(&self, group: &[StepId], deadline: Instant) {
        let mut waiting: Vec<StepId> = group.to_vec();
        let mut running = FuturesUnorderedBounded::new(group.len());
        let timeout = tokio::time::sleep_until(deadline);
        tokio::pin!(timeout);
        loop {
            waiting.retain(|id| {
                if !self.is_ready(*id) {
                    return true;
                }
                if self.is_wanted(*id) {
                    let (id, changes) = (*id, self.changes(*id));
                    running.push(async move { (id, step::run(self, id, changes).await) });
                } else {
                    self.keep(*id, StepResult::default());
                }
                false
            });
            // A step that is not wanted is done at once, and another may have waited for it.
            if waiting.iter().any(|id| self.is_ready(*id)) {
                continue;
            }
            tokio::select! {
                biased;
                ended = running.next() => match ended {
                    Some((id, result)) => self.keep(id, result),
                    None => return,
                },
                () = &mut timeout => break,
            }
        }
        drop(running);
        for id in group.iter().filter(|id| self.result(**id).is_none()) {
            let error = FetchError::new(Code::GatewayTimeout, "The operation took too long.");
            let connector = &self.plan.step(*id).connector;
            let error = *error.attributed(connector, None).client;
            connector.source.meter().errors.count(error.code);
            self.keep(*id, cut_off(self, *id, error, self.changes(*id)));
        }
    }

    /// Whether a step is a root field of a mutation.
    fn changes(&self, id: StepId) -> bool {
        self.plan.mutation && is_root(self.plan.step(id).position)
    }

    fn keep(&self, id: StepId, result: StepResult) {
        if let Some(place) = self.results.get(id.0 as usize) {
            // Each step ends once.
            let _ = place.set(result);
        }
    }

    fn is_ready(&self, id: StepId) -> bool {
        self.plan.step(id).after.iter().all(|earlier| self.result(*earlier).is_some())
    }

    /// Whether the step's conditions hold.
    fn is_wanted(&self, id: StepId) -> bool {
        let when = self.plan.step(id).when;
        when.is_none_or(|when| self.conditions.get(usize::from(when.0)).copied().unwrap_or(true))
    }

    // ---- for the steps ---------------------------------------------------------------------------------------

    /// What all mappings of a connector may read; a step adds what it knows.
    pub(super) fn given<'a>(&self, connector: &Connector, arena: &'a Bump) -> Given<'a>
    where
        'r: 'a,
    {
        let context = connector.inputs.context.then(|| from_map(self.context, arena));
        Given { client: self.headers, context, ..Given::new(&self.graph.env) }
    }

    /// Builds the request of a connector.
    pub(super) fn build<'a>(
        &self,
        connector: &'a Connector,
        given: Given<'a>,
        arena: &'a Bump,
        findings: &mut Findings,
    ) -> Result<UpstreamRequest, FetchError> {
        let Some(request) = &connector.request else {
            return Err(FetchError::new(Code::Internal, "The connector has no request."));
        };
        let variables = given.variables(connector, arena);
        let mut scope = Scope { variables: &variables, arena, findings };
        fetch::build(connector, request, self.headers, &mut scope)
    }
}
