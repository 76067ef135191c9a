//! `POST /webhooks/<source>/<name>`: a delivery within its limits, and what its sender reads of the outcome: a status and a few
//! words that tell nothing it should not know. What becomes of a delivery is `events::webhook`'s.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header, request::Parts};
use http_body::Body;
use tokio::sync::Semaphore;

use super::{
    ResponseBody,
    body::{self, Unread},
    reply,
};
use crate::events::{Events, Intake, Refused, Taken};

/// Deliveries in flight at most. A place of their own, so that neither a flood of them nor one of queries takes the other's; few
/// enough that their bodies, 1 MiB each unless `max_body` says more, fit into memory together.
const IN_FLIGHT_MAX: usize = 512;

/// A sender that needs longer is stuck: deliveries are small, and it waits for the answer for 10 s itself.
const BODY_READ_MAX: Duration = Duration::from_secs(10);

/// Seconds until a delivery that could not be kept may come again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// What is under `/webhooks/`: [`serve`](super::serve) has it, and a service that mounts the gateway serves it where it likes.
pub struct Webhooks {
    places: Semaphore,
}

impl Default for Webhooks {
    fn default() -> Self {
        Webhooks { places: Semaphore::new(IN_FLIGHT_MAX) }
    }
}

impl Webhooks {
    /// Answers a request; `path` is what follows `/webhooks/`. The body is read as it was sent: signatures are over its bytes.
    pub async fn answer<B>(
        &self,
        events: &Events,
        path: &str,
        parts: &Parts,
        body: B,
    ) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes>,
    {
        let intake = path.split_once('/').and_then(|(source, name)| events.webhook(source, name));
        let Some(intake) = intake else {
            return refusal(StatusCode::NOT_FOUND, "There is no webhook at this path.", true);
        };
        let outcome = match parts.method {
            Method::POST => self.deliver(&intake, events, parts, body).await,
            Method::GET => match intake.get(parts.uri.query().unwrap_or_default()) {
                Some(outcome) => outcome,
                None => return not_allowed(),
            },
            _ => return not_allowed(),
        };
        match outcome {
            Ok(Taken::Kept) => {
                let body = Bytes::from_static(br#"{"received":true}"#);
                reply::json(StatusCode::OK, HeaderValue::from_static("application/json"), body)
            }
            Ok(Taken::Challenge(text)) => {
                let mut headers = HeaderMap::new();
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
                headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
                reply::with_headers(StatusCode::OK, headers, Bytes::from(text))
            }
            Err(refused) => told(&refused),
        }
    }

    async fn deliver<B>(
        &self,
        intake: &Intake,
        events: &Events,
        parts: &Parts,
        body: B,
    ) -> Result<Taken, Refused>
    where
        B: Body<Data = Bytes>,
    {
        let refuse = |refused: Refused| {
            intake.refuse(&refused);
            Err(refused)
        };
        let Ok(_place) = self.places.try_acquire() else { return refuse(Refused::TooMany) };
        let is_plain = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
        if !parts.headers.get_all(header::CONTENT_ENCODING).iter().all(is_plain) {
            return refuse(Refused::Compressed);
        }
        let bytes_max = intake.body_bytes_max();
        let time = events.gateway().config().limits.body_read.min(BODY_READ_MAX);
        match body::whole(body, bytes_max, time).await {
            Ok(body) => intake.take(&parts.headers, &body, SystemTime::now()).await,
            Err(Unread::TooLarge) => refuse(Refused::TooLarge(bytes_max)),
            Err(Unread::BrokenOff | Unread::TooSlow) => refuse(Refused::Incomplete),
        }
    }
}

/// What the sender is told. Whether a secret, a header or a timestamp was wrong is for the log.
fn told(refused: &Refused) -> Response<ResponseBody> {
    let (status, message, close) = match refused {
        Refused::Unverified(_) | Refused::Token => {
            (StatusCode::UNAUTHORIZED, "The signature does not hold.", false)
        }
        Refused::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "The delivery is too large.", true),
        Refused::Incomplete => (StatusCode::REQUEST_TIMEOUT, "The delivery did not come to its end.", true),
        Refused::Compressed => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Send the delivery uncompressed.", true),
        Refused::Form => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Send the delivery as JSON.", false),
        Refused::NotJson(_) => (StatusCode::UNPROCESSABLE_ENTITY, "The delivery is not JSON.", false),
        Refused::Unmapped(_) => (StatusCode::UNPROCESSABLE_ENTITY, "The delivery cannot be used.", false),
        Refused::NotKept(_) | Refused::NotPurged | Refused::KeptTooSlowly => {
            (StatusCode::SERVICE_UNAVAILABLE, "The delivery could not be kept; send it again.", false)
        }
        Refused::TooMany => {
            (StatusCode::SERVICE_UNAVAILABLE, "There are too many deliveries; send it again.", true)
        }
    };
    let mut response = refusal(status, message, close);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response
}

fn not_allowed() -> Response<ResponseBody> {
    let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED, "This path takes POST only.", true);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

/// `close`: the body was not read to its end, so the connection cannot carry another request.
fn refusal(status: StatusCode, message: &'static str, close: bool) -> Response<ResponseBody> {
    let body = Bytes::from(format!(r#"{{"error":"{message}"}}"#));
    let mut response = reply::json(status, HeaderValue::from_static("application/json"), body);
    if close {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
