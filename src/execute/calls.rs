//! The requests of one operation: none is sent twice, and no key of a batch is asked for twice.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use tokio::time::Instant;

use tracing::Instrument as _;

use super::{event::EventCalls, key::Key};
use crate::{
    connector::Connector,
    fetch::{Deadline, FetchError, Upstream, UpstreamRequest, UpstreamResponse},
    telemetry::trace,
};

/// What a request came to.
pub(super) type Answered = Arc<Result<UpstreamResponse, FetchError>>;

/// A request that is under way or answered. Clones are the same request.
#[derive(Clone)]
pub(super) struct Call<'r> {
    /// Tells it from the operation's other requests.
    pub(super) number: u32,
    answer: Arc<tokio::sync::Mutex<Answer<'r>>>,
}

enum Answer<'r> {
    UnderWay(Pin<Box<dyn Future<Output = Answered> + Send + 'r>>),
    Known(Answered),
}

impl<'r> Call<'r> {
    fn new(number: u32, answer: impl Future<Output = Answered> + Send + 'r) -> Self {
        Call { number, answer: Arc::new(tokio::sync::Mutex::new(Answer::UnderWay(Box::pin(answer)))) }
    }

    /// Waits for the answer; gives the call's number too.
    ///
    /// Whoever comes first drives the request, and the others wait for its place. All are steps of one operation, which wakes each of
    /// them: none can hold up the rest.
    pub(super) fn answered(&self) -> impl Future<Output = (u32, Answered)> + use<'r> {
        let (number, answer) = (self.number, Arc::clone(&self.answer));
        async move {
            let mut answer = answer.lock().await;
            let answered = match &mut *answer {
                Answer::UnderWay(request) => request.await,
                Answer::Known(answered) => return (number, Arc::clone(answered)),
            };
            *answer = Answer::Known(Arc::clone(&answered));
            (number, answered)
        }
    }
}

/// The requests of one operation (of one root field, in a mutation).
pub(super) struct Calls<'r> {
    upstream: &'r Arc<dyn Upstream>,
    /// The number of the next call of the operation.
    next: &'r AtomicU32,
    deadline: Deadline,
    /// Those of other executions of the same event.
    event: Option<&'r EventCalls>,
    made: Mutex<Made<'r>>,
}

/// The calls that something is known by.
type CallsBy<'r, K> = HashMap<K, Call<'r>, ahash::RandomState>;

#[derive(Default)]
struct Made<'r> {
    requests: CallsBy<'r, Arc<UpstreamRequest>>,
    /// By connector and arguments: the request that asks for a key.
    keys: HashMap<(usize, String), CallsBy<'r, Key>, ahash::RandomState>,
}

impl<'r> Calls<'r> {
    pub(super) fn new(
        upstream: &'r Arc<dyn Upstream>,
        next: &'r AtomicU32,
        deadline: Instant,
        event: Option<&'r EventCalls>,
    ) -> Self {
        Calls { upstream, next, deadline: Deadline(Some(deadline)), event, made: Mutex::default() }
    }

    /// Sends a request, or joins the same one that this operation sent before.
    pub(super) fn send(&self, connector: &'r Arc<Connector>, mut request: UpstreamRequest) -> Call<'r> {
        // Those who take part in an event have a deadline each.
        request.deadline = if self.event.is_some() { Deadline::default() } else { self.deadline };
        let request = Arc::new(request);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = || match self.event {
            Some(event) => self.take_part(event.send(self.upstream, connector, Arc::clone(&request))),
            None => self.begin(connector, Arc::clone(&request)),
        };
        made.requests.entry(Arc::clone(&request)).or_insert_with(begin).clone()
    }

    /// Sends a request, whatever was sent before: for what changes a backend.
    pub(super) fn send_anew(&self, connector: &'r Connector, mut request: UpstreamRequest) -> Call<'r> {
        request.is_change = true;
        request.deadline = self.deadline;
        self.begin(connector, Arc::new(request))
    }

    /// Takes part in a request that this operation does not send alone.
    pub(super) fn take_part(&self, answer: impl Future<Output = Answered> + Send + 'r) -> Call<'r> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Call::new(number, answer)
    }

    fn begin(&self, connector: &'r Connector, request: Arc<UpstreamRequest>) -> Call<'r> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Call::new(number, fetch(&**self.upstream, connector, request))
    }

    /// The requests that ask for keys of a batch already; none for a key that is not asked for yet.
    pub(super) fn asked<'k>(
        &self,
        connector: &Arc<Connector>,
        arguments: &str,
        keys: impl Iterator<Item = &'k [u8]>,
    ) -> Vec<Option<Call<'r>>> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.keys.is_empty() {
            return keys.map(|_| None).collect();
        }
        let known = made.keys.get(&identity(connector, arguments));
        keys.map(|key| known.and_then(|known| known.get(key)).cloned()).collect()
    }

    /// Notes which request asks for these keys of a batch.
    pub(super) fn note<'k>(
        &self,
        connector: &Arc<Connector>,
        arguments: &str,
        keys: impl Iterator<Item = &'k [u8]>,
        call: &Call<'r>,
    ) {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let known = made.keys.entry(identity(connector, arguments)).or_default();
        known.extend(keys.map(|key| (Key::from_slice(key), call.clone())));
    }
}

/// Sends a request of a connector; it is counted and traced as a fetch.
pub(super) fn fetch<'r>(
    upstream: &'r dyn Upstream,
    connector: &'r Connector,
    request: Arc<UpstreamRequest>,
) -> impl Future<Output = Answered> + Send + 'r {
    let source = &connector.source;
    let span = trace::fetch(&source.name, &connector.coordinate, &request.method);
    let sending = span.in_scope(|| upstream.send(source, request));
    let began = Instant::now();
    async move {
        let answer = sending.instrument(span.clone()).await;
        source.meter().fetches.add(began.elapsed());
        if let Err(error) = &answer {
            trace::fetch_failed(&span, error.client.code);
        }
        Arc::new(answer)
    }
}

/// A connector is one for as long as the operation holds its graph.
fn identity(connector: &Arc<Connector>, arguments: &str) -> (usize, String) {
    (Arc::as_ptr(connector) as usize, arguments.to_owned())
}
