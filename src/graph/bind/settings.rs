//! How a source is treated: what its connector file says, and the defaults where it says nothing.

use crate::{
    config::{CacheFile, ConnectorFile},
    connector::{
        BreakerRules, CacheRules, HedgeAfter, HedgeRules, RateLimit, Resilience, RetryOn, RetryRules,
        SourceSettings,
    },
};

pub(super) fn settings(file: Option<&ConnectorFile>) -> SourceSettings {
    let default = SourceSettings::default();
    let Some(file) = file else { return default };
    SourceSettings {
        timeout: file.timeout.unwrap_or(default.timeout),
        concurrency_max: file.concurrency_max.unwrap_or(default.concurrency_max),
        queue_max: file.queue_max.unwrap_or(default.queue_max),
        queue_timeout: file.queue_timeout.unwrap_or(default.queue_timeout),
        statuses: file.statuses.clone(),
        response_format: file.format.unwrap_or(default.response_format),
        body_bytes_max: file.body_bytes_max.unwrap_or(default.body_bytes_max),
        cache: cache(file.cache.as_ref()),
        shares_in_flight: file.share_in_flight.unwrap_or(default.shares_in_flight),
        batch_window: file.batch_window.unwrap_or(default.batch_window),
        resilience: resilience(file),
        ..default
    }
}

fn cache(file: Option<&CacheFile>) -> Option<CacheRules> {
    let default = CacheRules::default();
    match file {
        None => Some(default),
        Some(CacheFile::Off) => None,
        Some(CacheFile::On {
            ttl,
            stale_while_revalidate,
            stale_if_error,
            entry_bytes_max,
            ignore_headers,
        }) => Some(CacheRules {
            ttl: *ttl,
            stale_while_revalidate: *stale_while_revalidate,
            stale_if_error: *stale_if_error,
            entry_bytes_max: entry_bytes_max.unwrap_or(default.entry_bytes_max),
            ignore_headers: ignore_headers.clone(),
            ..default
        }),
    }
}

fn resilience(file: &ConnectorFile) -> Resilience {
    let default = Resilience::default();
    let count = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    let retry = file.retry.clone().unwrap_or_default();
    let breaker = file.circuit_breaker.clone().unwrap_or_default();
    Resilience {
        retry: RetryRules {
            attempts: retry.attempts.map_or(default.retry.attempts, count),
            on: retry.on.map_or(default.retry.on, |on| RetryOn {
                statuses: on.iter().filter_map(|trouble| trouble.parse().ok()).collect(),
                connect: on.iter().any(|trouble| trouble == "connect"),
                timeout: on.iter().any(|trouble| trouble == "timeout"),
            }),
            backoff: retry.backoff.unwrap_or(default.retry.backoff),
            backoff_max: retry.backoff_max.unwrap_or(default.retry.backoff_max),
        },
        breaker: BreakerRules {
            consecutive_failures: breaker
                .consecutive_failures
                .map_or(default.breaker.consecutive_failures, count),
            failure_ratio: breaker.failure_ratio.unwrap_or(default.breaker.failure_ratio),
            min_requests: breaker.min_requests.map_or(default.breaker.min_requests, count),
            window: breaker.window.unwrap_or(default.breaker.window),
            open_for: breaker.open_for.unwrap_or(default.breaker.open_for),
        },
        rate_limit: file.rate_limit.map(|(requests, per)| RateLimit { requests: count(requests), per }),
        hedge: file.hedge.as_ref().map(|hedge| HedgeRules {
            after: hedge.after.map_or(HedgeAfter::P95, HedgeAfter::Fixed),
            // Beyond this a hedge costs the backend more than it saves the caller.
            ratio_max: hedge.ratio_max.unwrap_or(0.05),
        }),
    }
}
