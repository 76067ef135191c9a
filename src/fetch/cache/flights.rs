//! Requests in flight, each once: whoever asks the same at the same time waits for the same answer.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ahash::RandomState;
use futures_util::future::BoxFuture;
use tokio::sync::SetOnce;
use tracing::Instrument as _;

use super::epochs::Epoch;
use crate::{
    error::Code,
    fetch::{FetchError, UpstreamRequest, UpstreamResponse},
    telemetry::{Counter, trace},
};

type Answered = Result<UpstreamResponse, FetchError>;

/// Where the answer of a flight will be; dropping it leaves the flight alone.
pub(super) type Landing = Arc<SetOnce<Answered>>;

/// The flights under way, with when they began, by request, compared in full.
type UnderWay = HashMap<Arc<UpstreamRequest>, (Epoch, Landing), RandomState>;

/// The flights under way.
#[derive(Default)]
pub(super) struct Flights {
    under_way: Arc<Mutex<UnderWay>>,
}

impl Flights {
    /// Joins the flight of the same request, or begins one in a task of its own. One that began before the last purge is
    /// not joined: what it brings may be from before. `joined` counts those that were.
    pub(super) fn join(
        &self,
        request: Arc<UpstreamRequest>,
        begun: Epoch,
        joined: &Counter,
        fetch: impl FnOnce() -> BoxFuture<'static, Answered>,
    ) -> Landing {
        let mut under_way = lock(&self.under_way);
        let place = under_way.entry(request);
        if let Entry::Occupied(known) = &place
            && let (known, landing) = known.get()
            && *known >= begun
        {
            joined.count();
            trace::joined();
            return Arc::clone(landing);
        }
        let (request, landing) = (Arc::clone(place.key()), Landing::default());
        place.insert_entry((begun, Arc::clone(&landing)));
        // A runtime that is stopping drops what it is given: it lands at once then.
        drop(under_way);
        let under_way = Arc::clone(&self.under_way);
        let flight = Flight { under_way, request, landing: Arc::clone(&landing), answered: None };
        let fetch = fetch();
        // What it does is shown below the fetch that began it.
        tokio::spawn(async move { flight.land(fetch.await) }.in_current_span());
        landing
    }
}

/// A flight. However it ends, it is under way no more then, and who waits for it is told.
struct Flight {
    under_way: Arc<Mutex<UnderWay>>,
    request: Arc<UpstreamRequest>,
    landing: Landing,
    /// None until its answer is there.
    answered: Option<Answered>,
}

impl Flight {
    fn land(mut self, answered: Answered) {
        self.answered = Some(answered);
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        // Before anybody is told: who asks again then is not put off with this answer. A later flight of the same request may have
        // taken its place.
        if let Entry::Occupied(place) = lock(&self.under_way).entry(Arc::clone(&self.request))
            && Arc::ptr_eq(&place.get().1, &self.landing)
        {
            drop(place.remove());
        }
        let answered = self.answered.take().unwrap_or_else(|| {
            Err(FetchError::new(Code::Internal, "Connector error: the request was given up"))
        });
        // Each lands once.
        let _ = self.landing.set(answered);
    }
}

fn lock(under_way: &Mutex<UnderWay>) -> MutexGuard<'_, UnderWay> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}
