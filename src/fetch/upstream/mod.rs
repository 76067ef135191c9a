//! The way to backends as the rest of Ficus sees it: a request, its response, and the trait between them. `attempt` sends over
//! sockets, with the connections of `client`, the tokens of `oauth2` and the `origins` that were parsed before; `answer` reads what
//! comes back, `redirect` tells where it points, `trouble` says what went wrong.
//! Not for what a request is made of (`fetch::request`) or what its response means (`fetch::outcome`).

mod answer;
mod attempt;
mod client;
mod deadline;
mod figures;
mod oauth2;
mod origins;
mod redirect;
mod trouble;

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

pub(super) use self::client::default_tls;
pub use self::{
    attempt::HttpUpstream,
    deadline::Deadline,
    figures::{SharedState, SourceState, Stored, TaggedEntries},
};
use super::{FetchError, Keepable, Keeping, Lease, LookedUp, RowCache};
use crate::connector::Source;

/// A request as it is sent. Two requests are the same when all of it is equal: that is what sharing compares.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UpstreamRequest {
    /// The method.
    pub method: Method,
    /// Absolute.
    pub url: String,
    /// Every declared header, in the order they are sent.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Option<Bytes>,
    /// What the gateway itself adds.
    pub own_headers: OwnHeaders,
    /// When the caller's time is up.
    pub deadline: Deadline,
    /// Whether a mutation sends it, whatever its method: it is neither answered from a cache nor joined.
    pub is_change: bool,
    /// Whether anything of the client's own request may be in it (a header, `$context`): its answer is that client's.
    pub is_of_client: bool,
    /// How its answer is to be kept.
    pub keeping: Keeping,
    /// That the rows it asks for were looked for elsewhere before.
    pub looked_up: LookedUp,
}

/// Headers that the gateway itself puts on a request: trace context and request id.
///
/// They differ with every client request and change no answer, so they must never tell two requests apart:
/// all values of this type are equal and hash alike.
#[derive(Debug, Clone, Default)]
pub struct OwnHeaders(pub Vec<(HeaderName, HeaderValue)>);

impl UpstreamRequest {
    /// A request without headers and body, which changes nothing and is nobody's in particular.
    #[must_use]
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        UpstreamRequest {
            method,
            url: url.into(),
            headers: Vec::new(),
            body: None,
            own_headers: OwnHeaders::default(),
            deadline: Deadline::default(),
            is_change: false,
            is_of_client: false,
            keeping: Keeping::default(),
            looked_up: LookedUp::default(),
        }
    }

    /// The declared headers, then the gateway's own.
    pub fn all_headers(&self) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> + Clone {
        self.headers.iter().chain(&self.own_headers.0).map(|(name, value)| (name, value))
    }
}

impl OwnHeaders {
    /// Puts a value in the place of those that there are.
    pub fn set(&mut self, name: &HeaderName, value: HeaderValue) {
        self.0.retain(|(known, _)| known != name);
        self.0.push((name.clone(), value));
    }

    /// The first value of a header.
    #[must_use]
    pub fn get(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

impl PartialEq for OwnHeaders {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for OwnHeaders {}

impl std::hash::Hash for OwnHeaders {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
}

/// What a backend answered.
#[derive(Debug, Clone)]
pub struct UpstreamResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers; shared by all who get the same answer.
    pub headers: Arc<HeaderMap>,
    /// Decompressed, whole, within the source's limit.
    pub body: Bytes,
    /// How old it is, where it was stored; none where it was asked for just now.
    pub age: Option<Duration>,
    /// What it takes to keep its rows one by one, where it answers a batch and may be kept.
    pub keepable: Option<Arc<Keepable>>,
    /// Says later whether it would be given again, where it is stored and fresh.
    pub lease: Option<Lease>,
}

impl UpstreamResponse {
    /// A response that a backend gave just now.
    #[must_use]
    pub fn new(status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        let headers = Arc::new(headers);
        UpstreamResponse { status, headers, body, age: None, keepable: None, lease: None }
    }
}

/// Something that carries requests to backends: HTTP, or a fake in tests.
pub trait Upstream: Send + Sync + 'static {
    /// Sends one request and reads its response whole. The request comes shared, since it is handed from layer to layer, and kept by
    /// those who tell equal ones by it.
    ///
    /// # Errors
    /// When the source's queue is full, the backend cannot be reached, breaks off, is too slow or says too much.
    fn send<'a>(
        &'a self,
        source: &'a Arc<Source>,
        request: Arc<UpstreamRequest>,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>>;

    /// How a named source is doing; nothing where nobody counts.
    fn state(&self, source: &Source) -> SourceState {
        let _ = source;
        SourceState::default()
    }

    /// What is stored of earlier answers; none where nothing ever is.
    fn stored(&self) -> Option<Stored> {
        None
    }

    /// How the way to what is stored for all instances is doing; none where each stores by itself.
    fn shared(&self) -> Option<SharedState> {
        None
    }

    /// Uses no answer any more that was asked for before now, of one source or of all.
    fn purge(&self, source: Option<&Source>) {
        let _ = source;
    }

    /// Uses no answer any more that was asked for before now and has one of these tags, of whatever source.
    fn purge_tags(&self, tags: &[String]) {
        let _ = tags;
    }

    /// As [`purge_tags`](Self::purge_tags), or of whatever tag, but of what this process holds alone: another instance purged, and
    /// told the others.
    fn purge_here(&self, tags: Option<&[String]>) {
        let _ = tags;
    }

    /// Waits until all instances of the gateway are bound by the purges so far, or it is known that they cannot be reached.
    /// Whether they are bound.
    fn purged<'a>(&'a self) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        Box::pin(std::future::ready(true))
    }

    /// The tags of what is stored; those with most answers first, at most so many.
    fn tags(&self, first: usize) -> Vec<TaggedEntries> {
        let _ = first;
        Vec::new()
    }

    /// Where rows of batches are kept one by one; none where they are not.
    fn rows(&self) -> Option<&RowCache> {
        None
    }

    /// Counts purges: of two equal numbers nothing was purged between them.
    fn epoch(&self) -> u64 {
        0
    }

    /// Credentials that it uses and nobody may be shown, beyond those of the configuration: tokens, say.
    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }

    /// Asks a source again that was left alone for failing.
    fn reset_breaker(&self, source: &Source) {
        let _ = source;
    }
}

#[cfg(test)]
mod tests;
