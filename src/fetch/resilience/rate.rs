//! A rate limit: so many requests in a time, evenly, with bursts of as many.

use tokio::time::Instant;

use crate::connector::RateLimit;

/// When the next request is due (the generic cell rate algorithm).
#[derive(Debug)]
pub(super) struct Rate {
    rules: RateLimit,
    due: Option<Instant>,
}

impl Rate {
    pub(super) fn new(rules: RateLimit) -> Self {
        Rate { rules, due: None }
    }

    /// Whether a request may go now; it is counted if so.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let each = self.rules.per / self.rules.requests.max(1);
        let due = self.due.map_or(now, |due| due.max(now));
        let burst = self.rules.per.saturating_sub(each);
        if due > now + burst {
            return false;
        }
        self.due = Some(due + each);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_then_evenly() {
        let mut rate = Rate::new(RateLimit { requests: 10, per: Duration::from_secs(1) });
        let granted = (0..100).filter(|_| rate.take(Instant::now())).count();
        assert_eq!(granted, 10);
        tokio::time::advance(Duration::from_millis(100)).await;
        assert!(rate.take(Instant::now()));
        assert!(!rate.take(Instant::now()));
    }
}
