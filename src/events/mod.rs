//! Where webhooks become subscriptions: `hub` keeps events by topic and hands them to whoever listens, `subscriptions` makes
//! of a client's request the answers that it is given over time. Not for sockets, which are `server`'s, and not for how an event
//! becomes an object, which is `execute`'s.

mod hub;
mod subscriptions;
mod webhook;

pub use hub::{
    Delivery, Event, EventId, Figures, Heard, Hub, HubError, Listener, NewEvent, OpenError, Published,
    TopicFigures,
};
pub use subscriptions::{FieldFigures, Payload, Payloads, Started, SubscriptionFigures};
pub use webhook::{DeliveryOutcome, Intake, Refused, SeenDelivery, Taken, Unmapped, Unverified};

use std::{future::Future, sync::Arc};

use futures_util::{FutureExt as _, Stream};
use subscriptions::Registry;
use webhook::Seen;

use crate::{
    error::{ClientError, Code},
    execute::{Begun, Gateway, Request},
};

/// A gateway and its events: what every transport asks, whether a request has one answer or many. A clone is another handle on
/// the same.
#[derive(Clone)]
pub struct Events {
    gateway: Gateway,
    hub: Hub,
    subscriptions: Arc<Registry>,
    seen: Seen,
}

impl Events {
    /// The events of a gateway; nothing is listened to yet.
    #[must_use]
    pub fn new(gateway: Gateway, hub: Hub) -> Self {
        let purged = gateway.clone();
        hub.purge_with(move |tags| purged.upstream().purge_here(tags));
        let subscriptions = Arc::new(Registry::new(hub.clone(), &gateway));
        Events { gateway, hub, subscriptions, seen: Seen::default() }
    }

    /// The gateway itself.
    #[must_use]
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Where its events are kept.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Begins what a request asks for: a query or mutation has one answer, a subscription any number. It needs a tokio runtime.
    ///
    /// A client that comes back names the last event that it was told in `extensions.lastEventId`, and is told those behind it.
    pub fn start(&self, request: Request) -> impl Future<Output = Started> + Send + use<'_> {
        let after = match request.extensions.get("lastEventId") {
            None | Some(serde_json::Value::Null) => Ok(None),
            Some(id) => id.as_str().ok_or(()).and_then(str::parse).map(Some),
        };
        // Not `async`: that would have room for what is waited for twice.
        self.gateway.begin(request).then(move |begun| async move {
            match (begun, after) {
                (Begun::Once(response), _) => Started::Once(response),
                (Begun::Subscription(_), Err(())) => {
                    let message =
                        "`extensions.lastEventId` is not the id of an event, such as \"1732312345678-0\".";
                    Started::Once(self.gateway.refuse(ClientError::new(Code::BadUserInput, message)))
                }
                (Begun::Subscription(subscription), Ok(after)) => {
                    // Boxed: queries and mutations need no room for it.
                    match Box::pin(self.subscriptions.start(subscription, after)).await {
                        Ok(listening) => Started::Stream(Box::pin(listening)),
                        Err(refused) => Started::Once(refused),
                    }
                }
            }
        })
    }

    /// How many clients hear each of these topics, in this process.
    #[must_use]
    pub fn subscribers<'t>(&self, topics: impl Iterator<Item = &'t str>) -> Vec<usize> {
        self.subscriptions.subscribers_of(topics)
    }

    /// The deliveries of webhooks from now on, as they come. Who reads them too slowly misses some.
    pub fn deliveries(&self) -> impl Stream<Item = SeenDelivery> + Send + use<> {
        self.seen.watch()
    }

    /// What is counted of subscriptions, of this moment.
    #[must_use]
    pub fn figures(&self) -> SubscriptionFigures {
        self.subscriptions.figures()
    }
}
