//! What has been purged since when. A fetch notes the time at which it began; what it brought is used only while none of
//! its scopes was purged later, so an answer that was under way when a purge came is neither used nor kept. There is no list of
//! what a scope holds, so none that could leak, or miss what is just being stored.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use ahash::RandomState;

/// Purges are remembered in so many parts, each under a lock of its own.
const PARTS: usize = 16;
/// Purged scopes that one part remembers, a million bytes in all. When there are more, the older half is forgotten, and
/// whatever began before the last of these counts as purged: that costs a fetch and nothing else.
const REMEMBERED_MAX: usize = 4096;

/// Counts purges, and remembers the last one of each scope.
#[derive(Debug)]
pub(super) struct Epochs {
    now: AtomicU64,
    parts: [RwLock<Purged>; PARTS],
    hasher: RandomState,
}

/// When scopes were last purged.
#[derive(Debug, Default)]
struct Purged {
    last: HashMap<u64, u64, RandomState>,
    /// What began before this is as good as purged: nobody remembers.
    forgotten: u64,
}

/// A moment between two purges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Epoch(u64);

/// A scope, as purges are remembered. Two of them are the same by a chance of one in 2^64, and then purged together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark(u64);

impl Default for Epochs {
    fn default() -> Self {
        Epochs { now: AtomicU64::new(1), parts: Default::default(), hasher: RandomState::new() }
    }
}

impl Epochs {
    /// Now: for a fetch that begins.
    pub(super) fn now(&self) -> Epoch {
        Epoch(self.now.load(Ordering::SeqCst))
    }

    /// The mark of a scope: a URL, a source, a tag; what `kind` it is keeps them apart.
    pub(super) fn mark(&self, kind: &'static str, scope: impl Hash) -> Mark {
        Mark(self.hasher.hash_one((kind, scope)))
    }

    /// Whatever of this scope was begun before is not used any more.
    pub(super) fn purge(&self, mark: Mark) {
        let next = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        let mut purged = self.part(mark).write().unwrap_or_else(PoisonError::into_inner);
        if purged.last.len() >= REMEMBERED_MAX && !purged.last.contains_key(&mark.0) {
            purged.forget_half();
        }
        let last = purged.last.entry(mark.0).or_default();
        // Of two purges at once the later may come here first.
        *last = next.max(*last);
    }

    /// Whether what began then and has this scope may still be used.
    pub(super) fn holds(&self, begun: Epoch, mark: Mark) -> bool {
        // Most often nothing at all was purged since.
        if begun == self.now() {
            return true;
        }
        let purged = self.part(mark).read().unwrap_or_else(PoisonError::into_inner);
        begun.0 >= purged.forgotten && purged.last.get(&mark.0).is_none_or(|last| *last <= begun.0)
    }

    #[allow(clippy::indexing_slicing, reason = "a remainder of the number of parts")]
    fn part(&self, mark: Mark) -> &RwLock<Purged> {
        &self.parts[mark.0 as usize % PARTS]
    }
}

impl Purged {
    fn forget_half(&mut self) {
        let mut times: Vec<u64> = self.last.values().copied().collect();
        times.sort_unstable();
        self.forgotten = times.get(times.len() / 2).copied().unwrap_or_default().max(self.forgotten);
        self.last.retain(|_, last| *last > self.forgotten);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_began_before_a_purge_of_its_scope_does_not_hold() {
        let epochs = Epochs::default();
        let mark = epochs.mark("tag", "product:7");
        let before = epochs.now();
        assert!(epochs.holds(before, mark));
        epochs.purge(mark);
        assert!(!epochs.holds(before, mark));
        assert!(epochs.holds(epochs.now(), mark));
    }

    #[test]
    fn other_scopes_are_left_alone() {
        let epochs = Epochs::default();
        let begun = epochs.now();
        epochs.purge(epochs.mark("tag", "a"));
        assert!(epochs.holds(begun, epochs.mark("tag", "b")));
        assert!(epochs.holds(begun, epochs.mark("source", "a")));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_what_is_forgotten_counts_as_purged() {
        let epochs = Epochs::default();
        let begun = epochs.now();
        let scopes = PARTS * REMEMBERED_MAX * 2;
        for scope in 0..scopes {
            epochs.purge(epochs.mark("tag", scope));
            assert!(!epochs.holds(begun, epochs.mark("tag", scope)));
        }
        for part in &epochs.parts {
            assert!(part.read().unwrap().last.len() <= REMEMBERED_MAX);
        }
        for scope in 0..scopes {
            assert!(!epochs.holds(begun, epochs.mark("tag", scope)), "{scope}");
        }
        assert!(epochs.holds(epochs.now(), epochs.mark("tag", 0)));
    }

    #[derive(Debug, Clone)]
    enum Event {
        Purge(u8),
        Begin,
    }

    proptest! {
        /// Against the plain truth: a list of all that happened.
        #[test]
        fn it_holds_what_no_later_purge_names(
            events in prop::collection::vec(prop_oneof![(0u8..6).prop_map(Event::Purge), Just(Event::Begin)], 0..40),
        ) {
            let epochs = Epochs::default();
            let mut begun = Vec::new();
            for (at, event) in events.iter().enumerate() {
                match event {
                    Event::Purge(scope) => epochs.purge(epochs.mark("tag", *scope)),
                    Event::Begin => begun.push((at, epochs.now())),
                }
                for (since, epoch) in &begun {
                    for scope in 0u8..6 {
                        let was_purged = events[*since..=at]
                            .iter()
                            .any(|event| matches!(event, Event::Purge(purged) if *purged == scope));
                        prop_assert_eq!(epochs.holds(*epoch, epochs.mark("tag", scope)), !was_purged);
                    }
                }
            }
        }
    }
}
