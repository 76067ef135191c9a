//! Whole answers kept: the bytes of a response, used again for whoever asks the same, for as long as every answer of a backend
//! that it was made of would be given again. So it is never older than what an execution would give, nor anybody else's. A
//! response with errors, or of which any part was not kept by the cache of backends' answers, is not kept here.

use std::sync::Arc;

use ahash::RandomState;
use bytes::Bytes;
use moka::sync::Cache;
use tokio::time::Instant;

use super::{Response, asked::Asked};
use crate::fetch::Lease;

/// What an answer takes beside its bytes, about.
const OVERHEAD_BYTES: usize = 600;

/// The answers of one graph.
pub(super) struct Answers {
    by_request: Cache<Arc<Asked>, Arc<Kept>, RandomState>,
}

/// How many whole answers are kept, about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeptAnswers {
    /// Requests that have one.
    pub entries: u64,
    /// Of all of them together.
    pub bytes: u64,
}

struct Kept {
    response: Response,
    /// Of all that it was made of.
    lease: Lease,
    made: Instant,
}

impl Answers {
    /// Room for so many bytes.
    pub(super) fn new(bytes_max: u64) -> Self {
        let weigh = |asked: &Arc<Asked>, kept: &Arc<Kept>| {
            // The body, and as much again for its other forms.
            let bytes = OVERHEAD_BYTES + asked.bytes() + 2 * kept.response.body.len() + kept.lease.bytes();
            u32::try_from(bytes).unwrap_or(u32::MAX)
        };
        let builder = Cache::builder().max_capacity(bytes_max).weigher(weigh);
        Answers { by_request: builder.build_with_hasher(RandomState::new()) }
    }

    /// What there is of them, about.
    pub(super) fn size(&self) -> KeptAnswers {
        KeptAnswers { entries: self.by_request.entry_count(), bytes: self.by_request.weighted_size() }
    }

    /// What was kept for the same, if it still holds.
    pub(super) fn get(&self, asked: &Arc<Asked>) -> Option<Response> {
        let kept = self.by_request.get(asked)?;
        let now = Instant::now();
        if !kept.lease.holds(now) {
            self.by_request.invalidate(asked);
            return None;
        }
        let caching = kept.response.caching.as_ref().and_then(|caching| caching.after(now - kept.made));
        Some(Response { caching, ..kept.response.clone() })
    }

    /// Keeps what was made of answers with this lease, in no more memory than it takes.
    pub(super) fn put(&self, asked: &Asked, response: &mut Response, lease: Lease) {
        let now = Instant::now();
        // What was purged meanwhile would be thrown away at its first use.
        if lease.holds(now) {
            // The buffer that it was written into may be far larger.
            response.body = Bytes::copy_from_slice(&response.body);
            let kept = Kept { response: response.clone(), lease, made: now };
            self.by_request.insert(Arc::new(asked.to_kept()), Arc::new(kept));
        }
    }
}

#[cfg(test)]
mod tests;
