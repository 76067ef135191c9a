//! Events and subscriptions as the admin graph shows them. Webhooks stand with their sources.

use async_graphql::{ComplexObject, Context, SimpleObject};

use super::graph::control;
use crate::{
    events::{self, DeliveryOutcome, EventId, SeenDelivery},
    telemetry::Closed as _,
};

/// Topics in one answer.
const TOPICS_MAX: usize = 1_000;

/// Events and those who hear them, in this process.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(super) struct Events {
    /// How many topics are listened to or have events in memory.
    topics: usize,
    /// Events in memory, for those who come back.
    kept: usize,
    /// What they and their topics take, about.
    bytes: usize,
    /// Tasks of the gateway that hear a topic: one for all equal subscriptions.
    listeners: usize,
    /// Deliveries whose events were published, since the start.
    deliveries: u64,
    /// Events that were published, since the start.
    published: u64,
    /// Deliveries that had been published before.
    duplicates: u64,
    /// Deliveries that could not be kept: their senders try again.
    failures: u64,
    /// Times that somebody came back and what they missed was gone, since the start.
    gaps: u64,
    /// Clients that are subscribed.
    subscribers: usize,
    /// The fields of `Subscription` that were ever subscribed to.
    subscriptions: Vec<SubscriptionField>,
}

#[ComplexObject]
impl Events {
    /// The topics in memory of which there was news last, at most 1,000.
    async fn newest<'a>(
        &self,
        context: &Context<'a>,
        #[graphql(default = 50)] first: u32,
    ) -> async_graphql::Result<Vec<Topic>> {
        let first = usize::try_from(first).unwrap_or(TOPICS_MAX).min(TOPICS_MAX);
        let events = &control(context)?.events;
        let topics = events.hub().newest_topics(first);
        let subscribers = events.subscribers(topics.iter().map(|topic| &*topic.name));
        Ok(topics.into_iter().zip(subscribers).map(Topic::of).collect())
    }
}

/// A topic, as far as it is in memory. With Redis that is what is listened to here.
#[derive(SimpleObject)]
struct Topic {
    /// Its name.
    name: String,
    /// Events in memory, for those who come back.
    kept: usize,
    /// What they take, about.
    bytes: usize,
    /// The id of the first of them; null where there are none.
    oldest: Option<String>,
    /// The id of the last event that was published; null where none was.
    newest: Option<String>,
    /// Clients that hear it.
    subscribers: usize,
}

impl Topic {
    fn of((topic, subscribers): (events::TopicFigures, usize)) -> Self {
        let id = |id: Option<EventId>| id.map(|id| id.to_string());
        Topic {
            name: topic.name.to_string(),
            kept: topic.events,
            bytes: topic.bytes,
            oldest: id(topic.oldest),
            newest: id(topic.newest),
            subscribers,
        }
    }
}

/// A delivery of a webhook, as it came.
#[derive(SimpleObject)]
pub(super) struct Delivery {
    /// The source that the webhook belongs to.
    source: String,
    /// The webhook.
    webhook: String,
    /// `accepted`, `duplicate`, `ignored`, `handshake` or `refused`.
    outcome: &'static str,
    /// Events that were published of it.
    events: usize,
    /// What it is counted as where it was refused: `signature`, `timestamp`, `too_large` and so on.
    reason: Option<&'static str>,
    /// Why it was refused, as the log says it; its sender is not told.
    detail: Option<String>,
}

impl Delivery {
    pub(super) fn of(seen: SeenDelivery) -> Self {
        let plain = |outcome| (outcome, 0, None, None);
        let (outcome, events, reason, detail) = match seen.outcome {
            DeliveryOutcome::Accepted(events) => ("accepted", events, None, None),
            DeliveryOutcome::Duplicate => plain("duplicate"),
            DeliveryOutcome::Ignored => plain("ignored"),
            DeliveryOutcome::Handshake => plain("handshake"),
            DeliveryOutcome::Refused(reason, detail) => ("refused", 0, Some(reason.as_str()), Some(detail)),
        };
        Delivery { source: seen.source, webhook: seen.webhook, outcome, events, reason, detail }
    }
}

/// A field of `Subscription`.
#[derive(SimpleObject)]
struct SubscriptionField {
    /// Its name.
    name: String,
    /// Groups of equal subscriptions: each event is executed once for each.
    groups: usize,
    /// Clients that are subscribed.
    subscribers: usize,
    /// Answers that wait for slow clients.
    queued: usize,
    /// Executions for an event or a poll, since the start.
    executed: u64,
    /// Answers that were handed to clients, since the start.
    told: u64,
    /// Answers that slow clients did not get.
    dropped: u64,
    /// Notices that something is missing.
    gaps: u64,
    /// Subscriptions that their backend did not allow.
    refused: u64,
    /// Subscriptions that the gateway ended.
    ended: u64,
}

impl Events {
    pub(super) fn of(events: &events::Events) -> Self {
        let (hub, of_clients) = (events.hub().figures(), events.figures());
        Events {
            topics: hub.topics,
            kept: hub.events,
            bytes: hub.bytes,
            listeners: hub.listeners,
            deliveries: hub.deliveries,
            published: hub.published,
            duplicates: hub.duplicates,
            failures: hub.failures,
            gaps: hub.gaps,
            subscribers: of_clients.subscribers,
            subscriptions: of_clients.fields.into_iter().map(SubscriptionField::from).collect(),
        }
    }
}

impl From<events::FieldFigures> for SubscriptionField {
    fn from(of: events::FieldFigures) -> Self {
        SubscriptionField {
            name: of.field,
            groups: of.groups,
            subscribers: of.subscribers,
            queued: of.queued,
            executed: of.executed,
            told: of.told,
            dropped: of.dropped,
            gaps: of.gaps,
            refused: of.refused,
            ended: of.ended,
        }
    }
}
