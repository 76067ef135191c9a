//! What a request comes to, for every transport alike. Equal subscriptions are one **group**: one task, one execution for each
//! event, one body for all of its subscribers. `registry` knows the groups and the topics that they hear, `group` is the task,
//! `queue` what waits for one subscriber, `body` what is told without an execution, `figures` what is counted.

mod body;
mod figures;
mod group;
mod queue;
mod registry;

use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;

pub use figures::{FieldFigures, SubscriptionFigures};
pub(super) use registry::Registry;

use super::EventId;
use crate::{
    config::{Config, Slow},
    execute::Response,
};

/// What a request comes to.
pub enum Started {
    /// One answer: a query, a mutation, or anything that was refused.
    Once(Response),
    /// A subscription: answers as they come. The stream ends when there can be no more.
    Stream(Payloads),
}

/// The answers to a subscription. Dropping it ends the subscription.
pub type Payloads = Pin<Box<dyn Stream<Item = Payload> + Send>>;

/// One answer to a subscription.
#[derive(Debug, Clone)]
pub struct Payload {
    /// `{"data": …, "errors": […], "extensions": {…}}` as JSON.
    pub body: Bytes,
    /// The event that it tells of: what a client names to go on behind it. None for polls.
    pub event: Option<EventId>,
}

/// What bounds subscriptions.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// Answers that may wait for one subscriber, and events for one group.
    queue_max: usize,
    /// What becomes of a subscriber whose queue is full.
    slow: Slow,
    /// Subscribers at once.
    subscribers_max: usize,
}

impl Bounds {
    fn of(config: &Config) -> Self {
        Bounds {
            queue_max: config.websocket.queue_max,
            slow: config.websocket.slow,
            subscribers_max: config.limits.subscriptions_max,
        }
    }
}
