//! The names under which things are recorded, in one place, so that nobody has to guess them; what is counted (`meter`,
//! `latency`) and the spans (`trace`). Not for where any of it goes.
//!
//! `tracing`'s macros take names of spans and fields as literals only, so here they stand as tables. All spans have the target
//! `ficus::trace` and level debug; names with a dot that do not begin with `ficus` are OpenTelemetry's semantic conventions.
//!
//! | span (kind)              | fields |
//! |--------------------------|--------|
//! | `operation` (server), sent under its type | `graphql.operation.type`, `graphql.operation.name`, `graphql.document` where asked for, `error.type` (the code of a refusal), `ficus.request_id`, `ficus.errors`: how many |
//! | `fetch` (internal): a request as a step of the plan waits for it | `ficus.source`, `ficus.connector` (coordinate), `http.request.method`, `ficus.cache.result` (`hit`, `stale`, `revalidated`, `miss`), `ficus.shared`: joined one in flight, `error.type` (a code) |
//! | `attempt` (client), sent under its method | `ficus.source`, `http.request.method`, `http.request.resend_count` from the second on, `http.response.status_code`, `url.full` without user and the values of its query, `server.address`, `server.port`, `error.type` (a status, `timeout`, `connection`, `failed`) |
//! | `revalidate` (internal): a stored answer is asked for again after it was used; a trace of its own, linked to the fetch | `ficus.cache.result` |
//!
//! | event                | level | fields |
//! |----------------------|-------|--------|
//! | `answered`           | debug; warn for 5xx | `source`, `request_id`, `status`, `body_bytes`: decompressed |
//! | target `ficus::access` | debug; warn for 5xx | `request_id`, `peer`, `method`, `path`, `operation`, `status`, `bytes`, `elapsed_us`: one request of a client |
//! | target `ficus::problems`, `mapping problems` | debug | `source`, `request_id`, `connector` (coordinate), `count`: of all problems; of the first of them `mapping`, `path`, `problem`: what the mappings of one connector had to say in one operation |
//! | `fetch failed`       | warn  | `source`, `request_id`, `code`, `detail`: method, URL (of its query only the names) and causes |
//! | `webhook refused`    | warn  | `source`, `webhook`, `reason`, `detail`: at most one a second for each reason; all of them are counted |
//! | `webhook published`  | debug | `source`, `webhook`, `events`, `tags`: how many |
//! | `redirect not followed` | warn | `source`, `status`, `why` |
//! | `no token`           | warn  | `source`, `code`, `detail`: the status of a token endpoint and its word for the error, or causes |
//!
//! Header values, bodies, and the values of a query are in no record; a problem says of values only what kind they are,
//! but for the text that a mapping itself gives with `->withWarning`.

mod latency;
mod meter;
pub mod trace;
mod webhooks;

use http::HeaderName;

pub use self::{
    latency::{Latency, LatencyReading, SHOWN_BOUNDS},
    meter::{
        AttemptOutcome, CacheResult, Closed, ConnectorMeter, Counter, GatewayMeter, Gauge, LocatedProblem,
        MeterSlot, Operation, OperationMeter, OperationOutcome, OperationType, Refused, Seldom, SourceMeter,
        SourceMeterSlot, Tally, Within,
    },
    webhooks::{WebhookMeter, WebhookMeterSlot, WebhookRefusal},
};

/// The header that carries the request id, in and out: `x-request-id`.
pub static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header that carries the trace, in and out: W3C `traceparent`.
pub static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Further state of the trace: W3C `tracestate`.
pub static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");
/// What goes along with every request to a backend as it came, or as the gateway made it; it changes no answer.
pub static PASSED_ALONG: [&HeaderName; 3] = [&TRACEPARENT, &TRACESTATE, &REQUEST_ID];

/// How long a caller waits for the answer at most, in milliseconds, as Envoy and what stands behind it read it.
pub static EXPECTED_TIMEOUT: HeaderName = HeaderName::from_static("x-envoy-expected-rq-timeout-ms");

/// Target of the access log: one event a request.
pub const ACCESS_TARGET: &str = "ficus::access";

/// Target of what mappings have to say: one event for each connector of an operation that had problems.
///
/// At level debug, because it is not free: a mapping that only projects is evaluated too, to see what it does not find.
pub const PROBLEMS_TARGET: &str = "ficus::problems";

/// Target of all spans.
pub const TRACE_TARGET: &str = "ficus::trace";

/// A URL as it may be recorded: without user, password and the values of its query.
#[must_use]
pub fn without_values(url: &str) -> String {
    let (rest, query) = url.split_once('?').map_or((url, None), |(rest, query)| (rest, Some(query)));
    let (scheme, rest) = rest.split_once("://").unwrap_or(("", rest));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let mut shown = format!("{scheme}://{host}{path}");
    for (position, parameter) in query.into_iter().flat_map(|query| query.split('&')).enumerate() {
        shown.push(if position == 0 { '?' } else { '&' });
        shown.push_str(parameter.split_once('=').map_or(parameter, |(name, _)| name));
    }
    shown
}

/// The beginning of a text of so many bytes at most, cut between characters.
#[must_use]
pub fn cut(text: &str, bytes_max: usize) -> &str {
    if text.len() <= bytes_max {
        return text;
    }
    let end = (0..=bytes_max).rev().find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}
