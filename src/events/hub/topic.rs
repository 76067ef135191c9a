//! One topic in the memory of the process: what is kept of it, in order, and a bell for who listens. Who listens keeps no queue:
//! it reads here behind the last event it was given, so a slow one costs nothing and can tell what it missed.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::Notify, time::Instant};

use super::{Event, EventId, TopicFigures};

/// What an event takes beside its data, about.
const EVENT_BYTES: usize = 160;
/// What a topic with events takes beside them and its name, about.
const TOPIC_BYTES: usize = 512;

/// A topic that is listened to, or has events.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: Arc<str>,
    /// Tells it from others whose events have the same id.
    pub(super) number: u64,
    /// Rings when there is something to read.
    pub(super) news: Notify,
    buffer: Mutex<Buffer>,
}

/// What is kept of a topic.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    kept: VecDeque<Kept>,
    /// The last event that is no longer here; 0-0 where none is known.
    floor: EventId,
    /// The last event that was published.
    last: EventId,
    /// What `last` was when this life began: only what came after it was ever here.
    begun: EventId,
    /// Of all that is kept.
    bytes: usize,
    /// Goes up when what follows need not join on to what was here before; 0 is before the beginning.
    life: u32,
    pub(super) listeners: usize,
}

#[derive(Debug)]
struct Kept {
    event: Arc<Event>,
    /// When it is too old.
    until: Instant,
}

/// How far a listener is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// The last event it was given, or behind which it began.
    pub(super) last: EventId,
    /// Of the buffer that it read.
    pub(super) life: u32,
}

/// What there is behind a position.
#[derive(Debug)]
pub(super) enum Next {
    Event(Arc<Event>),
    /// Nothing yet.
    Nothing,
    /// What comes next is not here. The first position that is.
    Elsewhere(Position),
}

impl Topic {
    /// A topic in the beginning of its first life, behind the last event that was known of it.
    pub(super) fn new(name: Arc<str>, number: u64, last: EventId) -> Self {
        let buffer = Buffer { floor: last, last, begun: last, life: 1, ..Buffer::default() };
        Topic { name, number, news: Notify::new(), buffer: Mutex::new(buffer) }
    }

    /// A topic of which nothing is known yet: it begins with [`Buffer::restart`].
    pub(super) fn unknown(name: Arc<str>, number: u64) -> Self {
        Topic { name, number, news: Notify::new(), buffer: Mutex::default() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What there is of it, of this moment.
    pub(super) fn figures(&self) -> TopicFigures {
        let buffer = self.lock();
        TopicFigures {
            name: Arc::clone(&self.name),
            events: buffer.len(),
            bytes: buffer.bytes(),
            oldest: buffer.oldest().map(|(id, _)| id),
            newest: Some(buffer.last()).filter(|last| *last != EventId::default()),
        }
    }

    /// What it takes beside its events.
    pub(super) fn bytes(&self) -> usize {
        TOPIC_BYTES + self.name.len()
    }
}

impl Buffer {
    /// Keeps an event, unless it or a later one was here before.
    pub(super) fn push(&mut self, event: Arc<Event>, until: Instant) -> bool {
        if event.id <= self.last {
            return false;
        }
        self.last = event.id;
        self.bytes += size(&event);
        self.kept.push_back(Kept { event, until });
        true
    }

    /// Drops the oldest event.
    pub(super) fn pop(&mut self) -> Option<Arc<Event>> {
        let Kept { event, .. } = self.kept.pop_front()?;
        self.bytes = self.bytes.saturating_sub(size(&event));
        self.floor = event.id;
        if self.kept.is_empty() {
            self.kept = VecDeque::new();
        }
        Some(event)
    }

    /// Forgets all, and goes on behind an event: what was here before and what comes now may have something between them.
    pub(super) fn restart(&mut self, last: EventId) {
        let life = self.life.saturating_add(1);
        *self =
            Buffer { floor: last, last, begun: last, life, listeners: self.listeners, ..Buffer::default() };
    }

    /// Whether it has begun.
    pub(super) fn is_known(&self) -> bool {
        self.life > 0
    }

    pub(super) fn oldest(&self) -> Option<(EventId, Instant)> {
        self.kept.front().map(|kept| (kept.event.id, kept.until))
    }

    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn last(&self) -> EventId {
        self.last
    }

    /// Whether an event came by here, be it still kept or not.
    pub(super) fn had(&self, id: EventId) -> bool {
        self.begun < id && id <= self.last
    }

    /// Where who listens from now on begins.
    pub(super) fn end(&self) -> Position {
        Position { last: self.last, life: self.life }
    }

    /// Where who has missed something goes on.
    pub(super) fn beginning(&self) -> Position {
        Position { last: self.floor, life: self.life }
    }

    /// Behind an event, if it is certain that all that followed it is here. An id that was never given (of another life of the
    /// process, or from the future) is not known.
    pub(super) fn behind(&self, id: EventId) -> Option<Position> {
        let is_here = || self.kept.binary_search_by_key(&id, |kept| kept.event.id).is_ok();
        let is_known = id == self.floor || id == self.last || is_here();
        is_known.then_some(Position { last: id, life: self.life })
    }

    pub(super) fn next(&self, position: Position) -> Next {
        if position.life != self.life || position.last < self.floor {
            return Next::Elsewhere(self.beginning());
        }
        if position.last >= self.last {
            return Next::Nothing;
        }
        let next = self.kept.partition_point(|kept| kept.event.id <= position.last);
        self.kept.get(next).map_or(Next::Nothing, |kept| Next::Event(Arc::clone(&kept.event)))
    }
}

/// What an event takes, about.
fn size(event: &Event) -> usize {
    EVENT_BYTES + event.data.len()
}
