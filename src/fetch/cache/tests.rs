//! The cache before a backend whose every answer waits for the test, with the clock stopped.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use tokio::{sync::Semaphore, time};

use super::*;
use crate::{connector::CacheRules, error::Code, fetch::testing};

/// Answers with its count of requests as the body, and with the headers that the test has set.
struct Backend {
    status: Mutex<u16>,
    headers: Mutex<Vec<(&'static str, &'static str)>>,
    asked: AtomicUsize,
    last: Mutex<Option<Arc<UpstreamRequest>>>,
    /// Answers that may be given; a test that does not care gives many.
    answers: Semaphore,
}

impl Upstream for Backend {
    fn send<'a>(
        &'a self,
        _: &'a Arc<Source>,
        request: Arc<UpstreamRequest>,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>> {
        Box::pin(async {
            let count = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
            *self.last.lock().unwrap() = Some(request);
            // What the backend knows is what it knew when it was asked.
            let (status, headers) = (*self.status.lock().unwrap(), self.headers.lock().unwrap().clone());
            self.answers.acquire().await.unwrap().forget();
            if status == 0 {
                return Err(FetchError::new(Code::HttpClientError, "broke off"));
            }
            let headers = headers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            let body = if status == 304 { Bytes::new() } else { Bytes::from(count.to_string()) };
            Ok(UpstreamResponse::new(StatusCode::from_u16(status).unwrap(), headers.collect(), body))
        })
    }
}

struct Bench {
    cache: Arc<CachedUpstream>,
    backend: Arc<Backend>,
    source: Arc<Source>,
}

fn bench(headers: &[(&'static str, &'static str)]) -> Bench {
    bench_with(headers, |_| ())
}

fn bench_with(headers: &[(&'static str, &'static str)], change: impl FnOnce(&mut CacheRules)) -> Bench {
    let backend = Arc::new(Backend {
        status: Mutex::new(200),
        headers: Mutex::new(headers.to_vec()),
        asked: AtomicUsize::new(0),
        last: Mutex::new(None),
        answers: Semaphore::new(1000),
    });
    let mut source = testing::source("http://shop");
    change(source.settings.cache.as_mut().unwrap());
    let cache = CachedUpstream::new(Arc::clone(&backend) as Arc<dyn Upstream>, 1 << 20);
    Bench { cache: Arc::new(cache), backend, source: Arc::new(source) }
}

fn get(headers: &[(&'static str, &'static str)]) -> UpstreamRequest {
    UpstreamRequest {
        headers: headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect(),
        ..UpstreamRequest::new(Method::GET, "http://shop/things?page=1")
    }
}

impl Bench {
    async fn send(&self, request: UpstreamRequest) -> String {
        match self.cache.send(&self.source, request.into()).await {
            Ok(response) => String::from_utf8(response.body.to_vec()).unwrap(),
            Err(error) => error.client.message,
        }
    }

    async fn get(&self) -> String {
        self.send(get(&[])).await
    }

    async fn write(&self) -> String {
        self.send(UpstreamRequest { method: Method::PUT, ..get(&[]) }).await
    }

    fn becomes(&self, status: u16, headers: &[(&'static str, &'static str)]) {
        *self.backend.status.lock().unwrap() = status;
        *self.backend.headers.lock().unwrap() = headers.to_vec();
    }

    fn asked(&self) -> usize {
        self.backend.asked.load(Ordering::SeqCst)
    }

    /// A request of its own, as another client would send it.
    fn client(&self) -> tokio::task::JoinHandle<String> {
        let (cache, source) = (Arc::clone(&self.cache), Arc::clone(&self.source));
        tokio::spawn(async move {
            let answer = cache.send(&source, get(&[]).into()).await;
            answer.map_or_else(
                |error| error.client.message,
                |response| String::from_utf8(response.body.to_vec()).unwrap(),
            )
        })
    }

    async fn until_asked(&self, times: usize) {
        while self.asked() < times {
            tokio::task::yield_now().await;
        }
    }
}

const MINUTE: (&str, &str) = ("cache-control", "max-age=60");

#[tokio::test(start_paused = true)]
async fn a_fetch_that_broke_is_over_for_all_who_waited_and_for_nobody_else() {
    let bench = bench(&[]);
    bench.backend.answers.forget_permits(1000);
    // There is no such status: the backend panics.
    bench.becomes(1, &[]);
    let waiting = [bench.client(), bench.client()];
    bench.until_asked(1).await;
    tokio::task::yield_now().await;
    bench.backend.answers.add_permits(10);
    for client in waiting {
        assert_eq!(client.await.unwrap(), "Connector error: the request was given up");
    }
    assert_eq!(bench.asked(), 1);
    bench.becomes(200, &[]);
    assert_eq!(bench.get().await, "2");
}

#[tokio::test(start_paused = true)]
async fn what_is_fresh_is_not_asked_for() {
    let bench = bench(&[MINUTE]);
    assert_eq!(bench.get().await, "1");
    time::advance(Duration::from_secs(59)).await;
    let answer = bench.cache.send(&bench.source, get(&[]).into()).await.unwrap();
    assert_eq!((&*answer.body, answer.age), (&b"1"[..], Some(Duration::from_secs(59))));
    time::advance(Duration::from_secs(1)).await;
    assert_eq!(bench.get().await, "2");
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_stored_is_asked_for_each_time() {
    let refused: &[&[(&str, &str)]] = &[
        &[],
        &[("cache-control", "no-store, max-age=60")],
        &[("cache-control", "private, max-age=60")],
        &[("cache-control", "max-age=0")],
        &[MINUTE, ("set-cookie", "session=1")],
        &[MINUTE, ("vary", "*")],
        &[("expires", "0")],
    ];
    for headers in refused {
        let bench = bench(headers);
        bench.get().await;
        assert_eq!(bench.get().await, "2", "{headers:?}");
    }
    for status in [404, 500, 503] {
        let bench = bench(&[MINUTE]);
        bench.becomes(status, &[MINUTE]);
        bench.get().await;
        assert_eq!(bench.get().await, "2", "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_value_of_a_declared_header_has_an_answer_of_its_own() {
    let bench = bench(&[MINUTE]);
    assert_eq!(bench.send(get(&[("x-tenant", "a")])).await, "1");
    assert_eq!(bench.send(get(&[("x-tenant", "b")])).await, "2");
    assert_eq!(bench.send(get(&[("x-tenant", "a")])).await, "1");
    assert_eq!(bench.get().await, "3");
}

#[tokio::test(start_paused = true)]
async fn authorized_answers_are_kept_only_where_the_backend_or_its_file_says_so() {
    let secret = [("authorization", "Bearer a")];
    let silent = bench(&[MINUTE]);
    silent.send(get(&secret)).await;
    assert_eq!(silent.send(get(&secret)).await, "2");
    let public = bench(&[("cache-control", "public, max-age=60")]);
    public.send(get(&secret)).await;
    assert_eq!(public.send(get(&secret)).await, "1");
    assert_eq!(public.send(get(&[("authorization", "Bearer b")])).await, "2");
    let ours = bench_with(&[], |rules| rules.ttl = Some(Duration::from_secs(60)));
    ours.send(get(&secret)).await;
    assert_eq!(ours.send(get(&secret)).await, "1");
    assert_eq!(ours.send(get(&[("authorization", "Bearer b")])).await, "2");
}

#[tokio::test(start_paused = true)]
async fn vary_chooses_among_answers_by_headers_that_are_not_in_the_key() {
    let bench = bench_with(&[MINUTE, ("vary", "accept-language")], |rules| {
        rules.ignore_headers = vec![header::ACCEPT_LANGUAGE, HeaderName::from_static("x-noise")];
    });
    assert_eq!(bench.send(get(&[("accept-language", "de"), ("x-noise", "1")])).await, "1");
    assert_eq!(bench.send(get(&[("accept-language", "fr"), ("x-noise", "1")])).await, "2");
    assert_eq!(bench.send(get(&[("accept-language", "de"), ("x-noise", "2")])).await, "1");
    assert_eq!(bench.send(get(&[("accept-language", "fr")])).await, "2");
}

#[tokio::test(start_paused = true)]
async fn a_freshness_of_our_own_goes_beyond_what_is_said_but_not_beyond_no_store() {
    let ttl = |rules: &mut CacheRules| rules.ttl = Some(Duration::from_secs(30));
    for headers in [&[][..], &[("cache-control", "max-age=1")], &[("cache-control", "no-cache")]] {
        let bench = bench_with(headers, ttl);
        bench.get().await;
        time::advance(Duration::from_secs(29)).await;
        assert_eq!(bench.get().await, "1", "{headers:?}");
        time::advance(Duration::from_secs(1)).await;
        assert_eq!(bench.get().await, "2", "{headers:?}");
    }
    for headers in [("cache-control", "no-store"), ("cache-control", "private"), ("set-cookie", "a=b")] {
        let bench = bench_with(&[headers], ttl);
        bench.get().await;
        assert_eq!(bench.get().await, "2", "{headers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_304_makes_the_stored_answer_fresh_again() {
    let bench = bench(&[MINUTE, ("etag", "\"v1\""), ("x-version", "1")]);
    bench.get().await;
    time::advance(Duration::from_secs(60)).await;
    bench.becomes(304, &[("cache-control", "max-age=10"), ("etag", "\"v1\""), ("x-version", "2")]);
    let answer = bench.cache.send(&bench.source, get(&[]).into()).await.unwrap();
    let sent = bench.backend.last.lock().unwrap().clone().unwrap();
    assert_eq!(sent.own_headers.get(&header::IF_NONE_MATCH).unwrap(), "\"v1\"");
    assert_eq!((&*answer.body, answer.status), (&b"1"[..], StatusCode::OK));
    assert_eq!(answer.headers.get("x-version").unwrap(), "2");
    time::advance(Duration::from_secs(9)).await;
    assert_eq!(bench.get().await, "1");
    assert_eq!(bench.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_304_about_another_answer_is_not_believed() {
    let bench = bench(&[MINUTE, ("etag", "\"v1\"")]);
    bench.get().await;
    time::advance(Duration::from_secs(60)).await;
    bench.becomes(304, &[("etag", "\"v9\"")]);
    let _ = bench.get().await;
    assert_eq!(bench.asked(), 3, "asked again without a condition");
    assert!(bench.backend.last.lock().unwrap().clone().unwrap().own_headers.0.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stale_answer_is_used_once_more_while_it_is_asked_for_again() {
    let bench = bench(&[("cache-control", "max-age=60, stale-while-revalidate=30")]);
    bench.get().await;
    time::advance(Duration::from_secs(70)).await;
    assert_eq!(bench.get().await, "1");
    bench.until_asked(2).await;
    tokio::task::yield_now().await;
    assert_eq!(bench.get().await, "2");
    time::advance(Duration::from_secs(91)).await;
    assert_eq!(bench.get().await, "3", "beyond the window it is waited for");
}

#[tokio::test(start_paused = true)]
async fn a_stale_answer_stands_in_for_one_that_failed() {
    for status in [0, 500, 502, 503, 504] {
        let bench = bench_with(&[MINUTE], |rules| rules.stale_if_error = Some(Duration::from_secs(600)));
        bench.get().await;
        bench.becomes(status, &[]);
        time::advance(Duration::from_secs(100)).await;
        assert_eq!(bench.get().await, "1", "{status}");
        time::advance(Duration::from_secs(560)).await;
        assert_ne!(bench.get().await, "1", "{status}");
    }
    let strict = bench(&[("cache-control", "max-age=60, stale-if-error=600, must-revalidate")]);
    strict.get().await;
    strict.becomes(503, &[]);
    time::advance(Duration::from_secs(61)).await;
    assert_eq!(strict.get().await, "2");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_went_well_ends_what_is_stored_for_its_url() {
    let bench = bench(&[MINUTE]);
    bench.get().await;
    bench.becomes(409, &[]);
    bench.write().await;
    assert_eq!(bench.get().await, "1", "a refused write changes nothing");
    bench.becomes(200, &[MINUTE]);
    bench.write().await;
    assert_eq!(bench.get().await, "4");
}

#[tokio::test(start_paused = true)]
async fn equal_requests_in_flight_are_sent_once() {
    let bench = bench(&[]);
    bench.backend.answers.forget_permits(1000);
    let clients: Vec<_> = (0..10).map(|_| bench.client()).collect();
    tokio::task::yield_now().await;
    bench.backend.answers.add_permits(1000);
    for client in clients {
        assert_eq!(client.await.unwrap(), "1");
    }
    assert_eq!(bench.get().await, "2");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_gives_up_does_not_take_the_others_down() {
    let bench = bench(&[MINUTE]);
    bench.backend.answers.forget_permits(1000);
    let leader = bench.client();
    bench.until_asked(1).await;
    let follower = bench.client();
    tokio::task::yield_now().await;
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    bench.backend.answers.add_permits(1);
    assert_eq!(follower.await.unwrap(), "1");
    assert_eq!(bench.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn followers_share_a_failure() {
    let bench = bench(&[]);
    bench.becomes(0, &[]);
    bench.backend.answers.forget_permits(1000);
    let (one, other) = (bench.client(), bench.client());
    tokio::task::yield_now().await;
    bench.backend.answers.add_permits(1000);
    assert_eq!(one.await.unwrap(), "broke off");
    assert_eq!(other.await.unwrap(), "broke off");
    assert_eq!(bench.asked(), 1);
}

/// Every way in which a purge can come between the steps of a fetch.
#[tokio::test(start_paused = true)]
async fn what_was_under_way_when_a_purge_came_is_neither_joined_nor_kept() {
    for all in [false, true] {
        let purge = |bench: &Bench| bench.cache.purge((!all).then_some(&*bench.source));
        let bench = bench(&[MINUTE]);
        bench.backend.answers.forget_permits(1000);
        let before = bench.client();
        bench.until_asked(1).await;
        purge(&bench);
        let after = bench.client();
        bench.until_asked(2).await;
        bench.backend.answers.add_permits(2);
        // It asked before the purge and gets what it asked for; nobody else does.
        assert_eq!(before.await.unwrap(), "1");
        assert_eq!(after.await.unwrap(), "2");
        assert_eq!(bench.get().await, "2", "only what was asked for after the purge is kept");

        purge(&bench);
        bench.backend.answers.add_permits(1);
        assert_eq!(bench.get().await, "3", "and what is kept goes with the next purge");
    }
}

#[tokio::test(start_paused = true)]
async fn a_revalidation_under_way_when_a_purge_came_revives_nothing() {
    let bench = bench(&[MINUTE, ("etag", "\"v1\"")]);
    bench.get().await;
    time::advance(Duration::from_secs(60)).await;
    bench.backend.answers.forget_permits(1000);
    bench.becomes(304, &[MINUTE, ("etag", "\"v1\"")]);
    let before = bench.client();
    bench.until_asked(2).await;
    bench.cache.purge(Some(&bench.source));
    bench.becomes(200, &[MINUTE]);
    bench.backend.answers.add_permits(2);
    assert_eq!(before.await.unwrap(), "1");
    assert_eq!(bench.get().await, "3");
}

mod tags;
