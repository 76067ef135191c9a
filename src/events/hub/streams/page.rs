//! What is read of a topic in Redis, and how an event says there what was purged for it. Not for when it is read.

use std::{fmt, sync::Arc};

use bytes::Bytes;
use redis::FromRedisValue;

use super::super::{Event, EventId};

/// An event that was published with more tags says that everything was purged: it must not grow with the tags of the events
/// that came along with it.
const TAGS_MAX: usize = 100;
/// How that is written, in place of a list.
const EVERYTHING: &str = "*";

/// What was read behind an event.
#[derive(Debug)]
pub(in super::super) struct Page {
    /// Whether nothing is missing between the event and those that were read.
    pub(in super::super) is_joined: bool,
    /// The last id that was given in the topic.
    pub(in super::super) last: EventId,
    pub(in super::super) events: Vec<Event>,
    /// What was purged for some of them.
    pub(super) purges: Vec<(EventId, Purge)>,
}

/// What was purged before an event was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Purge {
    Tags(Vec<String>),
    Everything,
}

impl Purge {
    /// What to say of these tags; nothing where there are none.
    pub(super) fn of(tags: &[String]) -> Option<Self> {
        match tags.len() {
            0 => None,
            1..=TAGS_MAX => Some(Purge::Tags(tags.to_vec())),
            _ => Some(Purge::Everything),
        }
    }

    /// The tags; none where they are all that there are.
    pub(super) fn tags(&self) -> Option<&[String]> {
        match self {
            Purge::Tags(tags) => Some(tags),
            Purge::Everything => None,
        }
    }

    /// What is not understood may be anything.
    fn read(text: &[u8]) -> Self {
        serde_json::from_slice(text).map_or(Purge::Everything, Purge::Tags)
    }
}

impl fmt::Display for Purge {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Purge::Tags(tags) => serde_json::Value::from(tags.as_slice()).fmt(out),
            Purge::Everything => out.write_str(EVERYTHING),
        }
    }
}

/// As the script gives it.
pub(super) type Read = (bool, redis::Value, Vec<(redis::Value, Vec<(String, Vec<u8>)>)>);

impl Page {
    /// Entries that are none of ours are left out.
    pub(super) fn of((is_joined, last, entries): Read, topic: &str) -> Self {
        let topic: Arc<str> = topic.into();
        let last = read_id(last).unwrap_or_default();
        let mut page = Page { is_joined, last, events: Vec::new(), purges: Vec::new() };
        for (id, fields) in entries {
            let Ok(id) = read_id(id) else { continue };
            let mut data = None;
            for (name, value) in fields {
                match name.as_str() {
                    "data" => data = Some(value),
                    "purged" => page.purges.push((id, Purge::read(&value))),
                    _ => {}
                }
            }
            let event = |data| Event { id, topic: Arc::clone(&topic), data: Bytes::from(data) };
            page.events.extend(data.map(event));
        }
        page
    }
}

pub(super) fn read_id(value: redis::Value) -> Result<EventId, redis::ParsingError> {
    let text = String::from_redis_value(value)?;
    text.parse().map_err(|()| redis::ParsingError::from("no id of an event"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("order:\"{number}\"\n")).collect()
    }

    #[test]
    fn what_was_purged_is_read_as_it_is_written() {
        assert_eq!(Purge::of(&[]), None);
        for count in [1, TAGS_MAX] {
            let purge = Purge::of(&tags(count)).expect("there are some");
            assert_eq!(purge.tags(), Some(&*tags(count)));
            assert_eq!(Purge::read(purge.to_string().as_bytes()), purge);
        }
        let many = Purge::of(&tags(TAGS_MAX + 1)).expect("there are some");
        assert_eq!((many.tags(), many.to_string().as_str()), (None, "*"));
        assert_eq!(Purge::read(b"*"), many);
        assert_eq!(Purge::read(b"of a version to come"), Purge::Everything);
    }
}
