//! The gateway: a graph, its plans and its upstreams behind one `execute`. Knows nothing of sockets.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode};
use serde_json::{Map, Value as Json};
use tokio::sync::watch;

use super::{
    debugger::debugging,
    plans::{Planned, Plans},
    run::{self, Operation},
    watch::Watch,
};
use crate::{
    config::Config,
    error::{ClientError, Code},
    fetch::{Findings, Redaction, Upstream},
    graph::Graph,
    operation::{Refusal, Rules, coerce},
    plan::Plan,
    response::{Answer, Reported, connector_errors, request_errors, write},
};

/// The client header that asks for the debugger, with the value `true`.
static DEBUGGING: HeaderName = HeaderName::from_static("apollo-connectors-debugging");

/// A GraphQL request, whatever transport brought it.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The document.
    pub query: String,
    /// Which of its operations to run.
    pub operation_name: Option<String>,
    /// Values of its variables, as the client sent them.
    pub variables: serde_json::Map<String, serde_json::Value>,
    /// The client's headers, for connectors that read or copy them; none where the host application passed none.
    pub headers: Option<http::HeaderMap>,
    /// `$context` of mappings: what the host application knows of the request and the client does not say, such as who asks.
    pub context: serde_json::Map<String, serde_json::Value>,
    /// True for a GET: a mutation is refused with 405.
    pub read_only: bool,
}

/// A GraphQL response, ready to be written.
#[derive(Debug, Clone)]
pub struct Response {
    /// `{"data": …, "errors": […]}` as JSON.
    pub body: Bytes,
    /// What the HTTP status depends on.
    pub kind: ResponseKind,
}

/// What the HTTP status of a response depends on (GraphQL over HTTP, section 6.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseKind {
    /// The operation ran; there is a `data` entry, errors or not: 200.
    Executed,
    /// The request was refused before it ran; there is no `data` entry. 400 as `application/graphql-response+json`,
    /// 200 as `application/json`.
    RequestError,
    /// Refused with this status whatever the media type: limits (400), a mutation over GET (405).
    Refused(http::StatusCode),
}

/// An operation in the plan cache.
#[derive(Debug, Clone)]
pub struct OperationSummary {
    /// The operation's name, where it has one.
    pub name: Option<String>,
    /// The document's text.
    pub text: String,
    /// Its plan, as `ficus explain` prints it.
    pub plan: String,
    /// How often it ran.
    pub count: u64,
    /// Of all its runs together.
    pub time: Duration,
}

/// One graph in front of its backends. A clone is another handle on the same gateway, with the same graph and the same
/// plans; `execute` runs any number of requests at once.
#[derive(Clone)]
pub struct Gateway {
    served: Arc<ArcSwap<Served>>,
    config: Arc<Config>,
    upstream: Arc<dyn Upstream>,
    /// Each running mutation holds a receiver.
    mutations: watch::Sender<()>,
}

/// A graph and the plans made for it: swapped as one.
struct Served {
    graph: Arc<Graph>,
    plans: Plans,
    since: Instant,
}

impl Served {
    fn new(graph: Graph) -> Self {
        Served { graph: Arc::new(graph), plans: Plans::new(), since: Instant::now() }
    }
}

impl Gateway {
    /// A gateway for a graph; nothing is connected yet.
    #[must_use]
    pub fn new(graph: Graph, config: Config, upstream: Arc<dyn Upstream>) -> Self {
        let served = Arc::new(ArcSwap::from_pointee(Served::new(graph)));
        Gateway { served, config: Arc::new(config), upstream, mutations: watch::Sender::new(()) }
    }

    /// The graph that new requests are served from.
    #[must_use]
    pub fn graph(&self) -> Arc<Graph> {
        self.served.load().graph.clone()
    }

    /// How long that graph has been served: since the start or the last reload.
    #[must_use]
    pub fn graph_served(&self) -> Duration {
        self.served.load().since.elapsed()
    }

    /// The way to the backends: for what is stored there and how the sources are doing.
    #[must_use]
    pub fn upstream(&self) -> &dyn Upstream {
        &*self.upstream
    }

    /// Uses no answer of a backend any more that was asked for before now and has one of these tags (`@cached(tags:)`):
    /// neither kept nor under way.
    pub fn purge_tags(&self, tags: &[String]) {
        self.upstream.purge_tags(tags);
    }

    /// Serves new requests from another graph; requests in flight end on the one they began with.
    pub fn reload(&self, graph: Graph) {
        self.served.store(Arc::new(Served::new(graph)));
    }

    /// The resolved configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The operations in the plan cache.
    #[must_use]
    pub fn operations(&self) -> Vec<OperationSummary> {
        self.served.load().plans.summaries()
    }

    /// Runs one request. Dropping the future cancels a query's fetches; a mutation goes on to its end.
    pub async fn execute(&self, request: Request) -> Response {
        let served = self.served.load_full();
        let rules = Rules {
            limits: self.config.limits.clone(),
            introspection: self.config.introspection,
            suggestions: self.config.suggestions,
        };
        let name = request.operation_name.as_deref();
        let planned = match served.plans.get(&served.graph, &request.query, name, &rules) {
            Ok(planned) => planned,
            Err(refusal) => return refused(&refusal),
        };
        if planned.plan.mutation && request.read_only {
            let error =
                ClientError::new(Code::MethodNotAllowed, "A mutation cannot be sent with GET: use POST.");
            let body = request_errors(&Refusal::one(error, None));
            return Response { body, kind: ResponseKind::Refused(StatusCode::METHOD_NOT_ALLOWED) };
        }
        let mutation = planned.plan.mutation;
        let gateway = self.clone();
        let run = async move { gateway.run(&served, &planned, request).await };
        if mutation {
            // A client that goes away must not leave a mutation half done.
            let running = self.mutations.subscribe();
            let run = async move {
                let _running = running;
                run.await
            };
            match tokio::spawn(run).await {
                Ok(response) => response,
                Err(_) => failed(),
            }
        } else {
            run.await
        }
    }

    /// Ready when no mutation runs, whether or not its client still waits. What stops the process waits for this first.
    pub async fn mutations_ended(&self) {
        self.mutations.closed().await;
    }

    async fn run(&self, served: &Served, planned: &Planned, request: Request) -> Response {
        let began = Instant::now();
        let document = planned.document.executable();
        let coerced = coerce(&served.graph.schema, document, &planned.operation, &request.variables);
        let variables = match coerced {
            Ok(variables) => variables,
            Err(refusal) => return refused(&refusal),
        };
        let introspection = match planned.introspection(&served.graph, &variables) {
            Ok(introspection) => introspection,
            Err(refusal) => return refused(&refusal),
        };
        let debugging = self.config.debugger && request.headers.as_ref().is_some_and(asks_for_debugging);
        let watch = Watch::new(debugging);
        let errors_max = self.config.limits.errors_max;
        let operation = Operation {
            graph: &served.graph,
            plan: &planned.plan,
            variables: &variables,
            headers: request.headers.as_ref(),
            context: &request.context,
            upstream: &self.upstream,
            deadline: self.config.deadline,
            watch: &watch,
        };
        let (results, conditions) = run::run(&operation).await;
        let extensions =
            extensions(&served.graph, &planned.plan, watch, request.headers.as_ref(), errors_max);
        let body = write(&Answer {
            plan: &planned.plan,
            results: &results,
            conditions: &conditions,
            introspection: introspection.as_deref(),
            errors_max,
            extensions,
        });
        planned.ran(began.elapsed());
        Response { body, kind: ResponseKind::Executed }
    }
}

/// Whether a client wants to see the calls of its operation.
fn asks_for_debugging(client: &HeaderMap) -> bool {
    client.get(&DEBUGGING).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

/// `extensions` of a response: what mappings report, and the calls where the client asked for them.
fn extensions(
    graph: &Graph,
    plan: &Plan,
    watch: Watch,
    client: Option<&HeaderMap>,
    errors_max: usize,
) -> Map<String, Json> {
    let (seen, reported) = watch.end();
    let mut extensions = Map::new();
    let mut errors = Vec::new();
    for (step, findings) in reported.iter().map(|(id, findings)| (plan.step(*id), findings)) {
        let mut path: Vec<&str> = step.path.split('.').filter(|key| !key.is_empty()).collect();
        if let [field] = step.fields.as_slice() {
            path.push(field);
        }
        let reported = findings.reported().iter();
        errors.extend(reported.map(|error| Reported {
            connector: &step.connector,
            path: path.clone(),
            error,
        }));
    }
    let left_out = reported.values().map(Findings::reported_left_out).sum();
    if let Some(errors) = connector_errors(&errors, left_out, errors_max) {
        extensions.insert("connectorErrors".to_owned(), errors);
    }
    if let Some(seen) = seen {
        let debugging = debugging(&seen, Redaction::of(graph), client);
        extensions.insert("apolloConnectorsDebugging".to_owned(), debugging);
    }
    extensions
}

fn refused(refusal: &Refusal) -> Response {
    let kind = if refusal.limit {
        ResponseKind::Refused(StatusCode::BAD_REQUEST)
    } else {
        ResponseKind::RequestError
    };
    Response { body: request_errors(refusal), kind }
}

/// What a client reads when the gateway itself broke: nothing of the cause.
fn failed() -> Response {
    let error = ClientError::new(Code::Internal, "The gateway failed to run this operation.");
    let body = request_errors(&Refusal::one(error, None));
    Response { body, kind: ResponseKind::Refused(StatusCode::INTERNAL_SERVER_ERROR) }
}

#[cfg(test)]
mod tests;
