//! What is published and heard: events, their ids, and the deliveries that bring them. Not for where they are kept.

use std::{
    fmt,
    str::FromStr,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;

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
    pub(super) fn next(last: EventId) -> Self {
        let ms = milliseconds(since_1970());
        if ms > last.ms {
            EventId { ms, number: 0 }
        } else {
            // The clock stands, or was set back.
            EventId { ms: last.ms, number: last.number.saturating_add(1) }
        }
    }

    /// How long ago it was published, by the clock of now.
    pub(super) fn age(self) -> Duration {
        since_1970().saturating_sub(Duration::from_millis(self.ms))
    }
}

/// By the clock on the wall, which may jump.
pub(super) fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Whole milliseconds, as they are written.
pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
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
    /// Tags that were purged before, in this process and where instances share a cache. An instance that hears of the events
    /// before it hears of the purge is told by them ([`Hub::purge_with`](super::Hub::purge_with)).
    pub purged: Vec<String>,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// Its events are kept, under these ids.
    Kept(Vec<EventId>),
    /// It was published before: nothing happened.
    Duplicate,
}

/// What a listener hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// The next event.
    Event(Arc<Event>),
    /// Events between the last one and the next may have been missed: they are no longer kept, or the last one is not known here.
    Gap,
}

/// Why events could not be kept, or listened to.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// Where they would be kept does not answer. For the log.
    #[error("events cannot be kept: {0}")]
    Unavailable(String),
}

/// Why there is no place to keep events.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file of `events.store`, and what is wrong with it.
    #[error("cannot keep events in `{path}`: {why}")]
    File {
        /// As it is written in the configuration.
        path: String,
        /// What is wrong, and what to do.
        why: String,
    },
    /// The settings of `redis` cannot be used.
    #[error("cannot set up `redis` for events")]
    Redis(#[source] Box<dyn std::error::Error + Send + Sync>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_as_it_is_read() {
        let id = EventId { ms: 1_732_312_345_678, number: 3 };
        assert_eq!("1732312345678-3".parse(), Ok(id));
        assert_eq!(id.to_string(), "1732312345678-3");
        for wrong in ["", "7", "7-", "-7", "+7-1", "7-1-1", "7-99999999999999999999"] {
            assert_eq!(wrong.parse::<EventId>(), Err(()), "{wrong}");
        }
    }

    #[test]
    fn ids_go_up_when_the_clock_goes_back() {
        let ahead = EventId { ms: milliseconds(since_1970()) + 3_600_000, number: 7 };
        assert_eq!(EventId::next(ahead), EventId { number: 8, ..ahead });
        assert!(EventId::next(EventId::default()).ms > 1_700_000_000_000);
    }
}
