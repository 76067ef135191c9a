//! The spans: an operation, its fetches, their attempts, under the names of OpenTelemetry's semantic conventions. The table of
//! them is in `telemetry`. Where nobody collects spans each costs one comparison; where they are sent is not decided here.

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState},
};
use tracing::{Level, Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::{
    AttemptOutcome, CacheResult, Closed as _, OperationType, SourceMeter, TRACE_TARGET, TRACEPARENT,
    TRACESTATE, cut, without_values,
};
use crate::error::Code;

/// The name of an operation is the client's text; of longer ones this much is recorded.
const NAME_BYTES_MAX: usize = 256;
/// Of longer documents this much is recorded, where documents are.
const DOCUMENT_BYTES_MAX: usize = 8 << 10;

/// The span of an operation, below the trace that the client's headers name.
#[must_use]
pub fn operation(client: Option<&HeaderMap>) -> Span {
    let span = tracing::debug_span!(
        target: TRACE_TARGET,
        "operation",
        otel.kind = "server",
        otel.status_code = Empty,
        graphql.operation.type = Empty,
        graphql.operation.name = Empty,
        graphql.document = Empty,
        error.type = Empty,
        ficus.request_id = Empty,
        ficus.errors = Empty,
    );
    if !span.is_disabled()
        && let Some(headers) = client
    {
        if let Some(id) = headers.get(&super::REQUEST_ID).and_then(|id| id.to_str().ok()) {
            span.record("ficus.request_id", id);
        }
        if let Some(parent) = remote(headers) {
            // It fails where nobody exports, and then no parent is needed.
            let _ = span.set_parent(Context::new().with_remote_span_context(parent));
        }
    }
    span
}

/// Notes on its span what an operation is.
pub fn is_a(span: &Span, operation_type: OperationType, name: Option<&str>, document: Option<&str>) {
    if span.is_disabled() {
        return;
    }
    // The convention: the type alone, because names are the client's and without number.
    // It runs by now, and then only the exporter's own span can be called anew.
    span.context().span().update_name(operation_type.as_str());
    span.record("graphql.operation.type", operation_type.as_str());
    if let Some(name) = name {
        span.record("graphql.operation.name", cut(name, NAME_BYTES_MAX));
    }
    if let Some(document) = document {
        span.record("graphql.document", cut(document, DOCUMENT_BYTES_MAX));
    }
}

/// Notes on its span that an operation was refused.
pub fn refused(span: &Span, code: Code) {
    span.record("error.type", code.as_str());
    span.record("otel.status_code", "ERROR");
}

/// Notes on its span how many errors an operation has. Partial data is an answer, so that the span is no failure.
pub fn answered(span: &Span, errors: usize) {
    if errors > 0 {
        span.record("ficus.errors", errors);
    }
}

/// The span of a fetch: one request as a step of the plan waits for it, whatever the cache and retries do.
#[must_use]
pub fn fetch(source: &str, connector: &str, method: &Method) -> Span {
    tracing::debug_span!(
        target: TRACE_TARGET,
        "fetch",
        otel.kind = "internal",
        otel.status_code = Empty,
        ficus.source = source,
        ficus.connector = connector,
        http.request.method = method.as_str(),
        ficus.cache.result = Empty,
        ficus.shared = Empty,
        error.type = Empty,
    )
}

/// Notes on its span that a fetch failed.
pub fn fetch_failed(span: &Span, code: Code) {
    span.record("error.type", code.as_str());
    span.record("otel.status_code", "ERROR");
}

/// Counts what the cache did for the fetch at hand, and notes it on its span.
pub fn cached(meter: &SourceMeter, result: CacheResult) {
    meter.cache.count(result);
    Span::current().record("ficus.cache.result", result.as_str());
}

/// Notes on the span of the fetch at hand that it joined another's request.
pub fn joined() {
    Span::current().record("ficus.shared", true);
}

/// The span of what goes on when the fetch at hand has its answer: a trace of its own that tells where it came from.
#[must_use]
pub fn background() -> Span {
    let span = tracing::debug_span!(
        target: TRACE_TARGET,
        parent: None,
        "revalidate",
        otel.kind = "internal",
        ficus.cache.result = Empty,
    );
    span.follows_from(Span::current());
    span
}

/// The span of one attempt of a request. `resent` counts the attempts before it.
#[must_use]
pub fn attempt(source: &str, method: &Method, url: &str, resent: u32) -> Span {
    if !tracing::enabled!(target: TRACE_TARGET, Level::DEBUG) {
        return Span::none();
    }
    let span = tracing::debug_span!(
        target: TRACE_TARGET,
        "attempt",
        otel.name = method.as_str(),
        otel.kind = "client",
        otel.status_code = Empty,
        ficus.source = source,
        http.request.method = method.as_str(),
        http.request.resend_count = Empty,
        http.response.status_code = Empty,
        url.full = without_values(url),
        server.address = Empty,
        server.port = Empty,
        error.type = Empty,
    );
    if resent > 0 {
        span.record("http.request.resend_count", resent);
    }
    if let Some((address, port)) = server(url) {
        span.record("server.address", address);
        span.record("server.port", port);
    }
    span
}

/// Notes on its span how an attempt ended.
pub fn attempted(span: &Span, status: Option<StatusCode>, outcome: AttemptOutcome) {
    if span.is_disabled() {
        return;
    }
    let Some(status) = status else {
        span.record("error.type", outcome.as_str());
        span.record("otel.status_code", "ERROR");
        return;
    };
    span.record("http.response.status_code", status.as_u16());
    if status.is_client_error() || status.is_server_error() {
        span.record("error.type", status.as_str());
        span.record("otel.status_code", "ERROR");
    }
}

/// What a request below a span says in `traceparent`; none where the span is nobody's, and what came in goes out.
#[must_use]
pub fn traceparent(span: &Span) -> Option<HeaderValue> {
    if span.is_disabled() {
        return None;
    }
    let context = span.context();
    let known = context.span().span_context().clone();
    if !known.is_valid() {
        return None;
    }
    let flags = u8::from(known.is_sampled());
    HeaderValue::from_str(&format!("00-{}-{}-{flags:02x}", known.trace_id(), known.span_id())).ok()
}

/// The span that the client's `traceparent` names, with its `tracestate`.
fn remote(headers: &HeaderMap) -> Option<SpanContext> {
    let mut parts = headers.get(&TRACEPARENT)?.to_str().ok()?.split('-').skip(1);
    let trace = TraceId::from_hex(parts.next()?).ok()?;
    let span = SpanId::from_hex(parts.next()?).ok()?;
    let flags = TraceFlags::new(u8::from_str_radix(parts.next()?, 16).ok()?);
    let state: Vec<&str> =
        headers.get_all(&TRACESTATE).iter().filter_map(|value| value.to_str().ok()).collect();
    let state = state.join(",").parse::<TraceState>().unwrap_or_default();
    let remote = SpanContext::new(trace, span, flags, true, state);
    remote.is_valid().then_some(remote)
}

/// Host and port of a URL.
fn server(url: &str) -> Option<(&str, u16)> {
    let (scheme, below) = url.split_once("://")?;
    let authority = below.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let usual = if scheme == "https" { 443 } else { 80 };
    // The colons of an address in brackets are its own.
    match host.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
        Some((host, port)) => Some((host, port.parse().unwrap_or(usual))),
        None => Some((host, usual)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_of_a_url() {
        assert_eq!(server("http://u:p@a.example:81/x?y=http://z"), Some(("a.example", 81)));
        assert_eq!(server("https://a.example"), Some(("a.example", 443)));
        assert_eq!(server("http://[::1]/x"), Some(("[::1]", 80)));
        assert_eq!(server("http://[::1]:8080/x"), Some(("[::1]", 8080)));
    }

    #[test]
    fn the_clients_trace_is_read() {
        let mut headers = HeaderMap::new();
        assert_eq!(remote(&headers), None);
        let sent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        headers.insert(&TRACEPARENT, HeaderValue::from_static(sent));
        headers.insert(&TRACESTATE, HeaderValue::from_static("a=b,c=d"));
        let read = remote(&headers).unwrap();
        assert!(read.is_remote() && read.is_sampled());
        assert_eq!(format!("00-{}-{}-01", read.trace_id(), read.span_id()), sent);
        assert_eq!(read.trace_state().header(), "a=b,c=d");
    }

    #[test]
    fn where_nobody_collects_spans_nothing_is_made() {
        // Said to those who ask, since the tests beside this one have collectors.
        tracing::subscriber::with_default(tracing::subscriber::NoSubscriber::default(), || {
            assert!(operation(None).is_disabled());
            assert!(attempt("a", &Method::GET, "http://a/", 0).is_disabled());
        });
        assert_eq!(traceparent(&Span::none()), None);
    }
}
