//! What keeps one backend's trouble small, before the upstream that talks to it: retries within a budget, a circuit breaker, a
//! rate limit and hedges, each source for itself. How many requests are in flight at once is `concurrency`'s.

mod breaker;
mod budget;
mod latency;
mod rate;

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use http::{Method, StatusCode, header};
use tokio::time::{Instant, sleep};
use tracing::Instrument as _;

pub use self::breaker::BreakerState;
use self::{
    breaker::{Admission, Breaker},
    budget::Budget,
    latency::Latencies,
    rate::Rate,
};
use super::{
    FetchError, SourceState, Stored, Trouble, Upstream, UpstreamRequest, UpstreamResponse,
    request::IDEMPOTENCY_KEY,
};
use crate::{
    connector::{HedgeAfter, HedgeRules, Resilience, RetryOn, Source},
    error::Code,
    telemetry::{self, AttemptOutcome, Refused, SourceMeter, trace},
};

/// Retries for each request, and for each second besides.
const RETRY_RATIO: f64 = 0.2;
const RETRIES_PER_SECOND: f64 = 10.0;

/// An upstream that retries, breaks, limits and hedges, as each source's settings say.
pub struct ResilientUpstream {
    inner: Arc<dyn Upstream>,
    guards: RwLock<HashMap<String, Arc<Guard>, ahash::RandomState>>,
}

/// One source's state.
struct Guard {
    rules: Resilience,
    state: Mutex<State>,
}

struct State {
    breaker: Breaker,
    retries: Budget,
    hedges: Budget,
    rate: Option<Rate>,
    latencies: Latencies,
}

impl Guard {
    fn new(rules: Resilience) -> Self {
        let hedge_ratio = rules.hedge.map_or(0.0, |hedge| hedge.ratio_max);
        let state = State {
            breaker: Breaker::new(rules.breaker),
            retries: Budget::new(RETRY_RATIO, RETRIES_PER_SECOND),
            hedges: Budget::new(hedge_ratio, 0.0),
            rate: rules.rate_limit.map(Rate::new),
            latencies: Latencies::default(),
        };
        Guard { rules, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks the rate limit and the breaker whether an attempt may go.
    fn admit(&self, meter: &SourceMeter) -> Result<Admission, FetchError> {
        let mut state = self.state();
        let now = Instant::now();
        // The limit first: what it refuses must not be taken for a probe.
        if state.rate.as_mut().is_some_and(|rate| !rate.take(now)) {
            meter.refused.count(Refused::RateLimit);
            let message = "Connector error: more requests to this source than its rate limit allows";
            return Err(FetchError::new(Code::RequestRateLimited, message));
        }
        match state.breaker.admit(now) {
            Admission::Refused => {
                meter.refused.count(Refused::Breaker);
                let message = "Connector error: this source failed repeatedly and is not asked for a while";
                Err(FetchError::new(Code::CircuitBreakerOpen, message))
            }
            admission => Ok(admission),
        }
    }

    fn ended(
        &self,
        source: &Source,
        admission: Admission,
        answer: &Result<UpstreamResponse, FetchError>,
        taken: Duration,
    ) {
        let failed = is_failure(answer);
        let opened = {
            let mut state = self.state();
            if !failed && answer.is_ok() {
                state.latencies.add(taken);
            }
            state.breaker.ended(admission, failed, Instant::now())
        };
        if opened {
            tracing::warn!(source = source.name, "circuit breaker opened");
        }
    }
}

/// How an attempt ended, in a word.
fn outcome(answer: &Result<UpstreamResponse, FetchError>) -> AttemptOutcome {
    match answer {
        Ok(response) => match response.status.as_u16() {
            500.. => AttemptOutcome::ServerError,
            400.. => AttemptOutcome::ClientError,
            300.. => AttemptOutcome::Redirection,
            _ => AttemptOutcome::Success,
        },
        Err(error) => match error.trouble {
            Some(Trouble::Timeout) => AttemptOutcome::Timeout,
            Some(Trouble::Connection) => AttemptOutcome::Connection,
            None => AttemptOutcome::Failed,
        },
    }
}

/// Whether the source is to blame: it could not be reached, broke off, was too slow, or says 5xx.
fn is_failure(answer: &Result<UpstreamResponse, FetchError>) -> bool {
    match answer {
        Ok(response) => response.status.is_server_error(),
        Err(error) => error.trouble.is_some(),
    }
}

impl ResilientUpstream {
    /// Before an upstream; nothing has failed yet.
    #[must_use]
    pub fn new(inner: Arc<dyn Upstream>) -> Self {
        ResilientUpstream { inner, guards: RwLock::default() }
    }

    /// Sources without a name share nothing but the authority they call, so that stands in for the name.
    fn guard(&self, source: &Source, url: &str) -> Arc<Guard> {
        let name = if source.name.is_empty() { authority(url) } else { &source.name };
        let rules = &source.settings.resilience;
        let known = self.guards.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(guard) = known.get(name).filter(|guard| guard.rules == *rules) {
            return Arc::clone(guard);
        }
        drop(known);
        let mut known = self.guards.write().unwrap_or_else(PoisonError::into_inner);
        match known.get(name) {
            Some(guard) if guard.rules == *rules => Arc::clone(guard),
            // New, or reloaded with other rules.
            _ => {
                let guard = Arc::new(Guard::new(rules.clone()));
                known.insert(name.to_owned(), Arc::clone(&guard));
                guard
            }
        }
    }

    async fn attempts(
        &self,
        source: &Arc<Source>,
        request: Arc<UpstreamRequest>,
    ) -> Result<UpstreamResponse, FetchError> {
        let guard = self.guard(source, &request.url);
        let retry = &guard.rules.retry;
        let may_repeat =
            request.method.is_idempotent() || request.all_headers().any(|(name, _)| *name == IDEMPOTENCY_KEY);
        guard.state().retries.deposit(Instant::now());
        let mut attempt = 1;
        loop {
            let is_last = attempt >= retry.attempts || !may_repeat;
            let answer = self.attempt(&guard, source, Arc::clone(&request), attempt - 1).await;
            if is_last || !is_retried(&retry.on, &answer) {
                return answer;
            }
            let asked = match &answer {
                Ok(response) => retry_after(response),
                Err(_) => None,
            };
            let wait = jittered(retry.backoff, retry.backoff_max, attempt).max(asked.unwrap_or_default());
            let now = Instant::now();
            // An answer after the deadline is worth nothing, and neither is a wait for it.
            let in_time = request.deadline.0.is_none_or(|deadline| now + wait < deadline);
            if !in_time || asked.is_some_and(|asked| asked > retry.backoff_max) {
                return answer;
            }
            if !guard.state().retries.withdraw(now) {
                source.meter().retries_withheld.count();
                tracing::debug!(source = source.name, "not retried: the retry budget is used up");
                return answer;
            }
            sleep(wait).await;
            attempt += 1;
            source.meter().retries.count();
            tracing::debug!(source = source.name, attempt, "retried");
        }
    }

    /// One attempt; where the source hedges and the answer takes longer than most, a second one beside it.
    async fn attempt(
        &self,
        guard: &Guard,
        source: &Arc<Source>,
        request: Arc<UpstreamRequest>,
        resent: u32,
    ) -> Result<UpstreamResponse, FetchError> {
        let hedge = guard.rules.hedge.filter(|_| request.method == Method::GET);
        match hedge.and_then(|hedge| hedge_wait(guard, hedge)) {
            None => self.once(guard, source, request, resent).await,
            // Boxed, since every attempt would have room for two otherwise.
            Some(wait) => Box::pin(self.hedged(guard, source, request, resent, wait)).await,
        }
    }

    /// An attempt, and after a while a second one beside it.
    async fn hedged(
        &self,
        guard: &Guard,
        source: &Arc<Source>,
        request: Arc<UpstreamRequest>,
        resent: u32,
        wait: Duration,
    ) -> Result<UpstreamResponse, FetchError> {
        guard.state().hedges.deposit(Instant::now());
        let second = Arc::clone(&request);
        let first = self.once(guard, source, request, resent);
        tokio::pin!(first);
        tokio::select! {
            biased;
            answer = &mut first => return answer,
            () = sleep(wait) => {}
        }
        let may_hedge = {
            let mut state = guard.state();
            let now = Instant::now();
            state.breaker.state(now) == BreakerState::Closed && state.hedges.withdraw(now)
        };
        if !may_hedge {
            return first.await;
        }
        source.meter().hedges.count();
        tracing::debug!(source = source.name, "hedged");
        let second = self.once(guard, source, second, resent + 1);
        tokio::pin!(second);
        // The first good answer wins; where one fails the other is waited for.
        tokio::select! {
            answer = &mut first => if is_failure(&answer) { second.await } else { answer },
            answer = &mut second => if is_failure(&answer) { first.await } else { answer },
        }
    }

    /// One request on its way, as the breaker, the meter and the trace see it. `resent` counts those before it.
    fn once<'a>(
        &'a self,
        guard: &'a Guard,
        source: &'a Arc<Source>,
        mut request: Arc<UpstreamRequest>,
        resent: u32,
    ) -> impl Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a {
        let meter = source.meter();
        let sent = guard.admit(meter).map(|admission| {
            let span = trace::attempt(&source.name, &request.method, &request.url, resent);
            if let Some(own) = trace::traceparent(&span) {
                Arc::make_mut(&mut request).own_headers.set(&telemetry::TRACEPARENT, own);
            }
            (admission, span, Instant::now(), self.inner.send(source, request))
        });
        async move {
            let (admission, span, began, sent) = sent?;
            let answer = sent.instrument(span.clone()).await;
            let taken = began.elapsed();
            guard.ended(source, admission, &answer, taken);
            let outcome = outcome(&answer);
            meter.attempt_outcomes.count(outcome);
            meter.attempts.add(taken);
            trace::attempted(&span, answer.as_ref().ok().map(|response| response.status), outcome);
            answer
        }
    }
}

impl Upstream for ResilientUpstream {
    fn send<'a>(
        &'a self,
        source: &'a Arc<Source>,
        request: Arc<UpstreamRequest>,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>> {
        Box::pin(self.attempts(source, request))
    }

    fn state(&self, source: &Source) -> SourceState {
        let known = self.guards.read().unwrap_or_else(PoisonError::into_inner);
        let breaker = known.get(&*source.name).map(|guard| guard.state().breaker.state(Instant::now()));
        SourceState { breaker, ..self.inner.state(source) }
    }

    fn stored(&self) -> Option<Stored> {
        self.inner.stored()
    }

    fn purge(&self, source: Option<&Source>) {
        self.inner.purge(source);
    }

    fn secrets(&self) -> Vec<String> {
        self.inner.secrets()
    }

    fn purge_tags(&self, tags: &[String]) {
        self.inner.purge_tags(tags);
    }

    fn purge_here(&self, tags: Option<&[String]>) {
        self.inner.purge_here(tags);
    }

    fn purged<'a>(&'a self) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        self.inner.purged()
    }

    fn reset_breaker(&self, source: &Source) {
        let known = self.guards.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(guard) = known.get(&*source.name) {
            guard.state().breaker.close();
        }
        self.inner.reset_breaker(source);
    }
}

/// How long an answer may take before a second request is sent; none while too little is known.
fn hedge_wait(guard: &Guard, hedge: HedgeRules) -> Option<Duration> {
    match hedge.after {
        HedgeAfter::P95 => guard.state().latencies.p95(),
        HedgeAfter::Fixed(wait) => Some(wait),
    }
}

fn is_retried(on: &RetryOn, answer: &Result<UpstreamResponse, FetchError>) -> bool {
    match answer {
        Ok(response) => on.statuses.contains(&response.status.as_u16()),
        Err(error) => match error.trouble {
            Some(Trouble::Connection) => on.connect,
            Some(Trouble::Timeout) => on.timeout,
            None => false,
        },
    }
}

/// `Retry-After`, in seconds or as a date (RFC 9110, section 10.2.3), where the status gives it a meaning.
fn retry_after(response: &UpstreamResponse) -> Option<Duration> {
    let has_meaning =
        matches!(response.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS);
    let text = response.headers.get(header::RETRY_AFTER).filter(|_| has_meaning)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Duration::from_secs(u64::from(seconds)));
    }
    httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::now()).ok()
}

/// Full jitter: anything between nothing and the backoff of this attempt, so that callers that failed together do not come
/// back together.
pub(crate) fn jittered(backoff: Duration, backoff_max: Duration, attempt: u32) -> Duration {
    let longest = backoff.saturating_mul(1_u32 << (attempt - 1).min(16)).min(backoff_max);
    // A fresh hasher is seeded at random; nothing here needs more than that.
    let chance = ahash::RandomState::new().hash_one(attempt) as f64 / u64::MAX as f64;
    longest.mul_f64(chance.clamp(0.0, 1.0))
}

fn authority(url: &str) -> &str {
    let below = url.split_once("://").map_or(url, |(_, below)| below);
    below.split(['/', '?']).next().unwrap_or(below)
}

#[cfg(test)]
mod tests;
