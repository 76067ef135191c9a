//! How long things take: a histogram that is written by many at once without a lock, and percentiles read from it.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Upper bounds of the buckets, in microseconds, inclusive; what is longer than the last falls into one more. Ten for each
/// power of ten, so that a percentile is off by a tenth at most.
const BOUNDS: [u64; 56] = [
    100, 150, 200, 250, 300, 400, 500, 600, 750, 850, //
    1_000, 1_500, 2_000, 2_500, 3_000, 4_000, 5_000, 6_000, 7_500, 8_500, //
    10_000, 15_000, 20_000, 25_000, 30_000, 40_000, 50_000, 60_000, 75_000, 85_000, //
    100_000, 150_000, 200_000, 250_000, 300_000, 400_000, 500_000, 600_000, 750_000, 850_000, //
    1_000_000, 1_500_000, 2_000_000, 2_500_000, 3_000_000, 4_000_000, 5_000_000, 6_000_000, 7_500_000,
    8_500_000, //
    10_000_000, 15_000_000, 20_000_000, 30_000_000, 45_000_000, 60_000_000,
];

const BUCKETS: usize = BOUNDS.len() + 1;

/// The bounds that are shown outside, in microseconds: each of them is one of [`BOUNDS`].
pub const SHOWN_BOUNDS: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000,
];

/// Times of one kind of thing, since the process started.
#[derive(Debug)]
pub struct Latency {
    buckets: [AtomicU64; BUCKETS],
    nanos: AtomicU64,
}

impl Default for Latency {
    fn default() -> Self {
        Latency { buckets: [const { AtomicU64::new(0) }; BUCKETS], nanos: AtomicU64::new(0) }
    }
}

impl Latency {
    /// Counts one more.
    pub fn add(&self, taken: Duration) {
        let nanos = u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| bound * 1_000 < nanos);
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(1, Relaxed);
        }
        self.nanos.fetch_add(nanos, Relaxed);
    }

    /// What was counted so far.
    #[must_use]
    pub fn read(&self) -> LatencyReading {
        let mut reading = LatencyReading { buckets: [0; BUCKETS], nanos: self.nanos.load(Relaxed) };
        for (read, bucket) in reading.buckets.iter_mut().zip(&self.buckets) {
            *read = bucket.load(Relaxed);
        }
        reading
    }
}

/// A [`Latency`] at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatencyReading {
    buckets: [u64; BUCKETS],
    nanos: u64,
}

impl LatencyReading {
    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// All of them together.
    #[must_use]
    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.nanos)
    }

    /// What was counted since an earlier reading.
    #[must_use]
    pub fn since(&self, earlier: &LatencyReading) -> LatencyReading {
        let mut since = LatencyReading { nanos: self.nanos.saturating_sub(earlier.nanos), ..self.clone() };
        for (bucket, before) in since.buckets.iter_mut().zip(&earlier.buckets) {
            *bucket = bucket.saturating_sub(*before);
        }
        since
    }

    /// The time that this part of all stay within, about; none where nothing was counted.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        #[allow(clippy::cast_precision_loss, reason = "a percentile is an estimate")]
        let rank = part.clamp(0.0, 1.0) * count as f64;
        let mut below = 0.0;
        let mut lower = 0_u64;
        let uppers = BOUNDS.iter().copied().chain(BOUNDS.last().copied());
        for (bucket, upper) in self.buckets.iter().zip(uppers) {
            #[allow(clippy::cast_precision_loss, reason = "a percentile is an estimate")]
            let (held, width) = (*bucket as f64, upper.saturating_sub(lower) as f64);
            if held > 0.0 && below + held >= rank {
                let within = ((rank - below) / held).clamp(0.0, 1.0) * width;
                return Some(Duration::from_micros(lower) + Duration::from_secs_f64(within / 1e6));
            }
            below += held;
            lower = upper;
        }
        Some(Duration::from_micros(lower))
    }

    /// By the bounds of [`SHOWN_BOUNDS`] and beyond them: how many fall between one bound and the one before it.
    pub fn shown(&self) -> impl Iterator<Item = (Option<u64>, u64)> {
        let mut next = 0;
        SHOWN_BOUNDS.iter().map(|bound| Some(*bound)).chain([None]).map(move |bound| {
            let end = bound.map_or(BUCKETS, |bound| BOUNDS.partition_point(|known| *known <= bound));
            let count = self.buckets.get(next..end).unwrap_or_default().iter().sum();
            next = end;
            (bound, count)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_rise_and_hold_those_that_are_shown() {
        assert!(BOUNDS.is_sorted_by(|a, b| a < b));
        assert!(SHOWN_BOUNDS.iter().all(|bound| BOUNDS.contains(bound)));
    }

    #[test]
    fn percentiles_are_off_by_a_tenth_at_most() {
        let latency = Latency::default();
        assert_eq!(latency.read().quantile(0.5), None);
        (1..=1_000).for_each(|ms| latency.add(Duration::from_millis(ms)));
        let reading = latency.read();
        assert_eq!(reading.count(), 1_000);
        assert_eq!(reading.total(), Duration::from_millis(500_500));
        for (part, expected) in [(0.5, 500.0), (0.95, 950.0), (0.99, 990.0), (0.01, 10.0)] {
            let found = reading.quantile(part).unwrap().as_secs_f64() * 1e3;
            assert!((found / expected - 1.0).abs() < 0.1, "{part}: {found} for {expected}");
        }
        latency.add(Duration::from_secs(3_600));
        assert_eq!(latency.read().quantile(1.0), Some(Duration::from_secs(60)), "longer than all bounds");
    }

    #[test]
    fn a_bound_counts_what_is_as_long_as_it() {
        let latency = Latency::default();
        [0, 500, 501, 1_000, 10_000_000, 10_000_001]
            .iter()
            .for_each(|us| latency.add(Duration::from_micros(*us)));
        let shown: Vec<(Option<u64>, u64)> = latency.read().shown().filter(|(_, count)| *count > 0).collect();
        assert_eq!(shown, [(Some(500), 2), (Some(1_000), 2), (Some(10_000_000), 1), (None, 1)]);
    }

    #[test]
    fn what_came_since_is_told_apart() {
        let latency = Latency::default();
        latency.add(Duration::from_secs(1));
        let before = latency.read();
        latency.add(Duration::from_millis(10));
        let since = latency.read().since(&before);
        assert_eq!((since.count(), since.total()), (1, Duration::from_millis(10)));
        assert_eq!(since.quantile(1.0), Some(Duration::from_millis(10)));
    }
}
