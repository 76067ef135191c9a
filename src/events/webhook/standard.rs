//! Standard Webhooks 1.0.0: `webhook-id`, `webhook-timestamp` and the body, separated by dots, signed with `v1` (HMAC-SHA256) or
//! `v1a` (Ed25519).

use std::time::Duration;

use data_encoding::BASE64;
use http::HeaderName;
use ring::signature::{ED25519, UnparsedPublicKey};

use super::verify::{Message, Unverified, Verified, bounded, is_signed, timestamp};
use crate::connector::StandardKey;

static ID: HeaderName = HeaderName::from_static("webhook-id");
static TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
static SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

pub(super) fn verify<'m>(
    keys: &[StandardKey],
    tolerance: Duration,
    message: &Message<'m>,
) -> Result<Verified<'m>, Unverified> {
    let id = message.header(&ID)?;
    // What is signed is cut at its first two dots, so an id with a dot could pass for another id, timestamp and body.
    if id.is_empty() || id.contains('.') {
        return Err(Unverified::Id);
    }
    let written = message.header(&TIMESTAMP)?;
    let sent = timestamp(written)?;
    let signatures = bounded(&SIGNATURE, message.header(&SIGNATURE)?.split(' ').filter_map(signature))?;
    let of = |version: Version| {
        let of_version = signatures.iter().filter(move |(known, _)| *known == version);
        of_version.map(|(_, bytes)| bytes.clone()).collect::<Vec<_>>()
    };
    let (shared, public) = (of(Version::Shared), of(Version::Public));
    let parts = [id.as_bytes(), b".", written.as_bytes(), b".", message.body];
    let fits = keys.iter().any(|key| match key {
        StandardKey::Shared(secret) => is_signed(secret, &parts, &shared),
        StandardKey::Public(key) => {
            let signed = if public.is_empty() { Vec::new() } else { parts.concat() };
            let key = UnparsedPublicKey::new(&ED25519, key);
            public.iter().any(|signature| key.verify(&signed, signature).is_ok())
        }
    });
    if !fits {
        return Err(Unverified::NoneFits);
    }
    message.is_in_time(sent, tolerance)?;
    Ok(Verified { timestamp: Some(written), body: message.body })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    /// `v1`
    Shared,
    /// `v1a`
    Public,
}

/// `v1,` or `v1a,` and base64. A signature of another version is no fault: a sender may add one.
fn signature(text: &str) -> Option<(Version, Vec<u8>)> {
    let (version, encoded) = text.split_once(',')?;
    let version = match version {
        "v1" => Version::Shared,
        "v1a" => Version::Public,
        _ => return None,
    };
    Some((version, BASE64.decode(encoded.as_bytes()).ok()?))
}
