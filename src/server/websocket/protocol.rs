//! `graphql-transport-ws` as a machine: what a client says goes in, what is to be done comes out. Knows neither frames nor sockets
//! nor what an operation is; <https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md> is where its rules stand.

use std::collections::HashMap;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, de::DeserializeSeed as _};
use serde_json::{Map, Value};

use crate::{execute::Request, server::parameters::OneSeed};

/// Of an operation's id, which comes back with every answer.
const ID_BYTES_MAX: usize = 256;

/// Why the server ends a connection. Its code decides whether clients come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closing {
    /// A message that is none of the protocol's.
    Invalid,
    /// An operation before `connection_init`.
    Unauthorized,
    /// `connection_init` holds what cannot become a header.
    Forbidden,
    /// The client speaks another sub-protocol.
    Subprotocol,
    /// No `connection_init` in time.
    InitTimeout,
    /// An id that is in use.
    Duplicate,
    /// A second `connection_init`.
    SecondInit,
    /// Nothing was heard of the client.
    Silent,
    /// The process ends: another instance is there.
    Draining,
}

impl Closing {
    /// Code and reason of the close frame.
    pub(super) fn code(self) -> (u16, &'static str) {
        match self {
            Closing::Invalid => (4400, "Invalid message"),
            Closing::Unauthorized => (4401, "Unauthorized"),
            Closing::Forbidden => (4403, "Forbidden"),
            Closing::Subprotocol => (4406, "Subprotocol not acceptable"),
            Closing::InitTimeout => (4408, "Connection initialisation timeout"),
            Closing::Duplicate => (4409, "Subscriber already exists"),
            Closing::SecondInit => (4429, "Too many initialisation requests"),
            // Both are reasons to come back.
            Closing::Silent => (1001, "Nothing was heard of you"),
            Closing::Draining => (1001, "Going away"),
        }
    }
}

/// Tells one operation from another that had its id before.
pub(super) type Serial = u64;

/// What is to be done about a message.
#[derive(Debug, PartialEq)]
pub(super) enum Action {
    /// Nothing.
    None,
    /// Say this.
    Reply(String),
    /// See whether this payload of `connection_init` will do; acknowledge it, or refuse.
    Init(Map<String, Value>),
    /// Begin an operation.
    Begin(Serial, Box<Asked>),
    /// The client wants no more of this operation.
    End(Serial),
    /// Say no more.
    Close(Closing),
}

/// A request, which has no `PartialEq` of its own.
#[derive(Debug)]
pub(super) struct Asked(pub(super) Request);

impl PartialEq for Asked {
    fn eq(&self, other: &Self) -> bool {
        let parts = |asked: &Asked| (asked.0.query.clone(), asked.0.operation_name.clone());
        parts(self) == parts(other) && self.0.variables == other.0.variables
    }
}

/// Where a connection stands.
#[derive(Debug, Default)]
pub(super) struct Protocol {
    acknowledged: bool,
    /// The operations that the client may still hear of, by their ids as JSON.
    live: HashMap<Box<str>, Serial>,
    serial: Serial,
}

impl Protocol {
    /// Whether `connection_init` was there.
    pub(super) fn is_acknowledged(&self) -> bool {
        self.acknowledged
    }

    /// How many operations the client has.
    pub(super) fn live(&self) -> usize {
        self.live.len()
    }

    /// Takes a message.
    pub(super) fn received(&mut self, text: &str) -> Action {
        let Ok(message) = serde_json::from_str::<Message>(text) else {
            return Action::Close(Closing::Invalid);
        };
        match message.kind.as_str() {
            "connection_init" => self.init(text),
            "ping" => pong(text),
            "pong" if is_payload(text) => Action::None,
            "subscribe" => self.subscribe(text, message.id),
            "complete" => match message.id {
                Some(id) => self.live.remove(&*quoted(&id)).map_or(Action::None, Action::End),
                None => Action::Close(Closing::Invalid),
            },
            _ => Action::Close(Closing::Invalid),
        }
    }

    fn init(&mut self, text: &str) -> Action {
        if std::mem::replace(&mut self.acknowledged, true) {
            return Action::Close(Closing::SecondInit);
        }
        match serde_json::from_str::<WithPayload>(text) {
            Ok(message) => Action::Init(message.payload.unwrap_or_default()),
            Err(_) => Action::Close(Closing::Invalid),
        }
    }

    fn subscribe(&mut self, text: &str, id: Option<String>) -> Action {
        let id = id.filter(|id| !id.is_empty() && id.len() <= ID_BYTES_MAX);
        let (Some(id), Ok(message)) = (id, serde_json::from_str::<Subscribe>(text)) else {
            return Action::Close(Closing::Invalid);
        };
        if !self.acknowledged {
            return Action::Close(Closing::Unauthorized);
        }
        let id = quoted(&id);
        if self.live.contains_key(&*id) {
            return Action::Close(Closing::Duplicate);
        }
        self.serial += 1;
        self.live.insert(id.into(), self.serial);
        Action::Begin(self.serial, Box::new(Asked(message.payload)))
    }

    /// The id of an operation as JSON; none where the client wants to hear no more of it.
    fn id(&self, serial: Serial) -> Option<&str> {
        self.live.iter().find(|(_, live)| **live == serial).map(|(id, _)| &**id)
    }

    /// An answer to an operation, as it is said: in parts, so that a large one is not copied more often than it must be.
    pub(super) fn next(&self, serial: Serial, body: &Bytes, say: impl FnOnce(&[&[u8]])) {
        if let Some(id) = self.id(serial) {
            say(&[br#"{"id":"#, id.as_bytes(), br#","type":"next","payload":"#, body, b"}"]);
        }
    }

    /// An operation has no more answers: its id may be used again.
    pub(super) fn complete(&mut self, serial: Serial) -> Option<String> {
        let id = self.forget(serial)?;
        Some(format!(r#"{{"id":{id},"type":"complete"}}"#))
    }

    /// An operation was refused, with these errors: its id may be used again.
    pub(super) fn error(&mut self, serial: Serial, errors: &str) -> Option<String> {
        let id = self.forget(serial)?;
        Some(format!(r#"{{"id":{id},"type":"error","payload":{errors}}}"#))
    }

    fn forget(&mut self, serial: Serial) -> Option<Box<str>> {
        let id: Box<str> = self.id(serial)?.into();
        self.live.remove(&id);
        Some(id)
    }
}

/// What every message has. Others than a client's own types are refused by their type.
#[derive(Deserialize)]
struct Message {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    id: Option<String>,
}

#[derive(Deserialize)]
struct WithPayload {
    #[serde(default)]
    payload: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Subscribe {
    #[serde(deserialize_with = "request")]
    payload: Request,
}

fn request<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Request, D::Error> {
    OneSeed.deserialize(deserializer)
}

fn is_payload(text: &str) -> bool {
    serde_json::from_str::<WithPayload>(text).is_ok()
}

/// A ping is answered with what it carries.
fn pong(text: &str) -> Action {
    match serde_json::from_str::<WithPayload>(text) {
        Ok(WithPayload { payload: None }) => Action::Reply(r#"{"type":"pong"}"#.to_owned()),
        Ok(WithPayload { payload: Some(payload) }) => {
            Action::Reply(format!(r#"{{"type":"pong","payload":{}}}"#, Value::Object(payload)))
        }
        Err(_) => Action::Close(Closing::Invalid),
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready() -> Protocol {
        let mut protocol = Protocol::default();
        assert_eq!(protocol.received(r#"{"type":"connection_init"}"#), Action::Init(Map::new()));
        protocol
    }

    fn begin(protocol: &mut Protocol, id: &str) -> Action {
        protocol.received(&format!(r#"{{"id":"{id}","type":"subscribe","payload":{{"query":"{{a}}"}}}}"#))
    }

    fn serial(action: &Action) -> Serial {
        let Action::Begin(serial, _) = action else { panic!("{action:?}") };
        *serial
    }

    fn said(protocol: &Protocol, serial: Serial) -> Option<String> {
        let mut said = None;
        let body = Bytes::from_static(br#"{"data":{}}"#);
        protocol.next(serial, &body, |parts| said = Some(String::from_utf8(parts.concat()).unwrap()));
        said
    }

    #[test]
    fn an_operation_from_its_begin_to_its_end() {
        let mut protocol = ready();
        let asked = protocol.received(
            r#"{"payload":{"variables":{"n":1},"operationName":"Q","query":"query Q($n: Int) {a}"},"id":"é\"","type":"subscribe","x":1}"#,
        );
        let Action::Begin(first, request) = asked else { panic!("{asked:?}") };
        assert_eq!(request.0.operation_name.as_deref(), Some("Q"));
        assert_eq!(said(&protocol, first).unwrap(), r#"{"id":"é\"","type":"next","payload":{"data":{}}}"#);
        assert_eq!(protocol.complete(first).unwrap(), r#"{"id":"é\"","type":"complete"}"#);
        assert_eq!((said(&protocol, first), protocol.complete(first), protocol.live()), (None, None, 0));
    }

    #[test]
    fn an_id_may_be_used_again_once_its_operation_is_over() {
        let mut protocol = ready();
        let first = serial(&begin(&mut protocol, "1"));
        assert_eq!(protocol.received(r#"{"type":"complete","id":"1"}"#), Action::End(first));
        let second = serial(&begin(&mut protocol, "1"));
        assert_ne!(first, second);
        // What was on its way for the first one is nobody's any more.
        assert_eq!(
            (said(&protocol, first), protocol.complete(first), protocol.error(first, "[]")),
            (None, None, None)
        );
        assert_eq!(protocol.error(second, "[]").unwrap(), r#"{"id":"1","type":"error","payload":[]}"#);
        // `error` ended it: no `complete`.
        assert_eq!(protocol.complete(second), None);
        serial(&begin(&mut protocol, "1"));
    }

    #[test]
    fn an_id_in_use_ends_the_connection() {
        let mut protocol = ready();
        serial(&begin(&mut protocol, "1"));
        assert_eq!(begin(&mut protocol, "1"), Action::Close(Closing::Duplicate));
    }

    #[test]
    fn nothing_but_pings_before_the_init_and_one_init() {
        let mut protocol = Protocol::default();
        assert_eq!(protocol.received(r#"{"type":"ping"}"#), Action::Reply(r#"{"type":"pong"}"#.into()));
        assert_eq!(begin(&mut protocol, "1"), Action::Close(Closing::Unauthorized));
        let init = r#"{"type":"connection_init","payload":{"authorization":"me"}}"#;
        let Action::Init(payload) = protocol.received(init) else { panic!("an init") };
        assert_eq!(Value::Object(payload), serde_json::json!({"authorization": "me"}));
        assert_eq!(protocol.received(init), Action::Close(Closing::SecondInit));
    }

    #[test]
    fn pings_are_answered_and_pongs_are_not() {
        let mut protocol = ready();
        let ping = r#"{"type":"ping","payload":{"at":[1]}}"#;
        assert_eq!(protocol.received(ping), Action::Reply(r#"{"type":"pong","payload":{"at":[1]}}"#.into()));
        assert_eq!(protocol.received(r#"{"type":"pong","payload":{}}"#), Action::None);
        assert_eq!(protocol.received(r#"{"type":"complete","id":"unknown"}"#), Action::None);
    }

    #[test]
    fn what_is_no_message_ends_the_connection() {
        let long =
            format!(r#"{{"type":"subscribe","id":"{}","payload":{{"query":"{{a}}"}}}}"#, "1".repeat(257));
        let deep = format!(r#"{{"type":"ping","payload":{}{}}}"#, r#"{"a":"#.repeat(1000), "}".repeat(1000));
        for text in [
            "",
            "1",
            "null",
            "{}",
            "[]",
            "{",
            r#"{"type":1}"#,
            r#"{"type":"hello"}"#,
            r#"{"type":"next","id":"1","payload":{}}"#,
            r#"{"type":"error","id":"1","payload":[]}"#,
            r#"{"type":"connection_ack"}"#,
            r#"{"type":"ping","type":"pong"}"#,
            r#"{"type":"ping","payload":1}"#,
            r#"{"type":"pong","payload":"a"}"#,
            r#"{"type":"complete"}"#,
            r#"{"type":"complete","id":1}"#,
            r#"{"type":"subscribe","payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":"","payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":1,"payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":"1"}"#,
            r#"{"type":"subscribe","id":"1","payload":null}"#,
            r#"{"type":"subscribe","id":"1","payload":{}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":1}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":[]}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{a}","operationName":1}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{a}","extensions":1}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{a}"}} 1"#,
            &long,
            &deep,
        ] {
            assert_eq!(ready().received(text), Action::Close(Closing::Invalid), "{text}");
        }
        let init = r#"{"type":"connection_init","payload":[]}"#;
        assert_eq!(Protocol::default().received(init), Action::Close(Closing::Invalid));
    }
}
