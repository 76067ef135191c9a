//! What can go wrong between a connector and its backend, and what of it a client may read.

use crate::error::{ClientError, Code};

/// A fetch that gave no data.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{}{}", .client.message, .detail.as_deref().map(|detail| format!(" ({detail})")).unwrap_or_default())]
pub struct FetchError {
    /// What the client reads.
    pub client: Box<ClientError>,
    /// What only the log reads: addresses, causes.
    pub detail: Option<Box<str>>,
    /// What kept the backend from answering; none where it answered, or was not asked.
    pub trouble: Option<Trouble>,
}

/// What kept a backend from answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The connection could not be made, or broke off before the answer was there.
    Connection,
    /// There was no complete answer in time.
    Timeout,
}

impl FetchError {
    /// An error with the message a client reads.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let client = Box::new(ClientError::new(code, message));
        FetchError { client, detail: None, trouble: None }
    }

    /// Whether the backend was certainly not reached: the request could not be built, or was refused on its way.
    #[must_use]
    pub fn was_never_sent(&self) -> bool {
        let refused = [
            Code::ConnectorRequestInvalid,
            Code::RequestLimitExceeded,
            Code::RequestRateLimited,
            Code::CircuitBreakerOpen,
        ];
        self.trouble.is_none() && refused.contains(&self.client.code)
    }

    /// Adds what only the log reads.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into().into_boxed_str());
        self
    }

    /// Says what kept the backend from answering.
    #[must_use]
    pub fn with_trouble(mut self, trouble: Trouble) -> Self {
        self.trouble = Some(trouble);
        self
    }
}

/// The way to the backends could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// The TLS library refused its settings, or the HTTP client did.
    #[error("cannot set up the HTTP client")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The settings of `redis` cannot be used.
    #[error("cannot set up `redis`")]
    Redis(#[source] Box<dyn std::error::Error + Send + Sync>),
}
