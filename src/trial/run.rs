//! Runs one connector: builds its requests, sends them, and maps the whole of what comes back.

use std::sync::{Arc, OnceLock};

use bumpalo::Bump;
use futures_util::future::join_all;
use serde_json::Value as Json;

use super::inputs::{Checked, InputError, Inputs};
use crate::{
    connector::Connector,
    error::ClientError,
    execute::{not_a_list, record, too_much_work},
    fetch::{
        self, Chunk, Exchange, FetchError, Findings, Given, Outcome, Scope, Site, Upstream, UpstreamRequest,
        UpstreamResponse, chunks, unexpected_format,
    },
    graph::Graph,
    mapping::{evaluate, json, value::Value},
    plan::{Whole, missing_is_null, whole},
    response::{Answer, Link, StepResult, refusal, write},
};

/// Most errors that are shown of one result: more of them say nothing new.
const ERRORS_MAX: usize = 50;

/// What became of a connector that was run by itself.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The connector: `Query.user[0]`.
    pub coordinate: String,
    /// Its calls: one, or one a chunk of a batch; none for a connector without request.
    pub calls: Vec<Exchange>,
    /// What the selection gives, as it gives it: before values are written as the schema's types have them. Of a batch the
    /// rows of all responses, in the order they came. Null where the connector failed.
    pub result: Json,
    /// Entries of `errors` that a client would get: failures of the connector, and where the result does not fit the
    /// schema. `path` starts at the result; an error of all of it has none.
    pub errors: Vec<Json>,
    /// What the mappings had to say, in all calls, and what they report to the client.
    pub findings: Findings,
}

/// The requests that a connector would send; none for a connector without request. Nothing is sent.
///
/// # Errors
/// When the inputs do not fit the connector. A request that cannot be built is an error in its place.
pub fn requests(
    graph: &Graph,
    connector: &Arc<Connector>,
    inputs: &Inputs,
) -> Result<Vec<Result<UpstreamRequest, FetchError>>, InputError> {
    let run = Run { graph, connector, inputs, checked: inputs.checked(graph, connector)? };
    Ok(run.requests().into_iter().map(|chunk| chunk.built).collect())
}

/// Runs a connector.
///
/// # Errors
/// When the inputs do not fit the connector. What a client would be told is in [`Trial::errors`].
pub async fn run(
    graph: &Graph,
    connector: &Arc<Connector>,
    inputs: &Inputs,
    upstream: &dyn Upstream,
) -> Result<Trial, InputError> {
    let run = Run { graph, connector, inputs, checked: inputs.checked(graph, connector)? };
    let asked = run.requests();
    let answers = join_all(asked.iter().map(|chunk| async {
        match &chunk.built {
            Ok(request) => Some(Arc::new(upstream.send(&connector.source, Arc::new(request.clone())).await)),
            Err(_) => None,
        }
    }))
    .await;
    Ok(run.finish(asked, answers))
}

struct Run<'r> {
    graph: &'r Graph,
    connector: &'r Arc<Connector>,
    inputs: &'r Inputs,
    checked: Checked,
}

impl Run<'_> {
    /// What the mappings see, for the whole or for one chunk of a batch.
    fn given<'a>(&'a self, chunk: &[usize], arena: &'a Bump) -> Given<'a> {
        let Checked { args, this, batch, env } = &self.checked;
        let elements: Vec<Value<'a>> = chunk
            .iter()
            .filter_map(|index| batch.get(*index))
            .map(|key| json::from_json(key, arena))
            .collect();
        Given {
            client: Some(&self.inputs.headers),
            args: Some(json::from_json(args, arena)),
            this: Some(json::from_json(this, arena)),
            batch: (!elements.is_empty()).then(|| Value::List(arena.alloc_slice_copy(&elements))),
            config: self.inputs.config.as_ref().map(|config| json::from_json(config, arena)),
            context: self.inputs.context.as_ref().map(|context| json::from_json(context, arena)),
            ..Given::new(env)
        }
    }

    fn requests(&self) -> Vec<Chunk<usize>> {
        let Some(request) = &self.connector.request else { return Vec::new() };
        let build = |chunk: &[usize], findings: &mut Findings| {
            let arena = Bump::new();
            let variables = self.given(chunk, &arena).variables(self.connector, &arena);
            let mut scope = Scope { variables: &variables, arena: &arena, findings };
            fetch::build(self.connector, request, Some(&self.inputs.headers), &mut scope)
        };
        let mut findings = Findings::new(true);
        match &self.connector.batch {
            Some(batch) => {
                let all: Vec<usize> = (0..self.checked.batch.len()).collect();
                chunks(&all, batch.size_max.unwrap_or(usize::MAX), &findings, build)
            }
            None => vec![Chunk { elements: Vec::new(), built: build(&[], &mut findings), findings }],
        }
    }

    fn finish(
        &self,
        asked: Vec<Chunk<usize>>,
        answers: Vec<Option<Arc<Result<UpstreamResponse, FetchError>>>>,
    ) -> Trial {
        let arena = Bump::new();
        let mut findings = Findings::new(true);
        let mut values = Vec::new();
        let mut failed: Vec<ClientError> = Vec::new();
        let mut calls = Vec::new();
        if self.connector.request.is_none() {
            match self.map(Value::Null, self.given(&[], &arena), &arena, &mut findings) {
                Ok(value) => values.push(value),
                Err(error) => failed.push(error),
            }
        }
        for (chunk, answer) in asked.into_iter().zip(&answers) {
            let mut call = Exchange::new(self.connector.clone(), chunk.findings);
            call.answer.clone_from(answer);
            let attributed = |error: &FetchError| *error.clone().attributed(self.connector, None).client;
            let value = match (&chunk.built, answer.as_deref()) {
                (Err(error), _) | (_, Some(Err(error))) => Err(attributed(error)),
                (Ok(_), Some(Ok(response))) => {
                    self.respond(response, self.given(&chunk.elements, &arena), &arena, &mut call.findings)
                }
                (Ok(_), None) => Ok(None),
            };
            match value {
                Ok(value) => {
                    call.mapped = value.map(|value| json::to_json(&value));
                    values.push(value);
                }
                Err(error) => {
                    call.error = Some(error.clone());
                    failed.push(error);
                }
            }
            findings.append(&call.findings);
            call.request = chunk.built.ok();
            calls.push(call);
        }
        let value = self.together(&values, &mut failed, &arena);
        let mut errors: Vec<Json> = failed.iter().flat_map(|error| entries(&refusal(error))).collect();
        // What failed has no value, and is told already.
        if !values.is_empty() {
            errors.extend(self.misfits(value));
        }
        let result = value.map_or(Json::Null, |value| json::to_json(&value));
        Trial { coordinate: self.connector.coordinate.clone(), calls, result, errors, findings }
    }

    /// The rows of all chunks as one list; of anything but a batch the one value.
    fn together<'a>(
        &self,
        values: &[Option<Value<'a>>],
        failed: &mut Vec<ClientError>,
        arena: &'a Bump,
    ) -> Option<Value<'a>> {
        if self.connector.batch.is_none() || values.is_empty() {
            return values.first().copied().flatten();
        }
        let mut rows = Vec::new();
        for value in values {
            match value {
                Some(Value::List(items)) => rows.extend_from_slice(items),
                other => failed.push(not_a_list(self.connector, words(*other))),
            }
        }
        Some(Value::List(arena.alloc_slice_copy(&rows)))
    }

    /// What a response comes to; null for one that means so.
    fn respond<'a>(
        &'a self,
        response: &'a UpstreamResponse,
        given: Given<'a>,
        arena: &'a Bump,
        findings: &mut Findings,
    ) -> Result<Option<Value<'a>>, ClientError> {
        let connector = self.connector;
        let given = Given { response: Some(response), ..given };
        let variables = given.variables(connector, arena);
        let mut scope = Scope { variables: &variables, arena, findings };
        let not_found_is_null = connector.batch.is_none() && missing_is_null(&self.graph.schema, connector);
        let data = match Outcome::of(connector, response, not_found_is_null, &mut scope) {
            Outcome::Failure(error) => return Err(*error.client),
            Outcome::Null if connector.batch.is_some() => return Ok(Some(Value::List(&[]))),
            Outcome::Null => return Ok(Some(Value::Null)),
            Outcome::Data(body) => body.value(arena).map_err(|error| {
                *unexpected_format(error.to_string()).attributed(connector, Some(response.status)).client
            })?,
        };
        self.map(data, given, arena, findings)
    }

    /// Applies the whole selection.
    fn map<'a>(
        &'a self,
        data: Value<'a>,
        given: Given<'a>,
        arena: &'a Bump,
        findings: &mut Findings,
    ) -> Result<Option<Value<'a>>, ClientError> {
        let mut problems = findings.fresh();
        let variables = given.variables(self.connector, arena);
        let value = evaluate(&self.connector.selection, data, &variables, arena, &mut problems);
        findings.keep(Site::Selection, &problems);
        if problems.work_ran_out() { Err(too_much_work(self.connector)) } else { Ok(value) }
    }

    /// Where a value does not fit the schema: the errors of a response that selects all of it.
    fn misfits(&self, value: Option<Value<'_>>) -> Vec<Json> {
        let Some(Whole { plan, content }) = whole(self.graph, self.connector, value) else {
            return Vec::new();
        };
        let table = record(&plan, value, content, 0, 0);
        let link = Link::Node { table: 0, node: table.node(0) };
        let result = StepResult::new(vec![table], vec![link], Vec::new(), 0);
        let answer = Answer {
            plan: &plan,
            results: &[OnceLock::from(result)],
            conditions: &[],
            introspection: None,
            extensions: serde_json::Map::new(),
            errors_max: ERRORS_MAX,
            counts: &crate::telemetry::Tally::default(),
        };
        entries(&write(&answer).body)
    }
}

/// What a value is, in the words of errors.
fn words(value: Option<Value<'_>>) -> &'static str {
    match value {
        None | Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "a boolean",
        Some(Value::Number(_)) => "a number",
        Some(Value::String(_)) => "a string",
        Some(Value::List(_)) => "a list",
        Some(Value::Object(_)) => "an object",
    }
}

/// The entries of `errors` of a response, their paths without the field that the result stands for.
fn entries(body: &[u8]) -> Vec<Json> {
    let mut response: Json = serde_json::from_slice(body).unwrap_or_default();
    let mut entries = match response.get_mut("errors").map(Json::take) {
        Some(Json::Array(entries)) => entries,
        _ => Vec::new(),
    };
    for entry in entries.iter_mut().filter_map(Json::as_object_mut) {
        if let Some(Json::Array(path)) = entry.get_mut("path") {
            path.drain(..1.min(path.len()));
            if path.is_empty() {
                entry.shift_remove("path");
            }
        }
    }
    entries
}
