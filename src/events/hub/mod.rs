//! Events by topic: kept for a while, in one order per topic, and handed to whoever listens. Who listens keeps no queue here: it
//! reads the topic's buffer behind the last event it was given, so a slow one costs nothing and can tell what it missed.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use tokio::sync::watch;

/// Names an event and orders those of a topic: the milliseconds since 1970 at which it was published, and a number among those
/// of the same millisecond. Written `1732312345678-0`, as Redis writes the ids of streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EventId {
    /// Milliseconds since 1970, never less than of the event before.
    pub ms: u64,
    /// From 0.
    pub number: u64,
}

impl EventId {
    /// The one for an event that is published now, behind `last`.
    fn next(last: EventId) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        if ms > last.ms {
            EventId { ms, number: 0 }
        } else {
            // The clock stands, or was set back.
            EventId { ms: last.ms, number: last.number + 1 }
        }
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.ms, self.number)
    }
}

impl FromStr for EventId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let number = |text: &str| {
            let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            if plain { text.parse().map_err(drop) } else { Err(()) }
        };
        let (ms, of_it) = text.split_once('-').ok_or(())?;
        Ok(EventId { ms: number(ms)?, number: number(of_it)? })
    }
}

/// An event of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Unique in its topic, and greater than those before.
    pub id: EventId,
    /// Where it was published.
    pub topic: Arc<str>,
    /// JSON.
    pub data: Bytes,
}

/// An event that is to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Where.
    pub topic: Arc<str>,
    /// JSON.
    pub data: Bytes,
}

/// The events of one delivery of a webhook: all of them are published, or none.
#[derive(Debug, Clone, Default)]
pub struct Delivery {
    /// What tells it from other deliveries, each one alone: where one of them was seen before, it is a duplicate. None where
    /// nothing does, or nobody asks.
    pub names: Vec<Box<[u8]>>,
    /// In order.
    pub events: Vec<NewEvent>,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// Its events are kept, under these ids.
    Kept(Vec<EventId>),
    /// It was published before: nothing happened.
    Duplicate,
}

/// Why events could not be kept, or listened to.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// Where they would be kept does not answer. For the log.
    #[error("events cannot be kept: {0}")]
    Unavailable(String),
}

/// Events by topic. A clone is another handle on the same.
#[derive(Clone, Default)]
pub struct Hub {
    topics: Arc<Mutex<HashMap<Arc<str>, Arc<Topic>>>>,
}

/// How many events a topic keeps.
const KEPT_MAX: usize = 1_000;

struct Topic {
    state: Mutex<State>,
    last: watch::Sender<EventId>,
}

#[derive(Default)]
struct State {
    events: VecDeque<Arc<Event>>,
    /// The last one that is no longer kept.
    dropped: EventId,
    last: EventId,
}

impl Hub {
    /// Keeps the events of a delivery and hands them on. When it returns, they are kept.
    ///
    /// # Errors
    /// When they could not be kept: nothing was published.
    #[allow(clippy::unused_async, reason = "other stores than memory wait")]
    pub async fn publish(&self, delivery: Delivery) -> Result<Published, HubError> {
        let ids = delivery.events.into_iter().map(|event| {
            let topic = self.topic(&event.topic);
            topic.push(event)
        });
        Ok(Published::Kept(ids.collect()))
    }

    /// Listens to a topic, from now on or behind an event that was heard before.
    ///
    /// # Errors
    /// When what is kept cannot be read.
    #[allow(clippy::unused_async, reason = "other stores than memory wait")]
    pub async fn listen(&self, topic: &str, after: Option<EventId>) -> Result<Listener, HubError> {
        let topic = self.topic(topic);
        let heard = topic.last.subscribe();
        let last = after.unwrap_or_else(|| topic.state().last);
        Ok(Listener { topic, heard, last })
    }

    fn topic(&self, name: &str) -> Arc<Topic> {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(topic) = topics.get(name) {
            return Arc::clone(topic);
        }
        let topic = Arc::new(Topic { state: Mutex::default(), last: watch::Sender::new(EventId::default()) });
        topics.insert(name.into(), Arc::clone(&topic));
        topic
    }
}

impl Topic {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, event: NewEvent) -> EventId {
        let mut state = self.state();
        let id = EventId::next(state.last);
        state.last = id;
        state.events.push_back(Arc::new(Event { id, topic: event.topic, data: event.data }));
        if state.events.len() > KEPT_MAX
            && let Some(oldest) = state.events.pop_front()
        {
            state.dropped = oldest.id;
        }
        // In the order of the ids.
        self.last.send_replace(id);
        id
    }
}

/// What a listener hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// The next event.
    Event(Arc<Event>),
    /// Events between the last one and the next are no longer kept.
    Gap,
}

/// Somebody who listens to a topic.
pub struct Listener {
    topic: Arc<Topic>,
    heard: watch::Receiver<EventId>,
    last: EventId,
}

impl Listener {
    /// Waits for the next event. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Heard {
        loop {
            self.heard.mark_unchanged();
            if let Some(heard) = self.take() {
                return heard;
            }
            // The topic is held here, so its sender is there.
            drop(self.heard.changed().await);
        }
    }

    fn take(&mut self) -> Option<Heard> {
        let state = self.topic.state();
        if self.last < state.dropped {
            self.last = state.dropped;
            return Some(Heard::Gap);
        }
        let next = state.events.partition_point(|event| event.id <= self.last);
        let event = state.events.get(next)?;
        self.last = event.id;
        Some(Heard::Event(Arc::clone(event)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn delivery(data: &'static str) -> Delivery {
        let event = NewEvent { topic: "order/7".into(), data: Bytes::from_static(data.as_bytes()) };
        Delivery { names: Vec::new(), events: vec![event] }
    }

    #[tokio::test]
    async fn who_listens_hears_what_is_published_from_then_on_and_in_order() {
        let hub = Hub::default();
        hub.publish(delivery("1")).await.unwrap();
        let mut listener = hub.listen("order/7", None).await.unwrap();
        hub.publish(delivery("2")).await.unwrap();
        let Published::Kept(ids) = hub.publish(delivery("3")).await.unwrap() else { panic!("it is new") };
        let Heard::Event(second) = listener.next().await else { panic!("nothing is missing") };
        let Heard::Event(third) = listener.next().await else { panic!("nothing is missing") };
        assert_eq!((&second.data[..], &third.data[..]), (&b"2"[..], &b"3"[..]));
        assert!(second.id < third.id);
        assert_eq!(ids, [third.id]);
    }

    #[tokio::test]
    async fn who_comes_back_hears_what_it_missed_or_that_it_is_gone() {
        let hub = Hub::default();
        let Published::Kept(ids) = hub.publish(delivery("0")).await.unwrap() else { panic!("it is new") };
        for _ in 0..KEPT_MAX {
            hub.publish(delivery("1")).await.unwrap();
        }
        let mut listener = hub.listen("order/7", ids.first().copied()).await.unwrap();
        assert!(matches!(listener.next().await, Heard::Event(_)));
        hub.publish(delivery("2")).await.unwrap();
        let mut late = hub.listen("order/7", ids.first().copied()).await.unwrap();
        assert_eq!(late.next().await, Heard::Gap);
        assert!(matches!(late.next().await, Heard::Event(_)));
    }

    #[test]
    fn an_id_is_written_as_it_is_read() {
        let id = EventId { ms: 1_732_312_345_678, number: 3 };
        assert_eq!("1732312345678-3".parse(), Ok(id));
        assert_eq!(id.to_string(), "1732312345678-3");
        for wrong in ["", "7", "7-", "-7", "+7-1", "7-1-1", "7-99999999999999999999"] {
            assert_eq!(wrong.parse::<EventId>(), Err(()), "{wrong}");
        }
    }
}
