//! The mode in which one stream carries the answers of many operations, each of which comes as a request of its own. A client reserves
//! the stream, and the token that it is given says which one a request belongs to. It means nothing to other instances.

use std::{
    collections::{HashMap, hash_map::Entry},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use data_encoding::HEXLOWER;
use futures_util::{
    FutureExt as _, Stream, StreamExt as _,
    stream::{AbortHandle, Abortable, SelectAll},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header, request::Parts};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::Value;
use tokio::sync::mpsc;

use super::{CONTENT_TYPE, WORDS, next};
use crate::{
    error::Code,
    execute::Request,
    server::{
        ResponseBody,
        refusal::Refusal,
        reply,
        staying::{Guest, Outcome, Start, outcomes},
        streaming::{self, Streams},
    },
};

static TOKEN: HeaderName = HeaderName::from_static("x-graphql-event-stream-token");

/// The bytes of a token before they are written as hex: nobody guesses another's.
const TOKEN_BYTES: usize = 16;

/// Whether a request belongs to this mode: it names a stream, or can do nothing else. `token` in a URL may be somebody else's.
pub(in crate::server) fn is_asked(parts: &Parts, streams: &Streams) -> bool {
    parts.method == Method::PUT
        || parts.method == Method::DELETE
        // Few names and a long one: comparing them is cheaper than hashing it.
        || parts.headers.keys().any(|name| *name == TOKEN)
        || parameter(parts, "token").is_some_and(|token| {
            let asks_nothing = parts.method == Method::GET && parameter(parts, "query").is_none();
            asks_nothing || streams.reservations.streams().contains_key(token)
        })
}

fn token(parts: &Parts) -> Option<&str> {
    match parts.headers.get(&TOKEN) {
        Some(token) => token.to_str().ok(),
        None => parameter(parts, "token"),
    }
}

/// A parameter of the URL as it is written. Tokens need no escapes; ids of operations are compared as they were sent.
fn parameter<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    let pairs = parts.uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).find(|value| !value.is_empty())
}

/// Streams that were asked for, by their tokens.
#[derive(Clone)]
pub(in crate::server) struct Reservations {
    streams: Arc<Mutex<HashMap<Box<str>, Reserved>>>,
    /// How long a stream that nobody opens is kept.
    unopened: Duration,
    operations_max: usize,
}

enum Reserved {
    Waiting(Guest),
    Open(Arc<Open>),
}

/// A stream that is open, as the requests for its operations see it.
struct Open {
    /// The operations that the client still wants to hear of.
    live: Mutex<HashMap<Box<str>, (u64, AbortHandle)>>,
    serials: AtomicU64,
    begun: mpsc::Sender<Operation>,
}

type Operation = Abortable<Pin<Box<dyn Stream<Item = (Named, Outcome)> + Send>>>;

/// An operation by its id, told from others that had the same.
type Named = (Arc<str>, u64);

impl Reservations {
    /// None yet.
    pub(in crate::server) fn new(unopened: Duration, operations_max: usize) -> Self {
        Reservations { streams: Arc::default(), unopened, operations_max }
    }

    fn streams(&self) -> MutexGuard<'_, HashMap<Box<str>, Reserved>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a stream for a guest, for a while. Gives its token.
    fn reserve(&self, guest: Guest) -> Result<String, Refusal> {
        let mut random = [0; TOKEN_BYTES];
        let failed = |_| Refusal::new(Code::Internal, "The gateway has no random numbers.");
        SystemRandom::new().fill(&mut random).map_err(failed)?;
        let token = HEXLOWER.encode(&random);
        self.streams().insert(token.as_str().into(), Reserved::Waiting(guest));
        let (reservations, kept) = (self.clone(), token.clone());
        tokio::spawn(async move {
            tokio::time::sleep(reservations.unopened).await;
            let mut streams = reservations.streams();
            if let Some(Reserved::Waiting(_)) = streams.get(kept.as_str()) {
                streams.remove(kept.as_str());
            }
        });
        Ok(token)
    }

    /// Opens a reserved stream.
    fn open(&self, token: &str) -> Result<(Guest, Events), Refusal> {
        let mut streams = self.streams();
        let Some(reserved) = streams.get_mut(token) else { return Err(not_found()) };
        if let Reserved::Open(_) = reserved {
            return Err(Refusal::new(Code::StreamInUse, "This stream is open already."));
        }
        let (begun, operations) = mpsc::channel(self.operations_max);
        let open = Arc::new(Open { live: Mutex::default(), serials: AtomicU64::new(0), begun });
        let Reserved::Waiting(guest) = std::mem::replace(reserved, Reserved::Open(Arc::clone(&open))) else {
            return Err(not_found());
        };
        let events = Events {
            begun: operations,
            operations: SelectAll::new(),
            open,
            reservations: self.clone(),
            token: token.into(),
        };
        Ok((guest, events))
    }

    fn get(&self, token: Option<&str>) -> Result<Arc<Open>, Refusal> {
        match token.and_then(|token| self.streams().get(token).map(Reserved::opened)) {
            Some(Some(open)) => Ok(open),
            _ => Err(not_found()),
        }
    }
}

impl Reserved {
    fn opened(&self) -> Option<Arc<Open>> {
        if let Reserved::Open(open) = self { Some(Arc::clone(open)) } else { None }
    }
}

impl Open {
    fn live(&self) -> MutexGuard<'_, HashMap<Box<str>, (u64, AbortHandle)>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an operation; its answers go into the stream.
    fn begin(&self, id: &str, request: Request, start: &Start, max: usize) -> Result<(), Refusal> {
        let serial = self.serials.fetch_add(1, Relaxed);
        let name: Named = (id.into(), serial);
        let (stop, registration) = AbortHandle::new_pair();
        let mut live = self.live();
        let full = live.len() >= max;
        let Entry::Vacant(place) = live.entry(id.into()) else {
            return Err(Refusal::new(Code::StreamInUse, "An operation with this id is under way."));
        };
        let begun = start(request).map(outcomes).flatten_stream().map(move |outcome| (name.clone(), outcome));
        let begun: Pin<Box<dyn Stream<Item = _> + Send>> = Box::pin(begun);
        if full || self.begun.try_send(Abortable::new(begun, registration)).is_err() {
            return Err(Refusal::new(Code::Overloaded, "There are too many operations on this stream."));
        }
        place.insert((serial, stop));
        Ok(())
    }

    fn end(&self, id: &str) {
        if let Some((_, stop)) = self.live().remove(id) {
            stop.abort();
        }
    }
}

/// What a stream says. Dropping it ends all its operations, and its token names nothing any more.
struct Events {
    begun: mpsc::Receiver<Operation>,
    operations: SelectAll<Operation>,
    open: Arc<Open>,
    reservations: Reservations,
    token: Box<str>,
}

impl Drop for Events {
    fn drop(&mut self) {
        self.reservations.streams().remove(&self.token);
    }
}

impl Stream for Events {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        while let Poll::Ready(Some(operation)) = self.begun.poll_recv(cx) {
            self.operations.push(operation);
        }
        while let Poll::Ready(Some((name, outcome))) = self.operations.poll_next_unpin(cx) {
            if let Some(event) = self.event(&name, outcome) {
                return Poll::Ready(Some(event));
            }
        }
        Poll::Pending
    }
}

impl Events {
    fn event(&self, (id, serial): &Named, outcome: Outcome) -> Option<Bytes> {
        let mut live = self.open.live();
        if live.get(&**id).is_none_or(|(known, _)| known != serial) {
            return None;
        }
        let quoted = Value::from(&**id).to_string();
        let answer =
            |body: &Bytes| next(&[br#"{"id":"#, quoted.as_bytes(), br#","payload":"#, body, b"}"], None);
        let complete = || format!("event: complete\ndata: {{\"id\":{quoted}}}\n\n");
        match outcome {
            Outcome::Lasts => None,
            Outcome::Next(payload) => Some(answer(&payload.body)),
            Outcome::Refused(body) => {
                live.remove(&**id);
                Some([&answer(&body), complete().as_bytes()].concat().into())
            }
            Outcome::Done => {
                live.remove(&**id);
                Some(complete().into())
            }
        }
    }
}

/// Answers a request of this mode, apart from those with an operation.
///
/// # Errors
/// 404 for a token that names no stream, 409 for a stream that is open already, 400 for an operation without an id.
pub(in crate::server) fn answer(
    streams: &Streams,
    parts: &Parts,
    address: std::net::IpAddr,
) -> Result<Response<ResponseBody>, Refusal> {
    if parts.method == Method::PUT {
        let token = streams.reservations.reserve(streams.enter(address)?)?;
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        return Ok(reply::with_headers(StatusCode::CREATED, headers, token.into()));
    }
    if parts.method == Method::DELETE {
        let open = streams.reservations.get(token(parts))?;
        let id = parameter(parts, "operationId").ok_or_else(without_id)?;
        let id = percent_encoding::percent_decode_str(id).decode_utf8().map_err(|_| without_id())?;
        open.end(&id);
        return Ok(reply::with_headers(StatusCode::OK, HeaderMap::new(), Bytes::new()));
    }
    let (guest, events) = streams.reservations.open(token(parts).unwrap_or_default())?;
    Ok(streaming::response(CONTENT_TYPE, streams.body(Box::pin(events), WORDS, guest)))
}

/// Begins an operation whose answers go into a stream.
///
/// # Errors
/// 404 for a token that names no open stream, 400 without an id, 409 for one that is in use, 503 beyond `websocket.per_socket`.
pub(in crate::server) fn begin(
    streams: &Streams,
    parts: &Parts,
    request: Request,
) -> Result<Response<ResponseBody>, Refusal> {
    let open = streams.reservations.get(token(parts))?;
    let id = match request.extensions.get("operationId") {
        Some(Value::String(id)) if !id.is_empty() => id.clone(),
        _ => return Err(without_id()),
    };
    open.begin(&id, request, &streams.start, streams.reservations.operations_max)?;
    Ok(reply::with_headers(StatusCode::ACCEPTED, HeaderMap::new(), Bytes::new()))
}

fn not_found() -> Refusal {
    Refusal::new(Code::NotFound, "There is no such stream, or it is not open.")
}

fn without_id() -> Refusal {
    Refusal::bad_request(
        "An operation of a shared stream needs an id: `operationId`, in `extensions` or, to end it, in the URL.",
    )
}
