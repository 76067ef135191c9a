//! `retry`, `circuit_breaker`, `rate_limit` and `hedge` of a connector file, as they are written. Their defaults come in when the
//! graph is bound.

use std::time::Duration;

use super::{
    keys::{Form, Group, Key, Kind, WAIT},
    units::duration,
    values::Values,
};

pub(super) const RETRY: Group = Group {
    rule: None,
    keys: &[
        Key::new("attempts", Kind::Integer(1, 10), "Attempts in all.").default("2"),
        Key::new(
            "on",
            Kind::List(&Kind::Form(&TROUBLE)),
            "Statuses of 429 or more, `connect` (no connection, or it broke off) and `timeout`.",
        )
        .examples(&["502", "connect", "timeout"]),
        Key::new(
            "backoff",
            WAIT,
            "Longest wait before the second attempt; it doubles with each further one.",
        )
        .default("50ms"),
        Key::new(
            "max_backoff",
            WAIT,
            "Longest wait of all, and the longest `Retry-After` that is waited for.",
        )
        .default("1s"),
    ],
};

const TROUBLE: Form = Form {
    expected: "`connect`, `timeout`, or a status from 429 to 599",
    pattern: "connect|timeout|4[2-9][0-9]|5[0-9][0-9]",
    integers: Some((429, 599)),
    holds: |text| {
        matches!(text, "connect" | "timeout") || text.parse().is_ok_and(|n| (429..=599).contains(&n))
    },
};

pub(super) const BREAKER: Group = Group {
    rule: None,
    keys: &[
        Key::new("consecutive_failures", Kind::Integer(1, 10_000), "So many failures in a row open it.")
            .default("5"),
        Key::new("failure_ratio", Kind::Ratio, "So does more than this part of the requests in `window`.")
            .default("0.5"),
        Key::new("min_requests", Kind::Integer(1, 1_000_000), "Where there were so many at least.")
            .default("20"),
        Key::new("window", WAIT, "What the ratio is taken over.").default("10s"),
        Key::new("open_for", WAIT, "How long until one request is let through to see.").default("5s"),
    ],
};

pub(super) const RATE_LIMIT: Group = Group {
    rule: None,
    keys: &[
        Key::new("requests", Kind::Integer(1, 1_000_000), "So many requests.").examples(&["500"]),
        Key::new("per", WAIT, "In this time.").default("1s"),
    ],
};

pub(super) const HEDGE: Group = Group {
    rule: None,
    keys: &[
        Key::new("after", Kind::Form(&HEDGE_AFTER), "How long the first one has.")
            .default("p95")
            .examples(&["p95", "200ms"]),
        Key::new("max_ratio", Kind::Ratio, "At most this part of the requests.").default("0.05"),
    ],
};

const HEDGE_AFTER: Form = Form {
    expected: "`p95` or a duration such as `200ms`",
    pattern: r"p95|[0-9]+(\.[0-9]*)? *(ms|s|m)",
    integers: None,
    holds: |text| text == "p95" || duration(text).is_some_and(|wait| !wait.is_zero()),
};

/// `retry` in a connector file.
#[derive(Debug, Clone, Default)]
pub struct RetryFile {
    /// Attempts in all.
    pub attempts: Option<usize>,
    /// Statuses, `connect` and `timeout`; none where `on` is not written.
    pub on: Option<Vec<String>>,
    /// Longest wait before the second attempt.
    pub backoff: Option<Duration>,
    /// Longest wait of all.
    pub backoff_max: Option<Duration>,
}

/// `circuit_breaker` in a connector file.
#[derive(Debug, Clone, Default)]
pub struct BreakerFile {
    /// So many failures in a row.
    pub consecutive_failures: Option<usize>,
    /// Or more than this part of the requests.
    pub failure_ratio: Option<f64>,
    /// Of so many at least.
    pub min_requests: Option<usize>,
    /// In this time.
    pub window: Option<Duration>,
    /// How long it stays open.
    pub open_for: Option<Duration>,
}

/// `hedge` in a connector file.
#[derive(Debug, Clone, Default)]
pub struct HedgeFile {
    /// A wait of its own; none for `p95`.
    pub after: Option<Duration>,
    /// At most this part of the requests.
    pub ratio_max: Option<f64>,
}

pub(super) fn retry(values: &Values) -> RetryFile {
    RetryFile {
        attempts: values.integer("attempts"),
        on: values.has("on").then(|| values.forms("on")),
        backoff: values.duration("backoff"),
        backoff_max: values.duration("max_backoff"),
    }
}

pub(super) fn breaker(values: &Values) -> BreakerFile {
    BreakerFile {
        consecutive_failures: values.integer("consecutive_failures"),
        failure_ratio: values.ratio("failure_ratio"),
        min_requests: values.integer("min_requests"),
        window: values.duration("window"),
        open_for: values.duration("open_for"),
    }
}

/// So many requests in a time; none where the number has a fault, which was reported, or is missing.
pub(super) fn rate_limit(values: &Values) -> Option<(usize, Duration)> {
    Some((values.integer("requests")?, values.duration("per").unwrap_or(Duration::from_secs(1))))
}

pub(super) fn hedge(values: &Values) -> HedgeFile {
    HedgeFile {
        after: values.formed("after").as_deref().and_then(duration),
        ratio_max: values.ratio("max_ratio"),
    }
}
