//! `ficus.yaml`: how the gateway itself listens, limits and logs. Optional; what it does not say is the default.

use std::time::Duration;

use super::{
    Admin, Config, Limits, LogFormat, Telemetry,
    environment::Lookup,
    events::{EVENTS, events},
    instances::{REDIS, redis},
    keys::{Form, Group, Key, Kind, WAIT},
    networks::{NETWORK, Network},
    reader::Reader,
    values::{Value, Values},
    websocket::{WEBSOCKET, websocket},
};
use crate::diagnostic::{Diagnostics, TextFile};

/// The keys of `ficus.yaml`.
pub(super) const GATEWAY_FILE: Group = Group {
    rule: None,
    keys: &[
        Key::new("listen", Kind::Address, "Address and port of the endpoint.").default("127.0.0.1:4000"),
        Key::new("path", Kind::Form(&PATH), "Path of the GraphQL endpoint.").default("/graphql"),
        Key::new(
            "profile",
            Kind::Word(&["hardened", "open"]),
            "`open` turns on introspection, playground, debugger and suggestions; each can be set by itself.",
        )
        .default("hardened"),
        Key::new("introspection", Kind::Boolean, "Whether operations may introspect the schema.")
            .default("false"),
        Key::new("playground", Kind::Boolean, "Whether the playground is served at `/`.").default("false"),
        Key::new("suggestions", Kind::Boolean, "Whether messages to clients suggest names.").default("false"),
        Key::new("debugger", Kind::Boolean, "Whether a request may ask to see its operation's calls.")
            .default("false"),
        Key::new("csrf", Kind::Boolean, "Whether a request must prove that a browser asked first.")
            .default("true"),
        Key::new("cors", Kind::Group(&CORS), "Which web pages of other origins may call."),
        Key::new(
            "trusted_proxies",
            Kind::List(&Kind::Form(&NETWORK)),
            "Addresses and networks of proxies whose `X-Forwarded-For` and `Forwarded` are believed, for limits and logs.",
        ),
        Key::new("compression", Kind::Boolean, "Whether responses are compressed.").default("true"),
        Key::new("deadline", WAIT, "Of one operation.").default("10s"),
        Key::new("limits", Kind::Group(&LIMITS), "What one request may ask for."),
        Key::new("share_operations", Kind::Boolean, "Whether equal queries in flight share one execution.")
            .default("true"),
        Key::new(
            "cache_memory",
            Kind::Size(1 << 20, 1 << 40),
            "How much memory the cache of responses may fill.",
        )
        .default("256MiB"),
        Key::new("shed", Kind::Group(&SHED), "When new requests are refused because there are too many."),
        // Zero is meaningful: end at once.
        Key::new(
            "drain",
            Kind::Duration(Duration::ZERO, Duration::from_secs(3_600)),
            "How long requests in flight may go on after SIGTERM.",
        )
        .default("25s"),
        Key::new(
            "redis",
            Kind::Group(&REDIS),
            "Redis or Valkey, for a cache and events that all instances of the gateway share.",
        ),
        Key::new("events", Kind::Group(&EVENTS), "Where events of webhooks are kept, and how long."),
        Key::new("websocket", Kind::Group(&WEBSOCKET), "Times and bounds of clients that stay."),
        Key::new("telemetry", Kind::Group(&TELEMETRY), "Logs and traces."),
        Key::new("admin", Kind::Group(&ADMIN), "The gateway's own graph, on a listener of its own."),
    ],
};

const CORS: Group = Group {
    rule: None,
    keys: &[Key::new(
        "origins",
        Kind::List(&Kind::Form(&ORIGIN)),
        "Exact origins, which may send credentials, or `*` for any, which may not.",
    )],
};

/// Of anything that is counted.
pub(super) const MOST: usize = 10_000_000;

const LIMITS: Group = Group {
    rule: None,
    keys: &[
        Key::new("depth", Kind::Integer(1, MOST), "Nested fields.").default("15"),
        // Zero aliases and zero directives are sensible bans.
        Key::new("aliases", Kind::Integer(0, MOST), "Aliases, after fragments are expanded.").default("30"),
        Key::new("root_fields", Kind::Integer(1, MOST), "Root fields.").default("20"),
        Key::new(
            "fields",
            Kind::Integer(1, MOST),
            "Selections, after fragments are expanded and before they are merged.",
        )
        .default("2000"),
        Key::new("tokens", Kind::Integer(1, MOST), "Tokens of the document.").default("15000"),
        Key::new("directives", Kind::Integer(0, MOST), "Directives in the document.").default("50"),
        Key::new("body", Kind::Size(1, 1 << 30), "The request body, decompressed.").default("2MiB"),
        Key::new("batch", Kind::Integer(0, MOST), "Operations in one request; 0 refuses arrays.")
            .default("0"),
        Key::new("errors", Kind::Integer(1, MOST), "Errors in a response; the rest is counted.")
            .default("50"),
        Key::new("header_read", WAIT, "How long a client may take to send its headers.").default("10s"),
        Key::new("body_read", WAIT, "How long a client may take to send its body.").default("30s"),
        Key::new("connections", Kind::Integer(1, MOST), "Connections at once.").default("20000"),
        Key::new("subscriptions", Kind::Integer(0, MOST), "Subscriptions at once, of all clients.")
            .default("100000"),
    ],
};

const SHED: Group = Group {
    rule: None,
    keys: &[Key::new(
        "in_flight",
        Kind::Integer(1, MOST),
        "From so many requests in flight on, new ones get 503 and `Retry-After`; health does not.",
    )
    .default("4096")],
};

const TELEMETRY: Group = Group {
    rule: None,
    keys: &[
        Key::new("log", Kind::Word(&["pretty", "json"]), "How logs are written to standard error.")
            .default("pretty"),
        Key::new(
            "otlp",
            Kind::Form(&COLLECTOR),
            "Where traces are sent, by OTLP over HTTP; `/v1/traces` is added. None by default.",
        )
        .examples(&["http://127.0.0.1:4318"]),
        Key::new(
            "sample",
            Kind::Ratio,
            "Which part of the traces that begin here is sent; the caller decides of those that it began.",
        )
        .default("1.0"),
        Key::new("documents", Kind::Boolean, "Whether spans of operations carry their documents.")
            .default("false"),
    ],
};

const ADMIN: Group = Group {
    rule: None,
    keys: &[
        Key::new("enabled", Kind::Boolean, "Whether it listens at all.").default("true"),
        Key::new("listen", Kind::Address, "Address and port; beyond loopback it needs a token.")
            .default("127.0.0.1:4001"),
        Key::new("token", Kind::Text, "Bearer token that every request must carry; empty is none.")
            .examples(&["${FICUS_ADMIN_TOKEN:-}"]),
    ],
};

const PATH: Form = Form {
    expected: "a path such as `/graphql`",
    pattern: "/[A-Za-z0-9/._~-]+",
    integers: None,
    holds: |text| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/-._~".contains(c);
        // `/` is the playground's and `/health` the probes': the endpoint must not hide them.
        let taken = text == "/" || text == "/health" || text.starts_with("/health/");
        text.starts_with('/') && !text.contains("//") && text.chars().all(plain) && !taken
    },
};

const ORIGIN: Form = Form {
    expected: "`*` or an origin such as `https://shop.example`",
    pattern: r"\*|[Hh][Tt][Tt][Pp][Ss]?://[^/]+",
    integers: None,
    holds: |text| text == "*" || is_origin(text),
};

const COLLECTOR: Form = Form {
    expected: "a URL such as `http://127.0.0.1:4318`, without user, query and fragment",
    pattern: "https?://[^@?#]+",
    integers: None,
    holds: is_collector,
};

/// Whether a collector may be there: `http` or `https`, a host, perhaps a path, and nothing that could be a secret.
#[must_use]
pub fn is_collector(url: &str) -> bool {
    let is_http = |uri: &http::Uri| matches!(uri.scheme_str(), Some("http" | "https"));
    let parsed = url.parse::<http::Uri>();
    parsed.is_ok_and(|uri| is_http(&uri) && uri.host().is_some_and(|host| !host.is_empty()))
        && !url.contains(['@', '?', '#'])
}

/// Reads `ficus.yaml`. Faults are reported and leave the default in place.
pub fn read_gateway_file(file: &TextFile, lookup: Lookup<'_>, diagnostics: &mut Diagnostics) -> Config {
    read_gateway_file_over(None, file, lookup, diagnostics)
}

/// Reads `ficus.yaml` with other defaults than those of the profile that it names.
pub(crate) fn read_gateway_file_over(
    profile: Option<Config>,
    file: &TextFile,
    lookup: Lookup<'_>,
    diagnostics: &mut Diagnostics,
) -> Config {
    let mut reader = Reader { file, lookup, diagnostics };
    let Some(values) = reader.file(&GATEWAY_FILE) else { return profile.unwrap_or_default() };
    let named = || if values.word("profile") == Some("open") { Config::open() } else { Config::default() };
    let mut config = profile.unwrap_or_else(named);
    set(&mut config.listen, values.address("listen"));
    set(&mut config.path, values.formed("path"));
    set(&mut config.introspection, values.boolean("introspection"));
    set(&mut config.playground, values.boolean("playground"));
    set(&mut config.debugger, values.boolean("debugger"));
    set(&mut config.share_operations, values.boolean("share_operations"));
    set(&mut config.cache_bytes_max, values.integer("cache_memory"));
    set(&mut config.suggestions, values.boolean("suggestions"));
    set(&mut config.csrf, values.boolean("csrf"));
    set(&mut config.cors_origins, values.group("cors").map(origins));
    config.trusted_proxies = networks(&values);
    set(&mut config.compression, values.boolean("compression"));
    set(&mut config.deadline, values.duration("deadline"));
    if let Some(written) = values.group("limits") {
        limits(written, &mut config.limits);
    }
    set(&mut config.drain, values.duration("drain"));
    set(&mut config.shed_in_flight_max, values.group("shed").and_then(|shed| shed.integer("in_flight")));
    if let Some(written) = values.group("telemetry") {
        telemetry(written, &mut config.telemetry);
    }
    set(&mut config.websocket, values.group("websocket").map(|written| websocket(&mut reader, written)));
    config.redis = values.group("redis").and_then(|written| redis(&mut reader, written));
    config.events = events(&mut reader, values.group("events"), values.has("redis"));
    set(&mut config.admin, values.group("admin").map(|written| admin(&mut reader, written)));
    config
}

/// Puts a value that is written and right in the place of the default.
pub(super) fn set<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}

fn origins(cors: &Values) -> Vec<String> {
    let origin = |item: &Value| match item {
        // As browsers send them.
        Value::Formed(origin) => Some(origin.to_lowercase()),
        _ => None,
    };
    cors.list("origins").iter().filter_map(origin).collect()
}

fn networks(values: &Values) -> Vec<Network> {
    let network = |item: &Value| match item {
        Value::Formed(network) => network.parse().ok(),
        _ => None,
    };
    values.list("trusted_proxies").iter().filter_map(network).collect()
}

/// Whether it is scheme, host and port, without a path.
fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<http::Uri>() else { return false };
    let scheme = uri.scheme_str().filter(|scheme| ["http", "https"].contains(scheme));
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
    let (Some(scheme), Some(authority)) = (scheme, authority) else { return false };
    format!("{scheme}://{authority}").eq_ignore_ascii_case(text)
}

fn limits(values: &Values, limits: &mut Limits) {
    set(&mut limits.depth_max, values.integer("depth"));
    set(&mut limits.aliases_max, values.integer("aliases"));
    set(&mut limits.root_fields_max, values.integer("root_fields"));
    set(&mut limits.fields_max, values.integer("fields"));
    set(&mut limits.tokens_max, values.integer("tokens"));
    set(&mut limits.directives_max, values.integer("directives"));
    set(&mut limits.body_bytes_max, values.integer("body"));
    set(&mut limits.batch_max, values.integer("batch"));
    set(&mut limits.errors_max, values.integer("errors"));
    set(&mut limits.header_read, values.duration("header_read"));
    set(&mut limits.body_read, values.duration("body_read"));
    set(&mut limits.connections_max, values.integer("connections"));
    set(&mut limits.subscriptions_max, values.integer("subscriptions"));
}

fn telemetry(values: &Values, telemetry: &mut Telemetry) {
    let log = values.word("log");
    set(&mut telemetry.log, log.map(|word| if word == "json" { LogFormat::Json } else { LogFormat::Pretty }));
    set(&mut telemetry.otlp, values.formed("otlp").map(Some));
    set(&mut telemetry.sample, values.ratio("sample"));
    set(&mut telemetry.documents, values.boolean("documents"));
}

fn admin(reader: &mut Reader<'_>, values: &Values) -> Option<Admin> {
    let mut admin = Admin::default();
    set(&mut admin.listen, values.address("listen"));
    // An unset variable with an empty default means: no token.
    admin.token = values.text("token").map(|text| text.value.value()).filter(|token| !token.is_empty());
    let enabled = values.boolean("enabled").unwrap_or(true);
    if enabled && admin.token.is_none() && !admin.listen.ip().is_loopback() {
        let place = values.place("listen").unwrap_or(&values.place);
        let message = "the admin listener would be open to the network without a token";
        reader.refuse(place.clone(), message, "set `admin.token`, or listen on 127.0.0.1");
    }
    enabled.then_some(admin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Slow, WebSocket};

    fn read(text: &str) -> (Config, Vec<String>) {
        let file = TextFile::new("ficus.yaml", text);
        let mut diagnostics = Diagnostics::default();
        let lookup = |name: &str| (name == "TOKEN").then(|| "t0k3n".to_owned());
        let config = read_gateway_file(&file, &lookup, &mut diagnostics);
        let shown =
            diagnostics.into_sorted().iter().map(|d| format!("{} {}", d.place.line, d.message)).collect();
        (config, shown)
    }

    #[test]
    fn what_is_not_said_is_the_default() {
        let (config, faults) =
            read("profile: open\nintrospection: false\nlimits: { depth: 7, body: 1KiB }\n");
        assert!(faults.is_empty(), "{faults:?}");
        assert!(!config.introspection && config.playground && config.debugger && config.csrf);
        assert_eq!(config.limits, Limits { depth_max: 7, body_bytes_max: 1024, ..Limits::default() });
    }

    #[test]
    fn the_admin_listener() {
        let (config, faults) = read("admin: { listen: '0.0.0.0:9', token: '${TOKEN}' }");
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(config.admin.unwrap().token.as_deref(), Some("t0k3n"));
        assert!(read("admin: { enabled: false }").0.admin.is_none());
        let (_, faults) = read("admin: { listen: '0.0.0.0:9', token: '${NO:-}' }");
        assert_eq!(faults, ["1 the admin listener would be open to the network without a token"]);
    }

    /// What the table says is the default, written out, changes nothing.
    #[test]
    fn the_documented_defaults_are_the_defaults() {
        fn write(group: &Group, indent: usize, text: &mut String) {
            for key in group.keys {
                let space = " ".repeat(indent);
                match (&key.kind, key.default) {
                    // Not there by default; its own defaults hold where it is.
                    _ if key.name == "redis" => {}
                    (Kind::Group(inner), _) if inner.keys.iter().any(|key| key.default.is_some()) => {
                        text.push_str(&format!("{space}{}:\n", key.name));
                        write(inner, indent + 2, text);
                    }
                    (_, Some(default)) => text.push_str(&format!("{space}{}: {default}\n", key.name)),
                    _ => {}
                }
            }
        }
        let mut text = String::new();
        write(&GATEWAY_FILE, 0, &mut text);
        assert!(text.contains("  header_read: 10s\n"), "{text}");
        let (config, faults) = read(&text);
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(format!("{config:?}"), format!("{:?}", Config::default()));
    }

    #[test]
    fn every_limit_is_read() {
        let counts = [
            "depth",
            "aliases",
            "root_fields",
            "fields",
            "tokens",
            "directives",
            "batch",
            "errors",
            "connections",
            "subscriptions",
        ];
        let written: Vec<String> =
            counts.iter().zip(1..).map(|(name, count)| format!("{name}: {count}")).collect();
        let (config, faults) = read(&format!(
            "limits: {{ {}, body: 11, header_read: 12s, body_read: 13s }}",
            written.join(", ")
        ));
        assert!(faults.is_empty(), "{faults:?}");
        let expected = Limits {
            depth_max: 1,
            aliases_max: 2,
            root_fields_max: 3,
            fields_max: 4,
            tokens_max: 5,
            directives_max: 6,
            batch_max: 7,
            errors_max: 8,
            connections_max: 9,
            subscriptions_max: 10,
            body_bytes_max: 11,
            header_read: Duration::from_secs(12),
            body_read: Duration::from_secs(13),
        };
        assert_eq!(config.limits, expected);
    }

    #[test]
    fn telemetry_and_load() {
        let (config, faults) = read(
            "shed: { in_flight: 7 }\ntelemetry: { log: json, otlp: 'https://otel.example/in', sample: 0.25, documents: true }\n",
        );
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(config.shed_in_flight_max, 7);
        let otlp = Some("https://otel.example/in".to_owned());
        let expected = Telemetry { log: LogFormat::Json, otlp, sample: 0.25, documents: true };
        assert_eq!(config.telemetry, expected);
        for url in ["ftp://a", "http://user@host", "http://", "http://a/?x", "a:1"] {
            assert_eq!(read(&format!("telemetry: {{ otlp: '{url}' }}")).1.len(), 1, "{url}");
        }
    }

    #[test]
    fn clients_that_stay() {
        let (config, faults) = read(
            "websocket: { init_timeout: 1s, ping: 2s, idle: 3s, per_socket: 4, per_address: 5, queue: 6, slow: drop_oldest, \
             init_headers: [authorization, X-Tenant] }",
        );
        assert!(faults.is_empty(), "{faults:?}");
        let expected = WebSocket {
            init_timeout: Duration::from_secs(1),
            ping: Duration::from_secs(2),
            idle: Duration::from_secs(3),
            per_socket_max: 4,
            per_address_max: 5,
            queue_max: 6,
            slow: Slow::DropOldest,
            init_headers: vec![http::header::AUTHORIZATION, http::HeaderName::from_static("x-tenant")],
        };
        assert_eq!(config.websocket, expected);
        assert!(read("websocket: { init_headers: [] }").0.websocket.init_headers.is_empty());
        let (_, faults) = read("websocket: { idle: 20s, slow: never, init_headers: ['a b'] }");
        let expected = [
            "1 `a b` is not the name of a header",
            "1 `never` is not one of `coalesce`, `drop_oldest`, `disconnect`",
            "1 `websocket.idle` must be longer than `websocket.ping`",
        ];
        let mut faults = faults;
        faults.sort();
        assert_eq!(faults, expected);
    }

    #[test]
    fn all_faults_at_once() {
        let (_, faults) = read(
            "listen: here\npath: graphql\ncors: { origins: ['https://a.example/x', '*', 'https://A.example'] }\n\
             limits: { depth: 0, dept: 3 }\nredis: { prefix: x }\ndeadline: 0s\ntelemetry: { otlp: x, log: xml }\n",
        );
        let expected = [
            "1 `here` is not an address and a port such as `127.0.0.1:4000`",
            "2 `graphql` is not a path such as `/graphql`",
            "3 `https://a.example/x` is not `*` or an origin such as `https://shop.example`",
            "4 the value is too small",
            "4 unknown key `limits.dept`",
            "5 `redis` needs a `url`",
            "6 the value is too small",
            "7 `x` is not a URL such as `http://127.0.0.1:4318`, without user, query and fragment",
            "7 `xml` is not one of `pretty`, `json`",
        ];
        assert_eq!(faults, expected);
    }
}
