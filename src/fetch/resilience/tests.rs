//! Attempts against a backend that answers by a script, with the clock stopped.

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use http::HeaderMap;

use super::*;
use crate::{
    connector::{BreakerRules, RateLimit, RetryRules},
    fetch::{Deadline, testing::source},
};

/// What the backend does with a request.
#[derive(Clone)]
enum Does {
    Answer(u16),
    AnswerAfter(Duration, u16),
    RetryAfter(u16, &'static str),
    Break,
}

struct Scripted {
    script: Mutex<VecDeque<Does>>,
    then: Does,
    asked: AtomicUsize,
}

impl Upstream for Scripted {
    fn send<'a>(
        &'a self,
        _: &'a Arc<Source>,
        _: Arc<UpstreamRequest>,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>> {
        Box::pin(async {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let does = self.script.lock().unwrap().pop_front().unwrap_or_else(|| self.then.clone());
            let mut headers = HeaderMap::new();
            let status = match does {
                Does::Answer(status) => status,
                Does::AnswerAfter(wait, status) => {
                    sleep(wait).await;
                    status
                }
                Does::RetryAfter(status, wait) => {
                    headers.insert("retry-after", http::HeaderValue::from_static(wait));
                    status
                }
                Does::Break => {
                    let error = FetchError::new(Code::HttpClientError, "broke off");
                    return Err(error.with_trouble(Trouble::Connection));
                }
            };
            Ok(UpstreamResponse::new(StatusCode::from_u16(status).unwrap(), headers, Bytes::new()))
        })
    }
}

struct Bench {
    upstream: ResilientUpstream,
    backend: Arc<Scripted>,
    source: Arc<Source>,
}

impl Bench {
    fn new(script: &[Does], then: Does, change: impl FnOnce(&mut Resilience)) -> Self {
        let backend = Arc::new(Scripted {
            script: Mutex::new(script.to_vec().into()),
            then,
            asked: AtomicUsize::new(0),
        });
        let mut source = source("http://backend");
        change(&mut source.settings.resilience);
        let upstream = ResilientUpstream::new(Arc::clone(&backend) as Arc<dyn Upstream>);
        Bench { upstream, backend, source: Arc::new(source) }
    }

    async fn send(&self, method: Method) -> Result<u16, &'static str> {
        self.send_by(method, None).await
    }

    async fn send_by(&self, method: Method, deadline: Option<Duration>) -> Result<u16, &'static str> {
        let request = UpstreamRequest {
            deadline: Deadline(deadline.map(|wait| Instant::now() + wait)),
            ..UpstreamRequest::new(method, "http://backend/things")
        };
        let answer = self.upstream.send(&self.source, request.into()).await;
        answer.map(|response| response.status.as_u16()).map_err(|error| error.client.code.as_str())
    }

    fn asked(&self) -> usize {
        self.backend.asked.swap(0, Ordering::SeqCst)
    }
}

fn three_attempts(rules: &mut Resilience) {
    rules.retry.attempts = 3;
    rules.breaker.consecutive_failures = 1000;
    rules.breaker.min_requests = 10_000;
}

#[tokio::test(start_paused = true)]
async fn a_read_is_tried_again_and_a_write_is_not() {
    let bench = Bench::new(&[Does::Answer(503), Does::Break], Does::Answer(200), three_attempts);
    assert_eq!(bench.send(Method::GET).await, Ok(200));
    assert_eq!(bench.asked(), 3);

    let bench = Bench::new(&[Does::Answer(503)], Does::Answer(200), three_attempts);
    assert_eq!(bench.send(Method::POST).await, Ok(503));
    assert_eq!(bench.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_passing_trouble_is_not_tried_again() {
    for status in [200, 400, 404, 429, 500] {
        let bench = Bench::new(&[], Does::Answer(status), three_attempts);
        assert_eq!(bench.send(Method::GET).await, Ok(status));
        assert_eq!(bench.asked(), 1, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_answer_is_the_answer() {
    let bench = Bench::new(&[], Does::Answer(503), three_attempts);
    assert_eq!(bench.send(Method::GET).await, Ok(503));
    assert_eq!(bench.asked(), 3);
    let bench = Bench::new(&[], Does::Break, three_attempts);
    assert_eq!(bench.send(Method::GET).await, Err("HTTP_CLIENT_ERROR"));
    assert_eq!(bench.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_waited_for_within_bounds() {
    let bench = Bench::new(&[Does::RetryAfter(503, "1")], Does::Answer(200), three_attempts);
    let began = Instant::now();
    assert_eq!(bench.send(Method::GET).await, Ok(200));
    assert!(began.elapsed() >= Duration::from_secs(1));

    // Longer than the longest backoff: the caller is told now.
    let bench = Bench::new(&[Does::RetryAfter(503, "30")], Does::Answer(200), three_attempts);
    assert_eq!(bench.send(Method::GET).await, Ok(503));
}

#[tokio::test(start_paused = true)]
async fn no_attempt_begins_after_the_deadline() {
    let bench = Bench::new(&[Does::RetryAfter(503, "1")], Does::Answer(200), three_attempts);
    assert_eq!(bench.send_by(Method::GET, Some(Duration::from_millis(500))).await, Ok(503));
    assert_eq!(bench.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_storm_is_not_answered_with_a_storm() {
    let bench = Bench::new(&[], Does::Answer(503), three_attempts);
    for _ in 0..1000 {
        let _ = bench.send(Method::GET).await;
    }
    let asked = bench.asked();
    // The clock moves only by the backoffs: about half a minute here.
    assert!((1000..1600).contains(&asked), "{asked}");
}

#[tokio::test(start_paused = true)]
async fn the_breaker_opens_and_lets_one_probe_through() {
    let bench = Bench::new(&[], Does::Answer(500), |rules| rules.retry.attempts = 1);
    for _ in 0..5 {
        assert_eq!(bench.send(Method::GET).await, Ok(500));
    }
    assert_eq!(bench.send(Method::GET).await, Err("CIRCUIT_BREAKER_OPEN"));
    assert_eq!(bench.asked(), 5);
    assert_eq!(bench.upstream.state(&bench.source).breaker, Some(BreakerState::Open));
    sleep(Duration::from_secs(5)).await;
    assert_eq!(bench.send(Method::GET).await, Ok(500));
    assert_eq!(bench.send(Method::GET).await, Err("CIRCUIT_BREAKER_OPEN"));
    bench.upstream.reset_breaker(&bench.source);
    assert_eq!(bench.send(Method::GET).await, Ok(500));
}

#[tokio::test(start_paused = true)]
async fn clients_faults_open_no_breaker() {
    let bench = Bench::new(&[], Does::Answer(404), |_| ());
    for _ in 0..100 {
        assert_eq!(bench.send(Method::GET).await, Ok(404));
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_refuses_at_once() {
    let limit = RateLimit { requests: 2, per: Duration::from_secs(1) };
    let bench = Bench::new(&[], Does::Answer(200), |rules| rules.rate_limit = Some(limit));
    assert_eq!(bench.send(Method::GET).await, Ok(200));
    assert_eq!(bench.send(Method::GET).await, Ok(200));
    assert_eq!(bench.send(Method::GET).await, Err("REQUEST_RATE_LIMITED"));
    assert_eq!(bench.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_slow_read_is_hedged_and_no_more_than_a_few_are() {
    let hedge = HedgeRules { after: HedgeAfter::Fixed(Duration::from_millis(10)), ratio_max: 0.05 };
    let slow = Does::AnswerAfter(Duration::from_secs(1), 200);
    let quick = [Does::Answer(200)];
    let bench = Bench::new(&quick.iter().cycle().take(100).cloned().collect::<Vec<_>>(), slow, |rules| {
        rules.hedge = Some(hedge);
    });
    for _ in 0..100 {
        bench.send(Method::GET).await.unwrap();
    }
    assert_eq!(bench.asked(), 100);
    for _ in 0..4 {
        bench.send(Method::GET).await.unwrap();
    }
    assert_eq!(bench.asked(), 8, "5 of 100 may be hedged");
    for _ in 0..100 {
        bench.send(Method::GET).await.unwrap();
    }
    assert!(bench.asked() <= 106);
}

#[test]
fn defaults_are_those_of_the_documentation() {
    let rules = Resilience::default();
    assert_eq!(rules.retry, RetryRules { attempts: 2, ..RetryRules::default() });
    assert_eq!(
        (rules.retry.backoff, rules.retry.backoff_max),
        (Duration::from_millis(50), Duration::from_secs(1))
    );
    let BreakerRules { consecutive_failures, failure_ratio, min_requests, window, open_for } = rules.breaker;
    assert_eq!((consecutive_failures, min_requests), (5, 20));
    assert!((failure_ratio - 0.5).abs() < f64::EPSILON);
    assert_eq!((window, open_for), (Duration::from_secs(10), Duration::from_secs(5)));
    assert!(rules.hedge.is_none() && rules.rate_limit.is_none());
}
