//! One HTTP exchange with a backend. The only place that knows the HTTP client. Not for what a response means (`outcome`).

mod deadline;
mod figures;

use std::{
    error::Error as _,
    future::Future,
    pin::Pin,
    sync::{Arc, LazyLock},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Method, header};
use reqwest::Url;
use tokio::time::Instant;

pub use self::{
    deadline::Deadline,
    figures::{SourceState, Stored, TaggedEntries},
};
use super::{FetchError, Keepable, Keeping, Lease, RowCache, SetUpError, Trouble, concurrency::Lanes};
use crate::{connector::Source, error::Code, telemetry};

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
}

/// Headers that the gateway itself puts on a request: trace context and request id.
///
/// They differ with every client request and change no answer, so they must never tell two requests apart:
/// all values of this type are equal and hash alike.
#[derive(Debug, Clone, Default)]
pub struct OwnHeaders(pub Vec<(HeaderName, HeaderValue)>);

impl UpstreamRequest {
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
    pub status: http::StatusCode,
    /// The headers; shared by all who get the same answer.
    pub headers: Arc<http::HeaderMap>,
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
    pub fn new(status: http::StatusCode, headers: http::HeaderMap, body: Bytes) -> Self {
        let headers = Arc::new(headers);
        UpstreamResponse { status, headers, body, age: None, keepable: None, lease: None }
    }
}

/// Something that carries requests to backends: HTTP, or a fake in tests.
pub trait Upstream: Send + Sync + 'static {
    /// Sends one request and reads its response whole.
    ///
    /// # Errors
    /// When the source's queue is full, the backend cannot be reached, breaks off, is too slow or says too much.
    fn send<'a>(
        &'a self,
        source: &'a Arc<Source>,
        request: UpstreamRequest,
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

    /// Uses no answer any more that was asked for before now, of one source or of all.
    fn purge(&self, source: Option<&Source>) {
        let _ = source;
    }

    /// Uses no answer any more that was asked for before now and has one of these tags, of whatever source.
    fn purge_tags(&self, tags: &[String]) {
        let _ = tags;
    }

    /// Waits until all instances of the gateway are bound by the purges so far, or it is known that they cannot be reached.
    fn purged<'a>(&'a self) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(std::future::ready(()))
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

    /// Asks a source again that was left alone for failing.
    fn reset_breaker(&self, source: &Source) {
        let _ = source;
    }
}

/// How long a connection may take to stand. Backends are near; a second is an eternity there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long an idle connection is kept: longer than the usual pause between requests of a quiet service.
const POOL_IDLE: Duration = Duration::from_secs(90);
/// Bytes of response headers over HTTP/2. (Over HTTP/1 hyper's own bounds hold: 100 headers, about 400 KiB.)
const HEADER_BYTES_MAX: u32 = 64 << 10;

/// Sends requests over HTTP/1.1 and HTTP/2, with one pool of connections for all sources.
///
/// Redirects are answers, not instructions; there are no cookies, no `Referer`, and no proxy from the environment.
#[derive(Debug)]
pub struct HttpUpstream {
    client: reqwest::Client,
    lanes: Lanes,
}

impl HttpUpstream {
    /// An upstream without connections yet. Trusts the certificate authorities that the system trusts.
    ///
    /// # Errors
    /// When the TLS library refuses its settings.
    pub fn new() -> Result<Self, SetUpError> {
        let mut own = http::HeaderMap::new();
        // Legacy backends answer `*/*` with HTML; what is declared by a connector replaces this.
        own.insert(header::ACCEPT, HeaderValue::from_static("application/json, */*;q=0.5"));
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls_config().map_err(|error| SetUpError::Client(Box::new(error)))?)
            .user_agent(concat!("ficus/", env!("CARGO_PKG_VERSION")))
            .default_headers(own)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(POOL_IDLE)
            .http2_max_header_list_size(HEADER_BYTES_MAX)
            .build()
            .map_err(|error| SetUpError::Client(Box::new(error)))?;
        Ok(HttpUpstream { client, lanes: Lanes::default() })
    }

    async fn attempt(
        &self,
        source: &Source,
        request: UpstreamRequest,
    ) -> Result<UpstreamResponse, FetchError> {
        let UpstreamRequest { method, url: text, headers, body, own_headers, deadline, .. } = request;
        let shown = method.clone();
        let answer = async {
            let url = Url::parse(&text).map_err(|error| {
                FetchError::new(
                    Code::ConnectorRequestInvalid,
                    "Connector error: the request's URL is not valid",
                )
                .with_detail(error.to_string())
            })?;
            let _place = self.lanes.enter(source, url.authority()).await?;
            // `request` and not `Request::new`: it moves a user and password of the URL into `Authorization`.
            let mut sending = self.client.request(method.clone(), url);
            let mut sent = http::HeaderMap::with_capacity(headers.len() + own_headers.0.len() + 4);
            for (name, value) in headers.into_iter().chain(own_headers.0) {
                sent.append(name, value);
            }
            match body {
                Some(body) if !body.is_empty() => sending = sending.body(body),
                _ if matches!(method, Method::POST | Method::PUT | Method::PATCH) => {
                    sent.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
                }
                _ => {}
            }
            let left = deadline.0.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let timeout = left.map_or(source.settings.timeout, |left| left.min(source.settings.timeout));
            if let Ok(millis) = u64::try_from(timeout.as_millis()) {
                sent.insert(telemetry::EXPECTED_TIMEOUT.clone(), millis.into());
            }
            let exchange = exchange(sending.headers(sent), source.settings.body_bytes_max);
            tokio::time::timeout(timeout, exchange).await.unwrap_or_else(|_| {
                let message = format!("Connector error: no complete answer within {timeout:?}");
                Err(FetchError::new(Code::GatewayTimeout, message).with_trouble(Trouble::Timeout))
            })
        };
        answer.await.map_err(|error| {
            let cause = error.detail.as_deref().map(|cause| format!(": {cause}")).unwrap_or_default();
            let detail = format!("{shown} {}{cause}", telemetry::without_values(&text));
            error.with_detail(detail)
        })
    }
}

impl Upstream for HttpUpstream {
    fn send<'a>(
        &'a self,
        source: &'a Arc<Source>,
        request: UpstreamRequest,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>> {
        let request_id = request.own_headers.get(&telemetry::REQUEST_ID).cloned();
        let attempt = self.attempt(source, request);
        Box::pin(async move {
            let answer = attempt.await;
            let request_id = request_id.as_ref().and_then(|id| id.to_str().ok());
            match &answer {
                Ok(response) => {
                    let (status, body_bytes) = (response.status.as_u16(), response.body.len());
                    if response.status.is_server_error() {
                        tracing::warn!(source = source.name, request_id, status, body_bytes, "answered");
                    } else {
                        tracing::debug!(source = source.name, request_id, status, body_bytes, "answered");
                    }
                }
                Err(error) => tracing::warn!(
                    source = source.name,
                    request_id,
                    code = error.client.code.as_str(),
                    detail = error.detail.as_deref(),
                    "fetch failed"
                ),
            }
            answer
        })
    }

    fn state(&self, source: &Source) -> SourceState {
        let (in_flight, waiting) = self.lanes.state(&source.name);
        SourceState { in_flight: Some(in_flight), waiting: Some(waiting), breaker: None }
    }
}

async fn exchange(
    request: reqwest::RequestBuilder,
    body_bytes_max: usize,
) -> Result<UpstreamResponse, FetchError> {
    let mut response = request.send().await.map_err(failed)?;
    let status = response.status();
    let headers = std::mem::take(response.headers_mut());
    // What the client could decompress it has taken out of the headers; the rest would be read as noise.
    if let Some(encoding) = headers.get(header::CONTENT_ENCODING).filter(|encoding| *encoding != "identity") {
        let message = format!("Connector error: the content encoding {encoding:?} cannot be read");
        return Err(FetchError::new(Code::ConnectorResponseInvalid, message));
    }
    let body = read_body(response, body_bytes_max).await?;
    Ok(UpstreamResponse::new(status, headers, body))
}

/// Reads a body to its end; what counts against the limit is what comes out of decompression.
/// A body in one piece is not copied. Leaving early drops the response, and with it the connection.
async fn read_body(mut response: reqwest::Response, bytes_max: usize) -> Result<Bytes, FetchError> {
    let announced =
        response.content_length().map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX));
    if announced > bytes_max {
        return Err(too_large(bytes_max));
    }
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if first.len().max(whole.len()) + chunk.len() > bytes_max {
            return Err(too_large(bytes_max));
        }
        if first.is_empty() {
            first = chunk;
            continue;
        }
        if whole.is_empty() {
            whole.reserve(announced.max(first.len() + chunk.len()));
            whole.extend_from_slice(&first);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(if whole.is_empty() { first } else { whole.freeze() })
}

fn too_large(bytes_max: usize) -> FetchError {
    let message =
        format!("Connector error: the response is larger than the {bytes_max} bytes that its source allows");
    FetchError::new(Code::ConnectorResponseInvalid, message)
}

/// Says what happened in words for the client, and keeps the chain of causes for the log.
fn failed(error: reqwest::Error) -> FetchError {
    // The URL may hold secrets; `attempt` adds what of it may be logged.
    let error = error.without_url();
    let mut causes = error.to_string();
    let (mut http, mut io) = (None, None);
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push_str(": ");
        causes.push_str(&cause.to_string());
        http = http.or(cause.downcast_ref::<hyper::Error>());
        io = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind).or(io);
        next = cause.source();
    }
    let (code, words) = if error.is_builder() {
        (Code::ConnectorRequestInvalid, "the request cannot be written as HTTP")
    } else if error.is_connect() {
        (Code::HttpClientError, if error.is_dns() { "the host is not known" } else { "cannot connect" })
    } else if http.is_some_and(hyper::Error::is_parse) {
        (Code::HttpClientError, "the answer is not valid HTTP, or its headers are too large")
    } else if http.is_none() && error.is_decode() && io != Some(std::io::ErrorKind::ConnectionReset) {
        (Code::ConnectorResponseInvalid, "the compressed body is broken")
    } else {
        (Code::HttpClientError, "the connection broke off before the answer was complete")
    };
    let failed = FetchError::new(code, format!("Connector error: {words}")).with_detail(causes);
    if code == Code::HttpClientError { failed.with_trouble(Trouble::Connection) } else { failed }
}

/// The certificate authorities of the system, read once. A machine without any still serves `http:` backends, and
/// learns about its lack from the first `https:` one.
static ROOTS: LazyLock<Arc<rustls::RootCertStore>> = LazyLock::new(|| {
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::warn!(detail = %error, "a certificate authority of the system cannot be read");
    }
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(system.certs);
    Arc::new(roots)
});

/// TLS with ring: the other provider takes minutes to build.
pub(super) fn tls_config() -> Result<rustls::ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(Arc::clone(&ROOTS))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

#[cfg(test)]
mod tests;
