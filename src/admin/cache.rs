//! The cache as the admin graph shows it.

use async_graphql::{ComplexObject, Context, SimpleObject};

use super::graph::control;
use crate::execute::Gateway;

/// Tags in one answer.
const TAGS_MAX: usize = 1_000;

/// Answers of backends that are kept, about.
#[derive(SimpleObject)]
#[graphql(complex)]
pub(super) struct Cache {
    /// What is kept: whole answers, and rows of batches by their keys.
    entries: u64,
    /// Of all of them together.
    bytes: u64,
    /// What they may fill.
    bytes_max: usize,
    /// How often something kept was used since the start, without asking a backend first.
    hits: u64,
    /// How often nothing was kept that could be used.
    misses: u64,
    /// Hits of hits and misses together; null before there was one.
    hit_ratio: Option<f64>,
    /// Whole answers to clients, made of what is kept and used again as they are.
    answers: Answers,
    /// What instances share; null without `redis`.
    redis: Option<Redis>,
}

/// Whole answers to clients that are kept, about.
#[derive(SimpleObject)]
struct Answers {
    /// Requests that have one.
    entries: u64,
    /// Of all of them together.
    bytes: u64,
    /// What they may fill.
    bytes_max: usize,
}

/// The connection to Redis or Valkey.
#[derive(SimpleObject)]
struct Redis {
    /// Whether it answers. While it does not, this instance caches by itself.
    connected: bool,
    /// For how long it has been so.
    for_seconds: f64,
    /// How often it was not reached, or was given up, since the start.
    failures: u64,
}

#[ComplexObject]
impl Cache {
    /// The tags of what is kept and may be used; those of most entries first, at most 1,000.
    async fn tags<'a>(
        &self,
        context: &Context<'a>,
        #[graphql(default = 50)] first: u32,
    ) -> async_graphql::Result<Vec<Tag>> {
        let first = usize::try_from(first).unwrap_or(TAGS_MAX).min(TAGS_MAX);
        let tags = control(context)?.gateway().upstream().tags(first).into_iter();
        Ok(tags.map(|found| Tag { name: found.tag.to_string(), entries: found.entries }).collect())
    }
}

impl Cache {
    /// Of a gateway; none where nothing is ever kept.
    pub(super) fn of(gateway: &Gateway) -> Option<Self> {
        let stored = gateway.upstream().stored()?;
        let all = stored.hits + stored.misses;
        #[allow(clippy::cast_precision_loss, reason = "a ratio is shown, not counted with")]
        let hit_ratio = (all > 0).then(|| stored.hits as f64 / all as f64);
        let answers = gateway.kept_answers();
        Some(Cache {
            entries: stored.entries,
            bytes: stored.bytes,
            bytes_max: gateway.config().responses_bytes_max(),
            hits: stored.hits,
            misses: stored.misses,
            hit_ratio,
            answers: Answers {
                entries: answers.entries,
                bytes: answers.bytes,
                bytes_max: gateway.config().answers_bytes_max(),
            },
            redis: gateway.upstream().shared().map(|state| Redis {
                connected: state.is_connected,
                for_seconds: state.since.elapsed().unwrap_or_default().as_secs_f64(),
                failures: state.failures,
            }),
        })
    }
}

/// A tag of what is kept.
#[derive(SimpleObject)]
struct Tag {
    /// As `@cached(tags:)` makes it.
    name: String,
    /// Entries that have it.
    entries: u64,
}
