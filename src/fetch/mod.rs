//! Connectors at run time: `variables` makes what mappings read, `request` builds what is sent, `upstream` sends it under
//! its source's limits, `cache` and `resilience` stand before that, `keeping` says how an answer is to be kept, `topic` what a topic comes to, `body` says what came back, `outcome` what it means. `findings` keeps what the mappings had to say,
//! `exchange` is one call of a connector as people look at it, `collector` carries telemetry, `redaction` hides what nobody may be shown.

use std::sync::Arc;

use crate::config::Config;

mod body;
mod cache;
mod collector;
mod concurrency;
mod error;
mod exchange;
mod findings;
mod headers;
mod keeping;
mod outcome;
mod redaction;
mod request;
mod resilience;
mod scope;
#[cfg(test)]
mod testing;
mod topic;
mod upstream;
mod variables;
mod xml;

pub use body::{Body, unexpected_format};
pub use cache::{
    Allows, AskedAgain, CachedUpstream, Keepable, KeptRows, Lease, LookedUp, RowCache, RowUse, RowsToKeep,
};
pub use collector::CollectorClient;
pub use error::{FetchError, SetUpError, Trouble};
pub use exchange::Exchange;
pub use findings::{Finding, Findings, Site};
pub use headers::headers_named;
use keeping::TAGS_MAX;
pub use keeping::{Keeping, Part, Tag, invalidated};
pub use outcome::Outcome;
pub use redaction::{REDACTED, Redaction};
pub(crate) use request::pass_key;
pub use request::{Chunk, build, chunks};
pub(crate) use resilience::jittered;
pub use resilience::{BreakerState, ResilientUpstream};
pub use scope::Scope;
pub use topic::{TOPIC_BYTES_MAX, TopicError, topic};
pub use upstream::{
    Deadline, HttpUpstream, OwnHeaders, SharedState, SourceState, Stored, TaggedEntries, Upstream,
    UpstreamRequest, UpstreamResponse,
};
pub use variables::Given;

/// The way to the backends as a gateway goes it: through a cache, which `redis` may share with other instances, then retries
/// and circuit breakers, then HTTP.
///
/// # Errors
/// When the HTTP client cannot be made or the settings of `redis` cannot be used; those need a tokio runtime too.
pub fn upstream(config: &Config) -> Result<Arc<dyn Upstream>, SetUpError> {
    let resilient = Arc::new(ResilientUpstream::new(Arc::new(HttpUpstream::new()?)));
    let bytes_max = config.responses_bytes_max() as u64;
    Ok(match &config.redis {
        Some(redis) => Arc::new(CachedUpstream::with_second_level(resilient, bytes_max, redis)?),
        None => Arc::new(CachedUpstream::new(resilient, bytes_max)),
    })
}
