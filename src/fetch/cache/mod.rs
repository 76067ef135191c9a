//! Answers of backends kept and used again (RFC 9111), and requests in flight joined. An [`Upstream`] before another one.
//! What is stored and for how long is decided in `policy`, which of several responses a request chooses in `vary`.

mod allows;
mod directives;
mod epochs;
mod flights;
mod headers;
mod lease;
mod levels;
mod policy;
mod rows;
mod second;
mod store;
mod vary;

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::SystemTime,
};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use tokio::time::Instant;

pub use self::rows::{AskedAgain, Keepable, KeptRows, RowCache, RowUse, RowsToKeep};
pub use self::{allows::Allows, lease::Lease};
use self::{
    directives::RequestDirectives,
    epochs::{Epoch, Epochs, Mark},
    flights::Flights,
    headers::{ask_again, freshened, is_of, same_origin, storable},
    policy::{Exchange, Policy, Verdict},
    second::{SecondLevel, Ticket},
    store::{Entry, Key, Marks, Store, marks},
    vary::Selected,
};
use super::{
    Deadline, FetchError, Keeping, Part, SetUpError, SourceState, Stored, TaggedEntries, Upstream,
    UpstreamRequest, UpstreamResponse,
};
use crate::{
    config::Redis,
    connector::{CacheRules, Source},
    telemetry::{CacheResult, trace},
};

/// An upstream that answers from its cache where it may, and asks another upstream otherwise.
pub struct CachedUpstream {
    shared: Arc<Shared>,
    rows: RowCache,
}

struct Shared {
    inner: Arc<dyn Upstream>,
    store: Store,
    /// What other instances keep, too.
    second: Option<SecondLevel>,
    epochs: Arc<Epochs>,
    flights: Flights,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// With one of these a request asks for something else than the whole current answer; it goes through as it is.
const CONDITIONS: &[&str] =
    &["if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "range"];

impl CachedUpstream {
    /// An empty cache of so many bytes before an upstream.
    #[must_use]
    pub fn new(inner: Arc<dyn Upstream>, bytes_max: u64) -> Self {
        CachedUpstream::over(inner, bytes_max, Arc::default(), None)
    }

    /// A cache that shares with the other instances of the gateway what it keeps, and what it purges. It connects in the
    /// background, and is a cache of its own as long as it is not connected.
    ///
    /// # Errors
    /// When the settings cannot be used, or outside of a tokio runtime.
    pub fn with_second_level(
        inner: Arc<dyn Upstream>,
        bytes_max: u64,
        redis: &Redis,
    ) -> Result<Self, SetUpError> {
        let epochs = Arc::new(Epochs::default());
        let second = SecondLevel::open(redis, Arc::clone(&epochs))?;
        Ok(CachedUpstream::over(inner, bytes_max, epochs, Some(second)))
    }

    /// Whether the second level answers; false where there is none.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.shared.second.as_ref().is_some_and(SecondLevel::is_connected)
    }

    /// Waits for the second level, for a start with what others keep; at once where there is none.
    pub async fn connected(&self) {
        if let Some(second) = &self.shared.second {
            second.connected().await;
        }
    }

    fn over(
        inner: Arc<dyn Upstream>,
        bytes_max: u64,
        epochs: Arc<Epochs>,
        second: Option<SecondLevel>,
    ) -> Self {
        let (store, flights) = (Store::new(bytes_max), Flights::default());
        let (hits, misses) = (AtomicU64::new(0), AtomicU64::new(0));
        let shared = Arc::new(Shared { inner, store, second, epochs, flights, hits, misses });
        CachedUpstream { rows: RowCache::new(Arc::clone(&shared)), shared }
    }
}

impl Upstream for CachedUpstream {
    fn send<'a>(
        &'a self,
        source: &'a Arc<Source>,
        request: UpstreamRequest,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>> {
        let shared = &self.shared;
        // A POST that `@cached` stands beside asks for data, whatever its method says.
        let is_read =
            request.method.is_safe() || (request.method == Method::POST && request.keeping.rules.is_some());
        if request.is_change || !is_read {
            return Box::pin(shared.change(source, request));
        }
        let has_condition = request.all_headers().any(|(name, _)| CONDITIONS.contains(&name.as_str()));
        let is_kept = request.method == Method::GET || request.keeping.rules.is_some();
        if !is_kept || has_condition {
            return shared.inner.send(source, request);
        }
        match (rules(&request.keeping, source), request.keeping.part) {
            (Some(_), Part::Whole) => Box::pin(shared.read(source, request)),
            _ => Box::pin(shared.run(Fetch::new(source, request, shared.epochs.now()))),
        }
    }

    fn state(&self, source: &Source) -> SourceState {
        self.shared.inner.state(source)
    }

    fn stored(&self) -> Option<Stored> {
        let (entries, bytes) = self.shared.store.size();
        let [hits, misses] =
            [&self.shared.hits, &self.shared.misses].map(|count| count.load(Ordering::Relaxed));
        Some(Stored { entries, bytes, hits, misses })
    }

    fn tags(&self, first: usize) -> Vec<TaggedEntries> {
        self.shared.store.tags(&self.shared.epochs, first)
    }

    fn rows(&self) -> Option<&RowCache> {
        Some(&self.rows)
    }

    fn purge(&self, source: Option<&Source>) {
        let shared = &self.shared;
        match source {
            Some(source) => shared.purge(&[Mark::source(&source.name)]),
            None => {
                shared.purge(&[Mark::all()]);
                shared.store.clear();
            }
        }
        shared.inner.purge(source);
    }

    fn secrets(&self) -> Vec<String> {
        self.shared.inner.secrets()
    }

    fn purge_tags(&self, tags: &[String]) {
        let marks: Marks = tags.iter().map(|tag| Mark::tag(tag)).collect();
        self.shared.purge(&marks);
        self.shared.inner.purge_tags(tags);
    }

    fn purged<'a>(&'a self) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(async {
            if let Some(second) = &self.shared.second {
                second.purged().await;
            }
        })
    }

    fn epoch(&self) -> u64 {
        self.shared.epochs.now().number()
    }

    fn reset_breaker(&self, source: &Source) {
        self.shared.inner.reset_breaker(source);
    }
}

/// What a fetch is made with.
struct Fetch {
    source: Arc<Source>,
    request: UpstreamRequest,
    /// The stored response that is asked for again.
    known: Option<Arc<Entry>>,
    begun: Epoch,
}

impl Fetch {
    fn new(source: &Arc<Source>, request: UpstreamRequest, begun: Epoch) -> Self {
        Fetch { source: Arc::clone(source), request, known: None, begun }
    }
}

/// The rules by which an answer is kept; none where it never is.
fn rules<'s>(keeping: &'s Keeping, source: &'s Source) -> Option<&'s CacheRules> {
    keeping.rules.as_deref().or(source.settings.cache.as_ref())
}

impl Shared {
    /// A request that may change something: what is stored for its URL is not used any more once it went well (RFC 9111,
    /// section 4.4).
    async fn change(
        &self,
        source: &Arc<Source>,
        request: UpstreamRequest,
    ) -> Result<UpstreamResponse, FetchError> {
        let url = request.url.clone();
        let answer = self.inner.send(source, request).await;
        if let Ok(response) = &answer
            && (response.status.is_success() || response.status.is_redirection())
        {
            let named = [header::LOCATION, header::CONTENT_LOCATION].map(|name| {
                let named = response.headers.get(name)?.to_str().ok()?;
                same_origin(&url, named)
            });
            let marks: Marks =
                named.iter().flatten().chain([&url]).map(|changed| Mark::url(changed)).collect();
            self.purge(&marks);
            if let Some(second) = &self.second {
                // The next request may go to another instance.
                second.purged().await;
            }
        }
        answer
    }

    async fn read(
        self: &Arc<Self>,
        source: &Arc<Source>,
        request: UpstreamRequest,
    ) -> Result<UpstreamResponse, FetchError> {
        let ignored = rules(&request.keeping, source).map_or(&[][..], |rules| &rules.ignore_headers);
        let key = Key::of(&request, ignored, None);
        let begun = self.epochs.now();
        let known = self.store.find(&key, &request).filter(|entry| entry.holds(&self.epochs));
        let wants = RequestDirectives::of(request.all_headers());
        let now = Instant::now();
        let verdict = known.as_ref().map(|entry| (entry, entry.policy.judge(&wants, now)));
        self.count(matches!(verdict, Some((_, Verdict::Fresh | Verdict::UsedWhileRevalidating))));
        if let Some((entry, Verdict::Fresh)) = verdict {
            let lease = self.lease(entry, &wants);
            return Ok(UpstreamResponse { lease, ..entry.answer(source, CacheResult::Hit, now) });
        }
        if let Some((entry, Verdict::UsedWhileRevalidating)) = verdict {
            let stale = entry.answer(source, CacheResult::Stale, now);
            // Nobody waits for it here; it goes on in its own task.
            let again = Fetch { known, ..Fetch::new(source, request, begun) };
            drop(trace::background().in_scope(|| self.fly(again)));
            return Ok(stale);
        }
        if wants.only_if_cached {
            // RFC 9111, section 5.2.1.7.
            return Ok(UpstreamResponse::new(StatusCode::GATEWAY_TIMEOUT, HeaderMap::new(), Bytes::new()));
        }
        self.run(Fetch { known, ..Fetch::new(source, request, begun) }).await
    }

    async fn run(self: &Arc<Self>, fetch: Fetch) -> Result<UpstreamResponse, FetchError> {
        if fetch.source.settings.shares_in_flight {
            return self.fly(fetch).await.as_ref().clone();
        }
        Arc::clone(self).fetch(fetch).await
    }

    /// Fetches, or joins the same fetch that began since the last purge. It goes on when its callers give up: others may
    /// have joined it, and it ends by the source's own timeout.
    fn fly(self: &Arc<Self>, mut fetch: Fetch) -> flights::Landing {
        let shared = Arc::clone(self);
        // One caller's deadline is not another's.
        fetch.request.deadline = Deadline::default();
        let meter = Arc::clone(fetch.source.meter());
        self.flights.join(fetch.request.clone(), fetch.begun, &meter.joined, move || async move {
            shared.fetch(fetch).await
        })
    }

    async fn fetch(self: Arc<Self>, fetch: Fetch) -> Result<UpstreamResponse, FetchError> {
        let Fetch { source, request, mut known, begun } = fetch;
        if request.keeping.part == Part::Rows {
            return self.fetch_rows(&source, request, begun).await;
        }
        let rules = match rules(&request.keeping, &source) {
            Some(rules) if request.keeping.part == Part::Whole => rules,
            _ => return self.inner.send(&source, request).await,
        };
        let key = Key::of(&request, &rules.ignore_headers, None);
        let (found, ticket) = self.find_elsewhere(&key, &request, begun).await;
        if let Some(found) = found {
            let (now, wants) = (Instant::now(), RequestDirectives::of(request.all_headers()));
            match found.policy.judge(&wants, now) {
                Verdict::Fresh => {
                    let lease = self.lease(&found, &wants);
                    return Ok(UpstreamResponse { lease, ..found.answer(&source, CacheResult::Hit, now) });
                }
                // Whoever asks again because of that is not put off with the same answer.
                Verdict::UsedWhileRevalidating if known.is_none() => {
                    return Ok(found.answer(&source, CacheResult::Stale, now));
                }
                Verdict::UsedWhileRevalidating | Verdict::Stale => known = Some(found),
            }
        }
        let mut sending = request.clone();
        // Of a POST a condition would mean something else (RFC 9110, section 13.1.2).
        if let Some(known) = known.as_ref().filter(|_| request.method == Method::GET) {
            ask_again(known, &mut sending);
        }
        let sent = Instant::now();
        let answered = self.inner.send(&source, sending).await;
        let received = Instant::now();
        let exchange = Exchange { sent, received, received_at: SystemTime::now() };
        let failed = answered.as_ref().map_or(true, policy::is_error);
        // Who wants what the backend says now is not put off with what it said (RFC 9111, section 5.2.1.4).
        let wants = RequestDirectives::of(request.all_headers());
        if let Some(known) = known.as_ref().filter(|known| {
            failed && !wants.no_cache && known.policy.usable_on_error(received) && known.holds(&self.epochs)
        }) {
            return Ok(known.answer(&source, CacheResult::Stale, received));
        }
        let mut result = CacheResult::Miss;
        let mut response = answered.inspect_err(|_| trace::cached(source.meter(), result))?;
        if let Some(known) = known.filter(|_| response.status == StatusCode::NOT_MODIFIED) {
            if !is_of(&known, &response) {
                // It speaks of another response than the one that we have.
                self.forget(key.clone(), &request, ticket.clone());
                response = self.inner.send(&source, request.clone()).await?;
            } else {
                result = CacheResult::Revalidated;
                let headers = freshened(&known.headers, &response.headers);
                response = UpstreamResponse::new(known.status, headers, known.body.clone());
            }
        }
        trace::cached(source.meter(), result);
        let kept = self.keep(rules, &source, key, &request, &response, exchange, (begun, ticket));
        response.lease = kept.and_then(|entry| self.lease(&entry, &wants));
        Ok(response)
    }

    /// The lease of an entry that was used because it is fresh; none for a request with rules of its own for that, and none
    /// where the trace or the request id chose the entry: no later request has the same.
    fn lease(&self, entry: &Arc<Entry>, wants: &RequestDirectives) -> Option<Lease> {
        let is_for_all = *wants == RequestDirectives::default() && !entry.selected.is_by_own_header();
        is_for_all.then(|| Lease::of(entry, &self.epochs))
    }

    /// Keeps a response, where that is allowed.
    #[expect(clippy::too_many_arguments, reason = "an exchange and where it belongs; used once")]
    fn keep(
        &self,
        rules: &CacheRules,
        source: &Source,
        key: Key,
        request: &UpstreamRequest,
        response: &UpstreamResponse,
        exchange: Exchange,
        (begun, ticket): (Epoch, Option<Ticket>),
    ) -> Option<Arc<Entry>> {
        let policy = Policy::of(rules, request, response.status, &response.headers, exchange);
        let selected = policy.and_then(|_| Selected::of(request, &response.headers));
        let fits = response.body.len() <= rules.entry_bytes_max;
        let tags = selected.as_ref().filter(|_| fits).and_then(|_| request.keeping.tags_of(source, response));
        let (Some(policy), Some(selected), Some(tags)) = (policy, selected, tags) else {
            if !policy::is_error(response) {
                self.forget(key, request, ticket);
            }
            return None;
        };
        let entry = Entry {
            status: response.status,
            headers: Arc::new(storable(&response.headers)),
            body: response.body.clone(),
            policy,
            selected,
            begun,
            marks: marks(source, request, &tags),
            tags,
            is_asked_again: AtomicBool::new(false),
            replaced: AtomicBool::new(false),
        };
        if !entry.holds(&self.epochs) {
            return None;
        }
        let entry = Arc::new(entry);
        if let (Some(second), Some(ticket)) = (&self.second, ticket) {
            second.put(ticket, &key, &entry);
        }
        self.store.put(key, request, Arc::clone(&entry));
        source.meter().stored.count();
        Some(entry)
    }
}

#[cfg(test)]
mod tests;
