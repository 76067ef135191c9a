//! Stored responses by what was asked, within a bound of bytes. Not for whether one may be stored or used: `policy`.

use std::{
    collections::HashMap,
    hash::{Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ahash::RandomState;
use bytes::Bytes;
use equivalent::Equivalent;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use moka::{Expiry, ops::compute::Op, sync::Cache};
use smallvec::SmallVec;
use tokio::time::Instant;

use super::{
    epochs::{Epoch, Epochs, Mark},
    policy::Policy,
    vary::Selected,
};
use crate::{
    connector::{Rows, Source},
    fetch::{Keeping, TaggedEntries, UpstreamRequest, UpstreamResponse},
    telemetry::{CacheResult, trace},
};

/// Responses to one request that differ by `Vary`; the oldest goes when there are more.
const VARIANTS_MAX: usize = 16;
/// An entry that can only be used by asking again is kept this long at most.
const VALIDATABLE_FOR: Duration = Duration::from_secs(24 * 3600);
/// What an entry takes beside its bytes, about.
const OVERHEAD_BYTES: usize = 400;

/// What was asked: all that the answer may depend on, compared in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    method: Method,
    url: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Option<Bytes>,
    keeping: Keeping,
    /// For what is no whole response but one key's rows: how they were cut.
    rows: Option<Arc<Rows>>,
}

/// What is asked for: a key that is not made yet. Most of what is looked for is never kept.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'r> {
    pub(super) request: &'r UpstreamRequest,
    /// Headers that are said to change nothing; every other declared one is part of the key.
    pub(super) ignored: &'r [HeaderName],
    /// For one key's rows: how they are cut.
    pub(super) rows: Option<&'r Arc<Rows>>,
}

impl<'r> Wanted<'r> {
    /// A whole response, or of a batch one key's rows; none where nothing is kept.
    pub(super) fn of(
        source: &'r Source,
        request: &'r UpstreamRequest,
        rows: Option<&'r Arc<Rows>>,
    ) -> Option<Self> {
        let rules = source.cache_rules(request.keeping.rules.as_deref())?;
        Some(Wanted { request, ignored: &rules.ignore_headers, rows })
    }

    fn headers(&self) -> impl Iterator<Item = &'r (HeaderName, HeaderValue)> + Clone + use<'r> {
        let ignored = self.ignored;
        self.request.headers.iter().filter(move |(name, _)| !ignored.contains(name))
    }

    /// Makes the key, to keep something under it.
    pub(super) fn key(&self) -> Key {
        let UpstreamRequest { method, url, body, keeping, .. } = self.request;
        Key {
            method: method.clone(),
            url: url.clone(),
            headers: self.headers().cloned().collect(),
            body: body.clone(),
            keeping: keeping.clone(),
            rows: self.rows.cloned(),
        }
    }
}

impl Equivalent<Key> for Wanted<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        let UpstreamRequest { method, url, body, keeping, .. } = self.request;
        (method, url, body, keeping) == (&key.method, &key.url, &key.body, &key.keeping)
            && self.rows == key.rows.as_ref()
            && self.headers().eq(&key.headers)
    }
}

impl Hash for Wanted<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let UpstreamRequest { method, url, body, keeping, .. } = self.request;
        hash((method, url, body, keeping, self.rows), self.headers(), state);
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Key { method, url, headers, body, keeping, rows } = self;
        hash((method, url, body, keeping, rows.as_ref()), headers.iter(), state);
    }
}

/// One hash for a key and for what asks for it.
fn hash<'k, H: Hasher>(
    parts: (&Method, &String, &Option<Bytes>, &Keeping, Option<&Arc<Rows>>),
    headers: impl Iterator<Item = &'k (HeaderName, HeaderValue)>,
    state: &mut H,
) {
    parts.hash(state);
    headers.for_each(|header| header.hash(state));
}

impl Key {
    /// All of it, part by part.
    pub(super) fn each_part(&self, mut see: impl FnMut(&[u8])) {
        see(self.method.as_str().as_bytes());
        see(self.url.as_bytes());
        see(&self.headers.len().to_be_bytes());
        for (name, value) in &self.headers {
            see(name.as_str().as_bytes());
            see(value.as_bytes());
        }
        see(&[u8::from(self.body.is_some())]);
        see(self.body.as_deref().unwrap_or_default());
        see(&[u8::from(self.rows.is_some())]);
        if let Some(Rows { list, key, has_many }) = self.rows.as_deref() {
            see(&[u8::from(*has_many)]);
            for path in std::iter::once(&**list).chain(key.iter().map(Vec::as_slice)) {
                see(&path.len().to_be_bytes());
                path.iter().for_each(|name| see(name.as_bytes()));
            }
            see(&key.len().to_be_bytes());
        }
        self.keeping.each_part(see);
    }

    fn bytes(&self) -> usize {
        let headers: usize =
            self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 64).sum();
        self.url.len() + headers + self.body.as_ref().map_or(0, Bytes::len)
    }
}

/// What purges find an entry by.
pub(super) type Marks = SmallVec<[Mark; 4]>;

/// Everything that ends an entry when it is purged.
pub(super) fn marks(source: &Source, request: &UpstreamRequest, tags: &[Arc<str>]) -> Marks {
    let scopes = [Mark::all(), Mark::source(&source.name), Mark::url(&request.url)];
    scopes.into_iter().chain(tags.iter().map(|tag| Mark::tag(tag))).collect()
}

/// A stored response.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) status: StatusCode,
    pub(super) headers: Arc<HeaderMap>,
    pub(super) body: Bytes,
    pub(super) policy: Policy,
    pub(super) selected: Selected,
    /// When the fetch that brought it began.
    pub(super) begun: Epoch,
    /// What a purge finds it by.
    pub(super) marks: Marks,
    /// The tags among its marks, to be shown.
    pub(super) tags: Box<[Arc<str>]>,
    /// Whether somebody asks for it again, of what is used meanwhile.
    pub(super) is_asked_again: AtomicBool,
    /// Another took its place, or it was forgotten.
    pub(super) replaced: AtomicBool,
}

impl Entry {
    fn bytes(&self) -> usize {
        let headers: usize =
            self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 64).sum();
        let tags: usize = self.tags.iter().map(|tag| tag.len() + 40).sum();
        OVERHEAD_BYTES + self.body.len() + headers + self.selected.bytes() + tags
    }

    /// True for the first who asks until [`Entry::was_asked_again`].
    pub(super) fn asks_again(&self) -> bool {
        !self.is_asked_again.swap(true, Ordering::SeqCst)
    }

    /// Whoever asked for it again is done, whatever came of it.
    pub(super) fn was_asked_again(&self) {
        self.is_asked_again.store(false, Ordering::SeqCst);
    }

    /// The answer that it is, which is counted.
    pub(super) fn answer(&self, source: &Source, result: CacheResult, now: Instant) -> UpstreamResponse {
        trace::cached(source.meter(), result);
        UpstreamResponse {
            status: self.status,
            headers: Arc::clone(&self.headers),
            body: self.body.clone(),
            age: Some(self.policy.age(now)),
            keepable: None,
            lease: None,
        }
    }

    /// Whether none of its scopes was purged since its fetch began.
    pub(super) fn holds(&self, epochs: &Epochs) -> bool {
        self.marks.iter().all(|mark| epochs.holds(self.begun, *mark))
    }

    /// Whether no other response took its place.
    pub(super) fn is_current(&self) -> bool {
        !self.replaced.load(Ordering::Acquire)
    }

    /// How long it can be of any use.
    pub(super) fn kept_for(&self) -> Duration {
        let validator =
            [header::ETAG, header::LAST_MODIFIED].iter().any(|name| self.headers.contains_key(name));
        self.policy.useful_for(Instant::now()).max(if validator { VALIDATABLE_FOR } else { Duration::ZERO })
    }
}

/// The responses to one request, newest first.
type Variants = Arc<[Arc<Entry>]>;

/// All stored responses.
#[derive(Debug)]
pub(super) struct Store {
    by_key: Cache<Key, Variants, RandomState>,
}

impl Store {
    /// An empty store for so many bytes.
    pub(super) fn new(bytes_max: u64) -> Self {
        let weigh = |key: &Key, variants: &Variants| {
            let bytes = key.bytes() + variants.iter().map(|entry| entry.bytes()).sum::<usize>();
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let by_key = Cache::builder().max_capacity(bytes_max).weigher(weigh).expire_after(KeptFor);
        Store { by_key: by_key.build_with_hasher(RandomState::new()) }
    }

    /// The stored response that this request would have chosen, purged or not.
    pub(super) fn find(&self, wanted: &Wanted<'_>) -> Option<Arc<Entry>> {
        self.by_key.get(wanted)?.iter().find(|entry| entry.selected.matches(wanted.request)).cloned()
    }

    /// Keeps a response in place of the one that the same request would have chosen.
    pub(super) fn put(&self, key: Key, request: &UpstreamRequest, entry: Arc<Entry>) {
        self.change(key, request, Some(entry));
    }

    /// Forgets the response that this request would choose.
    pub(super) fn forget(&self, wanted: &Wanted<'_>) {
        // Most answers that may not be kept have none to replace, and looking costs far less than changing.
        if self.by_key.contains_key(wanted) {
            self.change(wanted.key(), wanted.request, None);
        }
    }

    fn change(&self, key: Key, request: &UpstreamRequest, entry: Option<Arc<Entry>>) {
        self.by_key.entry(key).and_compute_with(|known| {
            let known = known.map(|known| known.into_value());
            let others = known.iter().flat_map(|known| known.iter());
            let others = others.filter(|other| {
                let is_replaced = other.selected.matches(request);
                other.replaced.fetch_or(is_replaced, Ordering::Release);
                !is_replaced
            });
            let kept: Vec<Arc<Entry>> = entry.into_iter().chain(others.cloned()).take(VARIANTS_MAX).collect();
            match (kept.is_empty(), known.is_some()) {
                (true, true) => Op::Remove,
                (true, false) => Op::Nop,
                (false, _) => Op::Put(kept.into()),
            }
        });
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        self.by_key.invalidate_all();
    }

    /// The tags of entries that hold, with how many have each; the most frequent first.
    pub(super) fn tags(&self, epochs: &Epochs, first: usize) -> Vec<TaggedEntries> {
        let mut counts: HashMap<Arc<str>, u64> = HashMap::new();
        for (_, variants) in &self.by_key {
            for entry in variants.iter().filter(|entry| entry.holds(epochs)) {
                entry.tags.iter().for_each(|tag| *counts.entry(Arc::clone(tag)).or_default() += 1);
            }
        }
        let found = counts.into_iter().map(|(tag, entries)| TaggedEntries { tag, entries });
        let mut found: Vec<TaggedEntries> = found.collect();
        found.sort_unstable_by(|a, b| b.entries.cmp(&a.entries).then_with(|| a.tag.cmp(&b.tag)));
        found.truncate(first);
        found
    }

    /// How many requests have stored responses, and the bytes of all, both about.
    pub(super) fn size(&self) -> (u64, u64) {
        (self.by_key.entry_count(), self.by_key.weighted_size())
    }
}

/// Entries go when the last of them is of no use any more.
struct KeptFor;

impl KeptFor {
    fn longest(variants: &Variants) -> Option<Duration> {
        variants.iter().map(|entry| entry.kept_for()).max()
    }
}

impl Expiry<Key, Variants> for KeptFor {
    fn expire_after_create(&self, _: &Key, kept: &Variants, _: std::time::Instant) -> Option<Duration> {
        KeptFor::longest(kept)
    }

    fn expire_after_update(
        &self,
        _: &Key,
        kept: &Variants,
        _: std::time::Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        KeptFor::longest(kept)
    }
}
