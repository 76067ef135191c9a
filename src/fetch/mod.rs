//! Connectors at run time: `variables` makes what mappings read, `request` builds what is sent, `upstream` sends it under
//! its source's limits, `body` says what came back, `outcome` what it means.

mod body;
mod cache;
mod concurrency;
mod error;
mod outcome;
mod request;
mod resilience;
mod scope;
#[cfg(test)]
mod testing;
mod upstream;
mod variables;

pub use cache::CachedUpstream;
pub use body::{Body, unexpected_format};
pub use error::{FetchError, Trouble};
pub use outcome::Outcome;
pub use request::{URL_BYTES_MAX, build};
pub use resilience::{BreakerState, ResilientUpstream};
pub use scope::Scope;
pub use upstream::{Deadline, HttpUpstream, OwnHeaders, SetUpError, Upstream, UpstreamRequest, UpstreamResponse};
pub use variables::Given;
