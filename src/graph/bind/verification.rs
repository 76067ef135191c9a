//! `verify` of a webhook: which keys go with which scheme, and secrets that can be used. A secret stands in no diagnostic, not
//! even in the line of the file that is shown with it.

use std::time::Duration;

use data_encoding::BASE64_NOPAD;
use http::HeaderName;

use super::{mappings::Mappings, webhooks::report};
use crate::{
    config::{
        Placed, SchemeFile, VerifyFile,
        environment::{Piece, Text},
    },
    connector::{
        Handshake, HmacRules, Secret, SignatureEncoding, SignedTimestamp, StandardKey, Verification,
    },
    diagnostic::Place,
};

/// As Stripe, Slack and the Standard Webhooks libraries have it.
const TOLERANCE: Duration = Duration::from_secs(300);
/// The specification of Standard Webhooks asks for 24, and some senders give fewer; what is shorter than this can be guessed.
const STANDARD_SECRET_BYTES_MIN: usize = 16;

/// A `verify` without a fault.
pub(super) struct Checked {
    pub(super) verification: Verification,
    pub(super) handshake: Handshake,
    /// What tells deliveries apart, where the file does not say.
    pub(super) id: Option<&'static str>,
    /// Headers that the signature covers.
    pub(super) signed_headers: Vec<HeaderName>,
}

/// Reads `verify`; none where it has a fault, which is reported.
pub(super) fn verification(mappings: &mut Mappings<'_>, written: &VerifyFile) -> Option<Checked> {
    refuse_idle_keys(mappings, written);
    let tolerance = written.tolerance.unwrap_or(TOLERANCE);
    let plain = |verification, id| Checked {
        verification,
        handshake: Handshake::None,
        id,
        signed_headers: Vec::new(),
    };
    Some(match written.scheme {
        SchemeFile::None => plain(Verification::None, None),
        SchemeFile::StandardWebhooks => {
            let keys = secrets(mappings, written, standard_key)?;
            Checked {
                verification: Verification::StandardWebhooks { keys, tolerance },
                handshake: Handshake::None,
                id: Some("$request.headers.'webhook-id'->first"),
                signed_headers: ["webhook-id", "webhook-timestamp"].map(HeaderName::from_static).to_vec(),
            }
        }
        SchemeFile::Stripe => {
            let secrets = secrets(mappings, written, as_it_stands)?;
            plain(Verification::Stripe { secrets, tolerance }, Some("$.id"))
        }
        SchemeFile::GitHub => {
            let rules = hub_rules(secrets(mappings, written, as_it_stands)?);
            plain(Verification::Hmac(rules), Some("$request.headers.'x-github-delivery'->first"))
        }
        SchemeFile::Meta => {
            let token = verify_token(mappings, written);
            let rules = hub_rules(secrets(mappings, written, as_it_stands)?);
            let handshake = Handshake::Meta { verify_token: token? };
            Checked { handshake, ..plain(Verification::Hmac(rules), None) }
        }
        SchemeFile::Slack => {
            let header = HeaderName::from_static("x-slack-request-timestamp");
            let rules = HmacRules {
                secrets: secrets(mappings, written, as_it_stands)?,
                header: HeaderName::from_static("x-slack-signature"),
                encoding: SignatureEncoding::Hex,
                prefix: "v0=".to_owned(),
                timestamp: Some(SignedTimestamp {
                    header: header.clone(),
                    before: "v0:",
                    between: ":",
                    tolerance,
                }),
            };
            Checked {
                handshake: Handshake::Slack,
                signed_headers: vec![header],
                ..plain(Verification::Hmac(rules), Some("$.event_id"))
            }
        }
        SchemeFile::Hmac => {
            let (rules, signed_headers) = hmac_rules(mappings, written, tolerance)?;
            Checked { signed_headers, ..plain(Verification::Hmac(rules), None) }
        }
    })
}

/// A key that changes nothing is never read and ignored.
fn refuse_idle_keys(mappings: &mut Mappings<'_>, written: &VerifyFile) {
    let has_timestamp = written.written.iter().any(|(name, _)| *name == "timestamp_header");
    let used: &[&str] = match written.scheme {
        SchemeFile::StandardWebhooks | SchemeFile::Stripe | SchemeFile::Slack => &["secrets", "tolerance"],
        SchemeFile::GitHub => &["secrets"],
        SchemeFile::Meta => &["secrets", "verify_token"],
        SchemeFile::Hmac if !has_timestamp => {
            &["secrets", "header", "encoding", "prefix", "timestamp_header"]
        }
        SchemeFile::Hmac => &["secrets", "header", "encoding", "prefix", "timestamp_header", "tolerance"],
        SchemeFile::None => &[],
    };
    for (name, place) in written.written.iter().filter(|(name, _)| !used.contains(name)) {
        let scheme = written.scheme.as_str();
        let help = match (*name, written.scheme) {
            ("tolerance", SchemeFile::Hmac) => "add `timestamp_header`, or remove it".to_owned(),
            ("tolerance", _) => format!("remove it: a delivery of `{scheme}` has no signed timestamp"),
            _ => "remove it".to_owned(),
        };
        tell(mappings, written, place, format!("`{name}` says nothing with `scheme: {scheme}`"), help);
    }
}

/// `X-Hub-Signature-256: sha256=…`
fn hub_rules(secrets: Vec<Secret>) -> HmacRules {
    HmacRules {
        secrets,
        header: HeaderName::from_static("x-hub-signature-256"),
        encoding: SignatureEncoding::Hex,
        prefix: "sha256=".to_owned(),
        timestamp: None,
    }
}

fn hmac_rules(
    mappings: &mut Mappings<'_>,
    written: &VerifyFile,
    tolerance: Duration,
) -> Option<(HmacRules, Vec<HeaderName>)> {
    let has = |name: &str| written.written.iter().any(|(written, _)| *written == name);
    if !has("header") {
        let help = "name the header that holds the signature: `header: x-signature`";
        tell(mappings, written, &written.place, "`scheme: hmac-sha256` needs a `header`", help);
    }
    let secrets = secrets(mappings, written, as_it_stands);
    let mut header = |text: &Placed<Text>| {
        let name = HeaderName::from_bytes(text.value.value().as_bytes()).ok();
        if name.is_none() {
            let message = format!("`{}` is not a header name", text.value.written);
            let help = "letters, digits and `-`, without blanks or a colon";
            tell(mappings, written, &text.place, message, help);
        }
        name
    };
    let of_signature = written.header.as_ref().and_then(&mut header);
    let of_timestamp = written.timestamp_header.as_ref().map(&mut header);
    let signed = of_timestamp.clone().flatten();
    let rules = HmacRules {
        secrets: secrets?,
        header: of_signature?,
        encoding: if written.is_base64 { SignatureEncoding::Base64 } else { SignatureEncoding::Hex },
        prefix: written.prefix.as_ref().map(|text| text.value.value()).unwrap_or_default(),
        timestamp: match (of_timestamp, has("timestamp_header")) {
            (Some(Some(header)), _) => Some(SignedTimestamp { header, before: "", between: ".", tolerance }),
            (None, false) => None,
            // It has a fault: without it every timestamp would do.
            _ => return None,
        },
    };
    Some((rules, signed.into_iter().collect()))
}

/// The secrets, each made of its text; none where there is none, or one has a fault.
fn secrets<T>(
    mappings: &mut Mappings<'_>,
    written: &VerifyFile,
    make: fn(&str) -> Result<T, (&'static str, &'static str)>,
) -> Option<Vec<T>> {
    let Some((_, place)) = written.written.iter().find(|(name, _)| *name == "secrets") else {
        let message = format!("`scheme: {}` needs `secrets`", written.scheme.as_str());
        let help = "read one from the environment: `secrets: [\"${WEBHOOK_SECRET}\"]`; `scheme: none` takes what anybody sends";
        tell(mappings, written, &written.place, message, help);
        return None;
    };
    let before = mappings.diagnostics.errors();
    let mut made = Vec::new();
    for text in &written.secrets {
        let value = text.value.value();
        let fault = match value.trim().is_empty() {
            true => Err(("a secret is empty", "whoever knows that could sign; look at what sets it")),
            false => make(value.trim()),
        };
        match fault {
            Ok(secret) => made.push(secret),
            Err((message, help)) => tell(mappings, written, &text.place, message, help),
        }
    }
    if made.is_empty() && written.secrets.is_empty() {
        let help = "read one from the environment: `[\"${WEBHOOK_SECRET}\"]`";
        tell(mappings, written, place, "`secrets` is empty", help);
    }
    (mappings.diagnostics.errors() == before).then_some(made)
}

fn as_it_stands(text: &str) -> Result<Secret, (&'static str, &'static str)> {
    Ok(Secret::new(text.as_bytes()))
}

/// A key of Standard Webhooks: base64 behind `whsec_`, `whpk_`, or nothing, which is a shared secret.
fn standard_key(text: &str) -> Result<StandardKey, (&'static str, &'static str)> {
    let (encoded, is_public) = match text.strip_prefix("whpk_") {
        Some(encoded) => (encoded, true),
        None => (text.strip_prefix("whsec_").unwrap_or(text), false),
    };
    if encoded.starts_with("whsk_") || text.starts_with("whsk_") {
        return Err((
            "a secret is the private key of the sender",
            "Ficus needs the public one, `whpk_…`; the private one should stand nowhere but there",
        ));
    }
    let decoded = BASE64_NOPAD.decode(encoded.trim_end_matches('=').as_bytes()).map_err(|_| {
        (
            "a secret is not base64",
            "a secret of Standard Webhooks is `whsec_` or `whpk_` with base64 behind it",
        )
    })?;
    if is_public {
        let key = <[u8; 32]>::try_from(decoded).map_err(|_| {
            ("a public key does not have 32 bytes", "`whpk_` stands before an Ed25519 public key in base64")
        })?;
        return Ok(StandardKey::Public(key));
    }
    if decoded.len() < STANDARD_SECRET_BYTES_MIN {
        return Err(("a secret has fewer than 16 bytes", "make one of 24 to 64 random bytes, in base64"));
    }
    Ok(StandardKey::Shared(Secret::new(decoded)))
}

fn verify_token(mappings: &mut Mappings<'_>, written: &VerifyFile) -> Option<Secret> {
    let Some(text) = &written.verify_token else {
        if written.written.iter().all(|(name, _)| *name != "verify_token") {
            let help =
                "choose one, and enter it in the settings of the app: `verify_token: ${META_VERIFY_TOKEN}`";
            tell(mappings, written, &written.place, "`scheme: meta` needs a `verify_token`", help);
        }
        return None;
    };
    let value = text.value.value();
    if value.trim().is_empty() {
        let help = "choose one, and enter it in the settings of the app";
        tell(mappings, written, &text.place, "`verify_token` is empty", help);
        return None;
    }
    Some(Secret::new(value.trim().as_bytes()))
}

/// Reports a fault of `verify`; without the line of the file where a secret may stand in it.
fn tell(
    mappings: &mut Mappings<'_>,
    written: &VerifyFile,
    place: &Place,
    message: impl Into<String>,
    help: impl Into<String>,
) {
    let is_written = |piece: &Piece| matches!(piece, Piece::Written(text) if !text.trim().is_empty());
    let secrets = written.secrets.iter().chain(&written.verify_token);
    let place = match secrets.flat_map(|text| &text.value.pieces).any(is_written) {
        true => Place { excerpt: String::new(), ..place.clone() },
        false => place.clone(),
    };
    report(mappings, place, message, help);
}
