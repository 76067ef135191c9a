//! What is counted of webhooks, as Prometheus reads it.

use std::fmt;

use super::Page;
use crate::{graph::Graph, telemetry::Closed as _};

/// Deliveries, by what came of them.
pub(super) fn webhooks(page: &mut Page<'_>, graph: &Graph) -> fmt::Result {
    let webhooks = || {
        graph.sources.iter().flat_map(|source| {
            source.webhooks.iter().map(|webhook| {
                ([("source", source.name.as_str()), ("webhook", webhook.name.as_str())], webhook.meter())
            })
        })
    };
    page.counters(
        "ficus_webhook_deliveries",
        "Deliveries of webhooks, by what came of them.",
        webhooks().flat_map(|([source, webhook], meter)| {
            let refused: u64 = meter.refused.read().map(|(_, count)| count).sum();
            let outcomes = [
                ("accepted", meter.accepted.read()),
                ("duplicate", meter.duplicates.read()),
                ("ignored", meter.ignored.read()),
                ("handshake", meter.handshakes.read()),
                ("refused", refused),
            ];
            outcomes.map(|(outcome, count)| ([source, webhook, ("outcome", outcome)], count))
        }),
    )?;
    page.counters(
        "ficus_webhook_refusals",
        "Deliveries that were refused, by why.",
        webhooks().flat_map(|([source, webhook], meter)| {
            let reasons = meter.refused.read();
            reasons.map(move |(reason, count)| ([source, webhook, ("reason", reason.as_str())], count))
        }),
    )?;
    page.counters(
        "ficus_webhook_events",
        "Events that deliveries published.",
        webhooks().map(|(labels, meter)| (labels, meter.events.read())),
    )?;
    page.histograms(
        "ficus_webhook_duration",
        "From a whole delivery to its answer.",
        webhooks().map(|(labels, meter)| (labels, meter.taken.read())),
    )
}
