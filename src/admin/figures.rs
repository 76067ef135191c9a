//! The admin graph's subscription: figures of the running gateway, measured again and again. What is of a time is of the time
//! since the figures before.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use async_graphql::{Context, SimpleObject, Subscription as GraphqlSubscription};
use futures_util::{Stream, StreamExt as _, stream};

use super::{
    Control,
    events::{Delivery, Events},
    graph,
    sources::{Breaker, Times, sources},
};
use crate::{
    events::{DeliveryOutcome, SeenDelivery},
    telemetry::{LatencyReading, OperationOutcome},
};

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

    /// Deliveries of webhooks as they come, all or those that are refused. Who reads them too slowly misses some.
    async fn deliveries<'a>(
        &self,
        context: &Context<'a>,
        #[graphql(default)] refused_only: bool,
    ) -> async_graphql::Result<impl Stream<Item = Delivery> + use<>> {
        let seen = graph::control(context)?.events.deliveries();
        let is_wanted =
            move |seen: &SeenDelivery| !refused_only || matches!(seen.outcome, DeliveryOutcome::Refused(..));
        Ok(seen.filter(move |seen| std::future::ready(is_wanted(seen))).map(Delivery::of))
    }
}

/// Counters at one moment.
struct Sample {
    at: Instant,
    operations: usize,
    /// Runs that ended with data, errors among it or not.
    calls: u64,
    with_errors: u64,
    shed: u64,
    fetches: HashMap<String, LatencyReading>,
}

impl Sample {
    fn take(control: &Control) -> Self {
        let gateway = control.gateway();
        let ended =
            |outcome| gateway.meter().operations().map(|(_, of)| of.outcomes.of(outcome)).sum::<u64>();
        let with_errors = ended(OperationOutcome::Errors);
        let graph = gateway.graph();
        Sample {
            at: Instant::now(),
            operations: gateway.operations().len(),
            calls: ended(OperationOutcome::Ok) + with_errors,
            with_errors,
            shed: gateway.meter().shed.read(),
            fetches: graph
                .sources
                .iter()
                .map(|source| (source.name.clone(), source.meter().fetches.read()))
                .collect(),
        }
    }

    fn since(&self, before: Option<&Sample>, control: &Control) -> Figures {
        let meter = control.gateway().meter();
        let sources = sources(control.gateway()).into_iter().map(|source| {
            let now = self.fetches.get(&source.name);
            let earlier = before.and_then(|before| before.fetches.get(&source.name));
            SourceFigures {
                in_flight: source.in_flight,
                waiting: source.waiting,
                breaker: source.breaker,
                fetches: now.zip(earlier).map(|(now, earlier)| Times::of(&now.since(earlier))),
                name: source.name,
            }
        });
        Figures {
            uptime_seconds: control.started.elapsed().as_secs_f64(),
            operations: self.operations,
            calls: self.calls,
            calls_per_second: before.map(|before| self.rate(before, |sample| sample.calls)),
            errors_per_second: before.map(|before| self.rate(before, |sample| sample.with_errors)),
            shed_per_second: before.map(|before| self.rate(before, |sample| sample.shed)),
            in_flight: meter.in_flight.read(),
            running: meter.running.read(),
            sources: sources.collect(),
            events: Events::of(&control.events),
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "a rate is shown, not counted with")]
    fn rate(&self, before: &Sample, of: fn(&Sample) -> u64) -> f64 {
        of(self).saturating_sub(of(before)) as f64 / (self.at - before.at).as_secs_f64().max(1e-3)
    }
}

/// The gateway at one moment.
#[derive(SimpleObject)]
struct Figures {
    /// Since the process started.
    uptime_seconds: f64,
    /// Operations in the plan cache.
    operations: usize,
    /// Operations that ran since the process started.
    calls: u64,
    /// Those of the time since the figures before these; null in the first.
    calls_per_second: Option<f64>,
    /// Those of them whose response has errors.
    errors_per_second: Option<f64>,
    /// Requests that were refused because too many were in flight.
    shed_per_second: Option<f64>,
    /// Requests between their headers and their response.
    in_flight: usize,
    /// Operations that run now.
    running: usize,
    /// The backends.
    sources: Vec<SourceFigures>,
    /// Events and subscriptions.
    events: Events,
}

/// A backend at one moment.
#[derive(SimpleObject)]
struct SourceFigures {
    /// The source's name.
    name: String,
    /// Requests to it that wait for their response; null where that is not known.
    in_flight: Option<usize>,
    /// Requests that wait for a place; null where that is not known.
    waiting: Option<usize>,
    /// Whether it is asked at all; null before it was asked once.
    breaker: Option<Breaker>,
    /// Fetches of the time since the figures before these; null in the first.
    fetches: Option<Times>,
}
