//! Rows of batches, kept one by one: the key is the request as it would be sent for one object alone, the value that object's
//! rows as the backend gave them. What rows are and whom they belong to is told by who cuts the response.

use std::{
    collections::HashSet,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use tokio::time::Instant;

use super::{
    Shared,
    directives::RequestDirectives,
    epochs::Epoch,
    policy::{self, Exchange, Policy, Verdict},
    rules,
    store::{Entry, Key, marks},
    vary::Selected,
};
use crate::{
    connector::{Connector, Rows, Source},
    fetch::{FetchError, Part, UpstreamRequest, UpstreamResponse},
    telemetry::{CacheResult, trace},
};

/// What it takes to keep the rows of a response to a batch: when it was asked for, and that it may be kept.
#[derive(Debug)]
pub struct Keepable {
    exchange: Exchange,
    begun: Epoch,
    /// Many may wait for one response; the first of them keeps its rows.
    is_taken: AtomicBool,
}

/// One object's rows, to be kept.
#[derive(Debug)]
pub struct RowsToKeep<'t> {
    /// The request as it would be sent for this object alone.
    pub request: UpstreamRequest,
    /// The rows as they stand in the body; none where the response holds none for it.
    pub rows: Vec<&'t str>,
}

/// One object's rows, kept.
#[derive(Debug)]
pub struct KeptRows {
    /// The answer that they are of; its body is these rows as the backend gave them, with commas between them.
    pub answer: UpstreamResponse,
    /// What they are good for.
    pub good_for: RowUse,
}

/// What kept rows are good for.
#[derive(Debug)]
pub enum RowUse {
    /// They are used as they are.
    Fresh,
    /// They are used, and the holder of this asks for them again.
    AskedAgain(AskedAgain),
    /// They are used when asking for them fails.
    OnError,
}

/// Held by who asks for kept rows again; nobody else does before it is dropped.
#[derive(Debug)]
pub struct AskedAgain(Arc<Entry>);

impl Drop for AskedAgain {
    fn drop(&mut self) {
        self.0.was_asked_again();
    }
}

/// The rows that a cache keeps.
pub struct RowCache {
    shared: Arc<Shared>,
    /// The coordinates of connectors that rows were ever kept of: for the others there is nothing to look up.
    known: RwLock<HashSet<String>>,
}

impl RowCache {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        RowCache { shared, known: RwLock::default() }
    }

    /// Whether there may be rows of a connector.
    #[must_use]
    pub fn knows(&self, connector: &Connector) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).contains(&connector.coordinate)
    }

    /// What is kept for one object; `request` is as it would be sent for it alone.
    #[must_use]
    pub fn find(&self, source: &Source, cut: &Arc<Rows>, request: &UpstreamRequest) -> Option<KeptRows> {
        let Shared { store, epochs, .. } = &*self.shared;
        let rules = rules(&request.keeping, source)?;
        let key = Key::of(request, &rules.ignore_headers, Some(cut));
        let entry = store.find(&key, request).filter(|entry| entry.holds(epochs));
        let (now, wants) = (Instant::now(), RequestDirectives::of(request.all_headers()));
        let verdict = entry.as_ref().map(|entry| entry.policy.judge(&wants, now));
        self.shared.count(matches!(verdict, Some(Verdict::Fresh | Verdict::UsedWhileRevalidating)));
        let entry = entry?;
        let verdict = verdict?;
        let result = if verdict == Verdict::Fresh { CacheResult::Hit } else { CacheResult::Stale };
        let mut answer = entry.answer(source, result, now);
        let good_for = match verdict {
            Verdict::Fresh => {
                answer.lease = self.shared.lease(&entry, &wants);
                RowUse::Fresh
            }
            Verdict::UsedWhileRevalidating if entry.asks_again() => RowUse::AskedAgain(AskedAgain(entry)),
            // Somebody asks already.
            Verdict::UsedWhileRevalidating => RowUse::Fresh,
            Verdict::Stale if entry.policy.usable_on_error(now) => RowUse::OnError,
            Verdict::Stale => return None,
        };
        Some(KeptRows { answer, good_for })
    }

    /// Whether an answer failed in such a way that kept rows may stand in for it.
    #[must_use]
    pub fn stands_in_for(answer: &Result<UpstreamResponse, FetchError>) -> bool {
        answer.as_ref().map_or(true, policy::is_error)
    }

    /// Keeps the rows of a response to a batch of a connector, each object's by itself. `cut` makes them of the response; it is
    /// asked only when they are to be kept, and by the first of those who got the response alone.
    pub fn keep<'t>(
        &self,
        connector: &Connector,
        response: &UpstreamResponse,
        cut: impl FnOnce() -> Vec<RowsToKeep<'t>>,
    ) {
        let (Some(keepable), Some(how)) = (&response.keepable, &connector.caching.rows) else { return };
        // Where keys of several clients waited for each other, each client keeps its own.
        let is_of_one = connector.source.settings.batch_window.is_zero();
        if keepable.is_taken.swap(true, Ordering::SeqCst) && is_of_one {
            return;
        }
        let headers = Arc::new(what_it_allows(&response.headers));
        let mut has_kept = false;
        for rows in cut() {
            let headers = Arc::clone(&headers);
            has_kept |= self.keep_one(&connector.source, how, keepable, (response, headers), &rows);
        }
        if has_kept && !self.knows(connector) {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.insert(connector.coordinate.clone());
        }
    }

    fn keep_one(
        &self,
        source: &Source,
        cut: &Arc<Rows>,
        keepable: &Keepable,
        (response, kept_headers): (&UpstreamResponse, Arc<HeaderMap>),
        kept: &RowsToKeep<'_>,
    ) -> bool {
        let Shared { store, epochs, .. } = &*self.shared;
        let RowsToKeep { request, rows } = kept;
        let Some(rules) = rules(&request.keeping, source) else { return false };
        if request.keeping.part == Part::Nothing {
            return false;
        }
        let key = Key::of(request, &rules.ignore_headers, Some(cut));
        let (status, headers, exchange) = (response.status, &*response.headers, keepable.exchange);
        let policy = match rows.is_empty() && !cut.has_many {
            true => Policy::of_absent(rules, request, status, headers, exchange),
            false => Policy::of(rules, request, status, headers, exchange),
        };
        // Without a validator of its own a row is of use as long as it may be used, and no longer.
        let policy = policy.filter(|policy| !policy.useful_for(Instant::now()).is_zero());
        let body = Bytes::from(rows.join(","));
        let selected = Selected::of(request, headers).filter(|_| body.len() <= rules.entry_bytes_max);
        let tags = request.keeping.tags_of_rows(rows);
        let (Some(policy), Some(selected), Some(tags)) = (policy, selected, tags) else {
            store.forget(key, request);
            return false;
        };
        let entry = Entry {
            status: StatusCode::OK,
            headers: kept_headers,
            body,
            policy,
            selected,
            begun: keepable.begun,
            marks: marks(source, request, &tags),
            tags,
            is_asked_again: AtomicBool::new(false),
            replaced: AtomicBool::new(false),
        };
        let holds = entry.holds(epochs);
        if holds {
            store.put(key, request, Arc::new(entry));
        }
        holds
    }
}

/// The headers that say how what is made of an answer may be kept; its validators are of the whole.
fn what_it_allows(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in [header::CACHE_CONTROL, header::EXPIRES, header::DATE, header::VARY] {
        for value in headers.get_all(&name) {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}

impl Shared {
    /// A batch is asked for each time; its answer carries what it takes to keep its rows.
    pub(super) async fn fetch_rows(
        &self,
        source: &Arc<Source>,
        request: UpstreamRequest,
        begun: Epoch,
    ) -> Result<UpstreamResponse, FetchError> {
        let of_connector = request.keeping.rules.clone();
        let sent = Instant::now();
        trace::cached(source.meter(), CacheResult::Miss);
        let mut response = self.inner.send(source, request).await?;
        let exchange = Exchange { sent, received: Instant::now(), received_at: SystemTime::now() };
        let rules = of_connector.as_deref().or(source.settings.cache.as_ref());
        if rules.is_some_and(|rules| policy::may_keep_parts(rules, response.status, &response.headers)) {
            let keepable = Keepable { exchange, begun, is_taken: AtomicBool::new(false) };
            response.keepable = Some(Arc::new(keepable));
        }
        Ok(response)
    }
}
