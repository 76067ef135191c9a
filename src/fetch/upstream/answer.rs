//! Reads what a backend answers, whole, within its source's limit.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};

use super::{UpstreamResponse, trouble::failed};
use crate::{
    coding::{Coding, InflateError},
    error::Code,
    fetch::FetchError,
};

/// Codings within codings: a proxy that compresses what was compressed makes two.
const CODINGS_MAX: usize = 3;

/// Reads the answer to a request that is being sent.
///
/// # Errors
/// When the backend cannot be reached, breaks off or says too much, or the body is not in the codings it names.
pub(super) async fn exchange(
    sent: impl Future<Output = reqwest::Result<reqwest::Response>>,
    bytes_max: usize,
) -> Result<UpstreamResponse, FetchError> {
    let mut response = sent.await.map_err(failed)?;
    let status = response.status();
    let mut headers = std::mem::take(response.headers_mut());
    let codings = codings(&headers)?;
    // What does not shrink grows a little when it is compressed.
    let slack = if codings.is_empty() { 0 } else { bytes_max / 64 + 1024 };
    let read = read_body(&mut response, bytes_max.saturating_add(slack)).await?;
    let mut body = read.ok_or_else(|| too_large(bytes_max))?;
    if !codings.is_empty() {
        headers.remove(header::CONTENT_ENCODING);
        headers.remove(header::CONTENT_LENGTH);
        // What has no body is no archive of nothing.
        let rest = if body.is_empty() { &[] } else { codings.as_slice() };
        for coding in rest.iter().rev() {
            body = coding.inflate(&body, bytes_max).map_err(|error| match error {
                InflateError::TooLarge => too_large(bytes_max),
                InflateError::Malformed => invalid("Connector error: the compressed body is broken"),
            })?;
        }
    }
    Ok(UpstreamResponse::new(status, headers, body))
}

/// The codings that a body is still in, in the order in which they were applied.
fn codings(headers: &HeaderMap) -> Result<Vec<Coding>, FetchError> {
    let mut codings = Vec::new();
    for value in headers.get_all(header::CONTENT_ENCODING) {
        let unread = || invalid(format!("Connector error: the content encoding {value:?} cannot be read"));
        let text = value.to_str().map_err(|_| unread())?;
        let names = text.split(',').map(str::trim);
        for name in names.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity")) {
            codings.push(Coding::named(name).filter(|_| codings.len() < CODINGS_MAX).ok_or_else(unread)?);
        }
    }
    Ok(codings)
}

/// Reads a body to its end, as it is sent; none where it is larger. A body in one piece is not copied. A response that is dropped
/// before its end ends its connection.
async fn read_body(response: &mut reqwest::Response, bytes_max: usize) -> Result<Option<Bytes>, FetchError> {
    let announced =
        response.content_length().map_or(0, |length| usize::try_from(length).unwrap_or(usize::MAX));
    if announced > bytes_max {
        return Ok(None);
    }
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if first.len().max(whole.len()) + chunk.len() > bytes_max {
            return Ok(None);
        }
        if first.is_empty() {
            first = chunk;
            continue;
        }
        if whole.is_empty() {
            whole.reserve(announced.max(first.len() + chunk.len()));
            whole.extend_from_slice(&first);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(Some(if whole.is_empty() { first } else { whole.freeze() }))
}

fn too_large(bytes_max: usize) -> FetchError {
    invalid(format!(
        "Connector error: the response is larger than the {bytes_max} bytes that its source allows"
    ))
}

fn invalid(message: impl Into<String>) -> FetchError {
    FetchError::new(Code::ConnectorResponseInvalid, message)
}
