//! What a source sends by itself: how a delivery proves who sent it, and what is published of it. Checked and resolved; how a
//! signature is compared and what a delivery comes to is `events::webhook`'s.

use std::{fmt, sync::Arc, time::Duration};

use http::HeaderName;

use super::{Inputs, TopicTemplate};
use crate::{
    mapping::ast::Mapping,
    telemetry::{WebhookMeter, WebhookMeterSlot},
};

/// An entry of `webhooks` in a connector file, taken at `POST /webhooks/<source>/<name>`.
#[derive(Debug)]
pub struct Webhook {
    /// Unique in its source.
    pub name: String,
    /// How a delivery proves who sent it.
    pub verification: Verification,
    /// What is answered before there are deliveries.
    pub handshake: Handshake,
    /// Largest delivery, in bytes. Default 1 MiB: what a sender tells of an event; larger things are fetched.
    pub body_bytes_max: usize,
    /// What is the same in a delivery that is sent again; none where nothing is.
    pub id: Option<Mapping>,
    /// Whether all that `id` reads is covered by the signature. Where it is not, a copied delivery could be given another id.
    pub id_is_signed: bool,
    /// What a delivery publishes and purges.
    pub publish: Vec<Publication>,
    /// What its mappings read.
    pub inputs: Inputs,
    /// What is counted of it.
    pub meter: WebhookMeterSlot,
}

impl Webhook {
    /// What is counted of it, since the process started.
    pub fn meter(&self) -> &Arc<WebhookMeter> {
        self.meter.get()
    }
}

/// An entry of `publish`.
#[derive(Debug, Clone)]
pub struct Publication {
    /// Gives a list, for each of whose elements the entry holds; none for the body itself.
    pub each: Option<Mapping>,
    /// Whether the entry holds; none for always.
    pub when: Option<Mapping>,
    /// Where the event is published; none where there is none, and tags are only purged.
    pub topic: Option<TopicTemplate>,
    /// What is published; none for all that the entry is about.
    pub event: Option<Mapping>,
    /// Tags that are purged before.
    pub invalidate: Vec<TopicTemplate>,
}

/// How a delivery proves who sent it.
#[derive(Debug, Clone)]
pub enum Verification {
    /// Not at all: whoever reaches the path can publish. Only where it is written.
    None,
    /// The Standard Webhooks specification 1.0.0: `webhook-signature` over id, timestamp and body.
    StandardWebhooks {
        /// One of them must fit.
        keys: Vec<StandardKey>,
        /// How far the timestamp may be from now.
        tolerance: Duration,
    },
    /// `Stripe-Signature`: timestamp and signatures in one header.
    Stripe {
        /// One of them must fit.
        secrets: Vec<Secret>,
        /// How far the timestamp may be from now.
        tolerance: Duration,
    },
    /// A header with an HMAC-SHA256, as GitHub, Slack, Meta and many others send it.
    Hmac(HmacRules),
}

/// A key of Standard Webhooks.
#[derive(Debug, Clone)]
pub enum StandardKey {
    /// `whsec_…`: a shared secret, for `v1` (HMAC-SHA256).
    Shared(Secret),
    /// `whpk_…`: the sender's public key, for `v1a` (Ed25519).
    Public([u8; 32]),
}

/// A header with an HMAC-SHA256.
#[derive(Debug, Clone)]
pub struct HmacRules {
    /// One of them must fit.
    pub secrets: Vec<Secret>,
    /// The header of the signature.
    pub header: HeaderName,
    /// How the signature is written.
    pub encoding: SignatureEncoding,
    /// What stands before it in the header.
    pub prefix: String,
    /// A timestamp that is signed before the body; none where the body alone is signed.
    pub timestamp: Option<SignedTimestamp>,
}

/// A timestamp that is signed before the body: `before`, the timestamp, `between`, the body.
#[derive(Debug, Clone)]
pub struct SignedTimestamp {
    /// Its header; seconds since 1970.
    pub header: HeaderName,
    /// Signed before it.
    pub before: &'static str,
    /// Signed between it and the body.
    pub between: &'static str,
    /// How far it may be from now.
    pub tolerance: Duration,
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureEncoding {
    /// Hexadecimal digits of either case.
    Hex,
    /// With the alphabet of RFC 4648, section 4, and its padding.
    Base64,
}

/// What a sender asks before it sends deliveries.
#[derive(Debug, Clone)]
pub enum Handshake {
    /// Nothing.
    None,
    /// Slack: a signed `url_verification`, whose `challenge` is the answer.
    Slack,
    /// Meta: a GET with `hub.verify_token` and `hub.challenge`, which is the answer.
    Meta {
        /// What the GET must bring.
        verify_token: Secret,
    },
}

/// Bytes that nobody may be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<[u8]>);

impl Secret {
    /// Of its bytes.
    #[must_use]
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Self {
        Secret(bytes.into())
    }

    /// Its bytes. Not for messages.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Says nothing of the secret.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_in_debug_output() {
        let secret = Secret::new(*b"hush");
        let keys = vec![StandardKey::Shared(secret.clone())];
        let verification = Verification::StandardWebhooks { keys, tolerance: Duration::from_secs(1) };
        let handshake = Handshake::Meta { verify_token: secret };
        let shown = format!("{verification:?} {handshake:?}");
        assert!(!shown.contains("hush") && !shown.contains("104"), "{shown}");
    }
}
