//! The backends, their connectors and the cache as the admin graph shows them.

use std::sync::Arc;

use async_graphql::{Enum, SimpleObject};

use crate::{
    connector,
    execute::Gateway,
    fetch::{BreakerState, Redaction},
    mapping::template::Part,
    telemetry::{CacheResult, Closed, LatencyReading, SourceMeter, Tally},
};

/// What stands for all sources without a name: no source can be called so.
pub(super) const UNNAMED: &str = "(unnamed)";

/// The backends of the graph that is served now.
pub(super) fn sources(gateway: &Gateway) -> Vec<Source> {
    let graph = gateway.graph();
    let connectors_of = |source: &Arc<connector::Source>| {
        graph.connectors.iter().filter(|connector| Arc::ptr_eq(&connector.source, source)).count()
    };
    graph
        .sources
        .iter()
        .map(|source| {
            let state = gateway.upstream().state(source);
            let meter = source.meter();
            Source {
                name: source.name.clone(),
                url: origin(source),
                connectors: connectors_of(source),
                in_flight: state.in_flight,
                in_flight_max: source.settings.concurrency_max,
                waiting: state.waiting,
                waiting_max: source.settings.queue_max,
                queue_wait: Times::of(&meter.queue_wait.read()),
                breaker: state.breaker.map(Breaker::from),
                timeout_ms: source.settings.timeout.as_secs_f64() * 1e3,
                fetches: Times::of(&meter.fetches.read()),
                errors: counts(&meter.errors),
                attempts: Times::of(&meter.attempts.read()),
                attempt_outcomes: counts(&meter.attempt_outcomes),
                retries: meter.retries.read(),
                retries_withheld: meter.retries_withheld.read(),
                hedges: meter.hedges.read(),
                refused: counts(&meter.refused),
                shared: meter.joined.read(),
                cache: SourceCache::of(meter),
                webhooks: source.webhooks.iter().map(|webhook| Webhook::of(&source.name, webhook)).collect(),
            }
        })
        .collect()
}

/// Scheme, host and port of a source. Credentials before an `@` are dropped, and so is everything an expression would give:
/// values of the environment are nobody's to read here.
fn origin(source: &connector::Source) -> Option<String> {
    let origin = source.base_url.as_ref()?.origin.as_ref()?;
    let shown: String = origin
        .parts
        .iter()
        .map(|part| match part {
            Part::Literal(text) => text.as_str(),
            Part::Expression { .. } => "{…}",
        })
        .collect();
    let (scheme, authority) = shown.split_once("://").unwrap_or(("", &shown));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Some(if scheme.is_empty() { host.to_owned() } else { format!("{scheme}://{host}") })
}

/// A backend. What is counted is counted since the process started, through reloads.
#[derive(SimpleObject)]
pub(super) struct Source {
    /// Unique.
    pub(super) name: String,
    /// Scheme, host and port; never credentials, path or query.
    url: Option<String>,
    /// `@connect` directives that use it.
    connectors: usize,
    /// Requests to it that wait for their response now; null where that is not known.
    pub(super) in_flight: Option<usize>,
    /// How many there may be at once.
    in_flight_max: usize,
    /// Requests that wait for a place; null where that is not known.
    pub(super) waiting: Option<usize>,
    /// How many may wait.
    waiting_max: usize,
    /// How long requests waited for a place, of those that had to.
    queue_wait: Times,
    /// Whether it is asked at all; null before it was asked once.
    pub(super) breaker: Option<Breaker>,
    /// Of one attempt.
    timeout_ms: f64,
    /// Fetches, as the steps of plans wait for them: whatever the cache and retries do.
    fetches: Times,
    /// What its connectors failed with, by the code that clients get.
    errors: Vec<Count>,
    /// Requests sent to it.
    attempts: Times,
    /// How they ended: a class of statuses, `timeout`, `connection` or `failed`.
    attempt_outcomes: Vec<Count>,
    /// Attempts after a failed one.
    retries: u64,
    /// Attempts that the retry budget did not allow.
    retries_withheld: u64,
    /// Attempts beside a slow one.
    hedges: u64,
    /// Requests that were not sent: `queue`, `rate_limit`, `circuit_breaker`.
    refused: Vec<Count>,
    /// Fetches that joined an equal one in flight.
    shared: u64,
    /// What the cache did for it.
    cache: SourceCache,
    /// What it sends by itself.
    webhooks: Vec<Webhook>,
}

/// What a source sends by itself. What is counted is counted since the process started, through reloads.
#[derive(SimpleObject)]
pub(super) struct Webhook {
    /// Unique in its source.
    name: String,
    /// Where it is taken.
    path: String,
    /// Deliveries that published or purged something.
    accepted: u64,
    /// Deliveries that were published before.
    duplicates: u64,
    /// Deliveries for which no entry of `publish` held.
    ignored: u64,
    /// Handshakes that were answered.
    handshakes: u64,
    /// Events that deliveries published.
    events: u64,
    /// Deliveries that were refused: `signature`, `timestamp`, `too_large` and so on.
    refused: Vec<Count>,
    /// From a whole delivery to its answer.
    taken: Times,
}

impl Webhook {
    fn of(source: &str, webhook: &connector::Webhook) -> Self {
        let meter = webhook.meter();
        Webhook {
            name: webhook.name.clone(),
            path: format!("/webhooks/{source}/{}", webhook.name),
            accepted: meter.accepted.read(),
            duplicates: meter.duplicates.read(),
            ignored: meter.ignored.read(),
            handshakes: meter.handshakes.read(),
            events: meter.events.read(),
            refused: counts(&meter.refused),
            taken: Times::of(&meter.taken.read()),
        }
    }
}

/// A source's circuit breaker.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breaker {
    /// Requests go through.
    Closed,
    /// Requests fail at once.
    Open,
    /// One request is let through to see whether the source is well again.
    HalfOpen,
}

impl From<BreakerState> for Breaker {
    fn from(state: BreakerState) -> Self {
        match state {
            BreakerState::Closed => Breaker::Closed,
            BreakerState::Open => Breaker::Open,
            BreakerState::HalfOpen => Breaker::HalfOpen,
        }
    }
}

/// How long something took. Percentiles are off by a tenth at most, and null where nothing was measured.
#[derive(SimpleObject)]
pub(super) struct Times {
    /// How often it was measured.
    count: u64,
    /// On average.
    mean_ms: Option<f64>,
    /// Half of all stay within it.
    p50_ms: Option<f64>,
    /// 95 of 100 stay within it.
    p95_ms: Option<f64>,
    /// 99 of 100 stay within it.
    p99_ms: Option<f64>,
}

impl Times {
    pub(super) fn of(reading: &LatencyReading) -> Self {
        let quantile = |part| reading.quantile(part).map(|time| time.as_secs_f64() * 1e3);
        let count = reading.count();
        #[allow(
            clippy::cast_precision_loss,
            reason = "a mean of more than 2^53 may be off in its last digit"
        )]
        let mean_ms = (count > 0).then(|| reading.total().as_secs_f64() * 1e3 / count as f64);
        Times { count, mean_ms, p50_ms: quantile(0.5), p95_ms: quantile(0.95), p99_ms: quantile(0.99) }
    }
}

/// How often something of a closed set came up.
#[derive(SimpleObject)]
pub(super) struct Count {
    /// What.
    name: &'static str,
    /// How often.
    count: u64,
}

/// What came up at all, in the order of its set.
pub(super) fn counts<K: Closed>(tally: &Tally<K>) -> Vec<Count> {
    let came_up = tally.read().filter(|(_, count)| *count > 0);
    came_up.map(|(name, count)| Count { name: name.as_str(), count }).collect()
}

/// What the cache did for one source.
#[derive(SimpleObject)]
pub(super) struct SourceCache {
    /// Fetches that it answered.
    hits: u64,
    /// Fetches that it answered with what is not fresh any more.
    stale: u64,
    /// Fetches for which it asked again, and what it had still held.
    revalidated: u64,
    /// Fetches that it had nothing for.
    misses: u64,
    /// Answers that were stored.
    stored: u64,
    /// Hits and stale answers, of all fetches that it was asked for; null before the first.
    hit_ratio: Option<f64>,
}

impl SourceCache {
    fn of(meter: &SourceMeter) -> Self {
        let of = |result| meter.cache.of(result);
        SourceCache {
            hits: of(CacheResult::Hit),
            stale: of(CacheResult::Stale),
            revalidated: of(CacheResult::Revalidated),
            misses: of(CacheResult::Miss),
            stored: meter.stored.read(),
            hit_ratio: hit_ratio([meter].into_iter()),
        }
    }
}

/// The part of the fetches that the cache was asked for which needed no backend; none where it was not asked.
pub(super) fn hit_ratio<'m>(meters: impl Iterator<Item = &'m SourceMeter>) -> Option<f64> {
    let (mut answered, mut all) = (0, 0);
    for (result, count) in meters.flat_map(|meter| meter.cache.read()) {
        all += count;
        if matches!(result, CacheResult::Hit | CacheResult::Stale) {
            answered += count;
        }
    }
    #[allow(clippy::cast_precision_loss, reason = "a ratio is shown, not counted with")]
    (all > 0).then(|| answered as f64 / all as f64)
}

/// A `@connect`, and what its mappings had to say since the graph was loaded.
#[derive(SimpleObject)]
pub(super) struct Connector {
    /// Field or type, and which of its `@connect` directives.
    coordinate: String,
    /// Its source; null where it has none.
    source: Option<String>,
    /// File of the `@connect`.
    file: String,
    /// Line in it, from 1.
    line: u32,
    /// Runs that were looked at for problems: those of one operation a second, of all where the log or a debugger looks.
    examined: u64,
    /// Problems in them.
    problems: u64,
    /// The problems of the last run that had any, ten at most.
    last_problems: Vec<Problem>,
}

/// What a mapping did not find, or could not use.
#[derive(SimpleObject)]
struct Problem {
    /// Which mapping of the connector.
    mapping: &'static str,
    /// Where in it; empty for the mapping as a whole.
    path: String,
    /// What.
    message: String,
    /// How often in that run.
    count: u64,
}

/// The connectors of the graph, of one source or of all.
pub(super) fn connectors(gateway: &Gateway, source: Option<&str>, with_problems: bool) -> Vec<Connector> {
    let graph = gateway.graph();
    // A mapping may put a value from the environment into its own words.
    let redaction = Redaction::of(&graph);
    let shown = graph
        .connectors
        .iter()
        .filter(|connector| source.is_none_or(|source| connector.source.name == source))
        .filter(|connector| !with_problems || connector.meter.problems.read() > 0);
    shown
        .map(|connector| Connector {
            coordinate: connector.coordinate.clone(),
            source: Some(connector.source.name.clone()).filter(|name| !name.is_empty()),
            file: connector.place.file.to_string(),
            line: connector.place.line,
            examined: connector.meter.examined.read(),
            problems: connector.meter.problems.read(),
            last_problems: connector
                .meter
                .last_problems()
                .into_iter()
                .map(|found| Problem {
                    mapping: found.mapping,
                    path: redaction.text(&found.path).into_owned(),
                    message: redaction.text(&found.message).into_owned(),
                    count: found.count,
                })
                .collect(),
        })
        .collect()
}
