//! `/metrics`: what was counted, in the OpenMetrics text format that Prometheus reads. Labels hold names of the graph and of
//! closed sets, never anything of a client. docs/observing.md has the table.

mod events;
mod webhooks;

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeGaugeValue, EncodeMetric as _, text},
    metrics::{MetricType, counter::ConstCounter},
    registry::{Registry, Unit},
};

use super::{Control, process::Usage, sources::UNNAMED};
use crate::{
    connector::Source,
    events::Events,
    execute::Gateway,
    fetch::{BreakerState, SourceState},
    graph::Graph,
    telemetry::{Closed as _, LatencyReading, SourceMeter},
};

/// As `Content-Type` names the format.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The page.
///
/// # Errors
/// Never: the text is written to memory.
pub(super) fn page(control: &Control) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    let figures = Figures { events: control.events.clone(), started: control.started_at };
    registry.register_collector(Box::new(figures));
    let mut page = String::new();
    text::encode(&mut page, &registry)?;
    Ok(page)
}

/// Reads everything when the page is written.
struct Figures {
    events: Events,
    started: SystemTime,
}

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Figures")
    }
}

/// One source, at one moment.
struct OfSource<'g> {
    name: &'g str,
    meter: &'g SourceMeter,
    /// None for the unnamed ones, which have a queue and a breaker for each host.
    own: Option<(&'g Source, SourceState)>,
}

type Labels<'l, const N: usize> = [(&'static str, &'l str); N];

impl Collector for Figures {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let gateway = self.gateway();
        let graph = gateway.graph();
        let sources = sources(&graph, gateway);
        let mut page = Page(encoder);
        self.gateway_figures(&mut page)?;
        fetches(&mut page, &sources)?;
        queues(&mut page, &sources)?;
        self.cache(&mut page, &sources)?;
        problems(&mut page, &graph)?;
        webhooks::webhooks(&mut page, &graph)?;
        events::events(&mut page, &self.events, gateway.config())?;
        self.process(&mut page)
    }
}

/// The named sources, and all others as one.
fn sources<'g>(graph: &'g Graph, gateway: &Gateway) -> Vec<OfSource<'g>> {
    let named = graph.sources.iter().map(|source| {
        let own = Some((&**source, gateway.upstream().state(source)));
        OfSource { name: &source.name, meter: source.meter(), own }
    });
    let unnamed = graph.connectors.iter().map(|connector| &connector.source);
    let unnamed = unnamed.filter(|source| source.name.is_empty()).take(1);
    named.chain(unnamed.map(|source| OfSource { name: UNNAMED, meter: source.meter(), own: None })).collect()
}

impl Figures {
    fn gateway(&self) -> &Gateway {
        self.events.gateway()
    }

    fn gateway_figures(&self, page: &mut Page<'_>) -> fmt::Result {
        let meter = self.gateway().meter();
        page.counters(
            "ficus_operations",
            "Operations, by type and how they ended.",
            meter.operations().flat_map(|(of, operations)| {
                operations.outcomes.read().map(move |(outcome, count)| {
                    ([("type", of.as_str()), ("outcome", outcome.as_str())], count)
                })
            }),
        )?;
        page.histograms(
            "ficus_operation_duration",
            "How long operations took, those that were refused too.",
            meter.operations().map(|(of, operations)| ([("type", of.as_str())], operations.taken.read())),
        )?;
        page.gauge("ficus_operations_running", "Operations that run now.", meter.running.read())?;
        page.gauge(
            "ficus_requests_in_flight",
            "Requests to the endpoint between their headers and their response.",
            meter.in_flight.read(),
        )?;
        let limit = self.gateway().config().shed_in_flight_max;
        page.gauge("ficus_requests_in_flight_limit", "Beyond this many they are refused.", limit)?;
        let shed = [([], meter.shed.read())];
        page.counters("ficus_requests_shed", "Requests refused because too many were in flight.", shed)?;
        page.counters(
            "ficus_errors",
            "Errors that clients got, by code.",
            meter.errors.read().map(|(code, count)| ([("code", code.as_str())], count)),
        )
    }

    fn cache(&self, page: &mut Page<'_>, sources: &[OfSource<'_>]) -> fmt::Result {
        page.counters(
            "ficus_cache_fetches",
            "Fetches that the cache was asked for, by what it did.",
            sources.iter().flat_map(|of| {
                let results = of.meter.cache.read();
                results
                    .map(move |(result, count)| ([("source", of.name), ("result", result.as_str())], count))
            }),
        )?;
        page.counters(
            "ficus_cache_stored",
            "Answers that were stored.",
            of_each(sources, |meter| meter.stored.read()),
        )?;
        page.counters(
            "ficus_shared_fetches",
            "Fetches that joined an equal one in flight.",
            of_each(sources, |meter| meter.joined.read()),
        )?;
        let Some(stored) = self.gateway().upstream().stored() else { return Ok(()) };
        page.gauge(
            "ficus_cache_entries",
            "Answers, and rows of batches, that are stored, about.",
            stored.entries,
        )?;
        page.bytes("ficus_cache", "What stored answers fill, about.", stored.bytes)?;
        let limit = self.gateway().config().responses_bytes_max() as u64;
        page.bytes("ficus_cache_limit", "What stored answers may fill.", limit)?;
        let answers = self.gateway().kept_answers();
        page.gauge(
            "ficus_answers_entries",
            "Requests whose whole answers are kept, about.",
            answers.entries,
        )?;
        page.bytes("ficus_answers", "What whole answers fill, about.", answers.bytes)?;
        let limit = self.gateway().config().answers_bytes_max() as u64;
        page.bytes("ficus_answers_limit", "What whole answers may fill.", limit)?;
        let Some(redis) = self.gateway().upstream().shared() else { return Ok(()) };
        let connected = u8::from(redis.is_connected);
        page.gauge("ficus_redis_connected", "1 while what instances share can be reached.", connected)?;
        let failures = [([], redis.failures)];
        page.counters("ficus_redis_failures", "Connections not made, or given up.", failures)
    }

    fn process(&self, page: &mut Page<'_>) -> fmt::Result {
        page.info("ficus_build", "Which Ficus this is.", &[("version", env!("CARGO_PKG_VERSION"))])?;
        let tasks = tokio::runtime::Handle::try_current().map(|runtime| runtime.metrics().num_alive_tasks());
        if let Ok(tasks) = tasks {
            page.gauge("ficus_tasks", "Tasks of the runtime: connections, flights, mutations.", tasks)?;
        }
        let started = self.started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        page.gauge_in(
            &Unit::Seconds,
            "process_start_time",
            "When the process started, since 1970.",
            started,
        )?;
        let usage = Usage::read();
        if let Some(bytes) = usage.resident_bytes {
            page.bytes("process_resident_memory", "Resident memory.", bytes)?;
        }
        if let Some(open) = usage.open_fds {
            page.gauge("process_open_fds", "Open file descriptors.", open)?;
        }
        if let Some(most) = usage.fds_max {
            page.gauge("process_max_fds", "How many file descriptors may be open.", most)?;
        }
        Ok(())
    }
}

/// One number of each source.
fn of_each<'s>(
    sources: &'s [OfSource<'_>],
    read: impl Fn(&SourceMeter) -> u64 + 's,
) -> impl Iterator<Item = (Labels<'s, 1>, u64)> + 's {
    sources.iter().map(move |of| ([("source", of.name)], read(of.meter)))
}

fn fetches(page: &mut Page<'_>, sources: &[OfSource<'_>]) -> fmt::Result {
    page.histograms(
        "ficus_fetch_duration",
        "How long steps of plans waited for a request, answered from the cache or not.",
        sources.iter().map(|of| ([("source", of.name)], of.meter.fetches.read())),
    )?;
    page.counters(
        "ficus_fetch_errors",
        "What connectors failed with, by the code that clients get.",
        sources.iter().flat_map(|of| {
            // Most codes never come up; a series for each would be mostly zeros.
            let errors = of.meter.errors.read().filter(|(_, count)| *count > 0);
            errors.map(move |(code, count)| ([("source", of.name), ("code", code.as_str())], count))
        }),
    )?;
    page.histograms(
        "ficus_attempt_duration",
        "How long attempts took, the wait for a place among them.",
        sources.iter().map(|of| ([("source", of.name)], of.meter.attempts.read())),
    )?;
    page.counters(
        "ficus_attempts",
        "Requests sent to backends, by how they ended.",
        sources.iter().flat_map(|of| {
            let outcomes = of.meter.attempt_outcomes.read();
            outcomes
                .map(move |(outcome, count)| ([("source", of.name), ("outcome", outcome.as_str())], count))
        }),
    )?;
    page.counters(
        "ficus_retries",
        "Attempts after a failed one.",
        of_each(sources, |meter| meter.retries.read()),
    )?;
    page.counters(
        "ficus_retries_withheld",
        "Attempts that the retry budget did not allow.",
        of_each(sources, |meter| meter.retries_withheld.read()),
    )?;
    page.counters(
        "ficus_hedges",
        "Attempts beside a slow one.",
        of_each(sources, |meter| meter.hedges.read()),
    )
}

fn queues(page: &mut Page<'_>, sources: &[OfSource<'_>]) -> fmt::Result {
    page.counters(
        "ficus_source_refusals",
        "Requests that were not sent, by what kept them back.",
        sources.iter().flat_map(|of| {
            let refused = of.meter.refused.read();
            refused.map(move |(reason, count)| ([("source", of.name), ("reason", reason.as_str())], count))
        }),
    )?;
    page.histograms(
        "ficus_source_queue_wait",
        "How long requests waited for a place, of those that had to.",
        sources.iter().map(|of| ([("source", of.name)], of.meter.queue_wait.read())),
    )?;
    let own = |read: fn(&Source, &SourceState) -> Option<usize>| {
        sources.iter().filter_map(move |of| {
            let (source, state) = of.own.as_ref()?;
            Some(([("source", of.name)], read(source, state)? as u64))
        })
    };
    page.gauges(
        "ficus_source_in_flight",
        "Requests that wait for their response.",
        own(|_, state| state.in_flight),
    )?;
    page.gauges(
        "ficus_source_in_flight_limit",
        "How many there may be.",
        own(|source, _| Some(source.settings.concurrency_max)),
    )?;
    page.gauges(
        "ficus_source_queue_length",
        "Requests that wait for a place.",
        own(|_, state| state.waiting),
    )?;
    page.gauges(
        "ficus_source_queue_limit",
        "How many may wait.",
        own(|source, _| Some(source.settings.queue_max)),
    )?;
    let states = [
        (BreakerState::Closed, "closed"),
        (BreakerState::Open, "open"),
        (BreakerState::HalfOpen, "half_open"),
    ];
    page.gauges(
        "ficus_circuit_breaker_state",
        "1 for the state that the source's circuit breaker is in.",
        sources.iter().filter_map(|of| Some((of.name, of.own.as_ref()?.1.breaker?))).flat_map(
            |(name, breaker)| {
                states.map(|(state, text)| ([("source", name), ("state", text)], u64::from(breaker == state)))
            },
        ),
    )
}

/// Connectors whose steps were looked at; the others say nothing.
fn problems(page: &mut Page<'_>, graph: &Graph) -> fmt::Result {
    let examined = || graph.connectors.iter().filter(|connector| connector.meter.examined.read() > 0);
    page.counters(
        "ficus_mapping_examined",
        "Runs of a connector that were looked at for problems of its mappings: one operation a second, or all.",
        examined()
            .map(|connector| ([("connector", &*connector.coordinate)], connector.meter.examined.read())),
    )?;
    page.counters(
        "ficus_mapping_problems",
        "Problems in the runs that were looked at.",
        examined()
            .map(|connector| ([("connector", &*connector.coordinate)], connector.meter.problems.read())),
    )
}

/// Writes families of metrics.
struct Page<'e>(DescriptorEncoder<'e>);

impl Page<'_> {
    fn counters<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'l, N>, u64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, count) in samples {
            if N == 0 {
                return ConstCounter::new(count).encode(family);
            }
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn gauges<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'l, N>, u64)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, count) in samples {
            family.encode_family(&labels)?.encode_gauge(&count)?;
        }
        Ok(())
    }

    fn gauge(&mut self, name: &str, help: &str, count: impl TryInto<u64>) -> fmt::Result {
        let count: u64 = count.try_into().unwrap_or(u64::MAX);
        self.0.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&count)
    }

    fn bytes(&mut self, name: &str, help: &str, bytes: u64) -> fmt::Result {
        self.gauge_in(&Unit::Bytes, name, help, bytes)
    }

    fn gauge_in(&mut self, unit: &Unit, name: &str, help: &str, value: impl EncodeGaugeValue) -> fmt::Result {
        self.0.encode_descriptor(name, help, Some(unit), MetricType::Gauge)?.encode_gauge(&value)
    }

    fn info(&mut self, name: &str, help: &str, labels: &[(&'static str, &str)]) -> fmt::Result {
        self.0.encode_descriptor(name, help, None, MetricType::Info)?.encode_info(&labels)
    }

    /// In seconds, by the bounds that are shown outside.
    fn histograms<'l, const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'l, N>, LatencyReading)>,
    ) -> fmt::Result {
        let mut family = self.0.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
        for (labels, reading) in samples {
            #[allow(clippy::cast_precision_loss, reason = "bounds are small")]
            let seconds = |bound: Option<u64>| bound.map_or(f64::INFINITY, |micros| micros as f64 / 1e6);
            let buckets: Vec<(f64, u64)> =
                reading.shown().map(|(bound, count)| (seconds(bound), count)).collect();
            let (sum, count) = (reading.total().as_secs_f64(), reading.count());
            family.encode_family(&labels)?.encode_histogram::<Labels<'_, N>>(sum, count, &buckets, None)?;
        }
        Ok(())
    }
}
