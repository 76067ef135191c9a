//! How backends and what is stored of their answers are doing, for people to look at.

use std::sync::Arc;

use crate::fetch::BreakerState;

/// How a source is doing, as far as somebody counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SourceState {
    /// Requests that wait for their response now.
    pub in_flight: Option<usize>,
    /// Requests that wait for a place.
    pub waiting: Option<usize>,
    /// Whether it is asked at all; none before it was asked once.
    pub breaker: Option<BreakerState>,
}

/// What is stored of earlier answers, about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Requests that have stored answers, and keys that have stored rows.
    pub entries: u64,
    /// Of all of them together.
    pub bytes: u64,
    /// How often an answer was used since the start, without being asked for first.
    pub hits: u64,
    /// How often there was none to use.
    pub misses: u64,
}

/// What is stored under one tag, about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaggedEntries {
    /// The tag.
    pub tag: Arc<str>,
    /// Answers that have it and may still be used.
    pub entries: u64,
}
