//! Who listens to a topic: a position in it, and what is to be given next.

use std::{collections::VecDeque, pin::pin, sync::Arc, sync::atomic::Ordering};

use super::{
    Event, EventId, Heard,
    figures::Counters,
    shelf::Shelf,
    streams::{Page, Streams},
    topic::{Next, Position, Topic},
};

/// Somebody who listens to a topic. Dropping it ends that.
pub struct Listener {
    seat: Seat,
    position: Position,
    /// To be told first.
    owes_gap: bool,
    /// Where events are read that are not on the shelf.
    elsewhere: Option<Arc<Streams>>,
    /// What was read there.
    page: VecDeque<Arc<Event>>,
}

/// A place at a topic, which is kept as long as this is.
pub(super) struct Seat {
    pub(super) topic: Arc<Topic>,
    shelf: Arc<Shelf>,
    counters: Arc<Counters>,
}

impl Seat {
    pub(super) fn take(shelf: &Arc<Shelf>, counters: &Arc<Counters>, topic: &str) -> Self {
        counters.listeners.fetch_add(1, Ordering::Relaxed);
        Seat { topic: shelf.join(topic), shelf: Arc::clone(shelf), counters: Arc::clone(counters) }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shelf.leave(&self.topic);
        self.counters.listeners.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Listener {
    /// Listens where the shelf has all that is kept.
    pub(super) fn new(seat: Seat, after: Option<EventId>) -> Self {
        let buffer = seat.topic.lock();
        let known = after.map_or_else(|| Some(buffer.end()), |id| buffer.behind(id));
        let position = known.unwrap_or_else(|| buffer.beginning());
        drop(buffer);
        Listener { seat, position, owes_gap: known.is_none(), elsewhere: None, page: VecDeque::new() }
    }

    /// Listens where all that is kept is elsewhere, behind an event that need not be known there.
    pub(super) fn reading(seat: Seat, elsewhere: Arc<Streams>, position: Position) -> Self {
        Listener { seat, position, owes_gap: false, elsewhere: Some(elsewhere), page: VecDeque::new() }
    }

    /// Waits for the next event. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Heard {
        let topic = Arc::clone(&self.seat.topic);
        loop {
            // Registered before the look, so that nothing comes in between unnoticed.
            let mut news = pin!(topic.news.notified());
            news.as_mut().enable();
            if std::mem::take(&mut self.owes_gap) {
                return self.gap();
            }
            if let Some(event) = self.page.pop_front() {
                self.position.last = event.id;
                return Heard::Event(event);
            }
            let next = topic.lock().next(self.position);
            match next {
                Next::Event(event) => {
                    self.position.last = event.id;
                    return Heard::Event(event);
                }
                Next::Nothing => news.await,
                Next::Elsewhere(here) => match &self.elsewhere {
                    None => {
                        self.position = here;
                        return self.gap();
                    }
                    Some(streams) => {
                        let page = streams.read(&topic, self.position.last).await;
                        self.turn(page, here);
                    }
                },
            }
        }
    }

    fn gap(&self) -> Heard {
        self.seat.counters.gap();
        Heard::Gap
    }

    /// Goes on with what was read elsewhere. `here` is where the shelf began before it was read.
    fn turn(&mut self, page: Page, here: Position) {
        self.owes_gap = !page.is_joined;
        self.position.life = here.life;
        if !page.is_joined {
            self.position.last = EventId::default();
        }
        if page.events.is_empty() {
            // There was nothing more at that time, so what is missing is on the shelf.
            let last = if page.is_joined { self.position.last } else { page.last };
            self.position.last = last.max(here.last);
        }
        self.page = page.events.into_iter().map(Arc::new).collect();
    }
}
