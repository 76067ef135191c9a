//! How many requests to one source are in flight at once, and how many may wait for a place: a slow backend fills its
//! own queue and nobody else's. Not a rate limit, and not about the client's side.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use super::FetchError;
use crate::{
    connector::{Source, SourceSettings},
    error::Code,
    telemetry::Refused,
};

/// The lanes of all sources, by name.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    by_name: RwLock<HashMap<String, Arc<Lane>, ahash::RandomState>>,
}

/// One source's places and queue.
#[derive(Debug)]
struct Lane {
    places: Arc<Semaphore>,
    places_max: usize,
    waiting: AtomicUsize,
}

/// A place in a lane, given back when dropped.
#[derive(Debug)]
pub(super) struct Place(#[expect(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

impl Lanes {
    /// Takes a place for one request, waiting for it if need be.
    ///
    /// Sources without a name share nothing but the authority they call, so `authority` stands in for the name.
    ///
    /// # Errors
    /// When the queue is full, or no place comes free within the source's `queue_timeout`.
    pub(super) async fn enter(&self, source: &Source, authority: &str) -> Result<Place, FetchError> {
        let settings = &source.settings;
        let lane = self.lane(if source.name.is_empty() { authority } else { &source.name }, settings);
        if let Ok(permit) = Arc::clone(&lane.places).try_acquire_owned() {
            return Ok(Place(permit));
        }
        let _waiting = Waiting::join(&lane, settings.queue_max)
            .ok_or_else(|| refused(source, "too many requests to this source are waiting"))?;
        let began = Instant::now();
        let place =
            tokio::time::timeout(settings.queue_timeout, Arc::clone(&lane.places).acquire_owned()).await;
        source.meter().queue_wait.add(began.elapsed());
        match place {
            Ok(Ok(permit)) => Ok(Place(permit)),
            // The semaphore is never closed; were it, a refusal would be the honest answer too.
            Ok(Err(_)) | Err(_) => {
                Err(refused(source, "no place for another request to this source came free in time"))
            }
        }
    }

    /// Places of a named source that are taken now, and requests that wait for one.
    pub(super) fn state(&self, name: &str) -> (usize, usize) {
        let known = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        known.get(name).map_or((0, 0), |lane| {
            let taken = lane.places_max.saturating_sub(lane.places.available_permits());
            (taken, lane.waiting.load(Ordering::Relaxed))
        })
    }

    fn lane(&self, name: &str, settings: &SourceSettings) -> Arc<Lane> {
        let max = settings.concurrency_max.clamp(1, Semaphore::MAX_PERMITS);
        let known = self.by_name.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = known.get(name).filter(|lane| lane.places_max == max) {
            return Arc::clone(lane);
        }
        drop(known);
        let mut known = self.by_name.write().unwrap_or_else(PoisonError::into_inner);
        match known.get(name) {
            Some(lane) if lane.places_max == max => Arc::clone(lane),
            // New, or reloaded with another bound: requests in flight end in the lane they began in.
            _ => {
                let lane = Arc::new(Lane {
                    places: Arc::new(Semaphore::new(max)),
                    places_max: max,
                    waiting: AtomicUsize::new(0),
                });
                known.insert(name.to_owned(), Arc::clone(&lane));
                lane
            }
        }
    }
}

fn refused(source: &Source, what: &str) -> FetchError {
    source.meter().refused.count(Refused::Queue);
    FetchError::new(Code::RequestLimitExceeded, format!("Connector error: {what}"))
}

/// A request's stay in a queue; ends when dropped, also when the caller gives up.
struct Waiting<'a>(&'a Lane);

impl<'a> Waiting<'a> {
    fn join(lane: &'a Lane, queue_max: usize) -> Option<Self> {
        let joined = lane.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waiting| {
            (waiting < queue_max).then_some(waiting + 1)
        });
        joined.ok().map(|_| Waiting(lane))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
