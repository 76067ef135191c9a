//! The gateway: a graph, its plans and its upstreams behind one `execute`. Knows nothing of sockets.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use http::{HeaderMap, HeaderName, StatusCode};
use tokio::{sync::watch, time::Instant};
use tracing::{Instrument as _, Span};

use super::{
    answers::KeptAnswers,
    asked::Asked,
    caching::Uses,
    packed::Packed,
    request::{OperationSummary, Request, Response, ResponseKind},
    run::{self, Operation},
    watch::Watch,
};
use crate::{
    config::Config,
    error::{ClientError, Code},
    fetch::Upstream,
    graph::Graph,
    operation::Refusal,
    response::{self, Answer, request_errors, write},
    telemetry::{GatewayMeter, trace},
};

/// How often an operation's problems are counted though nobody looks: to see them, mappings that only project are evaluated too.
const LOOKS_EVERY: Duration = Duration::from_secs(1);

/// The client header that asks for the debugger, with the value `true`.
pub(crate) static DEBUGGING: HeaderName = HeaderName::from_static("apollo-connectors-debugging");

/// One graph in front of its backends. A clone is another handle on the same gateway, with the same graph and the same
/// plans; `execute` runs any number of requests at once.
#[derive(Clone)]
pub struct Gateway {
    served: Arc<ArcSwap<Served>>,
    config: Arc<Config>,
    upstream: Arc<dyn Upstream>,
    /// Each running mutation holds a receiver.
    mutations: watch::Sender<()>,
    /// Counts mutations that ended.
    changes: Arc<AtomicU64>,
    meter: Arc<GatewayMeter>,
    /// Counts the graphs that were served.
    graphs: watch::Sender<u64>,
}

/// What a request begins.
pub enum Begun {
    /// It was answered: a query, a mutation, or anything that was refused.
    Once(Response),
    /// It is a subscription, and nothing listens yet.
    Subscription(Subscription),
}

impl Gateway {
    /// A gateway for a graph; nothing is connected yet.
    #[must_use]
    pub fn new(graph: Graph, config: Config, upstream: Arc<dyn Upstream>) -> Self {
        let meter = Arc::<GatewayMeter>::default();
        one_meter_for_unnamed(&graph, &meter);
        let served = Arc::new(ArcSwap::from_pointee(Served::new(graph, &config, &upstream)));
        let (mutations, changes) = (watch::Sender::new(()), Arc::default());
        let graphs = watch::Sender::new(0);
        Gateway { served, config: Arc::new(config), upstream, mutations, changes, meter, graphs }
    }

    /// What is counted of it, since the process started.
    #[must_use]
    pub fn meter(&self) -> &Arc<GatewayMeter> {
        &self.meter
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

    /// The whole answers that are kept of the graph.
    #[must_use]
    pub fn kept_answers(&self) -> KeptAnswers {
        self.served.load().answers.size()
    }

    /// Uses no answer of a backend any more that was asked for before now and has one of these tags (`@cached(tags:)`):
    /// neither kept nor under way.
    pub fn purge_tags(&self, tags: &[String]) {
        self.upstream.purge_tags(tags);
    }

    /// Serves new requests from another graph; requests in flight end on the one they began with.
    pub fn reload(&self, graph: Graph) {
        // What is counted of a source goes on, however often its files are loaded.
        let known = self.graph();
        for source in &graph.sources {
            if let Some(known) = known.sources.iter().find(|known| known.name == source.name) {
                source.meter.continue_with(known.meter());
                for webhook in &source.webhooks {
                    if let Some(known) = known.webhook(&webhook.name) {
                        webhook.meter.continue_with(known.meter());
                    }
                }
            }
        }
        one_meter_for_unnamed(&graph, &self.meter);
        self.served.store(Arc::new(Served::new(graph, &self.config, &self.upstream)));
        self.graphs.send_modify(|graphs| *graphs += 1);
    }

    /// Changes when another graph is served.
    #[must_use]
    pub fn reloads(&self) -> watch::Receiver<u64> {
        self.graphs.subscribe()
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

    /// Runs one request, which has one answer: a subscription is refused. Dropping the future cancels a query's fetches, unless
    /// somebody else waits for the same; a mutation goes on to its end.
    pub fn execute(&self, request: Request) -> impl Future<Output = Response> + Send + use<'_> {
        let begun = self.begin(request);
        async move {
            match begun.await {
                Begun::Once(response) => response,
                Begun::Subscription(_) => self.refused(&not_once()),
            }
        }
    }

    async fn executed(&self, served: Arc<Served>, asked: Arc<Asked>, deadline: Deadline) -> Response {
        let response = if asked.planned.plan.mutation {
            self.change(served, Arc::clone(&asked), deadline).await
        } else {
            self.query(served, &asked, deadline).await
        };
        asked.planned.ran(deadline.begun.elapsed());
        response
    }

    /// Ready when no mutation runs, whether or not its client still waits. What stops the process waits for this first.
    pub async fn mutations_ended(&self) {
        self.mutations.closed().await;
    }

    /// Runs a mutation. A client that goes away must not leave it half done.
    async fn change(&self, served: Arc<Served>, asked: Arc<Asked>, deadline: Deadline) -> Response {
        let (gateway, running) = (self.clone(), self.mutations.subscribe());
        let run = async move {
            let _running = running;
            let outcome = gateway.run(&served, &asked, deadline).await;
            gateway.changes.fetch_add(1, Ordering::SeqCst);
            outcome.response
        };
        tokio::spawn(run.in_current_span()).await.unwrap_or_else(|_| self.failed())
    }

    /// Answers a query: with what is kept, with what somebody else who asks the same is waiting for, or by running it.
    async fn query(&self, served: Arc<Served>, asked: &Arc<Asked>, deadline: Deadline) -> Response {
        let is_alone = self.debugs(asked) || !asked.may_be_shared();
        if !is_alone && let Some(response) = served.answers.get(asked) {
            return response;
        }
        if is_alone || !self.config.share_operations {
            // Boxed, as one that is shared is: whoever awaits this has room for no execution.
            return Box::pin(self.run(&served, asked, deadline)).await.response;
        }
        loop {
            let begun = (self.upstream.epoch(), self.changes.load(Ordering::SeqCst));
            let execution = served.flights.join(asked, begun, |landing| {
                let (gateway, served, asked) = (self.clone(), Arc::clone(&served), Arc::clone(asked));
                async move {
                    let outcome = gateway.run(&served, &asked, deadline).await;
                    drop(landing);
                    outcome
                }
            });
            let outcome = execution.await;
            // Whoever came first has waited longest: what they can wait for no more, the others still can.
            if !outcome.is_late || deadline.is_over() {
                return outcome.response;
            }
        }
    }

    /// Whether the client wants to see the calls of its operation, and may.
    fn debugs(&self, asked: &Asked) -> bool {
        self.config.debugger && asked.headers.as_ref().is_some_and(asks_for_debugging)
    }

    async fn run(&self, served: &Served, asked: &Asked, deadline: Deadline) -> Outcome {
        let Asked { planned, variables, headers, context } = asked;
        let introspection = match planned.introspection(&served.graph, variables) {
            Ok(introspection) => introspection,
            Err(refusal) => return Outcome { response: self.refused(&refusal), is_late: false },
        };
        let debugs = self.debugs(asked);
        let watch = Watch::new(debugs, self.meter.looks.is_due(LOOKS_EVERY));
        let uses = Uses::default();
        let errors_max = self.config.limits.errors_max;
        let operation = Operation {
            graph: &served.graph,
            plan: &planned.plan,
            variables,
            headers: headers.as_ref(),
            context,
            upstream: &self.upstream,
            deadline: deadline.over,
            windows: &served.windows,
            watch: &watch,
            uses: (!debugs && asked.may_be_shared()).then_some(&uses),
            cause: None,
        };
        let (results, conditions) = run::run(&operation).await;
        let extensions =
            extensions(served, &*self.upstream, &planned.plan, watch, headers.as_ref(), errors_max);
        let is_plain = extensions.is_empty();
        let response::Written { body, errors } = write(&Answer {
            plan: &planned.plan,
            results: &results,
            conditions: &conditions,
            introspection: introspection.as_deref(),
            errors_max,
            extensions,
            counts: &self.meter.errors,
        });
        let has_errors = errors > 0;
        let is_whole = is_plain && !has_errors;
        let caching = if is_whole { uses.caching(&planned.plan, &conditions) } else { None };
        let packed = asked.may_be_shared().then(|| Arc::new(Packed::new(body.len())));
        let mut response = Response { body, kind: ResponseKind::Executed, caching, packed, errors };
        if is_whole {
            planned.keep_constant(&response);
            if let Some(lease) = uses.lease() {
                served.answers.put(asked, &mut response, lease);
            }
        }
        Outcome { response, is_late: has_errors && deadline.is_over() }
    }

    fn refused(&self, refusal: &Refusal) -> Response {
        refusal.errors.iter().for_each(|error| self.meter.errors.count(error.error.code));
        if let Some(first) = refusal.errors.first() {
            trace::refused(&Span::current(), first.error.code);
        }
        let kind = if refusal.limit {
            ResponseKind::Refused(StatusCode::BAD_REQUEST)
        } else {
            ResponseKind::RequestError
        };
        Response::alone(request_errors(refusal), kind)
    }

    /// What a client reads when the gateway itself broke: nothing of the cause.
    fn failed(&self) -> Response {
        let error = ClientError::new(Code::Internal, "The gateway failed to run this operation.");
        let kind = ResponseKind::Refused(StatusCode::INTERNAL_SERVER_ERROR);
        Response { kind, ..self.refused(&Refusal::one(error, None)) }
    }
}

/// Connectors without a source have one of their own each; they are counted together.
fn one_meter_for_unnamed(graph: &Graph, meter: &GatewayMeter) {
    let sources = graph.connectors.iter().map(|connector| &connector.source);
    for source in sources.filter(|source| source.name.is_empty()) {
        source.meter.continue_with(&meter.unnamed_sources);
    }
}

/// What an execution came to.
#[derive(Clone)]
pub(super) struct Outcome {
    response: Response,
    /// It has errors, and its time was up: somebody with more time may get more.
    is_late: bool,
}

/// When an operation began, and when its time is up.
#[derive(Clone, Copy)]
struct Deadline {
    begun: Instant,
    over: Instant,
}

impl Deadline {
    fn after(time: Duration) -> Self {
        let begun = Instant::now();
        Deadline { begun, over: begun + time }
    }

    fn is_over(self) -> bool {
        Instant::now() >= self.over
    }
}

/// Whether a client wants to see the calls of its operation.
fn asks_for_debugging(client: &HeaderMap) -> bool {
    client.get(&DEBUGGING).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

/// The refusal of a subscription where there is one answer only.
fn not_once() -> Refusal {
    let message = "A subscription has many answers: send it over WebSocket (graphql-transport-ws), as server-sent events or \
                   as multipart.";
    Refusal::one(ClientError::new(Code::OperationResolutionFailed, message), None)
}

mod begin;
mod extensions;
mod served;
mod subscription;
#[cfg(test)]
mod tests;

use begin::Admitted;
use extensions::extensions;
use served::Served;
pub use subscription::{Authorized, Subscription, SubscriptionAnswer};
