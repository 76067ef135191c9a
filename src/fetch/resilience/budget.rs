//! How many retries and hedges a source gets: a share of its requests and a few each second, so that a backend in
//! trouble is not asked twice as much. (The shape is Finagle's: 20 of 100, and 10 a second.)

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// What is counted together, and how long it counts.
const SLOT: Duration = Duration::from_secs(1);
const SLOTS: usize = 10;

/// Requests and withdrawals of the last ten seconds.
#[derive(Debug)]
pub(super) struct Budget {
    /// Withdrawals for each request.
    ratio: f64,
    /// Withdrawals for each second, whatever the requests.
    per_second: f64,
    slots: VecDeque<Slot>,
}

#[derive(Debug)]
struct Slot {
    began: Instant,
    requests: u32,
    withdrawn: u32,
}

impl Budget {
    pub(super) fn new(ratio: f64, per_second: f64) -> Self {
        Budget { ratio, per_second, slots: VecDeque::with_capacity(SLOTS + 1) }
    }

    /// Counts a request.
    pub(super) fn deposit(&mut self, now: Instant) {
        if let Some(slot) = self.slot(now) {
            slot.requests = slot.requests.saturating_add(1);
        }
    }

    /// Takes one withdrawal, if there is one.
    pub(super) fn withdraw(&mut self, now: Instant) -> bool {
        self.slot(now);
        let requests: f64 = self.slots.iter().map(|slot| f64::from(slot.requests)).sum();
        let withdrawn: f64 = self.slots.iter().map(|slot| f64::from(slot.withdrawn)).sum();
        // The floor grows with the time that is counted: a burst at the start is not ten seconds' worth.
        let seconds =
            self.slots.front().map_or(0.0, |first| (now - first.began + SLOT).as_secs_f64().floor());
        if withdrawn + 1.0 > self.ratio * requests + self.per_second * seconds {
            return false;
        }
        if let Some(slot) = self.slots.back_mut() {
            slot.withdrawn = slot.withdrawn.saturating_add(1);
        }
        true
    }

    /// The slot of now; older ones than count are dropped.
    fn slot(&mut self, now: Instant) -> Option<&mut Slot> {
        let window = SLOT * u32::try_from(SLOTS).unwrap_or(10);
        while self.slots.front().is_some_and(|slot| now.duration_since(slot.began) >= window) {
            self.slots.pop_front();
        }
        if self.slots.back().is_none_or(|slot| now.duration_since(slot.began) >= SLOT) {
            self.slots.push_back(Slot { began: now, requests: 0, withdrawn: 0 });
        }
        self.slots.back_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_share_of_the_requests_and_a_few_a_second() {
        let mut budget = Budget::new(0.2, 10.0);
        let mut granted = 0;
        for _ in 0..100 {
            budget.deposit(Instant::now());
            granted += u32::from(budget.withdraw(Instant::now()));
        }
        assert_eq!(granted, 30, "20 of 100, and 10 for the first second");
    }

    #[tokio::test(start_paused = true)]
    async fn a_storm_of_a_minute_stays_within_it() {
        let mut budget = Budget::new(0.2, 10.0);
        let (mut requests, mut granted) = (0, 0);
        for _ in 0..60 * 50 {
            requests += 1;
            budget.deposit(Instant::now());
            granted += u32::from(budget.withdraw(Instant::now()));
            tokio::time::advance(Duration::from_millis(20)).await;
        }
        assert!(granted <= requests / 5 + 10 * 60 + 10, "{granted} of {requests}");
        assert!(granted >= requests / 5, "{granted} of {requests}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_long_past_does_not_count() {
        let mut budget = Budget::new(0.0, 1.0);
        budget.deposit(Instant::now());
        assert!(budget.withdraw(Instant::now()));
        assert!(!budget.withdraw(Instant::now()));
        tokio::time::advance(Duration::from_secs(30)).await;
        assert!(budget.withdraw(Instant::now()));
    }
}
