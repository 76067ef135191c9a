//! The names under which things are recorded, in one place, so that nobody has to guess them.
//! Not for what is recorded, nor for where it goes.
//!
//! `tracing`'s macros take names of spans and fields as literals only, so here they stand as a table:
//!
//! | span    | level | fields |
//! |---------|-------|--------|
//! | `fetch` | debug | `source`, `method`, `status` (once there is one): one attempt of one request to a backend |
//!
//! | event                | level | fields |
//! |----------------------|-------|--------|
//! | `answered`           | debug; warn for 5xx | `source`, `request_id`, `status`, `body_bytes`: decompressed |
//! | target `ficus::access` | debug; warn for 5xx | `request_id`, `peer`, `method`, `path`, `operation`, `status`, `bytes`, `elapsed_us`: one request of a client |
//! | target `ficus::problems`, `mapping problems` | debug | `source`, `request_id`, `connector` (coordinate), `count`: of all problems; of the first of them `mapping`, `path`, `problem`: what the mappings of one connector had to say in one operation |
//! | `fetch failed`       | warn  | `source`, `request_id`, `code`, `detail`: method, URL (of its query only the names) and causes |
//! | `redirect not followed` | warn | `source`, `status`, `why` |
//! | `no token`           | warn  | `source`, `code`, `detail`: the status of a token endpoint and its word for the error, or causes |
//!
//! Header values, bodies, and the values of a query are in no record; a problem says of values only what kind they are,
//! but for the text that a mapping itself gives with `->withWarning`.

use http::HeaderName;

/// The header that carries the request id, in and out: `x-request-id`.
pub static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header that carries the trace, in and out: W3C `traceparent`.
pub static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// Further state of the trace: W3C `tracestate`.
pub static TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// How long a caller waits for the answer at most, in milliseconds, as Envoy and what stands behind it read it.
pub static EXPECTED_TIMEOUT: HeaderName = HeaderName::from_static("x-envoy-expected-rq-timeout-ms");

/// Target of the access log: one event a request.
pub const ACCESS_TARGET: &str = "ficus::access";

/// Target of what mappings have to say: one event for each connector of an operation that had problems.
///
/// At level debug, because it is not free: a mapping that only projects is evaluated too, to see what it does not find.
pub const PROBLEMS_TARGET: &str = "ficus::problems";
