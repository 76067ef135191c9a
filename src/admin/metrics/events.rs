//! What is counted of events and subscriptions, as Prometheus reads it. Topics stand in no label: their names hold ids.

use std::fmt;

use super::Page;
use crate::{
    config::Config,
    events::{Events, FieldFigures},
};

/// Events in memory, and those who hear them.
pub(super) fn events(page: &mut Page<'_>, events: &Events, config: &Config) -> fmt::Result {
    let hub = events.hub().figures();
    page.gauge("ficus_topics", "Topics that are listened to or have events in memory.", hub.topics)?;
    page.gauge("ficus_events_kept", "Events in memory.", hub.events)?;
    page.bytes("ficus_events", "What topics fill, about.", hub.bytes as u64)?;
    let limit = config.events.memory as u64;
    page.bytes("ficus_events_limit", "What topics may fill.", limit)?;
    page.counters("ficus_events_published", "Events that were published here.", [([], hub.published)])?;
    let failures = [([], hub.failures)];
    page.counters("ficus_events_failures", "Deliveries whose events could not be kept.", failures)?;
    page.counters("ficus_events_gaps", "Times that what a client missed was gone.", [([], hub.gaps)])?;
    page.gauge("ficus_events_names", "Deliveries that are remembered here.", hub.names)?;
    let forgotten = [([], hub.forgotten)];
    page.counters(
        "ficus_events_names_forgotten",
        "Deliveries that were forgotten before their time.",
        forgotten,
    )?;
    subscriptions(page, &events.figures().fields)
}

fn subscriptions(page: &mut Page<'_>, fields: &[FieldFigures]) -> fmt::Result {
    let gauge = |read: fn(&FieldFigures) -> usize| {
        fields.iter().map(move |of| ([("field", of.field.as_str())], read(of) as u64))
    };
    page.gauges("ficus_subscribers", "Clients that are subscribed.", gauge(|of| of.subscribers))?;
    page.gauges("ficus_subscription_groups", "Groups of equal subscriptions.", gauge(|of| of.groups))?;
    page.gauges("ficus_subscription_queued", "Answers that wait for slow clients.", gauge(|of| of.queued))?;
    let counter = |read: fn(&FieldFigures) -> u64| {
        fields.iter().map(move |of| ([("field", of.field.as_str())], read(of)))
    };
    page.counters(
        "ficus_subscription_executions",
        "Executions for an event or a poll.",
        counter(|of| of.executed),
    )?;
    page.counters("ficus_subscription_answers", "Answers that clients were handed.", counter(|of| of.told))?;
    page.counters(
        "ficus_subscription_dropped",
        "Answers that slow clients did not get.",
        counter(|of| of.dropped),
    )?;
    page.counters("ficus_subscription_gaps", "Notices that something is missing.", counter(|of| of.gaps))?;
    page.counters(
        "ficus_subscription_refusals",
        "Subscriptions that a backend did not allow.",
        counter(|of| of.refused),
    )?;
    page.counters("ficus_subscription_ends", "Subscriptions that the gateway ended.", counter(|of| of.ended))
}
