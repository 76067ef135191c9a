//! Events and subscriptions as the admin graph shows them. Webhooks stand with their sources.

use async_graphql::SimpleObject;

use crate::events;

/// Events and those who hear them, in this process.
#[derive(SimpleObject)]
pub(super) struct Events {
    /// Topics that are listened to or have events in memory.
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
