//! What `@subscribe` says: a topic and who hears which of its events, or a backend that is asked again and again. What an
//! event or an answer becomes is a [`Connector`](super::Connector) like any other; this is when there is one.

use std::{sync::Arc, time::Duration};

use super::{Connector, TopicTemplate};
use crate::mapping::ast::Mapping;

/// What makes a field of `Subscription` give its next value.
#[derive(Debug)]
pub enum Subscribe {
    /// An event of a topic. The field's connector has no request: its selection is applied to the event.
    Topic(Topic),
    /// A time that passed: the field's connector is asked again, and its value is told when it changed.
    Poll {
        /// From one answer to the next request. From 1 s to a day.
        every: Duration,
    },
}

/// A topic, and who hears which of its events.
#[derive(Debug)]
pub struct Topic {
    /// Its name.
    pub name: TopicTemplate,
    /// A mapping of the event that gives true for those that are told; none for all.
    pub filter: Option<Mapping>,
    /// Who may listen; none for everybody.
    pub authorize: Option<Authorize>,
}

/// A request that says who may listen: 2xx means yes.
#[derive(Debug)]
pub struct Authorize {
    /// The request, as a connector whose selection nobody reads.
    pub connector: Arc<Connector>,
    /// How long an answer holds. From 1 s to a day; default 60 s.
    pub every: Duration,
}

impl Subscribe {
    /// The topic; none for what polls.
    #[must_use]
    pub fn topic(&self) -> Option<&Topic> {
        match self {
            Subscribe::Topic(topic) => Some(topic),
            Subscribe::Poll { .. } => None,
        }
    }
}
