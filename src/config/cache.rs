//! `cache` of a connector file, as it is written. Its defaults come in when the graph is bound.

use std::time::Duration;

use super::{
    keys::{Form, Group, Key, Kind},
    values::Values,
};

const FRESHNESS: Kind = Kind::Duration(*FRESHNESS_BOUNDS.start(), *FRESHNESS_BOUNDS.end());

pub(super) const CACHE: Group = Group {
    rule: None,
    keys: &[
        Key::new(
            "ttl",
            FRESHNESS,
            "Freshness where a response says nothing or says less. It never lifts `no-store` or `private`.",
        )
        .examples(&["30s"]),
        Key::new(
            "stale_while_revalidate",
            FRESHNESS,
            "Beyond its freshness a response is used once more while it is asked for again.",
        ),
        Key::new(
            "stale_if_error",
            FRESHNESS,
            "Beyond its freshness a response stands in for an answer that failed.",
        ),
        Key::new(
            "missing",
            FRESHNESS,
            "How long it is remembered, at most, that something is not there: a 404, or no row for a key of a batch.",
        )
        .examples(&["10s"]),
        Key::new(
            "scope",
            Kind::Word(&["public", "private"]),
            "For whom responses are kept. `private`: for their client alone, also where nothing of the client is sent. \
             `public`: for all; a connector that sends something of the client's request is refused then.",
        ),
        Key::new("max_entry", Kind::Size(1, 1 << 30), "Largest body that is kept.").default("1MiB"),
        Key::new(
            "ignore_headers",
            Kind::List(&Kind::Form(&HEADER_NAME)),
            "Headers that change no answer, so that requests with other values of them use the same response.",
        ),
    ],
};

pub(super) const HEADER_NAME: Form = Form {
    expected: "the name of a header",
    pattern: "[!#$%&'*+.^_`|~0-9A-Za-z-]+",
    integers: None,
    holds: |text| http::HeaderName::from_bytes(text.as_bytes()).is_ok(),
};

/// For whom a response is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CacheScope {
    /// For all clients.
    Public,
    /// For clients whose requests are equal in every declared header.
    Private,
}

impl CacheScope {
    /// As it is written in a file (`public`) or in a schema (`PUBLIC`).
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        match text {
            "public" | "PUBLIC" => Some(CacheScope::Public),
            "private" | "PRIVATE" => Some(CacheScope::Private),
            _ => None,
        }
    }
}

/// What a freshness may be: none is `cache: off`, and a year is as good as for ever.
pub const FRESHNESS_BOUNDS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(365 * 86_400);

/// `cache` in a connector file.
#[derive(Debug, Clone)]
pub enum CacheFile {
    /// `off`.
    Off,
    /// As far as it is written.
    On {
        /// Freshness of our own.
        ttl: Option<Duration>,
        /// Beyond it, while it is asked for again.
        stale_while_revalidate: Option<Duration>,
        /// Beyond it, in place of a failure.
        stale_if_error: Option<Duration>,
        /// That something is not there.
        missing: Option<Duration>,
        /// For whom.
        scope: Option<CacheScope>,
        /// Largest body that is kept.
        entry_bytes_max: Option<usize>,
        /// Headers that change no answer.
        ignore_headers: Vec<http::HeaderName>,
    },
}

pub(super) fn read(values: &Values) -> CacheFile {
    let names = values.forms("ignore_headers");
    CacheFile::On {
        ttl: values.duration("ttl"),
        stale_while_revalidate: values.duration("stale_while_revalidate"),
        stale_if_error: values.duration("stale_if_error"),
        missing: values.duration("missing"),
        scope: values.word("scope").and_then(CacheScope::of),
        entry_bytes_max: values.integer("max_entry"),
        ignore_headers: names.iter().filter_map(|name| name.parse().ok()).collect(),
    }
}
