//! What `@source`, `@connect` and `connectors/*.yaml` say, as a model: sources, request templates, keys, batches.
//! Checked and resolved; nothing here knows how a request is sent.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use apollo_compiler::Name;

pub use crate::config::{ResponseFormat, StatusMeaning};
use crate::mapping::{
    ast::Mapping,
    template::{Template, UrlTemplate},
};

/// A backend, from `@source` and `connectors/<name>.yaml` together; the file wins, key by key.
#[derive(Debug)]
pub struct Source {
    /// Unique name. A connector without `source` gets an unnamed source of its own (empty name).
    pub name: String,
    /// Scheme, authority, path and query that every request to the source begins with.
    pub base_url: Option<UrlTemplate>,
    /// Further path segments (`path`): a mapping that gives a list of scalars.
    pub path: Option<Mapping>,
    /// Further query parameters (`queryParams`): a mapping that gives an object.
    pub query_params: Option<Mapping>,
    /// Headers of `@source`, without those that the connector file sets too.
    pub headers: Vec<Header>,
    /// Headers of the connector file: they win over the connector's own.
    pub file_headers: Vec<Header>,
    /// `$config`.
    pub config: serde_json::Value,
    /// What a failure says to the client.
    pub errors: ErrorMapping,
    /// Whether a response is a success.
    pub is_success: Option<Mapping>,
    /// How requests to it are treated.
    pub settings: SourceSettings,
}

/// How requests to a source are treated.
#[derive(Debug, Clone)]
pub struct SourceSettings {
    /// Of one attempt, from the first byte sent to the last byte read. Default 5 s.
    pub timeout: Duration,
    /// Requests in flight at once. Default 1024.
    pub concurrency_max: usize,
    /// Requests that may wait for a place. Default 4096.
    pub queue_max: usize,
    /// How long one waits. Default 1 s.
    pub queue_timeout: Duration,
    /// What a status means, where it is not the default meaning.
    pub statuses: BTreeMap<u16, StatusMeaning>,
    /// How a response body is read. Default: by its content type.
    pub response_format: ResponseFormat,
    /// Largest response body, decompressed, in bytes. Default 8 MiB.
    pub body_bytes_max: usize,
    /// How its responses are cached; none where they are neither stored nor read (`cache: off`).
    pub cache: Option<CacheRules>,
    /// Retries, circuit breaker, rate limit and hedges.
    pub resilience: Resilience,
}

/// What keeps a source's trouble small.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resilience {
    /// When a request is sent again.
    pub retry: RetryRules,
    /// When the source is left alone for a while.
    pub breaker: BreakerRules,
    /// How many requests in a time; none for no limit. Default none.
    pub rate_limit: Option<RateLimit>,
    /// Whether slow reads are sent twice. Default none.
    pub hedge: Option<HedgeRules>,
}

/// When a request is sent again (`retry` in a connector file). Only what may be repeated: idempotent methods, and requests
/// with an `Idempotency-Key`; and only within a budget of 20 for 100 requests and 10 a second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryRules {
    /// Attempts in all. Default 2.
    pub attempts: u32,
    /// After which troubles. Default 502, 503, 504 and connections that fail.
    pub on: RetryOn,
    /// Longest wait before the second attempt; it doubles with each further one. Default 50 ms.
    pub backoff: Duration,
    /// Longest wait of all. Default 1 s.
    pub backoff_max: Duration,
}

/// The troubles after which a request is sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryOn {
    /// Statuses of a response.
    pub statuses: Vec<u16>,
    /// A connection that cannot be made, or breaks off before the answer is there.
    pub connect: bool,
    /// No complete answer within `timeout`.
    pub timeout: bool,
}

impl Default for RetryRules {
    fn default() -> Self {
        // A timeout has cost a caller most of its time already; it is retried only where a source asks for it.
        let on = RetryOn { statuses: vec![502, 503, 504], connect: true, timeout: false };
        let (backoff, backoff_max) = (Duration::from_millis(50), Duration::from_secs(1));
        RetryRules { attempts: 2, on, backoff, backoff_max }
    }
}

/// When a source is left alone (`circuit_breaker` in a connector file). What counts as a failure: no connection, no answer in
/// time, a status of 500 or more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerRules {
    /// So many failures in a row. Default 5.
    pub consecutive_failures: u32,
    /// Or more than this part of the requests in `window`. Default 0.5.
    pub failure_ratio: f64,
    /// Where there were so many at least. Default 20.
    pub min_requests: u32,
    /// What the ratio is taken over. Default 10 s.
    pub window: Duration,
    /// How long until one request is let through to see. Default 5 s.
    pub open_for: Duration,
}

impl Default for BreakerRules {
    fn default() -> Self {
        BreakerRules {
            consecutive_failures: 5,
            failure_ratio: 0.5,
            min_requests: 20,
            window: Duration::from_secs(10),
            open_for: Duration::from_secs(5),
        }
    }
}

/// `rate_limit` in a connector file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests.
    pub requests: u32,
    /// In this time.
    pub per: Duration,
}

/// `hedge` in a connector file: a GET that takes longer than most is sent once more, and the first good answer is taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HedgeRules {
    /// How long the first one has.
    pub after: HedgeAfter,
    /// At most this part of the requests. Default 0.05.
    pub ratio_max: f64,
}

/// How long a request has before it is sent once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HedgeAfter {
    /// As long as 95 of 100 recent answers took.
    P95,
    /// So long.
    Fixed(Duration),
}

/// How responses are cached, beyond what they say themselves (`cache` in a connector file).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheRules {
    /// Freshness where the response says nothing or says less. It never lifts `no-store` or `private`.
    pub ttl: Option<Duration>,
    /// Beyond its freshness a response is used once more while it is asked for again; what the response says unless set.
    pub stale_while_revalidate: Option<Duration>,
    /// Beyond its freshness a response stands in for an answer that failed; what the response says unless set.
    pub stale_if_error: Option<Duration>,
    /// Largest body that is stored, in bytes. Default 1 MiB.
    pub entry_bytes_max: usize,
    /// Declared headers that change no answer, so that they are no part of the key.
    pub ignore_headers: Vec<http::HeaderName>,
    /// Whether failures with a freshness of their own are stored too. Default false.
    pub stores_errors: bool,
    /// Whether responses that set a cookie are stored. Default false.
    pub stores_cookies: bool,
}

impl Default for SourceSettings {
    fn default() -> Self {
        SourceSettings {
            // Half of the default deadline of an operation: a slow source leaves time for what depends on it.
            timeout: Duration::from_secs(5),
            concurrency_max: 1024,
            queue_max: 4096,
            // Waiting longer than this is no better than being told at once.
            queue_timeout: Duration::from_secs(1),
            statuses: BTreeMap::new(),
            response_format: ResponseFormat::Auto,
            body_bytes_max: 8 << 20,
            resilience: Resilience::default(),
            cache: Some(CacheRules { entry_bytes_max: 1 << 20, ..CacheRules::default() }),
        }
    }
}

/// `{ name, from | value }`.
#[derive(Debug, Clone)]
pub struct Header {
    /// Lower case.
    pub name: http::HeaderName,
    /// Its value.
    pub value: HeaderValue,
}

/// Where a header's value comes from.
#[derive(Debug, Clone)]
pub enum HeaderValue {
    /// All values of this header of the client's request.
    From(http::HeaderName),
    /// A template.
    Template(Template),
    /// Text from a connector file's environment variable: sent as it stands, never shown.
    Secret(http::HeaderValue),
}

/// `errors: { message, extensions }`.
#[derive(Debug, Clone, Default)]
pub struct ErrorMapping {
    /// A mapping that gives a string.
    pub message: Option<Mapping>,
    /// A mapping that gives an object.
    pub extensions: Option<Mapping>,
}

/// Identifies a connector within its graph: an index of `Graph::connectors`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectorId(pub u32);

/// One `@connect`.
#[derive(Debug)]
pub struct Connector {
    /// `Query.users[0]`, `User[1]`: field or type, and which of its `@connect` directives.
    pub coordinate: String,
    /// `id` of the directive, unique: another name for it.
    pub id: Option<String>,
    /// What it resolves, and from what.
    pub kind: Kind,
    /// Its source.
    pub source: Arc<Source>,
    /// The request; none for an `http`-less connector, whose selection is applied to null.
    pub request: Option<Request>,
    /// What the response means.
    pub selection: Mapping,
    /// What a failure says to the client.
    pub errors: ErrorMapping,
    /// Whether a response is a success.
    pub is_success: Option<Mapping>,
    /// Present when the request uses `$batch`: one request serves many parents.
    pub batch: Option<Batch>,
    /// What it reads of its arguments and its parent.
    pub inputs: Inputs,
}

/// The kinds of connectors (section 10 of the connect language).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A field of `Query` or `Mutation`.
    Root {
        /// `Query` or `Mutation`.
        parent: Name,
        /// The field.
        field: Name,
    },
    /// A field of `Query` with `entity: true`: resolves the field, and completes objects of `entity`.
    /// Each argument is a key field of the entity by the same name.
    Entity {
        /// `Query`.
        parent: Name,
        /// The field.
        field: Name,
        /// The type it completes (object, interface or union).
        entity: Name,
    },
    /// A field of another object type, from `$this` and `$args`, or from `$batch` with `@groupBy`.
    Field {
        /// The type.
        parent: Name,
        /// The field.
        field: Name,
    },
    /// A type, from `$this` (one request an object) or from `$batch`.
    Type {
        /// The type.
        name: Name,
    },
}

/// How one request serves many parents.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Parents in one request; none for no bound.
    pub size_max: Option<usize>,
    /// How rows find their parent.
    pub join: Join,
}

/// How the rows of a batch find their parents: by value, after coercion, never by position.
#[derive(Debug, Clone)]
pub enum Join {
    /// A type connector: the key fields (paths) that `$batch` reads; the selection gives each under the same path.
    Entity {
        /// The key.
        key: Vec<Vec<String>>,
    },
    /// `@groupBy` on a field connector.
    GroupBy {
        /// Paths in the raw row, one for each part of the key.
        item: Vec<Vec<String>>,
        /// Paths in the parent object, in the same order.
        parent: Vec<Vec<String>>,
    },
}

/// `http: { GET | POST | PUT | PATCH | DELETE, path, queryParams, headers, body }`.
#[derive(Debug)]
pub struct Request {
    /// The method.
    pub method: http::Method,
    /// Absolute, or relative to the source's base URL.
    pub url: UrlTemplate,
    /// Further path segments.
    pub path: Option<Mapping>,
    /// Further query parameters.
    pub query_params: Option<Mapping>,
    /// Headers; they win over the source's headers of `@source`.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Option<Mapping>,
    /// How the body is written.
    pub body_format: BodyFormat,
}

/// How a request body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyFormat {
    /// `application/json`.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
}

/// What a connector reads, over its request, selection, `errors` and `isSuccess`.
/// Each path starts below the variable: `$this.address.city` is `["address", "city"]`; `$this` alone is `[]`.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// Paths below `$args`.
    pub args: Vec<Vec<String>>,
    /// Paths below `$this`.
    pub this: Vec<Vec<String>>,
    /// Paths below `$batch` (of one element).
    pub batch: Vec<Vec<String>>,
    /// Names of client headers read through `$request.headers.<name>` or copied by `from`; lower case.
    pub client_headers: Vec<String>,
    /// Whether `$request.headers` is read as a whole.
    pub all_client_headers: bool,
    /// Names read through `$env`.
    pub env: Vec<String>,
    /// Whether `$config` is read.
    pub config: bool,
    /// Whether `$context` is read.
    pub context: bool,
    /// Whether `$response.headers` is read.
    pub response_headers: bool,
}
