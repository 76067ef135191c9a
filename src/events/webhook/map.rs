//! What a verified delivery comes to: its id, the events it publishes and the tags it purges. All of it, or nothing.

use std::collections::HashMap;

use bumpalo::Bump;
use bytes::Bytes;
use http::HeaderMap;

use crate::{
    connector::{Publication, Source, TopicTemplate, Webhook},
    events::NewEvent,
    fetch::{self, Given, TopicError},
    mapping::{
        Problems,
        ast::Mapping,
        evaluate::{Variables, evaluate},
        json,
        value::Value,
    },
};

/// More events of one delivery are no delivery but a dump.
const EVENTS_MAX: usize = 1_000;
/// Bytes of all events of one delivery: entries may repeat a body often.
const EVENT_BYTES_MAX: usize = 16 << 20;
/// More tags of one delivery are a purge of everything.
const TAGS_MAX: usize = 1_000;

/// What a delivery comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mapped {
    pub(super) id: Option<String>,
    pub(super) events: Vec<NewEvent>,
    /// Each once.
    pub(super) tags: Vec<String>,
}

/// Why nothing comes of a delivery. For the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmapped {
    /// A topic or a tag cannot be made.
    #[error("{what} `{name}`: {error}")]
    Topic {
        /// `topic` or `invalidate`.
        what: &'static str,
        /// As it is written.
        name: String,
        /// Why.
        error: TopicError,
    },
    /// A mapping gives what cannot be used.
    #[error("`{what}` gives {found} where {expected} is needed")]
    Gives {
        /// The key.
        what: &'static str,
        /// What it gives.
        found: &'static str,
        /// What is needed.
        expected: &'static str,
    },
    /// A mapping does more than it may.
    #[error("`{what}` does too much work")]
    Works {
        /// The key.
        what: &'static str,
    },
    /// Too much comes of it.
    #[error("more than {EVENTS_MAX} events, {TAGS_MAX} tags or {EVENT_BYTES_MAX} bytes come of it")]
    TooMuch,
}

/// Maps a delivery. `body` was read with `arena`.
pub(super) fn map<'a>(
    webhook: &'a Webhook,
    source: &'a Source,
    env: &'a HashMap<String, String>,
    headers: &'a HeaderMap,
    body: Value<'a>,
    arena: &'a Bump,
) -> Result<Mapped, Unmapped> {
    let given = Given { client: Some(headers), ..Given::new(env) };
    let delivery = Evaluation { variables: given.of(&webhook.inputs, &source.config, arena), arena };
    let mut mapped = Mapped { id: delivery.id(webhook, body)?, ..Mapped::default() };
    let mut bytes = 0;
    for publication in &webhook.publish {
        for element in delivery.elements(publication, body)? {
            if delivery.holds(publication, element)? {
                bytes += delivery.publish(publication, element, &mut mapped)?;
                if mapped.events.len() > EVENTS_MAX || mapped.tags.len() > TAGS_MAX || bytes > EVENT_BYTES_MAX
                {
                    return Err(Unmapped::TooMuch);
                }
            }
        }
    }
    Ok(mapped)
}

/// What the mappings of one delivery are evaluated with.
struct Evaluation<'a> {
    variables: Variables<'a>,
    arena: &'a Bump,
}

impl<'a> Evaluation<'a> {
    fn value(
        &self,
        what: &'static str,
        mapping: &'a Mapping,
        data: Value<'a>,
    ) -> Result<Option<Value<'a>>, Unmapped> {
        let mut problems = Problems::ignored();
        let value = evaluate(mapping, data, &self.variables, self.arena, &mut problems);
        // What was made is a part: an event that is left out without a word is a lost one.
        if problems.work_ran_out() { Err(Unmapped::Works { what }) } else { Ok(value) }
    }

    /// The id. One that is null or missing is none.
    fn id(&self, webhook: &'a Webhook, body: Value<'a>) -> Result<Option<String>, Unmapped> {
        let Some(mapping) = &webhook.id else { return Ok(None) };
        let found = self.value("id", mapping, body)?.filter(|value| !matches!(value, Value::Null));
        let Some(value) = found else { return Ok(None) };
        let expected = "a text or a number";
        let text = value.scalar_text(self.arena);
        let text = text.ok_or(Unmapped::Gives { what: "id", found: value.kind(), expected })?;
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }

    /// What an entry is about: the body, or the elements of a list in it.
    fn elements(&self, publication: &'a Publication, body: Value<'a>) -> Result<Vec<Value<'a>>, Unmapped> {
        let Some(each) = &publication.each else { return Ok(vec![body]) };
        Ok(match self.value("each", each, body)? {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::List(elements)) if elements.len() > EVENTS_MAX => return Err(Unmapped::TooMuch),
            Some(Value::List(elements)) => elements.to_vec(),
            Some(value) => vec![value],
        })
    }

    fn holds(&self, publication: &'a Publication, data: Value<'a>) -> Result<bool, Unmapped> {
        let Some(when) = &publication.when else { return Ok(true) };
        Ok(matches!(self.value("when", when, data)?, Some(Value::Bool(true))))
    }

    /// Adds what an entry publishes and purges; gives the bytes of the event.
    fn publish(
        &self,
        publication: &'a Publication,
        data: Value<'a>,
        mapped: &mut Mapped,
    ) -> Result<usize, Unmapped> {
        for template in &publication.invalidate {
            let tag = self.name("invalidate", template, data)?;
            if !mapped.tags.contains(&tag) {
                mapped.tags.push(tag);
            }
        }
        let Some(topic) = &publication.topic else { return Ok(0) };
        let topic = self.name("topic", topic, data)?.into();
        let event = match &publication.event {
            None => Some(data),
            Some(event) => self.value("event", event, data)?,
        };
        let Some(event) = event.filter(|event| !matches!(event, Value::Null)) else {
            let found = event.map_or("nothing", |event| event.kind());
            return Err(Unmapped::Gives { what: "event", found, expected: "something to publish" });
        };
        let mut written = Vec::new();
        json::write(&event, &mut written);
        let bytes = written.len();
        mapped.events.push(NewEvent { topic, data: Bytes::from(written) });
        Ok(bytes)
    }

    fn name(
        &self,
        what: &'static str,
        template: &'a TopicTemplate,
        data: Value<'a>,
    ) -> Result<String, Unmapped> {
        fetch::topic(template, data, &self.variables, self.arena).map_err(|error| Unmapped::Topic {
            what,
            name: template.to_string(),
            error,
        })
    }
}
