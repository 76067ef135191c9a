//! `/health/live`: the process answers. `/health/ready`: it should get new requests. One backend that is down changes neither.

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode};

use super::{ResponseBody, media::MediaType, refusal::Refusal, reply};

/// Answers a health path.
pub(crate) fn answer(method: &Method, ready: bool) -> Response<ResponseBody> {
    if method != Method::GET && method != Method::HEAD {
        return reply::refusal(Refusal::method_not_allowed("GET, HEAD").closing(), MediaType::Json);
    }
    let (status, body) = if ready {
        (StatusCode::OK, r#"{"status":"up"}"#)
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"draining"}"#)
    };
    reply::json(status, HeaderValue::from_static("application/json"), Bytes::from_static(body.as_bytes()))
}
