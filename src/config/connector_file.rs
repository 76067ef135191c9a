//! One `connectors/<source>.yaml`: where a backend is and how it is treated. Every key is optional here;
//! what the schema says about the same source and the defaults come in when the graph is bound.

use std::{collections::BTreeMap, time::Duration};

use super::{
    cache::{self, CACHE, CacheFile},
    environment::{Lookup, Text},
    keys::{Group, Key, Kind, Rule, WAIT},
    reader::Reader,
    resilience::{self, BREAKER, BreakerFile, HEDGE, HedgeFile, RATE_LIMIT, RETRY, RetryFile},
    transport::{self, AUTH, ClientCredentialsFile, HTTP, HttpFile, REDIRECTS, TLS, TlsFile},
    values::{Placed, Value},
    webhooks::{self, WEBHOOK, WebhookFile},
};
use crate::diagnostic::{Diagnostics, Place, TextFile};

/// The keys of a connector file.
pub(super) const CONNECTOR_FILE: Group = Group {
    rule: None,
    keys: &[
        Key::new(
            "base_url",
            Kind::Template,
            "Scheme, host, and the path and query that every request begins with.",
        )
        .examples(&["http://127.0.0.1:4102", "${ORDERS_URL:-http://127.0.0.1:4102}"]),
        Key::new("config", Kind::Anything, "What mappings and templates read as `$config`."),
        Key::new(
            "headers",
            Kind::List(&Kind::Group(&HEADER)),
            "Headers of every request to this source. They win over those that the schema sets.",
        ),
        Key::new("timeout", WAIT, "Of one attempt, always inside the operation's `deadline`.")
            .default("5s")
            .examples(&["2s"]),
        Key::new(
            "retry",
            Kind::Group(&RETRY),
            "What is tried again: reads, other idempotent requests, and those with an `Idempotency-Key`; at most 20 of 100 \
             requests, and 10 a second.",
        ),
        Key::new("circuit_breaker", Kind::Group(&BREAKER), "When the source is left alone for a while."),
        Key::new("concurrency", Kind::Group(&CONCURRENCY), "How many requests are in flight to the source."),
        Key::new(
            "rate_limit",
            Kind::Group(&RATE_LIMIT),
            "Requests in a span of time; what is more is refused.",
        ),
        Key::new("hedge", Kind::Group(&HEDGE), "A second GET when the first takes longer than most."),
        Key::new(
            "cache",
            Kind::OffOr(&CACHE),
            "How responses are kept, beyond what they say themselves; `off` neither keeps nor uses any.",
        ),
        Key::new(
            "share_in_flight",
            Kind::Boolean,
            "Whether equal GET requests of several operations at the same time are sent once.",
        )
        .default("true"),
        // A longer wait than this is no window but a queue.
        Key::new(
            "batch_window",
            Kind::Duration(Duration::ZERO, Duration::from_secs(1)),
            "How long keys of several operations wait for each other, to be asked for together.",
        )
        .default("0ms"),
        Key::new(
            "statuses",
            Kind::ByStatus(&Kind::Word(&["null", "error", "data"])),
            "What a status means, where it is not the default meaning: `null` is null without an error, `error` is null with \
             one, `data` reads the body.",
        ),
        Key::new("response", Kind::Group(&RESPONSE), "How a response body is read."),
        Key::new(
            "redirects",
            REDIRECTS,
            "`none` takes a redirect for an answer; `same_origin` follows at most three, to the same scheme, host and port.",
        )
        .default("none"),
        Key::new("http", Kind::Group(&HTTP), "Version, connections and proxy."),
        Key::new("tls", Kind::Group(&TLS), "Certificates, where the system's are not the right ones."),
        Key::new("auth", Kind::Group(&AUTH), "Tokens that Ficus fetches itself."),
        Key::new(
            "webhooks",
            Kind::ByName(&Kind::Group(&WEBHOOK)),
            "What the source sends by itself: each is taken at `POST /webhooks/<source>/<name>`.",
        ),
    ],
};

const HEADER: Group = Group {
    rule: Some(Rule {
        required: &["name"],
        one_of: Some(["from", "value"]),
        message: "a header needs `name` and one of `from` and `value`",
        help: "example: `{ name: x-api-key, value: \"${API_KEY}\" }`",
    }),
    keys: &[
        Key::new("name", Kind::Text, "The header's name.").examples(&["x-api-key", "authorization"]),
        Key::new("from", Kind::Text, "The client's header whose values are copied.")
            .examples(&["authorization"]),
        Key::new(
            "value",
            Kind::Template,
            "A template; what comes from the environment is literal and never shown.",
        )
        .examples(&["${API_KEY}"]),
    ],
};

const CONCURRENCY: Group = Group {
    rule: None,
    keys: &[
        Key::new("max", Kind::Integer(1, 1_000_000), "Requests in flight at once.").default("1024"),
        // No queue is a meaningful choice: fail at once when all places are taken.
        Key::new(
            "queue",
            Kind::Integer(0, 1_000_000),
            "Requests that may wait for a place; 0 fails at once.",
        )
        .default("4096"),
        Key::new("queue_timeout", WAIT, "How long one waits.").default("1s"),
    ],
};

const RESPONSE: Group = Group {
    rule: None,
    keys: &[
        Key::new(
            "format",
            Kind::Word(&["auto", "json", "xml", "text"]),
            "`auto` goes by the content type; `json`, `xml` and `text` hold whatever it says.",
        )
        .default("auto"),
        Key::new("max_body", Kind::Size(1, 4 << 30), "Largest body, decompressed.")
            .default("8MiB")
            .examples(&["1MiB"]),
    ],
};

/// A connector file, read and checked by itself.
#[derive(Debug)]
pub struct ConnectorFile {
    /// The source's name: the file's name without `.yaml`.
    pub name: String,
    /// The file, for diagnostics.
    pub place: Place,
    /// Scheme, authority, path and query that every request begins with.
    pub base_url: Option<Placed<Text>>,
    /// Whether a `base_url` is written that could not be read: it is not missing then.
    pub faulty_base_url: bool,
    /// `$config`.
    pub config: Option<serde_json::Value>,
    /// Headers of every request.
    pub headers: Vec<FileHeader>,
    /// Of one attempt.
    pub timeout: Option<Duration>,
    /// Requests in flight at once.
    pub concurrency_max: Option<usize>,
    /// Requests that may wait for a place.
    pub queue_max: Option<usize>,
    /// How long one waits.
    pub queue_timeout: Option<Duration>,
    /// Retries, as far as they are written.
    pub retry: Option<RetryFile>,
    /// The circuit breaker, as far as it is written.
    pub circuit_breaker: Option<BreakerFile>,
    /// So many requests in a time.
    pub rate_limit: Option<(usize, Duration)>,
    /// Hedges, as far as they are written.
    pub hedge: Option<HedgeFile>,
    /// The cache.
    pub cache: Option<CacheFile>,
    /// Whether equal requests at the same time are sent once.
    pub share_in_flight: Option<bool>,
    /// How long keys of several operations wait for each other.
    pub batch_window: Option<Duration>,
    /// What a status means, where it is not the default meaning.
    pub statuses: BTreeMap<u16, StatusMeaning>,
    /// How a response body is read.
    pub format: Option<ResponseFormat>,
    /// Largest response body, decompressed, in bytes.
    pub body_bytes_max: Option<usize>,
    /// Certificates.
    pub tls: Option<TlsFile>,
    /// Version, connections and proxy.
    pub http: Option<HttpFile>,
    /// Whether redirects are followed.
    pub follows_redirects: bool,
    /// Tokens that Ficus fetches itself.
    pub auth: Option<ClientCredentialsFile>,
    /// What the source sends by itself.
    pub webhooks: Vec<WebhookFile>,
    /// Whether `webhooks` is written, with or without faults.
    pub has_webhooks: bool,
}

/// `{ name, from | value }`.
#[derive(Debug)]
pub struct FileHeader {
    /// As it is written.
    pub name: Placed<Text>,
    /// Copied from this header of the client's request.
    pub from: Option<Placed<Text>>,
    /// A template.
    pub value: Option<Placed<Text>>,
    /// The whole entry.
    pub place: Place,
}

/// What a status means (`statuses` in a connector file).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusMeaning {
    /// The field is null, without an error.
    Null,
    /// The field is null, with an error.
    Error,
    /// The body is data.
    Data,
}

/// How a response body is read (`response.format` in a connector file).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResponseFormat {
    /// By its content type. The default.
    #[default]
    Auto,
    /// As JSON, whatever its content type says: some old backends send JSON as `text/html`.
    Json,
    /// As XML, mapped to the shape of JSON.
    Xml,
    /// As one string.
    Text,
}

/// Reads a connector file. Faults are reported and leave their key unset, so that one run shows them all.
pub fn read_connector_file(
    name: &str,
    file: &TextFile,
    lookup: Lookup<'_>,
    diagnostics: &mut Diagnostics,
) -> ConnectorFile {
    let mut read = ConnectorFile {
        name: name.to_owned(),
        place: file.place(0..0),
        base_url: None,
        faulty_base_url: true,
        config: None,
        headers: Vec::new(),
        timeout: None,
        concurrency_max: None,
        queue_max: None,
        queue_timeout: None,
        retry: None,
        circuit_breaker: None,
        rate_limit: None,
        hedge: None,
        cache: None,
        share_in_flight: None,
        batch_window: None,
        statuses: BTreeMap::new(),
        format: None,
        body_bytes_max: None,
        tls: None,
        http: None,
        follows_redirects: false,
        auth: None,
        webhooks: Vec::new(),
        has_webhooks: false,
    };
    let before = diagnostics.errors();
    let mut reader = Reader { file, lookup, diagnostics };
    let Some(values) = reader.file(&CONNECTOR_FILE) else {
        // An empty file says nothing; a broken one might say anything.
        read.faulty_base_url = diagnostics.errors() > before;
        return read;
    };
    read.base_url = values.text("base_url");
    read.faulty_base_url = values.has("base_url") && read.base_url.is_none();
    read.config = values.json("config");
    read.headers = values.list("headers").iter().filter_map(header).collect();
    read.timeout = values.duration("timeout");
    if let Some(concurrency) = values.group("concurrency") {
        read.concurrency_max = concurrency.integer("max");
        read.queue_max = concurrency.integer("queue");
        read.queue_timeout = concurrency.duration("queue_timeout");
    }
    read.retry = values.group("retry").map(resilience::retry);
    read.circuit_breaker = values.group("circuit_breaker").map(resilience::breaker);
    read.rate_limit = values.group("rate_limit").and_then(resilience::rate_limit);
    read.hedge = values.group("hedge").map(resilience::hedge);
    read.cache =
        if values.is_off("cache") { Some(CacheFile::Off) } else { values.group("cache").map(cache::read) };
    read.share_in_flight = values.boolean("share_in_flight");
    read.batch_window = values.duration("batch_window");
    let meanings = values.by_status("statuses").iter();
    read.statuses = meanings.filter_map(|(status, value)| Some((*status, meaning(value)?))).collect();
    if let Some(response) = values.group("response") {
        read.format = response.word("format").map(format);
        read.body_bytes_max = response.integer("max_body");
    }
    read.tls = values.group("tls").map(transport::tls);
    read.http = values.group("http").map(transport::http);
    read.follows_redirects = values.word("redirects") == Some("same_origin");
    read.auth = values.group("auth").and_then(transport::client_credentials);
    read.webhooks = webhooks::webhooks(values.by_name("webhooks"));
    read.has_webhooks = values.has("webhooks");
    read
}

/// A header; none when something in it has a fault, which was reported.
fn header(value: &Value) -> Option<FileHeader> {
    let Value::Group(values) = value else { return None };
    let whole = |name: &str| !values.has(name) || values.text(name).is_some();
    if !whole("from") || !whole("value") {
        return None;
    }
    Some(FileHeader {
        name: values.text("name")?,
        from: values.text("from"),
        value: values.text("value"),
        place: values.place.clone(),
    })
}

fn meaning(value: &Value) -> Option<StatusMeaning> {
    match value {
        Value::Word("null") => Some(StatusMeaning::Null),
        Value::Word("error") => Some(StatusMeaning::Error),
        Value::Word("data") => Some(StatusMeaning::Data),
        _ => None,
    }
}

fn format(word: &str) -> ResponseFormat {
    match word {
        "json" => ResponseFormat::Json,
        "xml" => ResponseFormat::Xml,
        "text" => ResponseFormat::Text,
        _ => ResponseFormat::Auto,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (ConnectorFile, Vec<String>) {
        let file = TextFile::new("orders.yaml", text);
        let mut diagnostics = Diagnostics::default();
        let lookup = |name: &str| (name == "KEY").then(|| "hush".to_owned());
        let read = read_connector_file("orders", &file, &lookup, &mut diagnostics);
        let shown =
            diagnostics.into_sorted().iter().map(|d| format!("{} {}", d.place.line, d.message)).collect();
        (read, shown)
    }

    #[test]
    fn every_key() {
        let (file, faults) = read(
            "base_url: http://127.0.0.1:1/${KEY}\n\
             config: { region: eu, n: 2, key: '${KEY}' }\n\
             headers:\n  - { name: x-api-key, value: '${KEY}' }\n  - { name: authorization, from: authorization }\n\
             timeout: 2s\n\
             concurrency: { max: 2, queue: 0, queue_timeout: 10ms }\n\
             statuses: { 404: null, 409: error, 422: data }\n\
             response: { format: json, max_body: 1MiB }\n\
             retry: { attempts: 3, on: [502, connect, timeout], backoff: 10ms, max_backoff: 2s }\n\
             circuit_breaker: { consecutive_failures: 3, failure_ratio: 0.25, min_requests: 10, window: 5s, open_for: 1s }\n\
             rate_limit: { requests: 500 }\n\
             hedge: { after: 200ms }\n\
             cache: { ttl: 30s, stale_while_revalidate: 5m, stale_if_error: 1h, max_entry: 64KiB, ignore_headers: [X-Noise] }\n\
             share_in_flight: false\n\
             batch_window: 2ms\n",
        );
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(file.config, Some(serde_json::json!({"region": "eu", "n": 2, "key": "hush"})));
        assert_eq!(file.headers.len(), 2);
        assert_eq!(file.timeout, Some(Duration::from_secs(2)));
        assert_eq!((file.concurrency_max, file.queue_max), (Some(2), Some(0)));
        assert_eq!(file.statuses.get(&404), Some(&StatusMeaning::Null));
        assert_eq!((file.format, file.body_bytes_max), (Some(ResponseFormat::Json), Some(1 << 20)));
        assert!(!format!("{:?}", file.base_url).contains("hush"));
        let (retry, breaker) = (file.retry.unwrap(), file.circuit_breaker.unwrap());
        assert_eq!((retry.attempts, retry.backoff_max), (Some(3), Some(Duration::from_secs(2))));
        assert_eq!(retry.on, Some(vec!["502".to_owned(), "connect".to_owned(), "timeout".to_owned()]));
        assert_eq!((breaker.failure_ratio, breaker.open_for), (Some(0.25), Some(Duration::from_secs(1))));
        assert_eq!(file.rate_limit, Some((500, Duration::from_secs(1))));
        assert_eq!(file.hedge.unwrap().after, Some(Duration::from_millis(200)));
        assert_eq!((file.share_in_flight, file.batch_window), (Some(false), Some(Duration::from_millis(2))));
        let Some(CacheFile::On { ttl, entry_bytes_max, ignore_headers, .. }) = file.cache else { panic!() };
        assert_eq!((ttl, entry_bytes_max), (Some(Duration::from_secs(30)), Some(64 << 10)));
        assert_eq!(ignore_headers, ["x-noise"]);
        assert!(matches!(read("cache: off").0.cache, Some(CacheFile::Off)));
    }

    #[test]
    fn all_faults_at_once() {
        let (_, faults) = read(
            "base_ur: x\ntimeout: 0s\nwebhooks: none\nheaders: [{ name: a, value: '${NO}' }, { name: b }]\n\
             statuses: { 99: null, 404: gone }\nresponse: []\ntimeout: soon\n\
             retry: { on: [404, never] }\ncircuit_breaker: { failure_ratio: 2 }\nhedge: { after: p50 }\ncache: on\n",
        );
        let expected = [
            "1 unknown key `base_ur`",
            "2 the value is too small",
            "3 `webhooks` must be a mapping, not a single value",
            "4 the environment variable `NO` is not set",
            "4 a header needs `name` and one of `from` and `value`",
            "5 `99` is not a status that a response can end with",
            "5 `gone` is not one of `null`, `error`, `data`",
            "6 `response` must be a mapping, not a list",
            "7 the key `timeout` stands twice",
            "8 `404` is not `connect`, `timeout`, or a status from 429 to 599",
            "8 `never` is not `connect`, `timeout`, or a status from 429 to 599",
            "9 `2` is not a number above 0 and at most 1",
            "10 `p50` is not `p95` or a duration such as `200ms`",
            "11 `cache` must be a mapping, not a single value",
        ];
        assert_eq!(faults, expected);
    }

    proptest::proptest! {
        /// Whatever stands in a file, it is read or refused.
        #[test]
        fn odd_files_are_no_panic(text in r##"([a-z_]{1,8}: |headers|timeout|base_url|statuses|\$\{[A-Z]{0,3}(:-)?\}?|[\[\]{},:&*!|>'"#\n -]|[0-9]{1,3}[msh]|ü){0,40}"##) {
            let (_, faults) = read(&text);
            proptest::prop_assert!(faults.iter().all(|fault| !fault.is_empty()));
        }
    }
}
