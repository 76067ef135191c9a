//! The admin graph's subscription: figures of the running gateway, measured again and again.

use std::time::{Duration, Instant};

use async_graphql::{Context, SimpleObject, Subscription as GraphqlSubscription};
use futures_util::{Stream, stream};

use super::{Control, graph};
use std::sync::Arc;

/// Live figures.
pub(super) struct Subscription;

#[GraphqlSubscription]
impl Subscription {
    /// Figures at once, and then every so many seconds (1 to 60).
    async fn figures<'a>(
        &self,
        context: &Context<'a>,
        #[graphql(default = 1, validator(minimum = 1, maximum = 60))] every_seconds: u32,
    ) -> async_graphql::Result<impl Stream<Item = Figures> + use<>> {
        let control = Arc::clone(graph::control(context)?);
        let mut ticks = tokio::time::interval(Duration::from_secs(every_seconds.into()));
        // A subscriber that fell behind gets the next figures, not all it missed.
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let state = (control, ticks, None::<Sample>);
        Ok(stream::unfold(state, |(control, mut ticks, before)| async move {
            ticks.tick().await;
            let now = Sample::take(&control);
            let figures = now.since(before.as_ref(), &control);
            Some((figures, (control, ticks, Some(now))))
        }))
    }
}

/// Counters at one moment.
struct Sample {
    at: Instant,
    calls: u64,
    operations: usize,
}

impl Sample {
    fn take(control: &Control) -> Self {
        let operations = control.gateway.operations();
        Sample {
            at: Instant::now(),
            calls: operations.iter().map(|operation| operation.count).sum(),
            operations: operations.len(),
        }
    }

    fn since(&self, before: Option<&Sample>, control: &Control) -> Figures {
        let in_flight = graph::sources(&control.gateway)
            .into_iter()
            .filter_map(|source| Some(SourceFigures { in_flight: source.in_flight?, name: source.name }))
            .collect();
        Figures {
            uptime_seconds: control.started.elapsed().as_secs_f64(),
            operations: self.operations,
            calls: self.calls,
            calls_per_second: before.map(|before| self.rate(before)),
            sources: in_flight,
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "a rate is shown, not counted with")]
    fn rate(&self, before: &Sample) -> f64 {
        // A reload empties the plan cache, and its counters with it.
        self.calls.saturating_sub(before.calls) as f64 / (self.at - before.at).as_secs_f64().max(1e-3)
    }
}

/// The gateway at one moment.
#[derive(SimpleObject)]
struct Figures {
    /// Since the process started.
    uptime_seconds: f64,
    /// Operations in the plan cache.
    operations: usize,
    /// Runs of the operations in the plan cache, since the start or the last reload.
    calls: u64,
    /// Runs since the figures before these; null in the first.
    calls_per_second: Option<f64>,
    /// The backends whose load is known.
    sources: Vec<SourceFigures>,
}

/// A backend at one moment.
#[derive(SimpleObject)]
struct SourceFigures {
    /// The source's name.
    name: String,
    /// Requests to it that wait for their response.
    in_flight: usize,
}
