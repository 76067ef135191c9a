//! What waits for one subscriber: a bounded queue, what becomes of it when it is full, and the stream that a transport reads.
//! A subscriber that reads nothing costs what is in its queue, and slows nobody.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{Stream, task::AtomicWaker};

use super::{Bounds, EventId, Payload, body, figures::FieldMeter, group::Group, registry::Registry};
use crate::config::Slow;

/// An answer as all subscribers of a group are given it.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) body: Bytes,
    pub(super) event: Option<EventId>,
    /// Whether the body has `extensions`.
    pub(super) has_extensions: bool,
    /// Whether it only says that something is missing.
    pub(super) is_gap: bool,
}

/// One subscriber of a group.
pub(super) struct Subscriber {
    pub(super) number: u64,
    queue: Mutex<Queue>,
    waker: AtomicWaker,
    meter: Arc<FieldMeter>,
}

struct Queue {
    waiting: VecDeque<Told>,
    /// Answers before the first that waits were dropped, and nobody was told.
    gap: bool,
    /// There will be no more.
    is_over: bool,
    /// What it is told next stands behind this event.
    after: Option<EventId>,
    /// Whether it was told what a poll gave.
    has_latest: bool,
    /// Where it is now; none when it was taken out.
    group: Option<Arc<Group>>,
}

/// What came of telling a subscriber something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It will read it.
    Kept,
    /// It reads too slowly, and is to be ended.
    TooSlow,
}

impl Subscriber {
    pub(super) fn new(number: u64, meter: Arc<FieldMeter>) -> Self {
        let queue = Queue {
            waiting: VecDeque::new(),
            gap: false,
            is_over: false,
            after: None,
            has_latest: false,
            group: None,
        };
        Subscriber { number, queue: Mutex::new(queue), waker: AtomicWaker::new(), meter }
    }

    /// Says where it is from now on, and that it heard all events up to `heard`.
    pub(super) fn moved(&self, group: &Arc<Group>, heard: Option<EventId>) {
        let mut queue = self.queue();
        queue.after = heard;
        queue.group = Some(Arc::clone(group));
    }

    pub(super) fn meter(&self) -> &FieldMeter {
        &self.meter
    }

    /// Tells it something, unless it was told before.
    pub(super) fn push(&self, told: &Told, bounds: Bounds) -> Pushed {
        let mut queue = self.queue();
        if queue.is_over || (told.event.is_some() && told.event <= queue.after) {
            return Pushed::Kept;
        }
        if queue.waiting.len() >= bounds.queue_max {
            match bounds.slow {
                Slow::Disconnect => return Pushed::TooSlow,
                Slow::DropOldest => drop(queue.waiting.pop_front()),
                Slow::Coalesce => queue.waiting.clear(),
            }
            let dropped = match bounds.slow {
                Slow::Coalesce => bounds.queue_max,
                Slow::DropOldest | Slow::Disconnect => 1,
            };
            self.meter.queued.fetch_sub(dropped, Relaxed);
            self.meter.dropped.add(dropped as u64);
            queue.gap = true;
        }
        queue.after = queue.after.max(told.event);
        queue.has_latest = true;
        queue.waiting.push_back(told.clone());
        self.meter.queued.fetch_add(1, Relaxed);
        drop(queue);
        self.waker.wake();
        Pushed::Kept
    }

    /// What it was told of a poll is old.
    pub(super) fn lacks_latest(&self) {
        self.queue().has_latest = false;
    }

    /// Tells it what the others were told before it came.
    pub(super) fn push_first(&self, told: &Told, bounds: Bounds) {
        if !std::mem::replace(&mut self.queue().has_latest, true) {
            self.push(told, bounds);
        }
    }

    /// Ends it: what waits is still read, then `last`, and then nothing. `at_once` throws away what waits.
    pub(super) fn end(&self, last: &Bytes, at_once: bool) {
        let mut queue = self.queue();
        if at_once {
            self.meter.queued.fetch_sub(queue.waiting.len(), Relaxed);
            self.meter.dropped.add(queue.waiting.len() as u64);
            queue.waiting.clear();
        }
        if !queue.is_over {
            let told = Told { body: last.clone(), event: None, has_extensions: false, is_gap: true };
            queue.waiting.push_back(told);
            self.meter.queued.fetch_add(1, Relaxed);
        }
        queue.is_over = true;
        queue.group = None;
        drop(queue);
        self.waker.wake();
    }

    fn next(&self, context: &Context<'_>) -> Poll<Option<Payload>> {
        // Registered before the look, so that nothing comes in between unnoticed.
        self.waker.register(context.waker());
        let mut queue = self.queue();
        let Some(told) = queue.waiting.pop_front() else {
            return if queue.is_over { Poll::Ready(None) } else { Poll::Pending };
        };
        let gap = std::mem::take(&mut queue.gap);
        if queue.waiting.is_empty() {
            // Who was slow once does not hold memory for it.
            queue.waiting = VecDeque::new();
        }
        drop(queue);
        self.meter.queued.fetch_sub(1, Relaxed);
        self.meter.told.count();
        // The last answer to a subscription that ends says why; that some are missing matters no more.
        let body = if gap && !told.is_gap {
            self.meter.gaps.count();
            body::with_gap(&told.body, told.has_extensions)
        } else {
            told.body
        };
        Poll::Ready(Some(Payload { body, event: told.event }))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a transport reads. Dropping it takes the subscriber out of its group.
pub(in crate::events) struct Listening {
    pub(super) subscriber: Arc<Subscriber>,
    pub(super) registry: Arc<Registry>,
}

impl Stream for Listening {
    type Item = Payload;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Payload>> {
        self.subscriber.next(context)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // Its group may change until the registry is held; that looks again.
        let group = || self.subscriber.queue().group.clone();
        self.registry.leave(&self.subscriber, group);
        let mut queue = self.subscriber.queue();
        queue.is_over = true;
        self.subscriber.meter.queued.fetch_sub(queue.waiting.len(), Relaxed);
        queue.waiting.clear();
    }
}
