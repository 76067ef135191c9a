//! Requests in flight, each once: whoever asks the same at the same time waits for the same answer.

use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use ahash::RandomState;
use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::{runtime::Handle, sync::oneshot};
use tracing::Instrument as _;

use super::epochs::Epoch;
use crate::{
    error::Code,
    fetch::{FetchError, UpstreamRequest, UpstreamResponse},
    telemetry::{Counter, trace},
};

type Answered = Arc<Result<UpstreamResponse, FetchError>>;

/// Where those wait who joined a flight.
type Followers = Arc<Mutex<Vec<oneshot::Sender<Answered>>>>;

/// When a flight began, and who waits for its end beside its leader.
type Flight = (Epoch, Followers);

/// The flights under way, by request, compared in full.
#[derive(Default)]
pub(super) struct Flights {
    under_way: Arc<Mutex<HashMap<Arc<UpstreamRequest>, Flight, RandomState>>>,
}

/// Waits for the end of a flight, once; dropping it leaves the flight alone.
pub(super) enum Landing {
    Leader(Leader),
    Follower(oneshot::Receiver<Answered>),
}

/// Whoever began a flight carries it on, in the task that waits for it. When it is given up, it goes on in a task of its own.
pub(super) struct Leader(Option<BoxFuture<'static, Answered>>);

impl Flights {
    /// Joins the flight of the same request, or begins one. One that began before the last purge is not joined: what it brings
    /// may be from before. `joined` counts those that were.
    pub(super) fn join(
        &self,
        request: Arc<UpstreamRequest>,
        begun: Epoch,
        joined: &Counter,
        fetch: impl FnOnce() -> BoxFuture<'static, Result<UpstreamResponse, FetchError>>,
    ) -> Landing {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, followers)) = under_way.get(&request).filter(|(known, _)| *known >= begun) {
            joined.count();
            trace::joined();
            let (tell, told) = oneshot::channel();
            followers.lock().unwrap_or_else(PoisonError::into_inner).push(tell);
            return Landing::Follower(told);
        }
        let followers = Followers::default();
        under_way.insert(Arc::clone(&request), (begun, Arc::clone(&followers)));
        drop(under_way);
        let (flights, fetch) = (Arc::clone(&self.under_way), AssertUnwindSafe(fetch()).catch_unwind());
        let flight = async move {
            let answered = Arc::new(fetch.await.unwrap_or_else(|_| Err(given_up())));
            let mut under_way = flights.lock().unwrap_or_else(PoisonError::into_inner);
            // A later flight of the same request may have taken its place.
            if under_way.get(&request).is_some_and(|(_, known)| Arc::ptr_eq(known, &followers)) {
                under_way.remove(&request);
            }
            drop(under_way);
            // Nobody joins any more.
            for follower in std::mem::take(&mut *followers.lock().unwrap_or_else(PoisonError::into_inner)) {
                // Who is gone does not wait.
                let _ = follower.send(Arc::clone(&answered));
            }
            answered
        };
        // What it does is shown below the fetch that began it.
        Landing::Leader(Leader(Some(Box::pin(flight.in_current_span()))))
    }
}

impl Future for Landing {
    type Output = Answered;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answered> {
        match &mut *self {
            Landing::Leader(Leader(flight)) => {
                let Some(under_way) = flight else { return Poll::Ready(Arc::new(Err(given_up()))) };
                let answered = std::task::ready!(under_way.as_mut().poll(context));
                *flight = None;
                Poll::Ready(answered)
            }
            Landing::Follower(told) => told
                .poll_unpin(context)
                .map(|answered| answered.unwrap_or_else(|_| Arc::new(Err(given_up())))),
        }
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        // Without a runtime nothing goes on, and nobody waits.
        if let (Some(flight), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(flight);
        }
    }
}

fn given_up() -> FetchError {
    FetchError::new(Code::Internal, "Connector error: the request was given up")
}
