//! Events in the memory of the process alone: what `events.store: memory` is. They end with it.

use std::sync::{Arc, Mutex, PoisonError};

use super::{
    Event, EventId, NewEvent, Published,
    figures::Counters,
    names::{Memory, Name, Names},
    shelf::Shelf,
};

/// Publishes straight to the shelf, one delivery after the other: a duplicate that comes meanwhile waits its turn.
#[derive(Debug)]
pub(super) struct InMemory {
    shelf: Arc<Shelf>,
    counters: Arc<Counters>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    names: Names,
    /// Of the last event of any topic.
    last: EventId,
}

impl InMemory {
    pub(super) fn new(shelf: Arc<Shelf>, counters: Arc<Counters>, memory: Memory) -> Self {
        let state = State { names: Names::new(memory), last: EventId::default() };
        InMemory { shelf, counters, state: Mutex::new(state) }
    }

    pub(super) fn publish(&self, names: &[Name], events: Vec<NewEvent>) -> Published {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.names.has_any(names) {
            return Published::Duplicate;
        }
        self.counters.forgot(state.names.put(names));
        self.counters.set_names(state.names.len());
        let mut ids = Vec::with_capacity(events.len());
        let events: Vec<Event> = events
            .into_iter()
            .map(|NewEvent { topic, data }| {
                state.last = EventId::next(state.last);
                ids.push(state.last);
                Event { id: state.last, topic, data }
            })
            .collect();
        self.shelf.push(events);
        Published::Kept(ids)
    }
}
