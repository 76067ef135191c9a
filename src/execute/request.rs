//! A request and its response, whatever transport brought the one and carries the other; and what is known of operations that ran.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::{caching::Caching, packed::Packed};

/// A GraphQL request, whatever transport brought it.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The document.
    pub query: String,
    /// Which of its operations to run.
    pub operation_name: Option<String>,
    /// Values of its variables, as the client sent them.
    pub variables: serde_json::Map<String, serde_json::Value>,
    /// What the client says beside them: `lastEventId`, for one.
    pub extensions: serde_json::Map<String, serde_json::Value>,
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
    /// Whether it may be kept; none where nobody may.
    pub caching: Option<Caching>,
    /// Other forms of the body, where others may get the same.
    pub packed: Option<Arc<Packed>>,
    /// How many errors it has, those that were left out too.
    pub errors: usize,
}

impl Response {
    /// A response that is neither kept nor anybody else's, and tells of no errors but those of a refusal.
    pub(super) fn alone(body: Bytes, kind: ResponseKind) -> Self {
        Response { body, kind, caching: None, packed: None, errors: 0 }
    }
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
    /// How many steps of fetches it has.
    pub steps: usize,
    /// How often it ran.
    pub count: u64,
    /// Of all its runs together.
    pub time: Duration,
}
