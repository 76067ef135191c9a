//! What a request comes to, for every transport alike.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;

use super::EventId;
use crate::execute::Response;

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
