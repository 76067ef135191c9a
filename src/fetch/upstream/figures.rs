//! How backends and what is stored of their answers are doing, for people to look at.

use std::{sync::Arc, time::SystemTime};

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

/// How the way to what all instances share is doing (`redis`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedState {
    /// Whether it answers.
    pub is_connected: bool,
    /// Since when it does, or does not.
    pub since: SystemTime,
    /// How often it was not reached, or was given up, since the start.
    pub failures: u64,
}

/// What is stored under one tag, about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaggedEntries {
    /// The tag.
    pub tag: Arc<str>,
    /// Answers that have it and may still be used.
    pub entries: u64,
}
