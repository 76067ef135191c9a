//! `webhooks` of a connector file, as written: what a source sends, how it is verified, and what is published of it. Which keys
//! go with which scheme, and what mappings may read, is checked where the graph is bound.

use std::time::Duration;

use super::{
    environment::Text,
    keys::{Group, Key, Kind, Rule},
    values::{MappingText, Placed, Value, Values},
};
use crate::diagnostic::Place;

/// A timestamp that may be older than this is none.
const TOLERANCE: Kind = Kind::Duration(Duration::from_secs(1), Duration::from_secs(86_400));

pub(super) const WEBHOOK: Group = Group {
    rule: Some(Rule {
        required: &["verify", "publish"],
        one_of: None,
        message: "a webhook needs `verify` and `publish`",
        help: "example: `verify: { scheme: github, secrets: [\"${GITHUB_SECRET}\"] }`, and in `publish` a `topic` for each kind of event",
    }),
    keys: &[
        Key::new("verify", Kind::Group(&VERIFY), "How a delivery proves who sent it."),
        // What a sender tells of an event; larger things are fetched.
        Key::new("max_body", Kind::Size(1, 64 << 20), "Largest delivery.").default("1MiB"),
        Key::new(
            "id",
            Kind::Mapping,
            "What is the same in a delivery that is sent again. By default what the scheme has for it.",
        )
        .examples(&["$request.headers.'webhook-id'->first", "$.id"]),
        Key::new(
            "publish",
            Kind::List(&Kind::Group(&PUBLICATION)),
            "What a delivery publishes and purges; of each entry whose `when` holds.",
        ),
    ],
};

const VERIFY: Group = Group {
    rule: Some(Rule {
        required: &["scheme"],
        one_of: None,
        message: "`verify` needs a `scheme`",
        help: "example: `{ scheme: standard-webhooks, secrets: [\"${ORDERS_WEBHOOK_SECRET}\"] }`; `scheme: none` takes what anybody sends",
    }),
    keys: &[
        Key::new(
            "scheme",
            Kind::Word(&["standard-webhooks", "stripe", "github", "slack", "meta", "hmac-sha256", "none"]),
            "How deliveries are signed. `none`: they are not, and whoever reaches the path can publish.",
        ),
        Key::new(
            "secrets",
            Kind::List(&Kind::Text),
            "What signatures are checked with; one of them must fit. Several while one replaces another. With \
             `standard-webhooks` a `whsec_…` is a shared secret and a `whpk_…` the sender's public key.",
        )
        .examples(&["${ORDERS_WEBHOOK_SECRET}"]),
        Key::new("tolerance", TOLERANCE, "How far a signed timestamp may be from now, in the past or in the future.")
            .default("5m"),
        Key::new("header", Kind::Text, "With `hmac-sha256`: the header of the signature.")
            .examples(&["x-signature"]),
        Key::new("encoding", Kind::Word(&["hex", "base64"]), "With `hmac-sha256`: how the signature is written.")
            .default("hex"),
        Key::new("prefix", Kind::Text, "With `hmac-sha256`: what stands before the signature.").examples(&["sha256="]),
        Key::new(
            "timestamp_header",
            Kind::Text,
            "With `hmac-sha256`: the header of a timestamp, in seconds since 1970, that is signed as `timestamp.body`.",
        )
        .examples(&["x-timestamp"]),
        Key::new("verify_token", Kind::Text, "With `meta`: what the first GET must bring.")
            .examples(&["${META_VERIFY_TOKEN}"]),
    ],
};

const PUBLICATION: Group = Group {
    rule: None,
    keys: &[
        Key::new(
            "each",
            Kind::Mapping,
            "A list: the entry holds for each of its elements, which are then `$`.",
        )
        .examples(&["$.events"]),
        Key::new("when", Kind::Mapping, "Whether the entry holds.")
            .default("true")
            .examples(&["$.type->eq(\"order.updated\")"]),
        Key::new(
            "topic",
            Kind::Mapping,
            "Where the event is published: a template whose each value is one segment.",
        )
        .examples(&["order/{$.data.id}"]),
        Key::new("event", Kind::Mapping, "What is published.").default("$").examples(&["$.data"]),
        Key::new(
            "invalidate",
            Kind::List(&Kind::Mapping),
            "Tags of answers that are used no more, by any instance, from before the event is published.",
        )
        .examples(&["order:{$.data.id}"]),
    ],
};

/// A webhook of a connector file.
#[derive(Debug)]
pub struct WebhookFile {
    /// As it is written, and the path's last segment.
    pub name: Placed<String>,
    /// How a delivery proves who sent it.
    pub verify: VerifyFile,
    /// Largest delivery, in bytes.
    pub body_bytes_max: Option<usize>,
    /// What is the same in a delivery that is sent again.
    pub id: Option<MappingText>,
    /// What it publishes.
    pub publish: Vec<PublicationFile>,
}

/// `verify` of a webhook.
#[derive(Debug)]
pub struct VerifyFile {
    /// How deliveries are signed.
    pub scheme: SchemeFile,
    /// Its other keys that are written, with or without a fault, and where their values stand.
    pub written: Vec<(&'static str, Place)>,
    /// The whole of it.
    pub place: Place,
    /// What signatures are checked with.
    pub secrets: Vec<Placed<Text>>,
    /// How far a signed timestamp may be from now.
    pub tolerance: Option<Duration>,
    /// The header of the signature.
    pub header: Option<Placed<Text>>,
    /// Whether the signature is base64, and not hex.
    pub is_base64: bool,
    /// What stands before the signature.
    pub prefix: Option<Placed<Text>>,
    /// The header of a signed timestamp.
    pub timestamp_header: Option<Placed<Text>>,
    /// What a first GET must bring.
    pub verify_token: Option<Placed<Text>>,
}

/// `verify.scheme` of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemeFile {
    /// The Standard Webhooks specification, `v1` and `v1a`.
    StandardWebhooks,
    /// `Stripe-Signature`.
    Stripe,
    /// `X-Hub-Signature-256`.
    GitHub,
    /// `X-Slack-Signature`.
    Slack,
    /// As GitHub's, with a handshake by GET.
    Meta,
    /// A header with an HMAC of the body.
    Hmac,
    /// Nothing is signed.
    None,
}

impl SchemeFile {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            SchemeFile::StandardWebhooks => "standard-webhooks",
            SchemeFile::Stripe => "stripe",
            SchemeFile::GitHub => "github",
            SchemeFile::Slack => "slack",
            SchemeFile::Meta => "meta",
            SchemeFile::Hmac => "hmac-sha256",
            SchemeFile::None => "none",
        }
    }
}

/// An entry of `publish`.
#[derive(Debug)]
pub struct PublicationFile {
    /// A list, for each of whose elements the entry holds.
    pub each: Option<MappingText>,
    /// Whether it holds.
    pub when: Option<MappingText>,
    /// Where the event is published.
    pub topic: Option<MappingText>,
    /// What is published.
    pub event: Option<MappingText>,
    /// Tags that are purged.
    pub invalidate: Vec<MappingText>,
    /// Whether `topic` or `invalidate` is written, with or without a fault.
    pub does_something: bool,
    /// Whether `event` is written, with or without a fault.
    pub has_event: bool,
    /// The whole entry.
    pub place: Place,
}

/// The webhooks of a file. Those with a fault, which was reported, are left out.
pub(super) fn webhooks(named: &[(Placed<String>, Option<Value>)]) -> Vec<WebhookFile> {
    let webhook = |(name, value): &(Placed<String>, Option<Value>)| {
        let Some(Value::Group(values)) = value else { return None };
        let publications = values.list("publish").iter().filter_map(|value| match value {
            Value::Group(values) => Some(publication(values)),
            _ => None,
        });
        Some(WebhookFile {
            name: name.clone(),
            verify: verify(values.group("verify")?)?,
            body_bytes_max: values.integer("max_body"),
            id: values.mapping("id"),
            publish: publications.collect(),
        })
    };
    named.iter().filter_map(webhook).collect()
}

fn verify(values: &Values) -> Option<VerifyFile> {
    let scheme = match values.word("scheme")? {
        "standard-webhooks" => SchemeFile::StandardWebhooks,
        "stripe" => SchemeFile::Stripe,
        "github" => SchemeFile::GitHub,
        "slack" => SchemeFile::Slack,
        "meta" => SchemeFile::Meta,
        "hmac-sha256" => SchemeFile::Hmac,
        _ => SchemeFile::None,
    };
    let others = VERIFY.keys.iter().map(|key| key.name).filter(|name| *name != "scheme");
    Some(VerifyFile {
        scheme,
        written: others.filter_map(|name| Some((name, values.place(name)?.clone()))).collect(),
        place: values.place.clone(),
        secrets: values.texts("secrets"),
        tolerance: values.duration("tolerance"),
        header: values.text("header"),
        is_base64: values.word("encoding") == Some("base64"),
        prefix: values.text("prefix"),
        timestamp_header: values.text("timestamp_header"),
        verify_token: values.text("verify_token"),
    })
}

fn publication(values: &Values) -> PublicationFile {
    PublicationFile {
        each: values.mapping("each"),
        when: values.mapping("when"),
        topic: values.mapping("topic"),
        event: values.mapping("event"),
        invalidate: values.mappings("invalidate"),
        does_something: values.has("topic") || values.has("invalidate"),
        has_event: values.has("event"),
        place: values.place.clone(),
    }
}
