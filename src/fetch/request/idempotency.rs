//! The client's `Idempotency-Key` on the writes of its mutation, so that they may be sent again. Not for sending them again.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::fetch::UpstreamRequest;

/// A request that carries this may be sent twice: the backend tells that it is the same.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Puts the client's key on a write that declares none of its own. `of` tells it from the other writes of the same mutation,
/// which are other requests and must not be taken for this one; none where it is the only one.
pub(crate) fn pass_key(request: &mut UpstreamRequest, client: Option<&HeaderMap>, of: Option<&str>) {
    let Some(key) = client.and_then(|client| client.get(&IDEMPOTENCY_KEY)) else { return };
    if request.method.is_safe() || request.headers.iter().any(|(name, _)| *name == IDEMPOTENCY_KEY) {
        return;
    }
    let value = match of {
        None => Some(key.clone()),
        Some(of) => {
            // Where it is written as a string of structured fields, it stays one.
            let bytes = key.as_bytes();
            let (start, quote) = bytes.strip_suffix(b"\"").map_or((bytes, &b""[..]), |start| (start, b"\""));
            HeaderValue::from_bytes(&[start, b"-", of.as_bytes(), quote].concat()).ok()
        }
    };
    request.own_headers.0.extend(value.map(|value| (IDEMPOTENCY_KEY, value)));
}
