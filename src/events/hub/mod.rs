//! Events by topic: kept for a while, in one order per topic, and handed to whoever listens. Who listens keeps no queue here: it
//! reads what is kept behind the last event it was given, so a slow one costs nothing and can tell what it missed.
//!
//! There are three places to keep them, with one behaviour: the `memory` of the process, a file on `disk`, and `streams` of Redis.
//! All listeners read from the `shelf`, which is in memory.

mod disk;
mod event;
mod figures;
mod listener;
mod memory;
mod names;
mod shelf;
mod streams;
mod topic;

use std::{fmt, sync::Arc};

use tokio::task::AbortHandle;

use self::{
    disk::Disk,
    figures::Counters,
    listener::Seat,
    memory::InMemory,
    names::Memory,
    shelf::{Bounds, Shelf},
    streams::Streams,
};
pub use self::{
    event::{Delivery, Event, EventId, Heard, HubError, NewEvent, OpenError, Published},
    figures::{Figures, TopicFigures},
    listener::Listener,
};
use crate::config::{self, Config, EventStore};

/// Events by topic. A clone is another handle on the same.
#[derive(Clone)]
pub struct Hub {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    shelf: Arc<Shelf>,
    counters: Arc<Counters>,
}

/// Where events are kept.
enum Store {
    Memory(InMemory),
    Disk(Disk),
    Redis { streams: Arc<Streams>, task: AbortHandle },
}

impl Default for Hub {
    /// In memory, with the default bounds.
    fn default() -> Self {
        Hub::in_memory(&config::Events::default())
    }
}

impl Hub {
    /// Where the configuration says (`events`): what `store` names; where it names nothing, in Redis if there is one, else in memory.
    ///
    /// # Errors
    /// When the file cannot be used; or the settings of `redis`. That Redis does not answer is no error here.
    pub fn open(config: &Config) -> Result<Self, OpenError> {
        let events = &config.events;
        match (&events.store, &config.redis) {
            (EventStore::Memory, _) => Ok(Hub::in_memory(events)),
            (EventStore::Redis, None) => Err(OpenError::Redis("it is not set".into())),
            (EventStore::Disk(path), _) => {
                let (shelf, counters) = (Arc::new(Shelf::new(Bounds::new(events))), Arc::default());
                let disk = Disk::open(path, Arc::clone(&shelf), Arc::clone(&counters), Memory::new(events))?;
                Ok(Hub::of(Store::Disk(disk), shelf, counters))
            }
            (EventStore::Redis, Some(redis)) => {
                let bounds = Bounds { is_copy: true, ..Bounds::new(events) };
                let (shelf, counters) = (Arc::new(Shelf::new(bounds)), Arc::default());
                let memory = Memory::new(events);
                let (streams, task) =
                    Streams::open(redis, bounds, Arc::clone(&shelf), Arc::clone(&counters), memory)?;
                Ok(Hub::of(Store::Redis { streams, task }, shelf, counters))
            }
        }
    }

    fn in_memory(events: &config::Events) -> Self {
        let (shelf, counters) = (Arc::new(Shelf::new(Bounds::new(events))), Arc::default());
        let memory = InMemory::new(Arc::clone(&shelf), Arc::clone(&counters), Memory::new(events));
        Hub::of(Store::Memory(memory), shelf, counters)
    }

    fn of(store: Store, shelf: Arc<Shelf>, counters: Arc<Counters>) -> Self {
        Hub { inner: Arc::new(Inner { store, shelf, counters }) }
    }

    /// Keeps the events of a delivery and hands them on. When it returns, they are kept; a duplicate that comes while the first one is
    /// being written waits for it.
    ///
    /// # Errors
    /// When they could not be kept, or it is not known whether they are: the same delivery may be published again, and those that
    /// have names then are published once.
    pub async fn publish(&self, delivery: Delivery) -> Result<Published, HubError> {
        let Inner { store, counters, .. } = &*self.inner;
        let names = names::names(&delivery);
        let mut events = delivery.events;
        for event in &mut events {
            // What is kept for long must not hold the whole of a buffer of which it was cut.
            event.data = bytes::Bytes::copy_from_slice(&event.data);
        }
        let count = events.len();
        let published = match store {
            Store::Memory(memory) => Ok(memory.publish(&names, events)),
            Store::Disk(disk) => disk.publish(names, events).await,
            Store::Redis { streams, .. } => streams.publish(&names, &events, &delivery.purged).await,
        };
        match &published {
            Ok(Published::Kept(_)) => counters.published(count),
            Ok(Published::Duplicate) => counters.duplicate(),
            Err(_) => counters.failure(),
        }
        published
    }

    /// Listens to a topic, from now on or behind an event that was heard before. Where that event is not known, the first that is
    /// heard is a gap, and then all that is kept.
    ///
    /// # Errors
    /// When what is kept cannot be read.
    pub async fn listen(&self, topic: &str, after: Option<EventId>) -> Result<Listener, HubError> {
        let Inner { store, shelf, counters } = &*self.inner;
        let seat = Seat::take(shelf, counters, topic);
        match store {
            Store::Memory(_) | Store::Disk(_) => Ok(Listener::new(seat, after)),
            Store::Redis { streams, .. } => streams.listen(seat, after).await,
        }
    }

    /// Whether other instances hear what is published here.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self.inner.store, Store::Redis { .. })
    }

    /// Says how to purge what another instance purged before it published: the tags, or everything. It is called before anybody hears
    /// of those events, so that what they ask for then is fresh. Once; a hub has one cache.
    pub fn purge_with(&self, purge: impl Fn(Option<&[String]>) + Send + Sync + 'static) {
        if let Store::Redis { streams, .. } = &self.inner.store {
            streams.purge_with(Box::new(purge));
        }
    }

    /// What is counted, of this moment.
    #[must_use]
    pub fn figures(&self) -> Figures {
        self.inner.counters.read(self.inner.shelf.load())
    }

    /// The topics in memory of which there was news last, at most so many. With Redis they are those that are listened to here.
    #[must_use]
    pub fn newest_topics(&self, most: usize) -> Vec<TopicFigures> {
        self.inner.shelf.newest(most)
    }

    /// Ends the keeping: what is being written is written, and a file is closed, so that another process may open it. After that
    /// nothing is published on disk any more; who listens hears nothing more.
    pub async fn close(&self) {
        if let Store::Disk(disk) = &self.inner.store {
            disk.close().await;
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Store::Redis { task, .. } = &self.store {
            task.abort();
        }
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("figures", &self.figures()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
