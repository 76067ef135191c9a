//! How long a source usually takes, so that a request that takes longer than most can be sent once more.

use std::time::Duration;

/// So many of the last answers are remembered.
const SAMPLES: usize = 256;
/// With fewer nothing is said: a percentile of a handful is chance.
const SAMPLES_MIN: usize = 20;

/// The last answers' times.
#[derive(Debug, Default)]
pub(super) struct Latencies {
    last: Vec<Duration>,
    next: usize,
}

impl Latencies {
    pub(super) fn add(&mut self, taken: Duration) {
        match self.last.get_mut(self.next) {
            Some(place) => *place = taken,
            None => self.last.push(taken),
        }
        self.next = (self.next + 1) % SAMPLES;
    }

    /// What 95 of 100 answers stay under.
    pub(super) fn p95(&self) -> Option<Duration> {
        if self.last.len() < SAMPLES_MIN {
            return None;
        }
        let mut sorted = self.last.clone();
        let at = (sorted.len() * 95 / 100).min(sorted.len() - 1);
        Some(*sorted.select_nth_unstable(at).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ninety_five_of_a_hundred() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.p95(), None);
        (1..=100).for_each(|ms| latencies.add(Duration::from_millis(ms)));
        assert_eq!(latencies.p95(), Some(Duration::from_millis(96)));
        (0..SAMPLES).for_each(|_| latencies.add(Duration::from_millis(7)));
        assert_eq!(latencies.p95(), Some(Duration::from_millis(7)));
    }
}
