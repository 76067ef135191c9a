//! What `@source`, `@connect`, `@subscribe` and `connectors/*.yaml` say, as a model: sources, request templates, keys, batches.
//! Checked and resolved; nothing here knows how a request is sent.

mod caching;
mod settings;
mod subscribe;
mod tls;
mod topic;
mod transport;
mod webhook;

use std::sync::Arc;

use apollo_compiler::Name;

pub use self::{
    caching::{Caching, Rows, TagPart, TagTemplate},
    settings::{
        BreakerRules, CacheRules, HedgeAfter, HedgeRules, RateLimit, Resilience, RetryOn, RetryRules,
        SourceSettings,
    },
};
pub use self::{
    subscribe::{Authorize, Subscribe, Topic},
    tls::{Authorities, Identity, Tls, TlsError},
    topic::{TopicPart, TopicTemplate},
    transport::{ClientAuthentication, ClientCredentials, HttpVersion, Proxy, Redirects, Transport},
    webhook::{
        Handshake, HmacRules, Publication, Secret, SignatureEncoding, SignedTimestamp, StandardKey,
        Verification, Webhook,
    },
};
pub use crate::config::{CacheScope, ResponseFormat, StatusMeaning};
use crate::{
    diagnostic::Place,
    mapping::{
        ast::Mapping,
        template::{Template, UrlTemplate},
    },
    telemetry::{ConnectorMeter, SourceMeter, SourceMeterSlot},
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
    /// What it sends by itself, in the order of their names.
    pub webhooks: Vec<Arc<Webhook>>,
    /// What is counted of it.
    pub meter: SourceMeterSlot,
}

impl Source {
    /// The rules by which answers are kept: those of `@cached` beside a connector, where there are any, else its own. None
    /// where nothing is kept.
    #[must_use]
    pub fn cache_rules<'s>(&'s self, of_connector: Option<&'s CacheRules>) -> Option<&'s CacheRules> {
        of_connector.or(self.settings.cache.as_ref())
    }

    /// A source of which nothing is known but its name: no base URL, no headers, an empty `$config`, the defaults of all settings.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Source {
            name: name.into(),
            base_url: None,
            path: None,
            query_params: None,
            headers: Vec::new(),
            file_headers: Vec::new(),
            config: serde_json::json!({}),
            errors: ErrorMapping::default(),
            is_success: None,
            settings: SourceSettings::default(),
            webhooks: Vec::new(),
            meter: SourceMeterSlot::default(),
        }
    }

    /// What it sends under a name.
    #[must_use]
    pub fn webhook(&self, name: &str) -> Option<&Arc<Webhook>> {
        self.webhooks.iter().find(|webhook| webhook.name == name)
    }

    /// What is counted of it, since the process started.
    pub fn meter(&self) -> &Arc<SourceMeter> {
        self.meter.get()
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
    /// Where its `@connect` stands.
    pub place: Place,
    /// `id` of the directive, unique: another name for it.
    pub id: Option<String>,
    /// What it resolves, and from what.
    pub kind: Kind,
    /// Its source.
    pub source: Arc<Source>,
    /// The request; none for an `http`-less connector, whose selection is applied to null, and for one of `Subscription`, where
    /// it is applied to an event.
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
    /// How its answers are kept.
    pub caching: Caching,
    /// `@invalidates`: tags that are purged once a mutation was sent.
    pub invalidates: Vec<TagTemplate>,
    /// What is counted of its mappings, since the graph was loaded.
    pub meter: ConnectorMeter,
}

/// The kinds of connectors (section 10 of the connect language).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A field of `Query`, `Mutation` or `Subscription`.
    Root {
        /// `Query`, `Mutation` or `Subscription`.
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

impl Inputs {
    /// Whether anything of the client's own request is read, beside the operation and its variables: what comes of it is
    /// that client's.
    #[must_use]
    pub fn reads_client(&self) -> bool {
        self.context || self.all_client_headers || !self.client_headers.is_empty()
    }

    /// Counts what another connector reads of the client's request among what this one reads.
    pub fn read_of_client_too(&mut self, other: &Inputs) {
        self.client_headers.extend(other.client_headers.iter().cloned());
        self.client_headers.sort();
        self.client_headers.dedup();
        self.all_client_headers |= other.all_client_headers;
        self.context |= other.context;
    }
}
