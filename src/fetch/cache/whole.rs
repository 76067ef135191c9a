//! Answers kept as a whole: looked up, asked for (again) where nothing fresh is there, and kept. Rows of batches: `rows`. What is
//! stored and for how long is decided in `policy`.

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::SystemTime,
};

use bytes::Bytes;
use futures_util::future::{BoxFuture, ready};
use http::{HeaderMap, Method, StatusCode};
use tokio::time::Instant;

use super::{
    Fetch, Shared,
    directives::RequestDirectives,
    epochs::Epoch,
    headers::{ask_again, freshened, is_of, storable},
    lease::Lease,
    policy::{self, Exchange, Policy, Verdict},
    second::Ticket,
    store::{Entry, Wanted, marks},
    vary::Selected,
};
use crate::{
    connector::Source,
    fetch::{FetchError, UpstreamRequest, UpstreamResponse},
    telemetry::{CacheResult, trace},
};

/// How a response came.
struct Brought {
    exchange: Exchange,
    begun: Epoch,
    ticket: Option<Ticket>,
    /// Its tags, where its body is one that was kept before.
    tags: Option<Box<[Arc<str>]>>,
}

/// What the cache is asked for.
pub(super) struct Asked {
    /// What the request says of how it is to be answered.
    wants: RequestDirectives,
    /// The stored response that is asked for again.
    known: Option<Arc<Entry>>,
}

impl Shared {
    /// Answers with what is kept, or fetches.
    pub(super) fn read(
        self: &Arc<Self>,
        source: &Arc<Source>,
        request: Arc<UpstreamRequest>,
        wanted: &Wanted<'_>,
    ) -> BoxFuture<'static, Result<UpstreamResponse, FetchError>> {
        let at_once = |response| -> BoxFuture<'static, _> { Box::pin(ready(Ok(response))) };
        let begun = self.epochs.now();
        let known = self.store.find(wanted).filter(|entry| entry.holds(&self.epochs));
        let asked = Asked { wants: RequestDirectives::of(request.all_headers()), known };
        let now = Instant::now();
        let verdict = asked.known.as_ref().map(|entry| (entry, entry.policy.judge(&asked.wants, now)));
        self.count(matches!(verdict, Some((_, Verdict::Fresh | Verdict::UsedWhileRevalidating))));
        if let Some((entry, Verdict::Fresh)) = verdict {
            let lease = self.lease(entry, &asked.wants);
            return at_once(UpstreamResponse { lease, ..entry.answer(source, CacheResult::Hit, now) });
        }
        if let Some((entry, Verdict::UsedWhileRevalidating)) = verdict {
            let stale = entry.answer(source, CacheResult::Stale, now);
            // Nobody waits for it here; it goes on in its own task.
            let again = Fetch { source: Arc::clone(source), request, asked: Some(asked), begun };
            drop(trace::background().in_scope(|| self.fly(again)));
            return at_once(stale);
        }
        if asked.wants.only_if_cached {
            // RFC 9111, section 5.2.1.7.
            return at_once(UpstreamResponse::new(
                StatusCode::GATEWAY_TIMEOUT,
                HeaderMap::new(),
                Bytes::new(),
            ));
        }
        self.run(Fetch { source: Arc::clone(source), request, asked: Some(asked), begun })
    }

    /// Asks the other instances, then the backend, for what this process has nothing fresh for.
    pub(super) async fn fetch_whole(
        self: Arc<Self>,
        source: Arc<Source>,
        request: Arc<UpstreamRequest>,
        asked: Asked,
        begun: Epoch,
    ) -> Result<UpstreamResponse, FetchError> {
        let Asked { wants, mut known } = asked;
        let (found, ticket) = match Wanted::of(&source, &request, None) {
            Some(wanted) => self.find_elsewhere(&wanted, begun).await,
            None => (None, None),
        };
        if let Some(found) = found {
            let now = Instant::now();
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
        let mut sending = Arc::clone(&request);
        // Of a POST a condition would mean something else (RFC 9110, section 13.1.2).
        if let Some(known) = known.as_ref().filter(|_| request.method == Method::GET) {
            ask_again(known, Arc::make_mut(&mut sending));
        }
        let sent = Instant::now();
        let answered = self.inner.send(&source, sending).await;
        let received = Instant::now();
        let exchange = Exchange { sent, received, received_at: SystemTime::now() };
        // Who wants what the backend says now is not put off with what it said (RFC 9111, section 5.2.1.4).
        let failed = answered.as_ref().map_or(true, policy::is_error) && !wants.no_cache;
        if let Some(known) = known
            .as_ref()
            .filter(|known| failed && known.policy.usable_on_error(received) && known.holds(&self.epochs))
        {
            return Ok(known.answer(&source, CacheResult::Stale, received));
        }
        let (mut result, mut tags) = (CacheResult::Miss, None);
        let mut response = answered.inspect_err(|_| trace::cached(source.meter(), result))?;
        if let Some(known) = known.filter(|_| response.status == StatusCode::NOT_MODIFIED) {
            if !is_of(&known, &response) {
                // It speaks of another response than the one that we have.
                if let Some(wanted) = Wanted::of(&source, &request, None) {
                    self.forget(&wanted, ticket.clone());
                }
                response = self.inner.send(&source, Arc::clone(&request)).await?;
            } else {
                result = CacheResult::Revalidated;
                let headers = freshened(&known.headers, &response.headers);
                // What is made of the body is not made again.
                tags = Some(known.tags.clone());
                response = UpstreamResponse::new(known.status, headers, known.body.clone());
            }
        }
        trace::cached(source.meter(), result);
        let brought = Brought { exchange, begun, ticket, tags };
        let kept = self.keep(&source, &request, &response, brought);
        response.lease = kept.and_then(|entry| self.lease(&entry, &wants));
        Ok(response)
    }

    /// The lease of an entry that was used because it is fresh; none for a request with rules of its own for that, and none
    /// where the trace or the request id chose the entry: no later request has the same.
    pub(super) fn lease(&self, entry: &Arc<Entry>, wants: &RequestDirectives) -> Option<Lease> {
        let is_for_all = *wants == RequestDirectives::default() && !entry.selected.is_by_own_header();
        is_for_all.then(|| Lease::of(entry, &self.epochs))
    }

    /// Keeps a response, where that is allowed.
    fn keep(
        &self,
        source: &Source,
        request: &UpstreamRequest,
        response: &UpstreamResponse,
        brought: Brought,
    ) -> Option<Arc<Entry>> {
        let Brought { exchange, begun, ticket, tags } = brought;
        let rules = source.cache_rules(request.keeping.rules.as_deref())?;
        let wanted = Wanted { request, ignored: &rules.ignore_headers, rows: None };
        let policy = Policy::of(rules, request, response.status, &response.headers, exchange);
        let selected = policy.and_then(|_| Selected::of(request, &response.headers));
        let fits = response.body.len() <= rules.entry_bytes_max;
        let may_be = selected.as_ref().filter(|_| fits);
        let tags = may_be.and_then(|_| tags.or_else(|| request.keeping.tags_of(source, response)));
        let (Some(policy), Some(selected), Some(tags)) = (policy, selected, tags) else {
            if !policy::is_error(response) {
                self.forget(&wanted, ticket);
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
        let (entry, key) = (Arc::new(entry), wanted.key());
        if let (Some(second), Some(ticket)) = (&self.second, ticket) {
            second.put(ticket, &[(&key, &entry)]);
        }
        self.store.put(key, request, Arc::clone(&entry));
        source.meter().stored.count();
        Some(entry)
    }
}
