//! Connectors at run time: `variables` makes what mappings read, `request` builds what is sent, `upstream` sends it under
//! its source's limits, `body` says what came back, `outcome` what it means. `findings` keeps what the mappings had to say,
//! `exchange` is one call of a connector as people look at it, `redaction` hides what nobody may be shown.

mod body;
mod concurrency;
mod error;
mod exchange;
mod findings;
mod outcome;
mod redaction;
mod request;
mod scope;
#[cfg(test)]
mod testing;
mod upstream;
mod variables;

pub use body::{Body, unexpected_format};
pub use error::FetchError;
pub use exchange::Exchange;
pub use findings::{Finding, Findings, Site};
pub use outcome::Outcome;
pub use redaction::{REDACTED, Redaction};
pub use request::{Chunk, build, chunks};
pub use scope::Scope;
pub use upstream::{HttpUpstream, OwnHeaders, SetUpError, Upstream, UpstreamRequest, UpstreamResponse};
pub use variables::Given;
