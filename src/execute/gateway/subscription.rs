//! What a subscription is given, one answer at a time: its topic, which events it hears, who may listen, and the response
//! that an event or a poll becomes (GraphQL specification, section 6.2.3). Not for when there is one, which is `events`'.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use bumpalo::Bump;
use bytes::Bytes;
use serde_json::{Map, Value as Json};

use super::{Admitted, Deadline, Gateway, Served};
use crate::{
    connector::{Connector, Kind, Subscribe},
    error::{ClientError, Code},
    execute::{
        arguments::arguments,
        asked::Asked,
        event::EventCalls,
        request::{Request, Response},
        run::{self, Cause, Operation},
        send::ask_anew,
        watch::Watch,
    },
    fetch::{self, Findings, Given, Scope, topic},
    mapping::{
        evaluate::{Variables, evaluate},
        json,
        problems::Problems,
        value::Value,
    },
    operation::Refusal,
    response::{self, Answer, write},
};

/// A subscription that was admitted. A clone is the same one. Two are equal where equal answers are due to both at any time:
/// plan, variables, `$context` and every header that plan, topic, `where` and `authorize` read are the same.
#[derive(Clone)]
pub struct Subscription {
    gateway: Gateway,
    served: Arc<Served>,
    asked: Arc<Asked>,
    subscribe: Arc<Subscribe>,
    written: Arc<Written>,
}

/// What was sent, to be read again over another graph.
pub(super) struct Written {
    pub(super) query: String,
    pub(super) variables: Map<String, Json>,
}

/// One answer to a subscription.
#[derive(Debug, Clone)]
pub struct SubscriptionAnswer {
    /// `{"data": …, "errors": […], "extensions": {…}}` as JSON.
    pub body: Bytes,
    /// Whether it has `extensions`; they stand last.
    pub has_extensions: bool,
}

/// What `authorize` came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authorized {
    /// 2xx, or everybody may listen.
    Yes,
    /// Any other answer that is no failure of the backend.
    No,
    /// There was none: a failure, or too many requests.
    Unknown,
}

impl PartialEq for Subscription {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.asked, &other.asked) || (self.may_be_shared() && self.asked == other.asked)
    }
}

impl Eq for Subscription {}

impl Hash for Subscription {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.asked.hash(state);
    }
}

impl Subscription {
    pub(super) fn new(
        gateway: Gateway,
        served: Arc<Served>,
        asked: Asked,
        subscribe: Arc<Subscribe>,
        written: Written,
    ) -> Self {
        let asked = if asked.planned.plan.reads.all_headers { asked } else { asked.to_kept() };
        Subscription { gateway, served, asked: Arc::new(asked), subscribe, written: Arc::new(written) }
    }

    /// Its gateway.
    #[must_use]
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Whether its graph is the one that is served now.
    #[must_use]
    pub fn is_current(&self) -> bool {
        Arc::ptr_eq(&self.served, &self.gateway.served.load())
    }

    /// What it listens to.
    #[must_use]
    pub fn subscribe(&self) -> &Subscribe {
        &self.subscribe
    }

    /// The field of `Subscription`.
    #[must_use]
    pub fn field(&self) -> &str {
        match self.connector().map(|connector| &connector.kind) {
            Some(Kind::Root { field, .. }) => field,
            _ => "",
        }
    }

    /// The name of its operation, where it has one.
    #[must_use]
    pub fn operation_name(&self) -> Option<&str> {
        self.asked.planned.name()
    }

    /// Whether another client may have the same answers: not where any header may matter.
    fn may_be_shared(&self) -> bool {
        !self.asked.planned.plan.reads.all_headers
    }

    /// The same over the graph that is served now, where its field still gives what is selected.
    ///
    /// # Errors
    /// Why it ends: the operation is none any more, or depends on more of the client than was kept of it.
    pub fn over_new_graph(&self) -> Result<Self, Response> {
        let (old, Written { query, variables }) = (&self.asked, &*self.written);
        let request = Request {
            query: query.clone(),
            operation_name: self.operation_name().map(str::to_owned),
            variables: variables.clone(),
            headers: old.headers.clone(),
            context: old.context.clone(),
            ..Request::default()
        };
        let admitted = self.gateway.admit(request, &mut self.gateway.meter.begin());
        let ended = |why: &str| self.gateway.ended(&format!("The schema changed: {why}."));
        let Admitted { served, asked, query, variables } =
            admitted.map_err(|_| ended("this operation is not valid any more"))?;
        let Some(subscribe) = asked.planned.plan.subscribe.clone() else {
            return Err(ended("this operation is no subscription any more"));
        };
        let (known, reads) = (&old.planned.plan.reads, &asked.planned.plan.reads);
        // What was not kept may differ between those who shared one execution so far.
        let is_kept = known.all_headers
            || (!reads.all_headers && reads.headers.iter().all(|name| known.headers.contains(name)));
        if !is_kept {
            return Err(ended("it reads other headers now, subscribe again"));
        }
        let written = Written { query, variables };
        Ok(Subscription::new(self.gateway.clone(), served, asked, subscribe, written))
    }

    // ---- topics ----------------------------------------------------------------------------------------------

    /// The name of its topic; none for what polls.
    ///
    /// # Errors
    /// A value in it is null or missing: the subscription is refused.
    pub fn topic(&self) -> Result<Option<String>, Response> {
        let Some(of) = self.subscribe.topic() else { return Ok(None) };
        let named =
            self.scoped(self.connector(), |variables, arena| topic(&of.name, Value::Null, variables, arena));
        match named {
            Ok(Ok(name)) => Ok(Some(name)),
            Ok(Err(_)) => Err(self.gateway.refuse(ClientError::new(
                Code::BadUserInput,
                format!("{}: a value that names the topic is null, missing, or too long.", self.field()),
            ))),
            Err(error) => Err(self.gateway.refuse(error)),
        }
    }

    /// Whether it is told of an event: `where` gives true.
    #[must_use]
    pub fn hears(&self, event: &[u8]) -> bool {
        let Some(filter) = self.subscribe.topic().and_then(|topic| topic.filter.as_ref()) else {
            return true;
        };
        let Ok(text) = std::str::from_utf8(event) else { return true };
        let heard = self.scoped(self.connector(), |variables, arena| {
            // What cannot be read is told as the error that it is.
            let Ok(data) = json::read(text, arena) else { return true };
            let value = evaluate(filter, data, variables, arena, &mut Problems::ignored());
            matches!(value, Some(Value::Bool(true)))
        });
        heard.unwrap_or(true)
    }

    /// Asks who may listen, with this subscriber's own headers. What was answered before does not count.
    pub async fn authorize(&self) -> Authorized {
        let Some(authorize) = self.subscribe.topic().and_then(|topic| topic.authorize.as_ref()) else {
            return Authorized::Yes;
        };
        let connector = &authorize.connector;
        let Some(request) = &connector.request else { return Authorized::No };
        let client = self.asked.headers.as_ref();
        let built = self.scoped(Some(connector), |variables, arena| {
            let mut findings = Findings::default();
            fetch::build(connector, request, client, &mut Scope { variables, arena, findings: &mut findings })
        });
        let Ok(Ok(mut request)) = built else { return Authorized::No };
        ask_anew(&mut request);
        request.keeping.part = fetch::Part::Nothing;
        request.deadline = fetch::Deadline(Some(Deadline::after(self.gateway.config.deadline).over));
        match self.gateway.upstream.send(&connector.source, Arc::new(request)).await {
            Ok(response) if response.status.is_success() => Authorized::Yes,
            Ok(response) if response.status.is_server_error() => Authorized::Unknown,
            Ok(response) if [408, 425, 429].contains(&response.status.as_u16()) => Authorized::Unknown,
            Ok(_) => Authorized::No,
            Err(_) => Authorized::Unknown,
        }
    }

    // ---- answers ---------------------------------------------------------------------------------------------

    /// What an event becomes. `calls` are those of all executions of the event.
    pub async fn told(
        &self,
        event: &[u8],
        calls: &EventCalls,
        extensions: Map<String, Json>,
    ) -> SubscriptionAnswer {
        self.run(Cause::Event(event, calls), extensions).await
    }

    /// What the backend says now.
    pub async fn polled(&self) -> SubscriptionAnswer {
        self.run(Cause::Poll, Map::new()).await
    }

    async fn run(&self, cause: Cause<'_>, extensions: Map<String, Json>) -> SubscriptionAnswer {
        let Subscription { gateway, served, asked, .. } = self;
        let Asked { planned, variables, headers, context } = &**asked;
        let deadline = Deadline::after(gateway.config.deadline);
        let watch = Watch::new(false, gateway.meter.looks.is_due(super::LOOKS_EVERY));
        let operation = Operation {
            graph: &served.graph,
            plan: &planned.plan,
            variables,
            headers: headers.as_ref(),
            context,
            upstream: &gateway.upstream,
            deadline: deadline.over,
            windows: &served.windows,
            watch: &watch,
            uses: None,
            cause: Some(cause),
        };
        let (results, conditions) = run::run(&operation).await;
        let errors_max = gateway.config.limits.errors_max;
        let client = headers.as_ref();
        let mut all = super::extensions(served, &*gateway.upstream, &planned.plan, watch, client, errors_max);
        // Last, where a notice may be added to them.
        all.extend(extensions);
        let has_extensions = !all.is_empty();
        let response::Written { body, .. } = write(&Answer {
            plan: &planned.plan,
            results: &results,
            conditions: &conditions,
            introspection: None,
            errors_max,
            extensions: all,
            counts: &gateway.meter.errors,
        });
        planned.ran(deadline.begun.elapsed());
        SubscriptionAnswer { body, has_extensions }
    }

    /// The connector of its field: the first step, for which nothing has to be fetched before.
    fn connector(&self) -> Option<&Arc<Connector>> {
        self.asked.planned.plan.steps.first().map(|step| &step.connector)
    }

    /// Makes something of what a connector of its field may read.
    fn scoped<T>(
        &self,
        connector: Option<&Arc<Connector>>,
        make: impl for<'a> FnOnce(&Variables<'a>, &'a Bump) -> T,
    ) -> Result<T, ClientError> {
        let Asked { planned, variables, headers, context } = &*self.asked;
        let broken = || ClientError::new(Code::Internal, "The gateway failed to run this operation.");
        let (Some(step), Some(connector)) = (planned.plan.steps.first(), connector) else {
            return Err(broken());
        };
        let arguments = arguments(&step.arguments, variables)?;
        let arena = Bump::new();
        let given = Given {
            client: headers.as_ref(),
            args: Some(json::from_json(&arguments, &arena)),
            context: Some(json::from_map(context, &arena)),
            ..Given::new(&self.served.graph.env)
        };
        let variables = given.variables(connector, &arena);
        Ok(make(&variables, &arena))
    }
}

impl Gateway {
    /// A subscription that does not begin, or goes on no more: the last that its client is told.
    #[must_use]
    pub fn refuse(&self, error: ClientError) -> Response {
        self.refused(&Refusal::one(error, None))
    }

    /// The last answer to a subscription that ends for a reason of the gateway's.
    #[must_use]
    pub fn ended(&self, why: &str) -> Response {
        self.refuse(ClientError::new(Code::SubscriptionEnded, why))
    }
}
