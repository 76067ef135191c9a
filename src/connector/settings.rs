//! How requests to a source are treated: limits, cache, resilience. Resolved; the defaults stand here, each with its why.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{ClientCredentials, Redirects, ResponseFormat, StatusMeaning, Transport, transport};

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
    /// Whether equal GET requests at the same time are sent once. Default true.
    pub shares_in_flight: bool,
    /// How long keys that several operations ask for wait for each other. Default 0: they do not.
    pub batch_window: Duration,
    /// Retries, circuit breaker, rate limit and hedges.
    pub resilience: Resilience,
    /// How connections are made; none where nothing of it is said, so that all such sources share their connections.
    pub transport: Option<Arc<Transport>>,
    /// Whether redirects are followed. Default: they are not.
    pub redirects: Redirects,
    /// Tokens that Ficus fetches itself.
    pub auth: Option<Arc<ClientCredentials>>,
}

impl SourceSettings {
    /// What of the settings nobody may be shown.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        transport::secrets(self.transport.as_ref(), self.auth.as_ref())
    }
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
#[derive(Debug, Clone, PartialEq, Eq)]
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

impl Default for CacheRules {
    fn default() -> Self {
        CacheRules {
            ttl: None,
            stale_while_revalidate: None,
            stale_if_error: None,
            // A larger body is mostly a list that nobody asks for twice.
            entry_bytes_max: 1 << 20,
            ignore_headers: Vec::new(),
            stores_errors: false,
            stores_cookies: false,
        }
    }
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
            cache: Some(CacheRules::default()),
            shares_in_flight: true,
            batch_window: Duration::ZERO,
            transport: None,
            redirects: Redirects::None,
            auth: None,
        }
    }
}
