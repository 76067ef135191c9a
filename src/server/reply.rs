//! Makes HTTP responses: status from what happened, headers that every response carries, compression when the client takes it.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};

use super::{
    ResponseBody,
    coding::{COMPRESS_BYTES_MIN, Coding},
    media::MediaType,
    refusal::Refusal,
};
use crate::{
    execute::{Packed, ResponseKind},
    response,
    telemetry::REQUEST_ID,
};

/// Compressing more than this takes long enough to be moved off the threads that serve sockets.
const COMPRESS_INLINE_BYTES_MAX: usize = 256 << 10;

/// Seconds until a client that was refused for load may try again: by then most of what is in flight has ended.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// The status of a GraphQL response (GraphQL over HTTP, section 6.4).
pub(super) fn status(kind: ResponseKind, media: MediaType) -> StatusCode {
    match (kind, media) {
        (ResponseKind::Executed, _) | (ResponseKind::RequestError, MediaType::Json) => StatusCode::OK,
        (ResponseKind::RequestError, MediaType::GraphqlResponse) => StatusCode::BAD_REQUEST,
        (ResponseKind::Refused(status), _) => status,
    }
}

/// A response with a JSON body, never stored by anything on its way.
pub(super) fn json(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response<ResponseBody> {
    let mut headers = HeaderMap::with_capacity(12);
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::CACHE_CONTROL, NO_STORE);
    with_headers(status, headers, body)
}

/// What nearly every answer says of itself: its media type, that nothing on its way stores it, and, where answers may be compressed,
/// that it varies. A copy of headers made once, with a place for the request's id, costs half of putting them together each time.
pub(super) fn usual_headers(media: MediaType, may_be_compressed: bool) -> HeaderMap {
    static USUAL: LazyLock<[HeaderMap; 4]> = LazyLock::new(|| {
        [
            (MediaType::Json, false),
            (MediaType::Json, true),
            (MediaType::GraphqlResponse, false),
            (MediaType::GraphqlResponse, true),
        ]
        .map(|(media, varies)| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, media.header());
            headers.insert(header::CACHE_CONTROL, NO_STORE);
            if varies {
                headers.insert(header::VARY, HeaderValue::from_name(header::ACCEPT_ENCODING));
            }
            headers.insert(&REQUEST_ID, HeaderValue::from_static(""));
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
            headers
        })
    });
    let [json, json_varies, graphql, graphql_varies] = &*USUAL;
    match (media, may_be_compressed) {
        (MediaType::Json, false) => json.clone(),
        (MediaType::Json, true) => json_varies.clone(),
        (MediaType::GraphqlResponse, false) => graphql.clone(),
        (MediaType::GraphqlResponse, true) => graphql_varies.clone(),
    }
}

/// What every response says: the id of its request, and that no browser is to take it for anything but its media type. Where
/// `usual_headers` have places for both, they are found without a hash.
pub(super) fn mark(headers: &mut HeaderMap, request_id: HeaderValue) {
    if !headers.keys().any(|name| *name == header::X_CONTENT_TYPE_OPTIONS) {
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
    }
    match headers.iter_mut().find(|(name, _)| **name == REQUEST_ID) {
        Some((_, place)) => *place = request_id,
        None => {
            headers.insert(&REQUEST_ID, request_id);
        }
    }
}

/// A response with exactly these headers.
pub(super) fn with_headers(status: StatusCode, headers: HeaderMap, body: Bytes) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::new(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// A refusal, in the media type that the client takes. The response carries the code for whoever counts refusals.
pub(super) fn refusal(refusal: Refusal, media: MediaType) -> Response<ResponseBody> {
    let (status, allow, close, code) = (refusal.status(), refusal.allow, refusal.close, refusal.code());
    let mut answer = json(status, media.header(), response::refusal(&refusal.into_client_error()));
    answer.extensions_mut().insert(code);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        answer.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    if let Some(allow) = allow {
        answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    if status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        answer
            .headers_mut()
            .insert(header::ACCEPT_ENCODING, HeaderValue::from_static(super::coding::READABLE));
    }
    if close {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// The body, compressed; none when that is not worth it. `packed` has what was made of the same body before.
pub(super) async fn compress(body: &Bytes, coding: Coding, packed: Option<&Packed>) -> Option<Bytes> {
    if body.len() < COMPRESS_BYTES_MIN {
        return None;
    }
    if let Some(made) = packed.and_then(|packed| packed.get(coding as usize)) {
        return made;
    }
    let made = make(body, coding).await.filter(|compressed| compressed.len() < body.len());
    packed.into_iter().for_each(|packed| packed.put(coding as usize, made.as_ref()));
    made
}

async fn make(body: &Bytes, coding: Coding) -> Option<Bytes> {
    if body.len() <= COMPRESS_INLINE_BYTES_MAX {
        return coding.compress(body).ok();
    }
    let body = body.clone();
    tokio::task::spawn_blocking(move || coding.compress(&body)).await.ok()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_is_compressed_once_for_all_who_get_it() {
        let body = Bytes::from(r#"{"id":1},"#.repeat(1000));
        let packed = Packed::new(body.len());
        for coding in [Coding::Gzip, Coding::Brotli, Coding::Zstd] {
            let first = compress(&body, coding, Some(&packed)).await.unwrap();
            let second = compress(&body, coding, Some(&packed)).await.unwrap();
            assert_eq!(first.as_ptr(), second.as_ptr(), "{coding:?}");
            assert_eq!(coding.inflate(&first, body.len()).unwrap(), body);
        }
        assert_eq!(compress(&Bytes::from_static(b"{}"), Coding::Gzip, Some(&packed)).await, None);
    }
}
