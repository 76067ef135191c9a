//! What can go wrong between a connector and its backend, and what of it a client may read.

use crate::error::{ClientError, Code};

/// A fetch that gave no data.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}{}", .client.message, .detail.as_deref().map(|detail| format!(" ({detail})")).unwrap_or_default())]
pub struct FetchError {
    /// What the client reads.
    pub client: ClientError,
    /// What only the log reads: addresses, causes.
    pub detail: Option<Box<str>>,
}

impl FetchError {
    /// An error with the message a client reads.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        FetchError { client: ClientError::new(code, message), detail: None }
    }

    /// Adds what only the log reads.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into().into_boxed_str());
        self
    }
}
