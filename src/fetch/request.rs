//! Builds what is sent from a connector and its inputs: method, URL, headers, body (sections 3 and 4 of the connect
//! language). Whatever comes from outside ends up as one encoded segment or value, one header value or one JSON value;
//! where that cannot be, the request is not built. Not for sending it.

mod body;
mod headers;
mod idempotency;
mod url;

use http::HeaderMap;

pub(crate) use self::idempotency::{IDEMPOTENCY_KEY, pass_key};

use super::{Deadline, FetchError, Findings, Keeping, LookedUp, OwnHeaders, Scope, UpstreamRequest};
use crate::{
    connector::{Connector, Request},
    error::Code,
    telemetry,
};

/// A URL longer than this many bytes is likely to be refused by some server on its way: a batch is split before it
/// gets there. A single request is sent at any length.
const URL_BYTES_MAX: usize = 8 << 10;

/// Why a request was not built. The messages are the client's: they name what is wrong, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum BuildError {
    #[error("the source has no base URL")]
    NoBaseUrl,
    #[error("an expression in the {0} gives a list or an object where text is needed")]
    NotText(&'static str),
    #[error("a value would make a path segment of the URL `.` or `..`, which means another path")]
    DotSegment,
    #[error("the base URL has no host, or a value in it holds a character that no host has")]
    Host,
    #[error("`path` does not give a list")]
    PathNotList,
    #[error("`queryParams` does not give an object")]
    QueryNotObject,
    #[error("the query parameter `{0}` is an object, or a list of lists or objects")]
    QueryNested(String),
    #[error("the value of the header `{0}` holds a line break or another control character")]
    HeaderValue(http::HeaderName),
    #[error(
        "the header `{0}` is copied from the client's request, but the host application passed no headers"
    )]
    NoClientHeaders(http::HeaderName),
    #[error("the body is a form, but its mapping does not give an object")]
    FormNotObject,
    #[error("its mappings did not come to an end")]
    Work,
}

impl From<BuildError> for FetchError {
    fn from(error: BuildError) -> Self {
        FetchError::new(Code::ConnectorRequestInvalid, format!("The request cannot be built: {error}"))
    }
}

/// Builds the request of a connector.
///
/// `client` is the client's headers: for those that the connector copies, and for the trace and the request id, which
/// go along with every request.
///
/// # Errors
/// `CONNECTOR_REQUEST_INVALID`, when a value does not fit the place it is for.
pub fn build<'a>(
    connector: &'a Connector,
    request: &'a Request,
    client: Option<&HeaderMap>,
    scope: &mut Scope<'_, 'a>,
) -> Result<UpstreamRequest, FetchError> {
    let source = &connector.source;
    let url = url::build(source, request, scope)?;
    let mut headers = headers::build(source, request, client, scope)?;
    let body = body::build(request, &mut headers, scope)?;
    let keeping = Keeping::of(connector, scope);
    if scope.findings.work_ran_out() {
        return Err(BuildError::Work.into());
    }
    let own_headers = own_headers(client, &headers);
    let (method, deadline) = (request.method.clone(), Deadline::default());
    let is_of_client = connector.caching.is_private;
    Ok(UpstreamRequest {
        method,
        url,
        headers,
        body,
        own_headers,
        deadline,
        is_change: false,
        is_of_client,
        keeping,
        looked_up: LookedUp::default(),
    })
}

/// A part of a batch, and its request.
#[derive(Debug)]
pub struct Chunk<T> {
    /// What it asks for.
    pub elements: Vec<T>,
    /// Its request, or why there is none.
    pub built: Result<UpstreamRequest, FetchError>,
    /// What the mappings of the request had to say.
    pub findings: Findings,
}

/// Cuts a batch into requests: at most `size_max` elements in one, and fewer where its URL would grow too long. `none` is
/// what the findings of each begin as.
pub fn chunks<T: Copy>(
    elements: &[T],
    size_max: usize,
    none: &Findings,
    mut build: impl FnMut(&[T], &mut Findings) -> Result<UpstreamRequest, FetchError>,
) -> Vec<Chunk<T>> {
    let mut made = Vec::new();
    let mut open: Vec<Vec<T>> = elements.chunks(size_max.max(1)).rev().map(<[T]>::to_vec).collect();
    while let Some(mut elements) = open.pop() {
        let mut findings = none.clone();
        match build(&elements, &mut findings) {
            Ok(request) if request.url.len() > URL_BYTES_MAX && elements.len() > 1 => {
                let second = elements.split_off(elements.len() / 2);
                open.extend([second, elements]);
            }
            built => made.push(Chunk { elements, built, findings }),
        }
    }
    made
}

/// What of the client's request goes along with each of its requests to backends, unless a connector says otherwise.
fn own_headers(client: Option<&HeaderMap>, declared: &headers::Headers) -> OwnHeaders {
    let Some(client) = client else { return OwnHeaders::default() };
    OwnHeaders(
        telemetry::PASSED_ALONG
            .into_iter()
            .filter(|name| !declared.iter().any(|(known, _)| known == *name))
            .filter_map(|name| Some((name.clone(), client.get(name)?.clone())))
            .collect(),
    )
}

#[cfg(test)]
mod tests;
