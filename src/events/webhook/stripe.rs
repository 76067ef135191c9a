//! `Stripe-Signature: t=…,v1=…`: the timestamp, a dot and the body, signed with HMAC-SHA256. While a secret is being replaced
//! there is a `v1` of each.

use std::time::Duration;

use data_encoding::HEXLOWER_PERMISSIVE;
use http::HeaderName;

use super::verify::{Message, Unverified, Verified, bounded, is_signed, timestamp};
use crate::connector::Secret;

static SIGNATURE: HeaderName = HeaderName::from_static("stripe-signature");

pub(super) fn verify<'m>(
    secrets: &[Secret],
    tolerance: Duration,
    message: &Message<'m>,
) -> Result<Verified<'m>, Unverified> {
    let header = message.header(&SIGNATURE)?;
    let entries = || header.split(',').filter_map(|entry| entry.trim().split_once('='));
    let mut timestamps = entries().filter(|(key, _)| *key == "t");
    let (Some((_, written)), None) = (timestamps.next(), timestamps.next()) else {
        return Err(Unverified::NoTimestamp);
    };
    let sent = timestamp(written)?;
    let of_version = entries().filter(|(key, _)| *key == "v1");
    let decoded = of_version.filter_map(|(_, hex)| HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok());
    let signatures = bounded(&SIGNATURE, decoded)?;
    let parts = [written.as_bytes(), b".", message.body];
    if !secrets.iter().any(|secret| is_signed(secret, &parts, &signatures)) {
        return Err(Unverified::NoneFits);
    }
    message.is_in_time(sent, tolerance)?;
    Ok(Verified { timestamp: Some(written), body: message.body })
}
