//! `cache` of a connector file, as it is written. Its defaults come in when the graph is bound.

use std::time::Duration;

use super::{
    keys::{Form, Group, Key, Kind},
    values::Values,
};

/// A freshness that is meant: none is `cache: off`.
const FRESHNESS: Kind = Kind::Duration(Duration::from_millis(1), Duration::from_secs(365 * 86_400));

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
        Key::later("scope", "for whom responses are kept."),
        Key::new("max_entry", Kind::Size(1, 1 << 30), "Largest body that is kept.").default("1MiB"),
        Key::new(
            "ignore_headers",
            Kind::List(&Kind::Form(&HEADER_NAME)),
            "Headers that change no answer, so that requests with other values of them use the same response.",
        ),
    ],
};

const HEADER_NAME: Form = Form {
    expected: "the name of a header",
    pattern: "[!#$%&'*+.^_`|~0-9A-Za-z-]+",
    integers: None,
    holds: |text| http::HeaderName::from_bytes(text.as_bytes()).is_ok(),
};

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
        entry_bytes_max: values.integer("max_entry"),
        ignore_headers: names.iter().filter_map(|name| name.parse().ok()).collect(),
    }
}
