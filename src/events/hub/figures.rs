//! What is counted of events, as plain atomics: counting takes no lock, and whoever shows the figures reads them when asked.

use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

use super::{EventId, shelf::Load};

/// The figures of a hub, of one moment. With Redis they are this instance's: its own listeners and what it read for them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Topics that are listened to or have events in memory.
    pub topics: usize,
    /// Events in memory.
    pub events: usize,
    /// What they and their topics take in memory, about.
    pub bytes: usize,
    /// Who listens now.
    pub listeners: usize,
    /// Events that were published here since the start.
    pub published: u64,
    /// Deliveries that were published here since the start.
    pub deliveries: u64,
    /// Deliveries that had been published before.
    pub duplicates: u64,
    /// Gaps that listeners were told of.
    pub gaps: u64,
    /// Deliveries that could not be kept.
    pub failures: u64,
    /// Names of deliveries that are remembered; in Redis they are not counted here.
    pub names: usize,
    /// Names that were forgotten before their time, because there were too many.
    pub forgotten: u64,
}

/// What there is of one topic in memory, of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicFigures {
    /// Its name.
    pub name: Arc<str>,
    /// Events in memory.
    pub events: usize,
    /// What they take, about.
    pub bytes: usize,
    /// The first of them.
    pub oldest: Option<EventId>,
    /// The last that was published, still there or not; none where it is not known here.
    pub newest: Option<EventId>,
}

/// What goes up, and down.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) listeners: AtomicUsize,
    published: AtomicU64,
    deliveries: AtomicU64,
    duplicates: AtomicU64,
    gaps: AtomicU64,
    failures: AtomicU64,
    names: AtomicUsize,
    forgotten: AtomicU64,
}

impl Counters {
    pub(super) fn published(&self, events: usize) {
        self.deliveries.fetch_add(1, Relaxed);
        self.published.fetch_add(events as u64, Relaxed);
    }

    pub(super) fn duplicate(&self) {
        self.duplicates.fetch_add(1, Relaxed);
    }

    pub(super) fn failure(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    pub(super) fn gap(&self) {
        self.gaps.fetch_add(1, Relaxed);
    }

    pub(super) fn set_names(&self, count: usize) {
        self.names.store(count, Relaxed);
    }

    /// Counts names that were forgotten before their time, and says so once.
    pub(super) fn forgot(&self, count: usize) {
        if count > 0 && self.forgotten.fetch_add(count as u64, Relaxed) == 0 {
            tracing::warn!(
                "more deliveries come than `events.deliveries` remembers: the oldest are forgotten early, and \
                 would be published again if they were sent again"
            );
        }
    }

    pub(super) fn read(&self, load: Load) -> Figures {
        Figures {
            topics: load.topics,
            events: load.events,
            bytes: load.bytes,
            listeners: self.listeners.load(Relaxed),
            published: self.published.load(Relaxed),
            deliveries: self.deliveries.load(Relaxed),
            duplicates: self.duplicates.load(Relaxed),
            gaps: self.gaps.load(Relaxed),
            failures: self.failures.load(Relaxed),
            names: self.names.load(Relaxed),
            forgotten: self.forgotten.load(Relaxed),
        }
    }
}
