//! `ficus.yaml` and `connectors/*.yaml`: as written -> resolved. The gateway's defaults stand here, each with its why;
//! a source's defaults stand beside its type in `connector`. Nothing here knows the schema.

mod cache;
mod connector_file;
pub mod environment;
mod events;
mod gateway_file;
mod instances;
mod json_schema;
mod keys;
mod networks;
pub(crate) mod reader;
mod resilience;
mod transport;
mod units;
mod values;
mod webhooks;
mod websocket;
pub(crate) mod yaml;

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

pub use cache::{CacheFile, CacheScope, FRESHNESS_BOUNDS};
pub use connector_file::{ConnectorFile, FileHeader, ResponseFormat, StatusMeaning, read_connector_file};
pub use events::{EventStore, Events};
pub(crate) use gateway_file::read_gateway_file_over;
pub use gateway_file::{is_collector, read_gateway_file};
pub use instances::{Redis, RedisTls};
pub use json_schema::{connector_schema, gateway_schema};
pub use networks::Network;
pub use resilience::{BreakerFile, HedgeFile, RetryFile};
pub use transport::{ClientCredentialsFile, HttpFile, TlsFile};
pub use units::duration;
pub use values::{MappingText, Placed};
pub use webhooks::{PublicationFile, SchemeFile, VerifyFile, WebhookFile};
pub use websocket::{Slow, WebSocket};

/// `ficus.yaml`, resolved: every value is there and checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the gateway listens. Default `127.0.0.1:4000`: nothing is offered to a network unasked.
    pub listen: SocketAddr,
    /// Path of the GraphQL endpoint. Default `/graphql`.
    pub path: String,
    /// Whether operations may introspect the schema. Default: off in profile `hardened`, on in `open`.
    pub introspection: bool,
    /// Whether the playground is served at `/`. Default as `introspection`.
    pub playground: bool,
    /// Whether a request may ask to see its operation's calls. Default as `introspection`.
    pub debugger: bool,
    /// Whether messages suggest names ("did you mean"). Default as `introspection`.
    pub suggestions: bool,
    /// Whether a POST must prove that a browser asked first. Default on.
    pub csrf: bool,
    /// Origins that may call from a browser; empty: none. `*` is any, without credentials.
    pub cors_origins: Vec<String>,
    /// Whose `X-Forwarded-For` and `Forwarded` are believed, for limits and logs. Default nobody's.
    pub trusted_proxies: Vec<Network>,
    /// Whether responses are compressed. Default on.
    pub compression: bool,
    /// Of one operation. Default 10 s.
    pub deadline: Duration,
    /// What one request may ask for.
    pub limits: Limits,
    /// Whether equal queries in flight share one execution. Default on.
    pub share_operations: bool,
    /// What is kept of responses may fill, in bytes: [`Self::responses_bytes_max`] and [`Self::answers_bytes_max`] together.
    /// Default 256 MiB.
    pub cache_bytes_max: usize,
    /// How long requests in flight may go on after SIGTERM. Default 25 s.
    pub drain: Duration,
    /// From how many requests in flight on new ones are refused. Default 4,096.
    pub shed_in_flight_max: usize,
    /// Times and bounds of clients that stay.
    pub websocket: WebSocket,
    /// Logs and traces.
    pub telemetry: Telemetry,
    /// Redis or Valkey, shared by all instances of the gateway. Default none.
    pub redis: Option<Redis>,
    /// Where events are kept, and how long.
    pub events: Events,
    /// The admin listener; none when it is off.
    pub admin: Option<Admin>,
}

impl Default for Config {
    /// What `ficus serve` does without a `ficus.yaml`: profile `hardened`.
    fn default() -> Self {
        Config {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4000)),
            path: "/graphql".to_owned(),
            introspection: false,
            playground: false,
            debugger: false,
            suggestions: false,
            csrf: true,
            cors_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            compression: true,
            // Longer than a page's visitor waits; two attempts of the slowest default source fit in.
            deadline: Duration::from_secs(10),
            limits: Limits::default(),
            share_operations: true,
            cache_bytes_max: 256 << 20,
            // Orchestrators kill after 30 s: leave them 5 s.
            drain: Duration::from_secs(25),
            // Four times what one source takes at once by default: beyond it requests only wait.
            shed_in_flight_max: 4096,
            websocket: WebSocket::default(),
            telemetry: Telemetry::default(),
            redis: None,
            events: Events::default(),
            admin: Some(Admin::default()),
        }
    }
}

impl Config {
    /// Profile `open`: everything that helps a developer is on. For `ficus demo` and machines that nobody else reaches.
    #[must_use]
    pub fn open() -> Self {
        Config {
            introspection: true,
            playground: true,
            debugger: true,
            suggestions: true,
            ..Config::default()
        }
    }

    /// What kept answers of backends may fill, in bytes.
    #[must_use]
    pub fn responses_bytes_max(&self) -> usize {
        self.cache_bytes_max - self.answers_bytes_max()
    }

    /// What kept answers to clients may fill, in bytes. They are made of the others: an eighth is enough for those that are asked
    /// for again and again.
    #[must_use]
    pub fn answers_bytes_max(&self) -> usize {
        self.cache_bytes_max / 8
    }
}

impl Default for Admin {
    fn default() -> Self {
        Admin { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4001)), token: None }
    }
}

/// Shows whether there is a token, never the token.
impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token.as_ref().map(|_| "…");
        f.debug_struct("Admin").field("listen", &self.listen).field("token", &token).finish()
    }
}

/// The admin listener.
#[derive(Clone)]
pub struct Admin {
    /// Default `127.0.0.1:4001`.
    pub listen: SocketAddr,
    /// Bearer token; must be there when `listen` is not loopback.
    pub token: Option<String>,
}

/// Logs and traces.
#[derive(Debug, Clone, PartialEq)]
pub struct Telemetry {
    /// How logs are written. Default for people.
    pub log: LogFormat,
    /// Where traces are sent: `http://127.0.0.1:4318`. Default nowhere.
    pub otlp: Option<String>,
    /// Which part of the traces that begin here is sent; the caller decides of those that it began. Default all.
    pub sample: f64,
    /// Whether spans of operations carry their documents, which may hold what clients wrote into them. Default off.
    pub documents: bool,
}

impl Default for Telemetry {
    fn default() -> Self {
        Telemetry { log: LogFormat::Pretty, otlp: None, sample: 1.0, documents: false }
    }
}

/// How logs are written to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object a line.
    Json,
}

/// What one request may ask for; beyond it: status 400 (or 413, 408), before any upstream call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Nesting of fields. Default 15.
    pub depth_max: usize,
    /// Aliases, after fragments are expanded. Default 30.
    pub aliases_max: usize,
    /// Root fields. Default 20.
    pub root_fields_max: usize,
    /// Selections, after fragments are expanded and before they are merged. Default 2,000.
    pub fields_max: usize,
    /// Lexical tokens of the document. Default 15,000.
    pub tokens_max: usize,
    /// Directives in the document. Default 50.
    pub directives_max: usize,
    /// Request body, decompressed, in bytes. Default 2 MiB.
    pub body_bytes_max: usize,
    /// Operations in one batched request; 0 refuses arrays. Default 0.
    pub batch_max: usize,
    /// Errors in a response; beyond it they are counted. Default 50.
    pub errors_max: usize,
    /// How long a client may take to send its headers. Default 10 s.
    pub header_read: Duration,
    /// How long a client may take to send its body. Default 30 s.
    pub body_read: Duration,
    /// Connections at once. Default 20,000.
    pub connections_max: usize,
    /// Subscriptions at once, of all clients. Default 100,000.
    pub subscriptions_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            depth_max: 15,
            aliases_max: 30,
            root_fields_max: 20,
            fields_max: 2_000,
            tokens_max: 15_000,
            directives_max: 50,
            body_bytes_max: 2 << 20,
            batch_max: 0,
            errors_max: 50,
            header_read: Duration::from_secs(10),
            body_read: Duration::from_secs(30),
            connections_max: 20_000,
            // Under 2 KiB each while they wait.
            subscriptions_max: 100_000,
        }
    }
}
