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
        self, Body, FetchError, Given, Outcome, Scope, Upstream, UpstreamRequest, UpstreamResponse, batches,
        unexpected_format,
    },
    graph::Graph,
    mapping::{
        evaluate, json,
        problems::{Problem, Problems, ReportedError},
        value::Value,
    },
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
    /// What was sent and what came back: one exchange, or one a chunk of a batch; none for a connector without request.
    pub calls: Vec<Call>,
    /// What the selection gives, as it gives it: before values are written as the schema's types have them. Of a batch the
    /// rows of all responses, in the order they came. Null where the connector failed.
    pub result: Json,
    /// Entries of `errors` that a client would get: failures of the connector, and where the result does not fit the
    /// schema. `path` starts at the result; an error of all of it has none.
    pub errors: Vec<Json>,
    /// What mappings reported to the client with `->withError`.
    pub reported: Vec<ReportedError>,
    /// What the mappings had to say, up to a bound of different problems a mapping.
    pub problems: Vec<Noted>,
}

/// One exchange with a backend.
#[derive(Debug, Clone)]
pub struct Call {
    /// As it was sent.
    pub request: UpstreamRequest,
    /// What came back, or why nothing did.
    pub answer: Result<UpstreamResponse, FetchError>,
}

/// A problem, and the mapping that had it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// Which mapping.
    pub stage: Stage,
    /// What, where, and how often.
    pub problem: Problem,
}

/// The mappings of a connector, by when they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// URL, headers and body.
    Request,
    /// `isSuccess` and `errors`.
    Outcome,
    /// `selection`.
    Selection,
}

impl Stage {
    /// As it is shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Stage::Request => "request",
            Stage::Outcome => "errors",
            Stage::Selection => "selection",
        }
    }
}

/// What one chunk of a batch, or the whole connector, is asked with.
type Asked = (Vec<usize>, Result<UpstreamRequest, FetchError>);

/// The requests that a connector would send; none for a connector without request. Nothing is sent.
///
/// # Errors
/// When the inputs do not fit the connector. A request that cannot be built is an error in its place.
pub fn requests(
    graph: &Graph,
    connector: &Connector,
    inputs: &Inputs,
) -> Result<Vec<Result<UpstreamRequest, FetchError>>, InputError> {
    let run = Run { graph, connector, inputs, checked: inputs.checked(graph, connector)? };
    Ok(run.requests(&mut Notes::default()).into_iter().map(|(_, request)| request).collect())
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
    let mut notes = Notes::default();
    let asked = run.requests(&mut notes);
    let answers = join_all(asked.iter().map(|(_, request)| async {
        match request {
            Ok(request) => Some(upstream.send(&connector.source, request.clone()).await),
            Err(_) => None,
        }
    }))
    .await;
    Ok(run.finish(asked, answers, notes))
}

/// What mappings had to say so far.
#[derive(Default)]
struct Notes {
    problems: Vec<Noted>,
    reported: Vec<ReportedError>,
}

impl Notes {
    fn keep(&mut self, stage: Stage, problems: &Problems) {
        for problem in problems.found() {
            let same = |known: &&mut Noted| {
                known.stage == stage
                    && known.problem.message == problem.message
                    && known.problem.path == problem.path
            };
            match self.problems.iter_mut().find(same) {
                // Chunks of one batch say the same again.
                Some(known) => known.problem.count += problem.count,
                None => self.problems.push(Noted { stage, problem: problem.clone() }),
            }
        }
        self.reported.extend_from_slice(problems.reported());
    }
}

struct Run<'r> {
    graph: &'r Graph,
    connector: &'r Connector,
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

    fn requests(&self, notes: &mut Notes) -> Vec<Asked> {
        let Some(request) = &self.connector.request else { return Vec::new() };
        let mut build = |chunk: &[usize]| {
            let arena = Bump::new();
            let variables = self.given(chunk, &arena).variables(self.connector, &arena);
            let mut problems = Problems::recorded();
            let mut scope = Scope { variables: &variables, arena: &arena, problems: &mut problems };
            let built = fetch::build(self.connector, request, Some(&self.inputs.headers), &mut scope);
            notes.keep(Stage::Request, &problems);
            built
        };
        match &self.connector.batch {
            Some(batch) => {
                let all: Vec<usize> = (0..self.checked.batch.len()).collect();
                batches(&all, batch.size_max.unwrap_or(usize::MAX), build)
            }
            None => vec![(Vec::new(), build(&[]))],
        }
    }

    fn finish(
        &self,
        asked: Vec<Asked>,
        answers: Vec<Option<Result<UpstreamResponse, FetchError>>>,
        mut notes: Notes,
    ) -> Trial {
        let arena = Bump::new();
        let mut values = Vec::new();
        let mut failed: Vec<ClientError> = Vec::new();
        if self.connector.request.is_none() {
            match self.map(Value::Null, self.given(&[], &arena), &arena, &mut notes) {
                Ok(value) => values.push(value),
                Err(error) => failed.push(error),
            }
        }
        for ((chunk, request), answer) in asked.iter().zip(&answers) {
            let given = self.given(chunk, &arena);
            let value = match (request, answer) {
                (Err(error), _) | (_, Some(Err(error))) => {
                    Err(error.clone().attributed(self.connector, None).client)
                }
                (Ok(_), Some(Ok(response))) => self.respond(response, given, &arena, &mut notes),
                (Ok(_), None) => Ok(None),
            };
            match value {
                Ok(value) => values.push(value),
                Err(error) => failed.push(error),
            }
        }
        let value = self.together(&values, &mut failed, &arena);
        let mut errors: Vec<Json> = failed.iter().flat_map(|error| entries(&refusal(error))).collect();
        // What failed has no value, and is told already.
        if !values.is_empty() {
            errors.extend(self.misfits(value));
        }
        let result = value.map_or(Json::Null, |value| json::to_json(&value));
        let calls = asked
            .into_iter()
            .zip(answers)
            .filter_map(|((_, request), answer)| Some(Call { request: request.ok()?, answer: answer? }));
        Trial {
            coordinate: self.connector.coordinate.clone(),
            calls: calls.collect(),
            result,
            errors,
            reported: notes.reported,
            problems: notes.problems,
        }
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
                _ => failed.push(not_a_list(self.connector)),
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
        notes: &mut Notes,
    ) -> Result<Option<Value<'a>>, ClientError> {
        let connector = self.connector;
        let given = Given { response: Some(response), ..given };
        let variables = given.variables(connector, arena);
        let mut problems = Problems::recorded();
        let mut scope = Scope { variables: &variables, arena, problems: &mut problems };
        let not_found_is_null = connector.batch.is_none() && missing_is_null(&self.graph.schema, connector);
        let outcome = Outcome::of(connector, response, not_found_is_null, &mut scope);
        notes.keep(Stage::Outcome, &problems);
        let data = match outcome {
            Outcome::Failure(error) => return Err(error.client),
            Outcome::Null if connector.batch.is_some() => return Ok(Some(Value::List(&[]))),
            Outcome::Null => return Ok(Some(Value::Null)),
            Outcome::Data(Body::Null) => Value::Null,
            Outcome::Data(Body::Text(text)) => Value::String(text),
            Outcome::Data(Body::Json(text)) => json::read(text, arena).map_err(|error| {
                unexpected_format(error.to_string()).attributed(connector, Some(response.status)).client
            })?,
        };
        self.map(data, given, arena, notes)
    }

    /// Applies the whole selection.
    fn map<'a>(
        &'a self,
        data: Value<'a>,
        given: Given<'a>,
        arena: &'a Bump,
        notes: &mut Notes,
    ) -> Result<Option<Value<'a>>, ClientError> {
        let mut problems = Problems::recorded();
        let variables = given.variables(self.connector, arena);
        let value = evaluate(&self.connector.selection, data, &variables, arena, &mut problems);
        notes.keep(Stage::Selection, &problems);
        if problems.work_ran_out() { Err(too_much_work(self.connector)) } else { Ok(value) }
    }

    /// Where a value does not fit the schema: the errors of a response that selects all of it.
    fn misfits(&self, value: Option<Value<'_>>) -> Vec<Json> {
        let Some(Whole { plan, content }) = whole(self.graph, self.connector, value) else {
            return Vec::new();
        };
        let table = record(&plan, value, content, 0);
        let link = Link::Node { table: 0, node: table.node(0) };
        let result = StepResult::new(vec![table], vec![link], Vec::new(), 0);
        let answer = Answer {
            plan: &plan,
            results: &[OnceLock::from(result)],
            conditions: &[],
            introspection: None,
            errors_max: ERRORS_MAX,
        };
        entries(&write(&answer))
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
