//! Whether a kept answer would be given again: what lets something made of answers be used once more without asking for
//! them. Not for what is made of them, nor for where that is kept (`execute::answers`).

use std::{
    fmt,
    sync::{Arc, Weak},
};

use smallvec::{SmallVec, smallvec};
use tokio::time::Instant;

use super::{epochs::Epochs, store::Entry};

/// Says of the answer that it came with whether the same request would be given it now: it is kept, it is fresh, none of its
/// scopes was purged, and no other has taken its place. It does not keep the answer in memory.
#[derive(Debug, Clone)]
pub struct Lease(SmallVec<[Part; 1]>);

/// One kept answer.
#[derive(Clone)]
struct Part {
    entry: Weak<Entry>,
    epochs: Arc<Epochs>,
}

impl Lease {
    pub(super) fn of(entry: &Arc<Entry>, epochs: &Arc<Epochs>) -> Self {
        Lease(smallvec![Part { entry: Arc::downgrade(entry), epochs: Arc::clone(epochs) }])
    }

    /// The lease of what is made of all of these; none where one of them has none.
    #[must_use]
    pub fn all(leases: impl IntoIterator<Item = Option<Lease>>) -> Option<Self> {
        let mut parts = SmallVec::new();
        for lease in leases {
            parts.extend(lease?.0);
        }
        Some(Lease(parts))
    }

    /// Whether it holds at a time.
    #[must_use]
    pub fn holds(&self, now: Instant) -> bool {
        self.0.iter().all(|part| {
            part.entry.upgrade().is_some_and(|entry| {
                entry.is_current() && !entry.policy.fresh_for(now).is_zero() && entry.holds(&part.epochs)
            })
        })
    }

    /// What it takes in memory, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.len() * size_of::<Part>()
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part").finish_non_exhaustive()
    }
}
