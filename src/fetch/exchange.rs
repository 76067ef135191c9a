//! One call of a connector, written down for people: what was sent, what came back, what the mappings made of it.
//! Nothing is decided by it, and nothing in it is redacted yet.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{FetchError, Findings, UpstreamRequest, UpstreamResponse};
use crate::{connector::Connector, error::ClientError};

/// One call of a connector.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Whose call it is.
    pub connector: Arc<Connector>,
    /// As it was sent; none where it could not be built.
    pub request: Option<UpstreamRequest>,
    /// What came back, or why nothing did; none where nothing was sent, or nothing came in time.
    pub answer: Option<Arc<Result<UpstreamResponse, FetchError>>>,
    /// The selection as it was applied, where it was pruned to what an operation reads.
    pub applied: Option<String>,
    /// What the selection gave; none where it was not applied, or gave nothing.
    pub mapped: Option<Json>,
    /// What the call failed with.
    pub error: Option<ClientError>,
    /// What the mappings had to say, those of the request too.
    pub findings: Findings,
}

impl Exchange {
    /// A call that nothing is known of yet.
    #[must_use]
    pub fn new(connector: Arc<Connector>, findings: Findings) -> Self {
        Exchange {
            connector,
            request: None,
            answer: None,
            applied: None,
            mapped: None,
            error: None,
            findings,
        }
    }

    /// The response, where there is one.
    #[must_use]
    pub fn response(&self) -> Option<&UpstreamResponse> {
        self.answer.as_deref()?.as_ref().ok()
    }
}
