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
    second::{Lookup, SecondLevel, Ticket},
    store::{Entry, Key, Wanted, marks},
    vary::Selected,
};
use crate::{
    connector::{Connector, Rows, Source},
    fetch::{FetchError, Part, UpstreamRequest, UpstreamResponse, headers_named},
    telemetry::{CacheResult, trace},
};

/// What it takes to keep the rows of a response to a batch: when it was asked for, and that it may be kept.
#[derive(Debug)]
pub struct Keepable {
    exchange: Exchange,
    begun: Epoch,
    /// Under which count of purges its rows may be kept for other instances too.
    ticket: Option<Ticket>,
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

/// That other instances were asked for rows, and when. It goes along with the request for those that they did not have, and
/// like the trace it tells no two requests apart: all are equal and hash alike.
#[derive(Debug, Clone, Default)]
pub struct LookedUp(Option<Arc<Ticket>>);

impl PartialEq for LookedUp {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for LookedUp {}

impl std::hash::Hash for LookedUp {
    fn hash<H: std::hash::Hasher>(&self, _: &mut H) {}
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

    /// Whether there may be rows of a connector, here or elsewhere.
    #[must_use]
    pub fn knows(&self, connector: &Connector) -> bool {
        let (source, caching) = (&connector.source, &connector.caching);
        let is_elsewhere = |second: &SecondLevel| {
            second.is_connected()
                && second.takes_of_client(caching.is_private)
                && source.cache_rules(caching.rules.as_deref()).is_some()
        };
        self.shared.second.as_ref().is_some_and(is_elsewhere) || self.knows_here(connector)
    }

    fn knows_here(&self, connector: &Connector) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).contains(&connector.coordinate)
    }

    /// What is kept for one object; `request` is as it would be sent for it alone.
    #[must_use]
    pub fn find(&self, source: &Source, cut: &Arc<Rows>, request: &UpstreamRequest) -> Option<KeptRows> {
        let Shared { store, epochs, .. } = &*self.shared;
        let wanted = Wanted::of(source, request, Some(cut))?;
        let entry = store.find(&wanted).filter(|entry| entry.holds(epochs));
        let (now, wants) = (Instant::now(), RequestDirectives::of(request.all_headers()));
        let verdict = entry.as_ref().map(|entry| entry.policy.judge(&wants, now));
        self.shared.count(matches!(verdict, Some(Verdict::Fresh | Verdict::UsedWhileRevalidating)));
        self.use_of(source, entry?, verdict?, &wants, now)
    }

    /// What other instances keep for objects, asked for at once; from now on it is kept here too. `requests` are as they would be
    /// sent for each object alone, and what is found is in their order: nothing where there is nobody to ask. The other result
    /// goes along with the request for what is lacking still.
    pub async fn find_elsewhere(
        &self,
        source: &Source,
        cut: &Arc<Rows>,
        requests: &[&UpstreamRequest],
    ) -> (Vec<Option<KeptRows>>, LookedUp) {
        let Shared { second, store, epochs, .. } = &*self.shared;
        let takes = |second: &&SecondLevel| requests.iter().all(|request| second.takes(request));
        let key =
            |request: &&UpstreamRequest| Wanted::of(source, request, Some(cut)).map(|wanted| wanted.key());
        let keys: Option<Vec<Key>> = requests.iter().map(key).collect();
        let (Some(second), Some(keys)) = (second.as_ref().filter(takes), keys) else {
            return Default::default();
        };
        let begun = epochs.now();
        let asked: Vec<(&Key, &UpstreamRequest)> = keys.iter().zip(requests.iter().copied()).collect();
        let Lookup { found, ticket } = second.find(&asked, begun).await;
        let now = Instant::now();
        let used = |((entry, key), request): ((Option<Arc<Entry>>, Key), &&UpstreamRequest)| {
            let entry = entry.filter(|entry| entry.holds(epochs))?;
            store.put(key, request, Arc::clone(&entry));
            let wants = RequestDirectives::of(request.all_headers());
            let verdict = entry.policy.judge(&wants, now);
            self.use_of(source, entry, verdict, &wants, now)
        };
        (found.into_iter().zip(keys).zip(requests).map(used).collect(), LookedUp(ticket.map(Arc::new)))
    }

    /// What an entry is good for.
    fn use_of(
        &self,
        source: &Source,
        entry: Arc<Entry>,
        verdict: Verdict,
        wants: &RequestDirectives,
        now: Instant,
    ) -> Option<KeptRows> {
        let result = if verdict == Verdict::Fresh { CacheResult::Hit } else { CacheResult::Stale };
        let mut answer = entry.answer(source, result, now);
        let good_for = match verdict {
            Verdict::Fresh => {
                answer.lease = self.shared.lease(&entry, wants);
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
        let Shared { store, second, .. } = &*self.shared;
        let headers = Arc::new(what_it_allows(&response.headers));
        let (mut kept, mut forgotten) = (Vec::new(), Vec::new());
        for rows in cut() {
            let RowsToKeep { request, .. } = &rows;
            if request.keeping.part == Part::Nothing {
                continue;
            }
            let Some(wanted) = Wanted::of(&connector.source, request, Some(how)) else { continue };
            match self.entry(&connector.source, how, keepable, (response, &headers), &rows) {
                Some(entry) if entry.holds(&self.shared.epochs) => {
                    let entry = Arc::new(entry);
                    let key = wanted.key();
                    store.put(key.clone(), request, Arc::clone(&entry));
                    kept.push((key, entry));
                }
                Some(_) => {}
                None => {
                    store.forget(&wanted);
                    forgotten.push(wanted.key());
                }
            }
        }
        if !kept.is_empty() && !self.knows_here(connector) {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.insert(connector.coordinate.clone());
        }
        if let (Some(second), Some(ticket)) = (second, &keepable.ticket) {
            if !kept.is_empty() {
                let entries: Vec<(&Key, &Entry)> = kept.iter().map(|(key, entry)| (key, &**entry)).collect();
                second.put(ticket.clone(), &entries);
            }
            if !forgotten.is_empty() {
                second.forget(ticket.clone(), &forgotten);
            }
        }
    }

    /// One object's rows as they are kept; none where they may not be.
    fn entry(
        &self,
        source: &Source,
        cut: &Rows,
        keepable: &Keepable,
        (response, kept_headers): (&UpstreamResponse, &Arc<HeaderMap>),
        RowsToKeep { request, rows }: &RowsToKeep<'_>,
    ) -> Option<Entry> {
        let rules = source.cache_rules(request.keeping.rules.as_deref())?;
        let (status, headers, exchange) = (response.status, &*response.headers, keepable.exchange);
        let policy = match rows.is_empty() && !cut.has_many {
            true => Policy::of_absent(rules, request, status, headers, exchange),
            false => Policy::of(rules, request, status, headers, exchange),
        };
        // Without a validator of its own a row is of use as long as it may be used, and no longer.
        let policy = policy.filter(|policy| !policy.useful_for(Instant::now()).is_zero())?;
        let body = Bytes::from(rows.join(","));
        if body.len() > rules.entry_bytes_max {
            return None;
        }
        let selected = Selected::of(request, headers)?;
        let tags = request.keeping.tags_of_rows(rows)?;
        Some(Entry {
            status: StatusCode::OK,
            headers: Arc::clone(kept_headers),
            body,
            policy,
            selected,
            begun: keepable.begun,
            marks: marks(source, request, &tags),
            tags,
            is_asked_again: AtomicBool::new(false),
            replaced: AtomicBool::new(false),
        })
    }
}

/// The headers that say how what is made of an answer may be kept; its validators are of the whole.
fn what_it_allows(headers: &HeaderMap) -> HeaderMap {
    headers_named(headers, &[header::CACHE_CONTROL, header::EXPIRES, header::DATE, header::VARY])
}

impl Shared {
    /// A batch is asked for each time; its answer carries what it takes to keep its rows.
    pub(super) async fn fetch_rows(
        self: Arc<Self>,
        source: Arc<Source>,
        request: Arc<UpstreamRequest>,
        begun: Epoch,
    ) -> Result<UpstreamResponse, FetchError> {
        let of_connector = request.keeping.rules.clone();
        let rules = source.cache_rules(of_connector.as_deref());
        let ticket = if rules.is_some() { self.ticket(&request, begun).await } else { None };
        let sent = Instant::now();
        trace::cached(source.meter(), CacheResult::Miss);
        let mut response = self.inner.send(&source, request).await?;
        let exchange = Exchange { sent, received: Instant::now(), received_at: SystemTime::now() };
        if rules.is_some_and(|rules| policy::may_keep_parts(rules, response.status, &response.headers)) {
            let keepable = Keepable { exchange, begun, ticket, is_taken: AtomicBool::new(false) };
            response.keepable = Some(Arc::new(keepable));
        }
        Ok(response)
    }

    /// Under which count of purges the answer to a batch that is sent now may be kept for other instances: that of the look-up
    /// before it, or one of now.
    async fn ticket(&self, request: &UpstreamRequest, begun: Epoch) -> Option<Ticket> {
        let second = self.second.as_ref().filter(|second| second.takes(request))?;
        match &request.looked_up.0 {
            Some(ticket) => Some(Ticket::clone(ticket)),
            // Boxed: without a second level there need be no room for it.
            None => Box::pin(second.find(&[], begun)).await.ticket,
        }
    }
}
