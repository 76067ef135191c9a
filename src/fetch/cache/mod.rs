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
mod whole;

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::future::BoxFuture;
use http::{Method, header};

pub use self::rows::{AskedAgain, Keepable, KeptRows, LookedUp, RowCache, RowUse, RowsToKeep};
pub use self::{allows::Allows, lease::Lease};
use self::{
    epochs::{Epoch, Epochs, Mark},
    flights::Flights,
    headers::same_origin,
    second::SecondLevel,
    store::{Marks, Store, Wanted},
    whole::Asked,
};
use super::{
    Deadline, FetchError, Part, SetUpError, SharedState, SourceState, Stored, TaggedEntries, Upstream,
    UpstreamRequest, UpstreamResponse,
};
use crate::{config::Redis, connector::Source};

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
        request: Arc<UpstreamRequest>,
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
        match Wanted::of(source, &request, None) {
            Some(wanted) if request.keeping.part == Part::Whole => {
                shared.read(source, Arc::clone(&request), &wanted)
            }
            // Nothing of it is kept, and nobody takes part in it.
            None if !source.settings.shares_in_flight && request.keeping.part != Part::Rows => {
                shared.inner.send(source, request)
            }
            _ => {
                let (source, begun) = (Arc::clone(source), shared.epochs.now());
                shared.run(Fetch { source, request, asked: None, begun })
            }
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

    fn shared(&self) -> Option<SharedState> {
        self.shared.second.as_ref().map(SecondLevel::state)
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

    fn purge_here(&self, tags: Option<&[String]>) {
        let epochs = &self.shared.epochs;
        match tags {
            Some(tags) => tags.iter().for_each(|tag| epochs.purge(Mark::tag(tag))),
            None => epochs.purge_all(),
        }
        self.shared.inner.purge_here(tags);
    }

    fn purged<'a>(&'a self) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        Box::pin(async {
            match &self.shared.second {
                Some(second) => second.purged().await,
                None => true,
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
    request: Arc<UpstreamRequest>,
    /// Where its answer may be kept as a whole.
    asked: Option<Asked>,
    begun: Epoch,
}

impl Shared {
    /// A request that may change something: what is stored for its URL is not used any more once it went well (RFC 9111,
    /// section 4.4).
    async fn change(
        &self,
        source: &Arc<Source>,
        request: Arc<UpstreamRequest>,
    ) -> Result<UpstreamResponse, FetchError> {
        let answer = self.inner.send(source, Arc::clone(&request)).await;
        if let Ok(response) = &answer
            && (response.status.is_success() || response.status.is_redirection())
        {
            let named = [header::LOCATION, header::CONTENT_LOCATION].map(|name| {
                let named = response.headers.get(name)?.to_str().ok()?;
                same_origin(&request.url, named)
            });
            let marks: Marks =
                named.iter().flatten().chain([&request.url]).map(|changed| Mark::url(changed)).collect();
            self.purge(&marks);
            if let Some(second) = &self.second {
                // The next request may go to another instance.
                second.purged().await;
            }
        }
        answer
    }

    fn run(self: &Arc<Self>, fetch: Fetch) -> BoxFuture<'static, Result<UpstreamResponse, FetchError>> {
        if fetch.source.settings.shares_in_flight {
            let landing = self.fly(fetch);
            return Box::pin(async move { landing.wait().await.clone() });
        }
        Arc::clone(self).fetch(fetch)
    }

    /// Fetches, or joins the same fetch that began since the last purge. It goes on when its callers give up: others may
    /// have joined it, and it ends by the source's own timeout.
    fn fly(self: &Arc<Self>, mut fetch: Fetch) -> flights::Landing {
        let shared = Arc::clone(self);
        let meter = Arc::clone(fetch.source.meter());
        self.flights.join(Arc::clone(&fetch.request), fetch.begun, &meter.joined, || {
            // One caller's deadline is not another's.
            if fetch.request.deadline.0.is_some() {
                Arc::make_mut(&mut fetch.request).deadline = Deadline::default();
            }
            shared.fetch(fetch)
        })
    }

    /// Boxed: what is rare takes far more room than what is common.
    fn fetch(self: Arc<Self>, fetch: Fetch) -> BoxFuture<'static, Result<UpstreamResponse, FetchError>> {
        let Fetch { source, request, asked, begun } = fetch;
        match asked {
            Some(asked) => Box::pin(self.fetch_whole(source, request, asked, begun)),
            None if request.keeping.part == Part::Rows => Box::pin(self.fetch_rows(source, request, begun)),
            None => Box::pin(async move { self.inner.send(&source, request).await }),
        }
    }
}

#[cfg(test)]
mod tests;
