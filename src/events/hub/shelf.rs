//! All topics in the memory of the process, and their bounds: by number, age and bytes for each, by bytes for all together. With
//! nothing but memory, events are kept here; with a file, what is in it is here too, so that reading never waits for a disk; with
//! Redis, what this process' own listeners need is here, read once for all of them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    Event, EventId, TopicFigures,
    topic::{Buffer, Topic},
};
use crate::config;

/// How long the last event of a topic that went away is known, so that who comes back behind it is not told of a gap.
pub(super) const QUIET_FOR: Duration = Duration::from_secs(86_400);
/// What the name of such a topic takes beside itself, about.
const QUIET_BYTES: usize = 160;
/// What one call drops for its age; the rest is left to the next, so that none is long.
const DROPPED_MAX: usize = 1_000;

/// What is kept at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Events of a topic.
    pub(super) events: usize,
    pub(super) age: Duration,
    /// Of a topic; its newest event is kept however large it is.
    pub(super) topic_bytes: usize,
    /// Of all topics.
    pub(super) bytes: usize,
    /// Whether events are kept elsewhere: then they are here only as long as somebody listens.
    pub(super) is_copy: bool,
}

impl Bounds {
    pub(super) fn new(events: &config::Events) -> Self {
        Bounds {
            events: events.keep,
            age: events.keep_for,
            topic_bytes: events.keep_bytes,
            bytes: events.memory,
            is_copy: false,
        }
    }
}

/// All topics.
#[derive(Debug)]
pub(super) struct Shelf {
    bounds: Bounds,
    topics: Mutex<Topics>,
}

#[derive(Debug, Default)]
struct Topics {
    by_name: HashMap<Arc<str>, Arc<Topic>>,
    /// Those with events, by the oldest of each.
    by_age: BTreeMap<(EventId, u64), Arc<Topic>>,
    /// The last events of those that went away.
    quiet: HashMap<Arc<str>, EventId>,
    quiet_by_age: BTreeSet<(EventId, Arc<str>)>,
    /// How many there ever were.
    numbers: u64,
    events: usize,
    bytes: usize,
    /// What was dropped and nobody has asked for yet.
    dropped: Vec<EventId>,
}

/// What is on the shelf.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Load {
    pub(super) topics: usize,
    pub(super) events: usize,
    pub(super) bytes: usize,
}

impl Shelf {
    pub(super) fn new(bounds: Bounds) -> Self {
        Shelf { bounds, topics: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Topics> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts events on the shelf, in the order of their ids, and tells who listens. Gives what was dropped for them.
    pub(super) fn push(&self, events: impl IntoIterator<Item = Event>) -> Vec<EventId> {
        let mut topics = self.lock();
        for event in events {
            let topic = topics.open(&event.topic, self.bounds.is_copy);
            topics.push(&topic, event, &self.bounds);
        }
        topics.drop_old(DROPPED_MAX);
        topics.fit(self.bounds.bytes);
        std::mem::take(&mut topics.dropped)
    }

    /// Puts events that were read elsewhere on a topic, if it is still listened to.
    pub(super) fn push_to(&self, topic: &Arc<Topic>, events: impl IntoIterator<Item = Event>) {
        let mut topics = self.lock();
        if topics.by_name.get(&topic.name).is_some_and(|known| Arc::ptr_eq(known, topic)) {
            for event in events {
                topics.push(topic, event, &self.bounds);
            }
            topics.drop_old(DROPPED_MAX);
            topics.fit(self.bounds.bytes);
            topics.dropped.clear();
        }
    }

    /// Forgets what is here of a topic, and goes on behind an event.
    pub(super) fn restart(&self, topic: &Arc<Topic>, last: EventId) {
        let mut topics = self.lock();
        while topics.drop_oldest(topic) {}
        topics.dropped.clear();
        topic.lock().restart(last);
        topic.news.notify_waiters();
    }

    /// Begins a topic of which nothing was known, behind an event.
    pub(super) fn begin(&self, topic: &Arc<Topic>, last: EventId) {
        let mut buffer = topic.lock();
        if !buffer.is_known() {
            buffer.restart(last);
        }
    }

    /// A topic that is listened to.
    pub(super) fn topic(&self, name: &str) -> Option<Arc<Topic>> {
        self.lock().by_name.get(name).map(Arc::clone)
    }

    /// All topics that are listened to or have events.
    pub(super) fn topics(&self) -> Vec<Arc<Topic>> {
        self.lock().by_name.values().map(Arc::clone).collect()
    }

    /// Opens a topic for a listener, who tells by [`Self::leave`] that it went away. What is too old is gone.
    pub(super) fn join(&self, name: &str) -> Arc<Topic> {
        let mut topics = self.lock();
        topics.drop_old(DROPPED_MAX);
        let topic = topics.open(name, self.bounds.is_copy);
        topic.lock().listeners += 1;
        let now = Instant::now();
        let is_old = |buffer: &Buffer| buffer.oldest().is_some_and(|(_, until)| until <= now);
        loop {
            let old = is_old(&topic.lock());
            if !old || !topics.drop_oldest(&topic) {
                return topic;
            }
        }
    }

    /// A listener went away, and its topic with it if nothing else holds that.
    pub(super) fn leave(&self, topic: &Arc<Topic>) {
        let mut topics = self.lock();
        let is_alone = {
            let mut buffer = topic.lock();
            buffer.listeners = buffer.listeners.saturating_sub(1);
            buffer.listeners == 0
        };
        if is_alone && self.bounds.is_copy {
            while topics.drop_oldest(topic) {}
            topics.dropped.clear();
            topics.by_name.remove(&topic.name);
        } else if is_alone {
            topics.close_if_idle(topic);
            topics.fit(self.bounds.bytes);
        }
    }

    /// The topics in memory of which there was news last, at most so many.
    pub(super) fn newest(&self, most: usize) -> Vec<TopicFigures> {
        let mut figures: Vec<TopicFigures> = self.topics().iter().map(|topic| topic.figures()).collect();
        figures.sort_by(|a, b| b.newest.cmp(&a.newest).then_with(|| a.name.cmp(&b.name)));
        figures.truncate(most);
        figures
    }

    pub(super) fn load(&self) -> Load {
        let mut topics = self.lock();
        topics.drop_old(DROPPED_MAX);
        Load { topics: topics.by_name.len(), events: topics.events, bytes: topics.bytes }
    }
}

impl Topics {
    fn open(&mut self, name: &str, is_copy: bool) -> Arc<Topic> {
        if let Some(topic) = self.by_name.get(name) {
            return Arc::clone(topic);
        }
        self.numbers += 1;
        let name: Arc<str> = name.into();
        let topic = if is_copy {
            Topic::unknown(Arc::clone(&name), self.numbers)
        } else {
            let last = self.forget_quiet(&name);
            Topic::new(Arc::clone(&name), self.numbers, last.unwrap_or_default())
        };
        let topic = Arc::new(topic);
        self.by_name.insert(name, Arc::clone(&topic));
        topic
    }

    fn push(&mut self, topic: &Arc<Topic>, event: Event, bounds: &Bounds) {
        // Where it is read from elsewhere, its age is judged there, by the clock that made its id.
        let age = if bounds.is_copy { Duration::ZERO } else { event.id.age() };
        let left = bounds.age.saturating_sub(age);
        let (id, before) = (event.id, topic.lock().bytes());
        let is_kept = topic.lock().push(Arc::new(event), Instant::now() + left);
        if !is_kept {
            return;
        }
        self.events += 1;
        self.bytes += topic.lock().bytes() - before;
        if before == 0 {
            self.bytes += topic.bytes();
            self.by_age.insert((id, topic.number), Arc::clone(topic));
        }
        loop {
            let (count, bytes) = {
                let buffer = topic.lock();
                (buffer.len(), buffer.bytes())
            };
            let is_over = count > bounds.events || (bytes > bounds.topic_bytes && count > 1);
            if !is_over || !self.drop_oldest(topic) {
                break;
            }
        }
        topic.news.notify_waiters();
    }

    /// Drops the oldest event of a topic, and the topic if nothing else holds it. False where it has none.
    fn drop_oldest(&mut self, topic: &Arc<Topic>) -> bool {
        let mut buffer = topic.lock();
        let before = buffer.bytes();
        let Some(dropped) = buffer.pop() else { return false };
        self.events = self.events.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(before - buffer.bytes());
        self.by_age.remove(&(dropped.id, topic.number));
        self.dropped.push(dropped.id);
        match buffer.oldest() {
            Some((id, _)) => drop(self.by_age.insert((id, topic.number), Arc::clone(topic))),
            None => {
                drop(buffer);
                self.bytes = self.bytes.saturating_sub(topic.bytes());
                self.close_if_idle(topic);
            }
        }
        true
    }

    /// A topic without listeners and events goes away; its last event is remembered.
    fn close_if_idle(&mut self, topic: &Arc<Topic>) {
        let buffer = topic.lock();
        if buffer.listeners > 0 || buffer.len() > 0 {
            return;
        }
        self.by_name.remove(&topic.name);
        if buffer.last() > EventId::default() {
            self.bytes += QUIET_BYTES + topic.name.len();
            self.quiet.insert(Arc::clone(&topic.name), buffer.last());
            self.quiet_by_age.insert((buffer.last(), Arc::clone(&topic.name)));
        }
    }

    fn forget_quiet(&mut self, name: &Arc<str>) -> Option<EventId> {
        let last = self.quiet.remove(name)?;
        self.quiet_by_age.remove(&(last, Arc::clone(name)));
        self.bytes = self.bytes.saturating_sub(QUIET_BYTES + name.len());
        Some(last)
    }

    fn forget_oldest_quiet(&mut self) -> bool {
        let oldest = self.quiet_by_age.first().map(|(_, name)| Arc::clone(name));
        oldest.is_some_and(|name| self.forget_quiet(&name).is_some())
    }

    /// Drops at most so much of what is too old.
    fn drop_old(&mut self, most: usize) {
        let now = Instant::now();
        for _ in 0..most {
            let Some(topic) = self.by_age.first_key_value().map(|(_, topic)| Arc::clone(topic)) else {
                break;
            };
            let is_old = topic.lock().oldest().is_some_and(|(_, until)| until <= now);
            if !is_old || !self.drop_oldest(&topic) {
                break;
            }
        }
        for _ in 0..most {
            let is_old = self.quiet_by_age.first().is_some_and(|(last, _)| last.age() > QUIET_FOR);
            if !is_old || !self.forget_oldest_quiet() {
                break;
            }
        }
    }

    /// Drops what is oldest until all fits; the very last event stays however large it is.
    fn fit(&mut self, bytes: usize) {
        while self.bytes > bytes {
            if self.forget_oldest_quiet() {
                continue;
            }
            let Some(topic) = self.by_age.first_key_value().map(|(_, topic)| Arc::clone(topic)) else {
                break;
            };
            if self.events <= 1 || !self.drop_oldest(&topic) {
                break;
            }
        }
    }
}
