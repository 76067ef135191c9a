//! A header with an HMAC-SHA256 of the body, or of a timestamp and the body: GitHub, Slack, Meta, and `hmac-sha256` for others.

use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};

use super::verify::{Message, Unverified, Verified, is_signed, timestamp};
use crate::connector::{HmacRules, SignatureEncoding};

pub(super) fn verify<'m>(rules: &HmacRules, message: &Message<'m>) -> Result<Verified<'m>, Unverified> {
    let unreadable = || Unverified::NoSignature(rules.header.clone());
    let encoded = message.header(&rules.header)?.strip_prefix(&*rules.prefix).ok_or_else(unreadable)?;
    let decoded = match rules.encoding {
        SignatureEncoding::Hex => HEXLOWER_PERMISSIVE.decode(encoded.as_bytes()),
        SignatureEncoding::Base64 => BASE64.decode(encoded.as_bytes()),
    };
    let signature = [decoded.map_err(|_| unreadable())?];
    let fits = |parts: &[&[u8]]| {
        let fits = rules.secrets.iter().any(|secret| is_signed(secret, parts, &signature));
        if fits { Ok(()) } else { Err(Unverified::NoneFits) }
    };
    let Some(signed) = &rules.timestamp else {
        fits(&[message.body])?;
        return Ok(Verified { timestamp: None, body: message.body });
    };
    let written = message.header(&signed.header)?;
    let sent = timestamp(written)?;
    fits(&[signed.before.as_bytes(), written.as_bytes(), signed.between.as_bytes(), message.body])?;
    message.is_in_time(sent, signed.tolerance)?;
    Ok(Verified { timestamp: Some(written), body: message.body })
}
