//! One HTTP exchange with a backend. The only place that knows the HTTP client.

use std::{future::Future, pin::Pin};

use bytes::Bytes;

use super::FetchError;
use crate::connector::Source;

/// A request as it is sent. Two requests are the same when all of it is equal: that is what sharing compares.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UpstreamRequest {
    /// The method.
    pub method: http::Method,
    /// Absolute.
    pub url: String,
    /// Every declared header, in the order they are sent.
    pub headers: Vec<(http::HeaderName, http::HeaderValue)>,
    /// The body.
    pub body: Option<Bytes>,
}

/// What a backend answered.
#[derive(Debug, Clone)]
pub struct UpstreamResponse {
    /// The status.
    pub status: http::StatusCode,
    /// The headers.
    pub headers: http::HeaderMap,
    /// Decompressed, whole, within the source's limit.
    pub body: Bytes,
}

/// Something that carries requests to backends: HTTP, or a fake in tests.
pub trait Upstream: Send + Sync + 'static {
    /// Sends one request and reads its response whole.
    ///
    /// # Errors
    /// When the source's queue is full, the backend cannot be reached, breaks off, is too slow or says too much.
    fn send<'a>(
        &'a self,
        source: &'a Source,
        request: UpstreamRequest,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>>;
}
