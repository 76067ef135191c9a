//! Queries and mutations of the admin graph. Everything it says is read from the gateway at the moment of asking.

use std::{cmp::Reverse, sync::Arc};

use async_graphql::{Context, Enum, Object, Schema, SimpleObject};

use super::{
    Control,
    cache::Cache,
    events::Events,
    figures::Subscription,
    sources::{Connector, Count, Source, Times, connectors, counts, sources},
};
use crate::{
    connector,
    diagnostic::{self, Severity},
    execute::{Gateway, OperationSummary},
    telemetry::{Closed as _, GatewayMeter},
};

/// Deeper than GraphiQL's introspection query goes.
const DEPTH_MAX: usize = 20;
/// Fields in one operation, introspection among them.
const COMPLEXITY_MAX: usize = 2_000;
/// Operations in one answer: each brings its document and its plan.
const OPERATIONS_MAX: usize = 1_000;

/// The admin graph.
pub(super) type AdminSchema = Schema<Query, Mutation, Subscription>;

/// The admin graph over one gateway.
pub(super) fn schema(control: Arc<Control>) -> AdminSchema {
    Schema::build(Query, Mutation, Subscription)
        .data(control)
        .limit_depth(DEPTH_MAX)
        .limit_complexity(COMPLEXITY_MAX)
        .finish()
}

/// The gateway's own state.
pub(super) struct Query;

#[Object]
impl Query {
    /// The process that answers.
    async fn process<'a>(&self, context: &Context<'a>) -> async_graphql::Result<Process> {
        let control = control(context)?;
        Ok(Process {
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: control.started.elapsed().as_secs_f64(),
            listen: control.gateway().config().listen.to_string(),
            path: control.gateway().config().path.clone(),
        })
    }

    /// The graph that new requests are served from.
    async fn graph<'a>(&self, context: &Context<'a>) -> async_graphql::Result<Graph> {
        Ok(Graph::of(control(context)?.gateway()))
    }

    /// The backends, in the order of their names.
    async fn sources<'a>(&self, context: &Context<'a>) -> async_graphql::Result<Vec<Source>> {
        Ok(sources(control(context)?.gateway()))
    }

    /// One backend by its name.
    async fn source<'a>(&self, context: &Context<'a>, name: String) -> async_graphql::Result<Option<Source>> {
        Ok(sources(control(context)?.gateway()).into_iter().find(|source| source.name == name))
    }

    /// The `@connect` directives: of one source or of all, those whose mappings had problems or all.
    async fn connectors<'a>(
        &self,
        context: &Context<'a>,
        source: Option<String>,
        #[graphql(default)] with_problems: bool,
    ) -> async_graphql::Result<Vec<Connector>> {
        Ok(connectors(control(context)?.gateway(), source.as_deref(), with_problems))
    }

    /// What clients ask for and get, since the process started.
    async fn load<'a>(&self, context: &Context<'a>) -> async_graphql::Result<Load> {
        let gateway = control(context)?.gateway();
        Ok(Load::of(gateway.meter(), gateway.config().shed_in_flight_max))
    }

    /// Answers of backends that are kept; null where none ever is.
    async fn cache<'a>(&self, context: &Context<'a>) -> async_graphql::Result<Option<Cache>> {
        Ok(Cache::of(control(context)?.gateway()))
    }

    /// Events of webhooks, and the subscriptions that hear them.
    async fn events<'a>(&self, context: &Context<'a>) -> async_graphql::Result<Events> {
        Ok(Events::of(&control(context)?.events))
    }

    /// The operations in the plan cache, at most 1,000.
    async fn operations<'a>(
        &self,
        context: &Context<'a>,
        #[graphql(default = 50)] first: u32,
        #[graphql(default_with = "OperationOrder::TotalTime")] order_by: OperationOrder,
    ) -> async_graphql::Result<Vec<Operation>> {
        let mut operations: Vec<Operation> =
            control(context)?.gateway().operations().into_iter().map(Operation::from).collect();
        operations.sort_by(|a, b| match order_by {
            OperationOrder::TotalTime => b.total_ms.total_cmp(&a.total_ms),
            OperationOrder::MeanTime => b.mean_ms.total_cmp(&a.mean_ms),
            OperationOrder::Calls => Reverse(a.calls).cmp(&Reverse(b.calls)),
        });
        operations.truncate(usize::try_from(first).unwrap_or(OPERATIONS_MAX).min(OPERATIONS_MAX));
        Ok(operations)
    }
}

/// What can be done to the gateway.
pub(super) struct Mutation;

#[Object]
impl Mutation {
    /// Loads the graph's files again. A graph with faults is refused, and the old one goes on serving.
    async fn reload<'a>(&self, context: &Context<'a>) -> async_graphql::Result<ReloadResult> {
        let control = control(context)?;
        let _one = control.reloading.lock().await;
        let reload = Arc::clone(&control.reload);
        let found = tokio::task::spawn_blocking(move || reload())
            .await
            .map_err(|_| async_graphql::Error::new("the reload broke off; the old graph goes on serving"))?;
        Ok(ReloadResult {
            reloaded: !found.iter().any(diagnostic::Diagnostic::is_error),
            diagnostics: found.into_iter().map(Diagnostic::from).collect(),
            graph: Graph::of(control.gateway()),
        })
    }

    /// Uses no answer any more that was asked for before now, neither kept nor under way: of one source, of whatever source
    /// with one of these tags, or none at all.
    async fn purge<'a>(
        &self,
        context: &Context<'a>,
        source: Option<String>,
        tags: Option<Vec<String>>,
    ) -> async_graphql::Result<Option<Cache>> {
        let gateway = control(context)?.gateway();
        match (source, tags) {
            (Some(_), Some(_)) => {
                return Err("a tag belongs to no source: purge by `source` or by `tags`".into());
            }
            (Some(name), None) => gateway.upstream().purge(Some(&*named(gateway, &name)?)),
            (None, Some(tags)) => gateway.upstream().purge_tags(&tags),
            (None, None) => gateway.upstream().purge(None),
        }
        Ok(Cache::of(gateway))
    }

    /// Asks a source again that is left alone for failing.
    async fn reset_breaker<'a>(
        &self,
        context: &Context<'a>,
        source: String,
    ) -> async_graphql::Result<Option<Source>> {
        let gateway = control(context)?.gateway();
        gateway.upstream().reset_breaker(&*named(gateway, &source)?);
        Ok(sources(gateway).into_iter().find(|known| known.name == source))
    }
}

fn named(gateway: &Gateway, name: &str) -> async_graphql::Result<Arc<connector::Source>> {
    let graph = gateway.graph();
    let source = graph.sources.iter().find(|source| source.name == name);
    source.cloned().ok_or_else(|| async_graphql::Error::new(format!("there is no source `{name}`")))
}

/// The control that the schema was built with.
pub(super) fn control<'a>(context: &Context<'a>) -> async_graphql::Result<&'a Arc<Control>> {
    context.data::<Arc<Control>>()
}

/// The process that answers.
#[derive(SimpleObject)]
struct Process {
    /// Of Ficus.
    version: &'static str,
    /// Since it started.
    uptime_seconds: f64,
    /// Where the gateway listens.
    listen: String,
    /// Path of its GraphQL endpoint.
    path: String,
}

/// What clients ask for and get.
#[derive(SimpleObject)]
struct Load {
    /// Requests between their headers and their response.
    in_flight: usize,
    /// Beyond this many they are refused.
    in_flight_max: usize,
    /// Requests that were refused so.
    shed: u64,
    /// Operations that run now.
    running: usize,
    /// Operations by type.
    operations: Vec<OperationsOfType>,
    /// Errors that clients got, by code.
    errors: Vec<Count>,
}

/// Operations of one type.
#[derive(SimpleObject)]
struct OperationsOfType {
    /// `query`, `mutation`, `subscription`, or `unknown` for what was refused before that was known.
    #[graphql(name = "type")]
    of: &'static str,
    /// How they ended: `ok`, `errors`, `refused`, `cancelled`.
    outcomes: Vec<Count>,
    /// How long they took.
    taken: Times,
}

impl Load {
    fn of(meter: &GatewayMeter, in_flight_max: usize) -> Self {
        let operations = meter.operations().map(|(of, operations)| OperationsOfType {
            of: of.as_str(),
            outcomes: counts(&operations.outcomes),
            taken: Times::of(&operations.taken.read()),
        });
        Load {
            in_flight: meter.in_flight.read(),
            in_flight_max,
            shed: meter.shed.read(),
            running: meter.running.read(),
            operations: operations.filter(|of| !of.outcomes.is_empty()).collect(),
            errors: counts(&meter.errors),
        }
    }
}

/// A composed schema with its connectors.
#[derive(SimpleObject)]
struct Graph {
    /// Types that the schema defines, built-in ones aside.
    types: usize,
    /// `@connect` directives.
    connectors: usize,
    /// Named backends.
    sources: usize,
    /// How long it has been served: since the start or the last reload.
    served_seconds: f64,
    /// What clients query, as SDL.
    sdl: String,
}

impl Graph {
    fn of(gateway: &Gateway) -> Self {
        let graph = gateway.graph();
        Graph {
            types: graph.schema.types.values().filter(|definition| !definition.is_built_in()).count(),
            connectors: graph.connectors.len(),
            sources: graph.sources.len(),
            served_seconds: gateway.graph_served().as_secs_f64(),
            sdl: graph.schema.to_string(),
        }
    }
}

/// How operations are sorted; the highest comes first.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
enum OperationOrder {
    /// Time of all runs together.
    TotalTime,
    /// Time of one run.
    MeanTime,
    /// Number of runs.
    Calls,
}

/// An operation in the plan cache.
#[derive(SimpleObject)]
struct Operation {
    /// Its name, where it has one.
    name: Option<String>,
    /// The document it was sent in.
    document: String,
    /// Its fetches, as `ficus explain` prints them.
    plan: String,
    /// How many steps of fetches the plan has: what one run costs the backends at least, batches and the cache aside.
    steps: usize,
    /// How often it ran.
    calls: u64,
    /// Of all its runs together.
    total_ms: f64,
    /// Of one run.
    mean_ms: f64,
}

impl From<OperationSummary> for Operation {
    fn from(summary: OperationSummary) -> Self {
        let total_ms = summary.time.as_secs_f64() * 1e3;
        #[allow(
            clippy::cast_precision_loss,
            reason = "a mean of more than 2^53 runs may be off in its last digit"
        )]
        let mean_ms = if summary.count == 0 { 0.0 } else { total_ms / summary.count as f64 };
        Operation {
            name: summary.name,
            document: summary.text,
            plan: summary.plan,
            steps: summary.steps,
            calls: summary.count,
            total_ms,
            mean_ms,
        }
    }
}

/// What a reload came to.
#[derive(SimpleObject)]
struct ReloadResult {
    /// Whether the files' graph is served now.
    reloaded: bool,
    /// All faults and warnings of the files.
    diagnostics: Vec<Diagnostic>,
    /// The graph that is served now.
    graph: Graph,
}

/// How bad a diagnostic is.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
#[graphql(remote = "Severity", name = "Severity")]
enum SeverityName {
    /// The graph is not served.
    Error,
    /// The graph is served; something in it is probably not meant.
    Warning,
}

/// One fault or warning, as `ficus check` shows it.
#[derive(SimpleObject)]
struct Diagnostic {
    /// From the closed table.
    code: &'static str,
    /// How bad it is.
    severity: SeverityName,
    /// What is wrong.
    message: String,
    /// What to do about it.
    help: Option<String>,
    /// Where.
    file: String,
    /// From 1.
    line: u32,
    /// From 1, in characters.
    column: u32,
    /// The schema coordinate or connector it is about.
    coordinate: Option<String>,
}

impl From<diagnostic::Diagnostic> for Diagnostic {
    fn from(found: diagnostic::Diagnostic) -> Self {
        Diagnostic {
            code: found.code.as_str(),
            severity: found.severity.into(),
            message: found.message,
            help: found.help,
            file: found.place.file.to_string(),
            line: found.place.line,
            column: found.place.column,
            coordinate: found.coordinate,
        }
    }
}
