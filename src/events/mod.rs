//! Where webhooks become subscriptions: `hub` keeps events by topic and hands them to whoever listens, `subscriptions` makes
//! of a client's request the answers that it is given over time. Not for sockets, which are `server`'s, and not for how an event
//! becomes an object, which is `execute`'s.

mod hub;
mod subscriptions;
mod webhook;

pub use hub::{Delivery, Event, EventId, Heard, Hub, HubError, Listener, NewEvent, Published};
pub use subscriptions::{Payload, Payloads, Started};
pub use webhook::{Intake, Refused, Taken, Unmapped, Unverified};

use crate::execute::{Gateway, Request};

/// A gateway and its events: what every transport asks, whether a request has one answer or many. A clone is another handle on
/// the same.
#[derive(Clone)]
pub struct Events {
    gateway: Gateway,
    hub: Hub,
}

impl Events {
    /// The events of a gateway; nothing is listened to yet.
    #[must_use]
    pub fn new(gateway: Gateway, hub: Hub) -> Self {
        Events { gateway, hub }
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

    /// Begins what a request asks for: a query or mutation has one answer, a subscription any number.
    pub async fn start(&self, request: Request) -> Started {
        Started::Once(self.gateway.execute(request).await)
    }
}
