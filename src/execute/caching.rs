//! For how long, and by whom, a response may be kept: what the plan allows, lessened by how old the answers of backends are and
//! by what they allow themselves. Not for keeping anything: `answers` does, and whoever reads `Cache-Control`.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::HeaderName;

use crate::{
    fetch::{Allows, Lease, UpstreamResponse},
    plan::{Plan, StepId},
};

/// That a response may be kept. Written as the value of `Cache-Control`: `max-age=60, public`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caching {
    /// For so many seconds; never 0.
    pub max_age_s: u64,
    /// By the client alone: it may be another for somebody else.
    pub private: bool,
    /// For requests with equal values of these headers.
    pub vary: Arc<[HeaderName]>,
}

impl fmt::Display for Caching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "max-age={}, {}", self.max_age_s, if self.private { "private" } else { "public" })
    }
}

impl Caching {
    /// The same, so much later; none where its time is up.
    pub(super) fn after(&self, passed: Duration) -> Option<Self> {
        let left = Duration::from_secs(self.max_age_s).saturating_sub(passed).as_secs();
        (left > 0).then(|| Caching { max_age_s: left, ..self.clone() })
    }
}

/// The answers that the steps of one operation used.
#[derive(Debug, Default)]
pub(super) struct Uses {
    by_step: Mutex<Vec<Used>>,
}

/// The answers that one step used, together.
#[derive(Debug, Clone)]
struct Used {
    step: StepId,
    age: Duration,
    fresh_for: Option<Duration>,
    nothing: bool,
    private: bool,
    lease: Option<Lease>,
}

impl Uses {
    /// Notes the answers of a step; none for one that failed.
    pub(super) fn note<'a>(
        &self,
        plan: &Plan,
        step: StepId,
        answers: impl Iterator<Item = Option<&'a UpstreamResponse>>,
    ) {
        let connector = &plan.step(step).connector;
        let rules = connector.source.cache_rules(connector.caching.rules.as_deref());
        let private = connector.caching.is_private;
        let mut used =
            Used { step, age: Duration::ZERO, fresh_for: None, nothing: false, private, lease: None };
        let mut leases = Vec::new();
        for answer in answers {
            leases.push(answer.and_then(|response| response.lease.clone()));
            let Some(response) = answer else {
                used.nothing = true;
                continue;
            };
            let allows = Allows::of(rules, response);
            used.age = used.age.max(allows.age);
            used.fresh_for = shorter(used.fresh_for, allows.fresh_for);
            used.nothing |= allows.nothing;
            used.private |= allows.private;
        }
        used.lease = Lease::all(leases);
        self.by_step.lock().unwrap_or_else(PoisonError::into_inner).push(used);
    }

    /// Whether all answers would be given again, and how one can tell later; none where none was used.
    pub(super) fn lease(&self) -> Option<Lease> {
        let by_step = self.by_step.lock().unwrap_or_else(PoisonError::into_inner);
        if by_step.is_empty() { None } else { Lease::all(by_step.iter().map(|used| used.lease.clone())) }
    }

    /// How the response may be kept that was made of these answers, where it has no errors.
    pub(super) fn caching(&self, plan: &Plan, conditions: &[bool]) -> Option<Caching> {
        let allowances = plan.allowances.as_ref()?;
        let by_step = self.by_step.lock().unwrap_or_else(PoisonError::into_inner);
        // Of what any header may change, nobody can tell for whom it is.
        if plan.reads.all_headers || by_step.iter().any(|used| used.nothing) {
            return None;
        }
        let ages = ages(plan, &by_step);
        let mut private = plan.reads.identity() || by_step.iter().any(|used| used.private);
        let mut max_age = by_step.iter().fold(None, |shortest, used| shorter(shortest, used.fresh_for));
        let holds = |when| conditions.get(usize::from(when)).copied().unwrap_or(true);
        for allowance in allowances {
            if allowance.when.is_some_and(|when| !holds(when.0)) {
                continue;
            }
            let age = allowance.step.and_then(|step| ages.get(step.0 as usize)).copied().unwrap_or_default();
            max_age =
                shorter(max_age, Some(Duration::from_secs(allowance.max_age_s.into()).saturating_sub(age)));
            private |= allowance.private;
        }
        let max_age_s = max_age?.as_secs();
        (max_age_s > 0).then(|| Caching { max_age_s, private, vary: plan.reads.headers.clone() })
    }
}

/// How old what each step gave is: as old as its answers, and as the answers that its inputs came from.
fn ages(plan: &Plan, used: &[Used]) -> Vec<Duration> {
    let mut ages: Vec<Duration> = Vec::with_capacity(plan.steps.len());
    for (step, index) in plan.steps.iter().zip(0..) {
        let own = used.iter().filter(|used| used.step == StepId(index)).map(|used| used.age);
        let earlier = step.after.iter().filter_map(|earlier| ages.get(earlier.0 as usize).copied());
        let age = own.chain(earlier).max().unwrap_or_default();
        ages.push(age);
    }
    ages
}

fn shorter(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests;
