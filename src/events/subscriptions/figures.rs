//! What is counted of subscriptions: plain atomics, read when somebody asks.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use crate::telemetry::Counter;

/// What is counted of one field of `Subscription`.
#[derive(Debug, Default)]
pub(super) struct FieldMeter {
    pub(super) groups: AtomicUsize,
    pub(super) subscribers: AtomicUsize,
    pub(super) queued: AtomicUsize,
    pub(super) executed: Counter,
    pub(super) told: Counter,
    pub(super) dropped: Counter,
    pub(super) gaps: Counter,
    pub(super) refused: Counter,
    pub(super) ended: Counter,
}

/// The meters by field.
#[derive(Debug, Default)]
pub(super) struct Meters(Mutex<BTreeMap<String, Arc<FieldMeter>>>);

impl Meters {
    pub(super) fn of(&self, field: &str) -> Arc<FieldMeter> {
        let mut meters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match meters.get(field) {
            Some(meter) => Arc::clone(meter),
            None => Arc::clone(meters.entry(field.to_owned()).or_default()),
        }
    }

    pub(super) fn read(&self) -> Vec<FieldFigures> {
        let meters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let figures = |(field, meter): (&String, &Arc<FieldMeter>)| FieldFigures {
            field: field.clone(),
            groups: meter.groups.load(Relaxed),
            subscribers: meter.subscribers.load(Relaxed),
            queued: meter.queued.load(Relaxed),
            executed: meter.executed.read(),
            told: meter.told.read(),
            dropped: meter.dropped.read(),
            gaps: meter.gaps.read(),
            refused: meter.refused.read(),
            ended: meter.ended.read(),
        };
        meters.iter().map(figures).collect()
    }
}

/// The figures of all subscriptions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SubscriptionFigures {
    /// Topics that somebody listens to.
    pub topics: usize,
    /// Tasks: one for each topic, and one for each group.
    pub tasks: usize,
    /// Subscribers in all.
    pub subscribers: usize,
    /// By field of `Subscription`, in the order of their names; those that were ever subscribed to.
    pub fields: Vec<FieldFigures>,
}

/// The figures of one field of `Subscription`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldFigures {
    /// Its name.
    pub field: String,
    /// Groups of equal subscriptions.
    pub groups: usize,
    /// Clients that listen.
    pub subscribers: usize,
    /// Answers that wait for slow clients.
    pub queued: usize,
    /// Executions of events and polls, ever.
    pub executed: u64,
    /// Answers that were handed to clients, ever.
    pub told: u64,
    /// Answers that slow clients did not get, ever.
    pub dropped: u64,
    /// Notices that something is missing, ever.
    pub gaps: u64,
    /// Subscriptions that their backend did not allow, ever.
    pub refused: u64,
    /// Subscriptions that the gateway ended, ever.
    pub ended: u64,
}
