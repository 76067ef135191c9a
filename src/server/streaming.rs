//! Responses that go on: whatever form the answers have (`sse`, `multipart`), a body that says them as they come, a heartbeat while
//! there are none, and a last word when the process ends. A client that is gone ends its body, and the body its subscription.

use std::{net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use super::{
    ResponseBody,
    refusal::Refusal,
    response_body::Chunks,
    sse::Reservations,
    staying::{Guest, Start, Staying, no_place},
};
use crate::config::Config;

/// The listener takes a connection that took nothing for 75 s for dead, so there is something to take more often than that.
const HEARTBEAT_MAX: Duration = Duration::from_secs(30);

/// A connection has some seconds to end once the process is told to; see `listener`.
const LEAVES_WITHIN: Duration = Duration::from_secs(4);

/// What a kind of stream says of itself.
pub(super) struct Words {
    pub(super) opening: &'static str,
    pub(super) heartbeat: &'static str,
    /// The last of it where the process ends.
    pub(super) leaving: &'static str,
}

/// The streams of one listener.
pub(super) struct Streams {
    pub(super) staying: Arc<Staying>,
    pub(super) start: Start,
    pub(super) reservations: Reservations,
    heartbeat: Duration,
}

impl Streams {
    pub(super) fn new(staying: Arc<Staying>, start: Start, config: &Config) -> Self {
        let reservations = Reservations::new(config.websocket.idle, config.websocket.per_socket_max);
        Streams { staying, start, reservations, heartbeat: config.websocket.ping.min(HEARTBEAT_MAX) }
    }

    /// Lets a client in that wants to stay.
    ///
    /// # Errors
    /// 503 when there are too many from its address, or the process is about to end.
    pub(super) fn enter(&self, address: IpAddr) -> Result<Guest, Refusal> {
        self.staying.enter(address, LEAVES_WITHIN).ok_or_else(no_place)
    }

    /// A body that says these chunks as they come, and ends with them.
    pub(super) fn body(&self, chunks: Chunks, words: Words, guest: Guest) -> ResponseBody {
        let opening = stream::iter([Bytes::from_static(words.opening.as_bytes())]);
        let said = Said { chunks, words, guest, heartbeat: self.heartbeat };
        ResponseBody::streamed(Box::pin(opening.chain(stream::unfold(Some(said), Said::next))))
    }
}

struct Said {
    chunks: Chunks,
    words: Words,
    guest: Guest,
    heartbeat: Duration,
}

impl Said {
    async fn next(said: Option<Said>) -> Option<(Bytes, Option<Said>)> {
        let mut said = said?;
        tokio::select! {
            biased;
            chunk = said.chunks.next() => Some((chunk?, Some(said))),
            () = said.guest.turn_to_leave() => Some((Bytes::from_static(said.words.leaving.as_bytes()), None)),
            () = tokio::time::sleep(said.heartbeat) => {
                Some((Bytes::from_static(said.words.heartbeat.as_bytes()), Some(said)))
            }
        }
    }
}

/// A response that is said as it comes, or already there in the same form.
pub(super) fn response(content_type: &'static str, body: ResponseBody) -> Response<ResponseBody> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.reserve(8);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Nginx would wait for more.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}
