//! Connectors at run time: `request` builds what is sent from a template and its inputs, `upstream` sends it,
//! `body` reads what came back, `outcome` says what it means.

mod body;
mod concurrency;
mod error;
mod upstream;

pub use body::{Body, unexpected_format};
pub use error::FetchError;
pub use upstream::{HttpUpstream, OwnHeaders, SetUpError, Upstream, UpstreamRequest, UpstreamResponse};
