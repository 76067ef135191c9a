//! What has been purged since when. A fetch notes the time at which it began; what it brought is used only while none of
//! its scopes was purged later, so an answer that was under way when a purge came is neither used nor kept. There is no list of
//! what a scope holds, so none that could leak, or miss what is just being stored.

use std::sync::atomic::{AtomicU64, Ordering};

use ring::digest;

/// Scopes share this many marks. Two scopes with one mark are purged together, which costs a fetch and nothing else;
/// with this many, ten thousand purges still leave 85 of 100 other entries alone.
const MARKS: usize = 1 << 16;

/// Counts purges, and remembers the last one of each scope.
#[derive(Debug)]
pub(super) struct Epochs {
    now: AtomicU64,
    marks: Box<[AtomicU64]>,
}

/// A moment between two purges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Epoch(u64);

/// Where the last purge of a scope is marked. A scope has the same mark in every instance of the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mark(u16);

impl Epoch {
    /// It counts purges.
    pub(super) fn number(self) -> u64 {
        self.0
    }
}

impl Mark {
    /// Of everything.
    pub(super) fn all() -> Self {
        Mark::of("all", &[])
    }

    /// Of all that a source answered.
    pub(super) fn source(name: &str) -> Self {
        Mark::of("source", &[name])
    }

    /// Of all answers to one URL.
    pub(super) fn url(url: &str) -> Self {
        Mark::of("url", &[url])
    }

    /// Of all answers that have a tag.
    pub(super) fn tag(tag: &str) -> Self {
        Mark::of("tag", &[tag])
    }

    /// The mark with this number.
    pub(super) fn numbered(number: u16) -> Self {
        Mark(number)
    }

    /// Its number.
    pub(super) fn number(self) -> u16 {
        self.0
    }

    /// What `kind` a scope is keeps a URL and a tag apart.
    fn of(kind: &str, scope: &[&str]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(kind.as_bytes());
        for part in scope {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part.as_bytes());
        }
        match context.finish().as_ref() {
            [high, low, ..] => Mark(u16::from_be_bytes([*high, *low])),
            _ => Mark(0),
        }
    }
}

impl Default for Epochs {
    fn default() -> Self {
        let marks = std::iter::repeat_with(AtomicU64::default).take(MARKS).collect();
        Epochs { now: AtomicU64::new(1), marks }
    }
}

impl Epochs {
    /// Now: for a fetch that begins.
    pub(super) fn now(&self) -> Epoch {
        Epoch(self.now.load(Ordering::SeqCst))
    }

    /// Whatever of this scope was begun before is not used any more.
    pub(super) fn purge(&self, mark: Mark) {
        let next = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        if let Some(place) = self.marks.get(usize::from(mark.0)) {
            place.fetch_max(next, Ordering::SeqCst);
        }
    }

    /// Nothing that was begun before is used any more.
    pub(super) fn purge_all(&self) {
        self.purge(Mark::all());
    }

    /// Whether what began then and has this scope may still be used.
    pub(super) fn holds(&self, begun: Epoch, mark: Mark) -> bool {
        self.marks.get(usize::from(mark.0)).is_none_or(|place| place.load(Ordering::SeqCst) <= begun.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_began_before_a_purge_of_its_scope_does_not_hold() {
        let epochs = Epochs::default();
        let mark = Mark::url("/product/7");
        let before = epochs.now();
        assert!(epochs.holds(before, mark));
        epochs.purge(mark);
        assert!(!epochs.holds(before, mark));
        assert!(epochs.holds(epochs.now(), mark));
    }

    #[test]
    fn other_scopes_are_left_alone() {
        let epochs = Epochs::default();
        let (purged, begun) = (Mark::url("/a"), epochs.now());
        let other = (0..).map(|n| Mark::url(&format!("/{n}"))).find(|mark| *mark != purged).unwrap();
        epochs.purge(purged);
        assert!(epochs.holds(begun, other));
    }

    #[derive(Debug, Clone)]
    enum Event {
        Purge(u8),
        Begin,
    }

    fn mark(scope: u8) -> Mark {
        Mark::tag(&scope.to_string())
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
                    Event::Purge(scope) => epochs.purge(mark(*scope)),
                    Event::Begin => begun.push((at, epochs.now())),
                }
                for (since, epoch) in &begun {
                    for scope in 0u8..6 {
                        let was_purged = events[*since..=at]
                            .iter()
                            .any(|event| matches!(event, Event::Purge(purged) if *purged == scope));
                        prop_assert_eq!(epochs.holds(*epoch, mark(scope)), !was_purged);
                    }
                }
            }
        }
    }
}
