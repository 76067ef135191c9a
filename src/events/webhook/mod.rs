//! What senders deliver: `verify` says whether a delivery comes from who it says (`standard`, `stripe` and `keyed` know the
//! schemes), `map` what is published of it, `handshake` answers what senders ask before. Here is the order of it all: verify, map, purge,
//! publish, and only then does the sender hear that it was taken. Not for sockets: those are `server::webhooks`'s.

mod handshake;
mod keyed;
mod map;
mod seen;
mod standard;
mod stripe;
#[cfg(test)]
mod tests;
mod verify;

use std::{
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use bumpalo::Bump;
use http::{HeaderMap, header};
use ring::digest::{Context, SHA256};

pub(super) use self::seen::Seen;
pub use self::{
    map::Unmapped,
    seen::{DeliveryOutcome, SeenDelivery},
    verify::Unverified,
};
use self::{
    map::{Mapped, map},
    verify::{Message, Verified, verify},
};
use super::{Delivery, Events, HubError, Published};
use crate::{
    connector::{Source, Verification, Webhook},
    graph::Graph,
    mapping::json,
    telemetry::{Closed as _, WebhookRefusal},
};

/// A webhook of the graph that is served now, ready for a delivery.
pub struct Intake {
    events: Events,
    graph: Arc<Graph>,
    source: Arc<Source>,
    webhook: Arc<Webhook>,
}

/// What became of a delivery that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// What there was to publish is published, now or before.
    Kept,
    /// It was a question, and this is the answer.
    Challenge(String),
}

/// Why a delivery was not taken. For the log; the sender reads a status and a word.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is not known to come from who it says.
    #[error(transparent)]
    Unverified(#[from] Unverified),
    /// A GET that does not know the token, or asks nothing.
    #[error("a GET without the `verify_token`, or without a challenge")]
    Token,
    /// It is larger than `max_body`.
    #[error("it is larger than {0} bytes")]
    TooLarge(usize),
    /// It broke off, or took too long.
    #[error("it did not come to its end in time")]
    Incomplete,
    /// It has a `Content-Encoding`, and signatures are over what is sent.
    #[error("it is compressed (`Content-Encoding`), and what is signed is unclear then")]
    Compressed,
    /// It is a form.
    #[error("it is form-encoded: choose JSON where the sender is set up")]
    Form,
    /// It is not JSON.
    #[error("it is not JSON: {0}")]
    NotJson(String),
    /// Nothing can be published of it.
    #[error(transparent)]
    Unmapped(#[from] Unmapped),
    /// Its events cannot be kept.
    #[error(transparent)]
    NotKept(#[from] HubError),
    /// The cache that all instances share cannot be reached.
    #[error("what the instances share in redis could not be purged")]
    NotPurged,
    /// Keeping them took too long.
    #[error("its events could not be kept in time")]
    KeptTooSlowly,
    /// There are too many at once.
    #[error("there are too many deliveries at once")]
    TooMany,
}

impl Refused {
    /// What it is counted as.
    #[must_use]
    pub fn reason(&self) -> WebhookRefusal {
        match self {
            Refused::Unverified(Unverified::OfAnotherTime { .. }) => WebhookRefusal::Timestamp,
            Refused::Unverified(_) | Refused::Token => WebhookRefusal::Signature,
            Refused::TooLarge(_) => WebhookRefusal::TooLarge,
            Refused::Incomplete => WebhookRefusal::Incomplete,
            Refused::Compressed | Refused::Form | Refused::NotJson(_) => WebhookRefusal::Unreadable,
            Refused::Unmapped(_) => WebhookRefusal::Mapping,
            Refused::NotKept(_) | Refused::NotPurged | Refused::KeptTooSlowly => WebhookRefusal::NotKept,
            Refused::TooMany => WebhookRefusal::Overloaded,
        }
    }
}

impl Events {
    /// A webhook by its source and its name; none where there is none.
    #[must_use]
    pub fn webhook(&self, source: &str, name: &str) -> Option<Intake> {
        let graph = self.gateway().graph();
        let source = Arc::clone(graph.sources.iter().find(|known| known.name == source)?);
        let webhook = Arc::clone(source.webhook(name)?);
        Some(Intake { events: self.clone(), graph, source, webhook })
    }
}

impl Intake {
    /// Largest delivery, in bytes.
    #[must_use]
    pub fn body_bytes_max(&self) -> usize {
        self.webhook.body_bytes_max
    }

    /// Answers a GET, by which some senders ask whether they are welcome. None where the sender has nothing to get.
    #[must_use]
    pub fn get(&self, query: &str) -> Option<Result<Taken, Refused>> {
        let asked = handshake::asked_by_get(&self.webhook.handshake, query)?;
        let outcome = asked.map(Came::Challenge).ok_or(Refused::Token);
        self.count(&outcome);
        Some(outcome.map(Taken::from))
    }

    /// Counts a refused delivery and says in the log why, at most once a second for each reason.
    pub fn refuse(&self, refused: &Refused) {
        let reason = refused.reason();
        if self.webhook.meter().refuse(reason) {
            let (source, webhook, detail) = (&*self.source.name, &*self.webhook.name, refused.to_string());
            tracing::warn!(source, webhook, reason = reason.as_str(), detail, "webhook refused");
        }
        self.tell(|| DeliveryOutcome::Refused(reason, refused.to_string()));
    }

    /// Counts what came of a delivery, and tells who watches.
    fn count(&self, outcome: &Result<Came, Refused>) {
        let meter = self.webhook.meter();
        match outcome {
            Ok(Came::Published { events, tags }) => {
                meter.accepted.count();
                meter.events.add(*events as u64);
                let (source, webhook) = (&*self.source.name, &*self.webhook.name);
                tracing::debug!(source, webhook, events, tags, "webhook published");
                self.tell(|| DeliveryOutcome::Accepted(*events));
            }
            Ok(Came::Duplicate) => {
                meter.duplicates.count();
                self.tell(|| DeliveryOutcome::Duplicate);
            }
            Ok(Came::Nothing) => {
                meter.ignored.count();
                self.tell(|| DeliveryOutcome::Ignored);
            }
            Ok(Came::Challenge(_)) => {
                meter.handshakes.count();
                self.tell(|| DeliveryOutcome::Handshake);
            }
            Err(refused) => self.refuse(refused),
        }
    }

    fn tell(&self, outcome: impl FnOnce() -> DeliveryOutcome) {
        let (source, webhook) = (&self.source.name, &self.webhook.name);
        let seen = || SeenDelivery { source: source.clone(), webhook: webhook.clone(), outcome: outcome() };
        self.events.seen.tell(seen);
    }

    /// Takes a delivery. When this returns, its events are kept, whether or not anybody listens.
    ///
    /// # Errors
    /// When it was not taken; that is counted and in the log.
    pub async fn take(&self, headers: &HeaderMap, body: &[u8], now: SystemTime) -> Result<Taken, Refused> {
        let began = Instant::now();
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let outcome = self.verify_and_publish(&Message { headers, body, now }).await;
        self.webhook.meter().taken.add(began.elapsed());
        self.count(&outcome);
        outcome.map(Taken::from)
    }

    async fn verify_and_publish(&self, message: &Message<'_>) -> Result<Came, Refused> {
        let verified = verify(&self.webhook.verification, message)?;
        let mapped = match self.read(message.headers, &verified)? {
            Read::Question(challenge) => return Ok(Came::Challenge(challenge)),
            Read::Events(mapped) => mapped,
        };
        let Mapped { id, events, tags } = mapped;
        if events.is_empty() && tags.is_empty() {
            return Ok(Came::Nothing);
        }
        self.purge(&tags).await?;
        let came = Came::Published { events: events.len(), tags: tags.len() };
        if !events.is_empty() {
            let names = self.names(id.as_deref(), &verified);
            let publish = self.events.hub().publish(Delivery { names, events, purged: tags });
            let time = self.events.gateway().config().deadline;
            let kept = tokio::time::timeout(time, publish).await.map_err(|_| Refused::KeptTooSlowly)??;
            if kept == Published::Duplicate {
                return Ok(Came::Duplicate);
            }
        }
        Ok(came)
    }

    /// Purges before anybody hears of the events: who asks then must not be given what was true before. Where other instances hear of
    /// them, what all share must be purged too; an instance whose own purge comes later is told by the events.
    async fn purge(&self, tags: &[String]) -> Result<(), Refused> {
        if tags.is_empty() {
            return Ok(());
        }
        self.events.gateway().purge_tags(tags);
        let is_purged = self.events.gateway().upstream().purged().await;
        if is_purged || !self.events.hub().is_shared() { Ok(()) } else { Err(Refused::NotPurged) }
    }

    /// Reads the body, only now that it is known whose it is.
    fn read(&self, headers: &HeaderMap, verified: &Verified<'_>) -> Result<Read, Refused> {
        let arena = Bump::new();
        let unreadable = |what: String| if is_form(headers) { Refused::Form } else { Refused::NotJson(what) };
        let text = str::from_utf8(verified.body).map_err(|error| unreadable(error.to_string()))?;
        let body = json::read(text, &arena).map_err(|error| unreadable(error.to_string()))?;
        if let Some(challenge) = handshake::asked_by_delivery(&self.webhook.handshake, &body) {
            return Ok(Read::Question(challenge));
        }
        Ok(Read::Events(map(&self.webhook, &self.source, &self.graph.env, headers, body, &arena)?))
    }

    /// What tells the delivery from others. Where its id is not signed, or it has none, what is signed tells it too: a copy under
    /// another id is the same delivery.
    fn names(&self, id: Option<&str>, verified: &Verified<'_>) -> Vec<Box<[u8]>> {
        let of_webhook = [self.source.name.as_bytes(), self.webhook.name.as_bytes()];
        let by_id = id.map(|id| digest(b"id", of_webhook, [id.as_bytes(), b""]));
        let is_forgeable = id.is_none() || !self.webhook.id_is_signed;
        let is_verified = !matches!(self.webhook.verification, Verification::None);
        let signed = [verified.timestamp.unwrap_or_default().as_bytes(), verified.body];
        let by_content = (is_forgeable && is_verified).then(|| digest(b"signed", of_webhook, signed));
        by_id.into_iter().chain(by_content).collect()
    }
}

/// What came of a delivery that was taken, more closely than its sender hears.
enum Came {
    Published {
        events: usize,
        tags: usize,
    },
    Duplicate,
    /// No entry of `publish` held.
    Nothing,
    Challenge(String),
}

impl From<Came> for Taken {
    fn from(came: Came) -> Self {
        match came {
            Came::Challenge(answer) => Taken::Challenge(answer),
            Came::Published { .. } | Came::Duplicate | Came::Nothing => Taken::Kept,
        }
    }
}

/// What a verified delivery is.
enum Read {
    Question(String),
    Events(Mapped),
}

fn is_form(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// A name of fixed size, which no two different deliveries have: each part goes in behind its length.
fn digest(kind: &[u8], of_webhook: [&[u8]; 2], parts: [&[u8]; 2]) -> Box<[u8]> {
    let mut context = Context::new(&SHA256);
    for part in [kind].into_iter().chain(of_webhook).chain(parts) {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.finish().as_ref().into()
}
