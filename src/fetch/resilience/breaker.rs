//! A circuit breaker: a source that fails again and again is left alone for a while, then asked once to see.

use std::collections::VecDeque;

use tokio::time::Instant;

use crate::connector::BreakerRules;

/// The window is counted in so many parts, so that it moves smoothly.
const PARTS: u32 = 10;

/// One source's breaker.
#[derive(Debug)]
pub(super) struct Breaker {
    rules: BreakerRules,
    state: State,
    consecutive: u32,
    parts: VecDeque<Part>,
}

/// Whether requests go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// They do.
    Closed,
    /// They fail at once.
    Open,
    /// One is under way to see whether the source is well again; the others fail at once.
    HalfOpen,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed,
    Open { until: Instant },
    HalfOpen { probe: Option<Instant> },
}

#[derive(Debug)]
struct Part {
    began: Instant,
    requests: u32,
    failures: u32,
}

/// What a request is allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// It goes through.
    Pass,
    /// It goes through, and decides.
    Probe,
    /// It fails at once.
    Refused,
}

impl Breaker {
    pub(super) fn new(rules: BreakerRules) -> Self {
        Breaker { rules, state: State::Closed, consecutive: 0, parts: VecDeque::new() }
    }

    pub(super) fn state(&self, now: Instant) -> BreakerState {
        match self.state {
            State::Closed => BreakerState::Closed,
            State::Open { until } if now < until => BreakerState::Open,
            State::Open { .. } | State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    pub(super) fn admit(&mut self, now: Instant) -> Admission {
        match self.state {
            State::Closed => Admission::Pass,
            State::Open { until } if now < until => Admission::Refused,
            // A probe whose caller gave up never reports; another may go after a while.
            State::HalfOpen { probe: Some(since) } if now < since + self.rules.open_for => Admission::Refused,
            State::Open { .. } | State::HalfOpen { .. } => {
                self.state = State::HalfOpen { probe: Some(now) };
                Admission::Probe
            }
        }
    }

    /// Counts how an admitted request ended. True when this opened the breaker.
    pub(super) fn ended(&mut self, admission: Admission, failed: bool, now: Instant) -> bool {
        match (self.state, admission) {
            (State::HalfOpen { .. }, Admission::Probe) if failed => self.open(now),
            (State::HalfOpen { .. }, Admission::Probe) => {
                self.close();
                false
            }
            // What began before the breaker opened says nothing about after.
            (State::Open { .. } | State::HalfOpen { .. }, _) => false,
            (State::Closed, _) => {
                self.consecutive = if failed { self.consecutive.saturating_add(1) } else { 0 };
                self.count(failed, now);
                (failed && self.is_too_much()) && self.open(now)
            }
        }
    }

    /// Lets requests through again and forgets what was counted.
    pub(super) fn close(&mut self) {
        *self = Breaker::new(self.rules);
    }

    fn open(&mut self, now: Instant) -> bool {
        self.state = State::Open { until: now + self.rules.open_for };
        self.consecutive = 0;
        self.parts.clear();
        true
    }

    fn is_too_much(&self) -> bool {
        let requests: u32 = self.parts.iter().map(|part| part.requests).sum();
        let failures: u32 = self.parts.iter().map(|part| part.failures).sum();
        self.consecutive >= self.rules.consecutive_failures
            || (requests >= self.rules.min_requests
                && f64::from(failures) > self.rules.failure_ratio * f64::from(requests))
    }

    fn count(&mut self, failed: bool, now: Instant) {
        while self.parts.front().is_some_and(|part| now.duration_since(part.began) >= self.rules.window) {
            self.parts.pop_front();
        }
        let length = self.rules.window / PARTS;
        if self.parts.back().is_none_or(|part| now.duration_since(part.began) >= length) {
            self.parts.push_back(Part { began: now, requests: 0, failures: 0 });
        }
        if let Some(part) = self.parts.back_mut() {
            part.requests = part.requests.saturating_add(1);
            part.failures = part.failures.saturating_add(u32::from(failed));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn breaker() -> Breaker {
        Breaker::new(BreakerRules::default())
    }

    fn run(breaker: &mut Breaker, failed: bool) -> Admission {
        let admission = breaker.admit(Instant::now());
        if !matches!(admission, Admission::Refused) {
            breaker.ended(admission, failed, Instant::now());
        }
        admission
    }

    #[tokio::test(start_paused = true)]
    async fn five_failures_in_a_row_open_it_and_one_good_probe_closes_it() {
        let mut breaker = breaker();
        (0..4).for_each(|_| assert_eq!(run(&mut breaker, true), Admission::Pass));
        run(&mut breaker, false);
        (0..5).for_each(|_| assert_eq!(run(&mut breaker, true), Admission::Pass));
        assert_eq!(run(&mut breaker, true), Admission::Refused);
        assert_eq!(breaker.state(Instant::now()), BreakerState::Open);

        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(run(&mut breaker, true), Admission::Probe);
        assert!(matches!(run(&mut breaker, false), Admission::Refused));

        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(run(&mut breaker, false), Admission::Probe);
        assert_eq!(run(&mut breaker, true), Admission::Pass);
    }

    #[tokio::test(start_paused = true)]
    async fn more_than_half_of_twenty_open_it() {
        let mut breaker = breaker();
        for _ in 0..9 {
            run(&mut breaker, true);
            run(&mut breaker, false);
        }
        run(&mut breaker, true);
        assert_eq!(breaker.state(Instant::now()), BreakerState::Closed, "10 of 19, but not twenty yet");
        run(&mut breaker, true);
        assert_eq!(breaker.state(Instant::now()), BreakerState::Open, "11 of 20");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_older_than_the_window_does_not_count() {
        let mut breaker = breaker();
        for _ in 0..10 {
            run(&mut breaker, true);
            run(&mut breaker, false);
        }
        tokio::time::advance(Duration::from_secs(11)).await;
        for _ in 0..4 {
            run(&mut breaker, true);
        }
        assert_eq!(breaker.state(Instant::now()), BreakerState::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn while_one_probe_is_under_way_nothing_else_goes_and_a_lost_probe_is_replaced() {
        let mut breaker = breaker();
        (0..5).for_each(|_| {
            run(&mut breaker, true);
        });
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(breaker.admit(Instant::now()), Admission::Probe);
        assert!(matches!(breaker.admit(Instant::now()), Admission::Refused));
        tokio::time::advance(Duration::from_secs(5)).await;
        assert_eq!(breaker.admit(Instant::now()), Admission::Probe);
    }
}
