//! Operations in flight, each once: whoever asks the same at the same time waits for the same execution. It is driven by
//! whichever of its callers is awake, so that the first one may go away; when the last one has, it ends.

use std::{
    collections::{HashMap, hash_map::Entry},
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use ahash::RandomState;
use futures_util::{
    FutureExt as _,
    future::{Shared, WeakShared},
};

use super::{asked::Asked, gateway::Outcome};

type Execution = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// When an execution began: how often anything was purged or changed before. What began before the last change is not joined: it
/// may have read what was there before, and whoever asks after a change has a right to see it.
pub(super) type Begun = (u64, u64);

/// The executions under way, by what was asked.
#[derive(Default)]
pub(super) struct Flights {
    under_way: Arc<Mutex<UnderWay>>,
    next: AtomicU64,
}

type UnderWay = HashMap<Arc<Asked>, Flight, RandomState>;

struct Flight {
    number: u64,
    begun: Begun,
    execution: WeakShared<Execution>,
}

impl Flights {
    /// Joins the execution of the same, or begins one, which holds the landing to its end.
    pub(super) fn join<F>(
        &self,
        asked: &Arc<Asked>,
        begun: Begun,
        execute: impl FnOnce(Landing) -> F,
    ) -> Shared<Execution>
    where
        F: Future<Output = Outcome> + Send + 'static,
    {
        let mut under_way = lock(&self.under_way);
        let place = under_way.entry(Arc::clone(asked));
        // One that nobody waits for any more has ended.
        if let Entry::Occupied(known) = &place
            && known.get().begun == begun
            && let Some(execution) = known.get().execution.upgrade()
        {
            return execution;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let landing = Landing { under_way: Arc::clone(&self.under_way), asked: Arc::clone(asked), number };
        let execution: Execution = Box::pin(execute(landing));
        let execution = execution.shared();
        if let Some(weak) = execution.downgrade() {
            place.insert_entry(Flight { number, begun, execution: weak });
        }
        execution
    }
}

/// Takes an execution out of those under way when it is dropped: when it has ended, and when it was given up.
pub(super) struct Landing {
    under_way: Arc<Mutex<UnderWay>>,
    asked: Arc<Asked>,
    number: u64,
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut under_way = lock(&self.under_way);
        // A later one may have taken its place.
        if let Entry::Occupied(place) = under_way.entry(Arc::clone(&self.asked))
            && place.get().number == self.number
        {
            place.remove();
        }
    }
}

fn lock(under_way: &Mutex<UnderWay>) -> MutexGuard<'_, UnderWay> {
    under_way.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
