//! What is counted while requests run: plain atomic numbers, so that counting takes no lock and makes nothing. Who shows them
//! (Prometheus, the admin graph) reads them when asked. Not for what is in flight at a source: its queue knows that.

use std::{
    marker::PhantomData,
    sync::{
        Arc, LazyLock, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use super::Latency;
use crate::error::Code;

/// How many problems of one connector are kept to be shown.
const LOCATED_MAX: usize = 10;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn count(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    /// So many more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    /// How many so far.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// How many there are now.
#[derive(Debug, Default)]
pub struct Gauge(AtomicUsize);

impl Gauge {
    /// One more, until the guard is dropped. Gives how many there are with it.
    pub fn enter(&self) -> (Within<'_>, usize) {
        let with = self.0.fetch_add(1, Relaxed) + 1;
        (Within(self), with)
    }

    /// How many there are.
    #[must_use]
    pub fn read(&self) -> usize {
        self.0.load(Relaxed)
    }
}

/// Is counted by a [`Gauge`] until it is dropped.
#[derive(Debug)]
pub struct Within<'g>(&'g Gauge);

impl Drop for Within<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

/// A closed set of names to count by.
pub trait Closed: Copy + 'static {
    /// All of them; each stands at its own index.
    const ALL: &'static [Self];
    /// Where it stands in `ALL`.
    fn index(self) -> usize;
    /// As it is shown.
    fn as_str(self) -> &'static str;
}

/// Writes a [`Closed`] enum: its variants, and their names as they are shown.
macro_rules! closed {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$of])* $variant),+ }

        impl Closed for $name {
            const ALL: &'static [Self] = &[$($name::$variant),+];
            fn index(self) -> usize { self as usize }
            fn as_str(self) -> &'static str { match self { $($name::$variant => $text),+ } }
        }
    };
}

pub(super) use closed;

closed! {
    /// The type of an operation.
    OperationType {
        /// `query`
        Query = "query",
        /// `mutation`
        Mutation = "mutation",
        /// `subscription`
        Subscription = "subscription",
        /// It was refused before that was known.
        Unknown = "unknown",
    }
}

closed! {
    /// How an operation ended.
    OperationOutcome {
        /// With data and without errors.
        Ok = "ok",
        /// It ran, and `errors` has entries.
        Errors = "errors",
        /// It did not run.
        Refused = "refused",
        /// Its client went away.
        Cancelled = "cancelled",
    }
}

closed! {
    /// How one attempt of a request to a backend ended.
    AttemptOutcome {
        /// An informational or successful status.
        Success = "2xx",
        /// A redirection.
        Redirection = "3xx",
        /// A client error.
        ClientError = "4xx",
        /// A server error.
        ServerError = "5xx",
        /// No complete answer in time.
        Timeout = "timeout",
        /// No connection, or it broke off.
        Connection = "connection",
        /// It was never sent, or its answer cannot be read.
        Failed = "failed",
    }
}

closed! {
    /// Why a request to a source was not sent.
    Refused {
        /// Its queue was full, or no place came free in time.
        Queue = "queue",
        /// Its rate limit.
        RateLimit = "rate_limit",
        /// Its circuit breaker is open.
        Breaker = "circuit_breaker",
    }
}

closed! {
    /// What the cache did for a fetch.
    CacheResult {
        /// It answered.
        Hit = "hit",
        /// It answered with what is not fresh any more: while asking again, or because that failed.
        Stale = "stale",
        /// It asked again, and what it had still holds.
        Revalidated = "revalidated",
        /// It had nothing of use.
        Miss = "miss",
    }
}

impl Closed for Code {
    const ALL: &'static [Self] = &Code::ALL;

    fn index(self) -> usize {
        self as usize
    }

    fn as_str(self) -> &'static str {
        Code::as_str(self)
    }
}

/// Counters for each name of a closed set.
#[derive(Debug)]
pub struct Tally<K> {
    counts: Box<[AtomicU64]>,
    names: PhantomData<K>,
}

impl<K: Closed> Default for Tally<K> {
    fn default() -> Self {
        Tally { counts: K::ALL.iter().map(|_| AtomicU64::new(0)).collect(), names: PhantomData }
    }
}

impl<K: Closed> Tally<K> {
    /// One more of a name.
    pub fn count(&self, name: K) {
        if let Some(count) = self.counts.get(name.index()) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// How many of each name, in the order of the set.
    pub fn read(&self) -> impl Iterator<Item = (K, u64)> {
        K::ALL.iter().zip(&self.counts).map(|(name, count)| (*name, count.load(Relaxed)))
    }

    /// How many of one name.
    #[must_use]
    pub fn of(&self, name: K) -> u64 {
        self.counts.get(name.index()).map_or(0, |count| count.load(Relaxed))
    }
}

/// What is counted of one source.
#[derive(Debug, Default)]
pub struct SourceMeter {
    /// Fetches, as the steps of a plan wait for them: whatever the cache and retries do.
    pub fetches: Latency,
    /// What fetches failed with, by the code that clients read.
    pub errors: Tally<Code>,
    /// Attempts, the wait for a place among them.
    pub attempts: Latency,
    /// How attempts ended.
    pub attempt_outcomes: Tally<AttemptOutcome>,
    /// Attempts that repeat a failed one.
    pub retries: Counter,
    /// Attempts that would have, but for the retry budget.
    pub retries_withheld: Counter,
    /// Attempts beside a slow one.
    pub hedges: Counter,
    /// Requests that were not sent.
    pub refused: Tally<Refused>,
    /// Waits for a place, of those that had to wait.
    pub queue_wait: Latency,
    /// What the cache did.
    pub cache: Tally<CacheResult>,
    /// Answers that were stored.
    pub stored: Counter,
    /// Fetches that joined an equal one in flight.
    pub joined: Counter,
}

/// The meter of a source, which goes on counting when a reload makes the source anew.
pub type SourceMeterSlot = MeterSlot<SourceMeter>;

/// The meter of something that a reload makes anew, and that goes on counting.
#[derive(Debug, Default)]
pub struct MeterSlot<M>(OnceLock<Arc<M>>);

impl<M: Default> MeterSlot<M> {
    /// The meter: one of its own, unless it goes on with another's.
    pub fn get(&self) -> &Arc<M> {
        self.0.get_or_init(Arc::default)
    }

    /// Goes on with the meter of another. Too late once something was counted.
    pub fn continue_with(&self, meter: &Arc<M>) {
        let _ = self.0.set(Arc::clone(meter));
    }
}

/// What is counted of one connector's mappings, in the operations that are looked at for problems.
#[derive(Debug, Default)]
pub struct ConnectorMeter {
    /// Steps that were looked at.
    pub examined: Counter,
    /// Problems in them.
    pub problems: Counter,
    last: Mutex<Vec<LocatedProblem>>,
}

/// A problem of a mapping, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocatedProblem {
    /// Which mapping of the connector.
    pub mapping: &'static str,
    /// Where in the mapping; empty for the mapping as a whole.
    pub path: String,
    /// What. Not redacted yet.
    pub message: String,
    /// How often, in the step that was looked at.
    pub count: u64,
}

impl ConnectorMeter {
    /// Counts what was found in one step; `problems` are the first of them.
    pub fn examined(&self, count: u64, problems: impl Iterator<Item = LocatedProblem>) {
        self.examined.count();
        if count == 0 {
            return;
        }
        self.problems.add(count);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = problems.take(LOCATED_MAX).collect();
    }

    /// The problems of the last step that had any.
    #[must_use]
    pub fn last_problems(&self) -> Vec<LocatedProblem> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Lets something through once in a while: at once, and again when `every` has passed.
#[derive(Debug, Default)]
pub struct Seldom {
    /// Milliseconds since the process's first look at the clock; 0 before the first time.
    next: AtomicU64,
}

impl Seldom {
    /// Whether it is time again.
    pub fn is_due(&self, every: Duration) -> bool {
        static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
        let now = u64::try_from(BEGAN.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1;
        let next = self.next.load(Relaxed);
        let after = now.saturating_add(u64::try_from(every.as_millis()).unwrap_or(u64::MAX));
        now >= next && self.next.compare_exchange(next, after, Relaxed, Relaxed).is_ok()
    }
}

/// What is counted of a gateway.
#[derive(Debug, Default)]
pub struct GatewayMeter {
    operations: [OperationMeter; OperationType::ALL.len()],
    /// Operations that run now.
    pub running: Gauge,
    /// Entries of `errors` that clients got, by code.
    pub errors: Tally<Code>,
    /// Requests to the endpoint between their headers and their response.
    pub in_flight: Gauge,
    /// Requests that were refused because there were too many.
    pub shed: Counter,
    /// What is counted of sources without a name, together.
    pub unnamed_sources: Arc<SourceMeter>,
    /// When an operation is looked at for problems of its mappings, though nobody asked.
    pub looks: Seldom,
}

/// What is counted of the operations of one type.
#[derive(Debug, Default)]
pub struct OperationMeter {
    /// How they ended.
    pub outcomes: Tally<OperationOutcome>,
    /// How long they took, those that never ran too.
    pub taken: Latency,
}

impl GatewayMeter {
    /// Operations by type.
    pub fn operations(&self) -> impl Iterator<Item = (OperationType, &OperationMeter)> {
        OperationType::ALL.iter().copied().zip(&self.operations)
    }

    /// Lets a request in, which is in flight until the guard is dropped; none where `max` are in flight already: it is shed, and
    /// counted as such.
    pub fn admit(&self, max: usize) -> Option<Within<'_>> {
        let (within, count) = self.in_flight.enter();
        if count > max {
            self.shed.count();
            return None;
        }
        Some(within)
    }

    /// Begins to count an operation.
    #[must_use]
    pub fn begin(self: &Arc<Self>) -> Operation {
        self.running.0.fetch_add(1, Relaxed);
        Operation {
            meter: Arc::clone(self),
            began: Instant::now(),
            operation_type: OperationType::Unknown,
            outcome: OperationOutcome::Cancelled,
        }
    }
}

/// An operation that is being counted; dropping it ends it.
#[derive(Debug)]
pub struct Operation {
    meter: Arc<GatewayMeter>,
    began: Instant,
    operation_type: OperationType,
    outcome: OperationOutcome,
}

impl Operation {
    /// Notes its type.
    pub fn is_a(&mut self, operation_type: OperationType) {
        self.operation_type = operation_type;
    }

    /// Notes how it ended. Without that it counts as cancelled.
    pub fn ended(&mut self, outcome: OperationOutcome) {
        self.outcome = outcome;
    }

    /// How long it has run.
    #[must_use]
    pub fn taken(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        self.meter.running.0.fetch_sub(1, Relaxed);
        if let Some(operations) = self.meter.operations.get(self.operation_type.index()) {
            operations.outcomes.count(self.outcome);
            operations.taken.add(self.began.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stands_at_its_index<K: Closed + PartialEq + std::fmt::Debug>() {
        for (position, name) in K::ALL.iter().enumerate() {
            assert_eq!(name.index(), position, "{name:?}");
        }
    }

    #[test]
    fn every_name_stands_at_its_index() {
        stands_at_its_index::<Code>();
        stands_at_its_index::<OperationType>();
        stands_at_its_index::<OperationOutcome>();
        stands_at_its_index::<AttemptOutcome>();
        stands_at_its_index::<Refused>();
        stands_at_its_index::<CacheResult>();
    }

    #[test]
    fn an_operation_that_nobody_ended_was_cancelled() {
        let meter = Arc::new(GatewayMeter::default());
        let mut first = meter.begin();
        first.is_a(OperationType::Mutation);
        first.ended(OperationOutcome::Errors);
        let second = meter.begin();
        assert_eq!(meter.running.read(), 2);
        drop((first, second));
        assert_eq!(meter.running.read(), 0);
        let counted: Vec<(&str, &str, u64)> = meter
            .operations()
            .flat_map(|(of, operations)| {
                operations.outcomes.read().map(move |(outcome, count)| (of.as_str(), outcome.as_str(), count))
            })
            .filter(|(.., count)| *count > 0)
            .collect();
        assert_eq!(counted, [("mutation", "errors", 1), ("unknown", "cancelled", 1)]);
    }

    #[test]
    fn seldom_is_at_once_and_then_not_for_a_while() {
        let seldom = Seldom::default();
        let hour = Duration::from_secs(3_600);
        assert!(seldom.is_due(hour));
        assert!(!seldom.is_due(hour));
        assert!(Seldom::default().is_due(Duration::ZERO));
    }

    #[test]
    fn a_source_made_anew_goes_on_counting() {
        let (old, new) = (SourceMeterSlot::default(), SourceMeterSlot::default());
        old.get().retries.count();
        new.continue_with(old.get());
        new.get().retries.count();
        assert_eq!(old.get().retries.read(), 2);
    }
}
