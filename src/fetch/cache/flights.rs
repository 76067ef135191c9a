//! Requests in flight, each once: whoever asks the same at the same time waits for the same answer.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use ahash::RandomState;
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use tracing::Instrument as _;

use super::epochs::Epoch;
use crate::{
    error::Code,
    fetch::{FetchError, UpstreamRequest, UpstreamResponse},
    telemetry::{Counter, trace},
};

type Answered = Arc<Result<UpstreamResponse, FetchError>>;

/// Waits for the end of a flight; dropping it leaves the flight alone.
pub(super) type Landing = Shared<BoxFuture<'static, Answered>>;

/// When a flight began, and its end.
type Flight = (Epoch, Landing);

/// The flights under way, by request, compared in full.
#[derive(Default)]
pub(super) struct Flights {
    under_way: Arc<Mutex<HashMap<Arc<UpstreamRequest>, Flight, RandomState>>>,
}

impl Flights {
    /// Joins the flight of the same request, or begins one in a task of its own. One that began before the last purge is
    /// not joined: what it brings may be from before. `joined` counts those that were.
    pub(super) fn join(
        &self,
        request: Arc<UpstreamRequest>,
        begun: Epoch,
        joined: &Counter,
        fetch: impl FnOnce() -> BoxFuture<'static, Result<UpstreamResponse, FetchError>>,
    ) -> Landing {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, landing)) = under_way.get(&request).filter(|(known, _)| *known >= begun) {
            joined.count();
            trace::joined();
            return landing.clone();
        }
        let (flights, own) = (Arc::clone(&self.under_way), Arc::clone(&request));
        let fetch = fetch();
        // What it does is shown below the fetch that began it.
        let flight = async move {
            let answered = Arc::new(fetch.await);
            let mut under_way = flights.lock().unwrap_or_else(PoisonError::into_inner);
            // A later flight of the same request may have taken its place.
            if under_way.get(&own).is_some_and(|(known, _)| *known == begun) {
                under_way.remove(&own);
            }
            answered
        };
        let task = tokio::spawn(flight.in_current_span());
        let landing = async move {
            task.await.unwrap_or_else(|_| {
                let broken = FetchError::new(Code::Internal, "Connector error: the request was given up");
                Arc::new(Err(broken))
            })
        };
        let landing = landing.boxed().shared();
        under_way.insert(request, (begun, landing.clone()));
        landing
    }
}
