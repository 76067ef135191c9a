//! Whether a delivery comes from who it says: over the bytes as they were sent, before anything in them is read. What the schemes
//! have in common; each has a file of its own.

use std::time::Duration;

use http::{HeaderMap, HeaderName, header};
use ring::hmac;
use subtle::ConstantTimeEq as _;

use super::{keyed, standard, stripe};
use crate::connector::{Secret, Verification};

/// More signatures than this in one header are nobody's: each costs a comparison.
const SIGNATURES_MAX: usize = 16;

/// A delivery as it was sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'m> {
    pub(super) headers: &'m HeaderMap,
    pub(super) body: &'m [u8],
    /// When it came, in seconds since 1970.
    pub(super) now: u64,
}

/// A delivery whose signature holds, or that needs none.
#[derive(Debug, Clone, Copy)]
pub(super) struct Verified<'m> {
    /// As it is signed before the body.
    pub(super) timestamp: Option<&'m str>,
    pub(super) body: &'m [u8],
}

/// Why a delivery is not known to come from who it says. For the log: the sender reads that it is refused, and no more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unverified {
    /// A header is not there.
    #[error("the header `{0}` is missing")]
    Missing(HeaderName),
    /// A header stands there several times, or is no text.
    #[error("the header `{0}` stands there twice or is not text")]
    Odd(HeaderName),
    /// The id could be read in two ways.
    #[error("the id is empty or holds a `.`, which separates it from the timestamp in what is signed")]
    Id,
    /// The timestamp is none.
    #[error("the timestamp is not a number of seconds")]
    NoTimestamp,
    /// No signature in the header can be used.
    #[error(
        "the header `{0}` holds no signature that can be checked: another version, scheme or encoding, cut off, or too many"
    )]
    NoSignature(HeaderName),
    /// A web page sent it, and nothing is signed.
    #[error("it comes from a web page (`Origin`), and with `scheme: none` nothing shows whether it may")]
    OfPage,
    /// None fits.
    #[error("no signature fits a secret: it is of another secret, or the delivery was changed on its way")]
    NoneFits,
    /// It is signed, and of another time.
    #[error("the timestamp is {off} s off, and `tolerance` is {tolerance} s")]
    OfAnotherTime {
        /// Seconds from now.
        off: u64,
        /// What is allowed.
        tolerance: u64,
    },
}

/// Verifies a delivery.
pub(super) fn verify<'m>(
    verification: &Verification,
    message: &Message<'m>,
) -> Result<Verified<'m>, Unverified> {
    match verification {
        // A browser says where a page comes from, and no sender is a page: without a signature nothing else keeps pages out.
        Verification::None if message.headers.contains_key(header::ORIGIN) => Err(Unverified::OfPage),
        Verification::None => Ok(Verified { timestamp: None, body: message.body }),
        Verification::StandardWebhooks { keys, tolerance } => standard::verify(keys, *tolerance, message),
        Verification::Stripe { secrets, tolerance } => stripe::verify(secrets, *tolerance, message),
        Verification::Hmac(rules) => keyed::verify(rules, message),
    }
}

impl<'m> Message<'m> {
    /// The one value of a header: of two, somebody on the way may have read the other one.
    pub(super) fn header(&self, name: &HeaderName) -> Result<&'m str, Unverified> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next().ok_or_else(|| Unverified::Missing(name.clone()))?;
        let text = first.to_str().ok().filter(|_| values.next().is_none());
        text.ok_or_else(|| Unverified::Odd(name.clone()))
    }

    /// Whether a timestamp is near enough, on either side.
    pub(super) fn is_in_time(&self, timestamp: u64, tolerance: Duration) -> Result<(), Unverified> {
        let (off, tolerance) = (self.now.abs_diff(timestamp), tolerance.as_secs());
        if off <= tolerance { Ok(()) } else { Err(Unverified::OfAnotherTime { off, tolerance }) }
    }
}

/// Digits and nothing else, as they are signed.
pub(super) fn timestamp(text: &str) -> Result<u64, Unverified> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_plain).ok_or(Unverified::NoTimestamp)
}

/// The signatures that could be read, in their number bounded; none is a fault of the header.
pub(super) fn bounded<T>(
    header: &HeaderName,
    signatures: impl Iterator<Item = T>,
) -> Result<Vec<T>, Unverified> {
    let found: Vec<T> = signatures.take(SIGNATURES_MAX + 1).collect();
    let fits = !found.is_empty() && found.len() <= SIGNATURES_MAX;
    if fits { Ok(found) } else { Err(Unverified::NoSignature(header.clone())) }
}

/// Whether one of the signatures is the HMAC-SHA256 of the parts, one after the other, under a secret. Takes as long whatever of
/// a signature is right.
pub(super) fn is_signed(secret: &Secret, parts: &[&[u8]], signatures: &[Vec<u8>]) -> bool {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret.bytes()));
    parts.iter().for_each(|part| context.update(part));
    let expected = context.sign();
    signatures.iter().any(|signature| bool::from(expected.as_ref().ct_eq(signature)))
}
