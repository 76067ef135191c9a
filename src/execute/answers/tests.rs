//! Whole answers kept, before the cache and a backend that counts, with the clock stopped. That an answer was kept shows in its
//! bytes: they are the same ones.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::time;

use crate::{
    connector::Source,
    execute::{Gateway, Request, Response},
    fetch::{CachedUpstream, FetchError, Upstream, UpstreamRequest, UpstreamResponse},
    graph::{Sources, load_sources},
};

/// Answers with how many requests came before, and with the headers that the test has set.
struct Backend {
    asked: AtomicU64,
    status: Mutex<u16>,
    headers: Mutex<Vec<(&'static str, &'static str)>>,
}

impl Upstream for Backend {
    fn send<'a>(
        &'a self,
        _: &'a Arc<Source>,
        request: Arc<UpstreamRequest>,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>> {
        let count = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        let status = StatusCode::from_u16(*self.status.lock().unwrap()).unwrap();
        let mut headers: HeaderMap = self
            .headers
            .lock()
            .unwrap()
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        if request.url.ends_with("/never") {
            headers.insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        let body = if status == StatusCode::NOT_MODIFIED { String::new() } else { count.to_string() };
        Box::pin(async move { Ok(UpstreamResponse::new(status, headers, body.into())) })
    }
}

const SCHEMA: &str = r#"
type Query {
  n: Int @connect(http: {GET: "http://api/n"}, selection: "$") @cacheControl(maxAge: 300)
  other: Int @connect(http: {GET: "http://api/other"}, selection: "$")
  never: Int @connect(http: {GET: "http://api/never"}, selection: "$")
  mine: Int @connect(http: {GET: "http://api/n", headers: [{name: "x-tenant", from: "x-tenant"}]}, selection: "$")
  wrong: String @connect(http: {GET: "http://api/n"}, selection: "$")
}
type Mutation {
  change: Int @connect(http: {POST: "http://api/n"}, selection: "$")
}
"#;

struct Bench {
    gateway: Gateway,
    backend: Arc<Backend>,
}

fn bench(headers: &[(&'static str, &'static str)]) -> Bench {
    let backend = Arc::new(Backend {
        asked: AtomicU64::new(0),
        status: Mutex::new(200),
        headers: Mutex::new(headers.to_vec()),
    });
    let loaded = load_sources(&sources()).unwrap_or_else(|found| panic!("{found:?}"));
    let cached = CachedUpstream::new(backend.clone(), 1 << 20);
    Bench { gateway: Gateway::new(loaded.graph, loaded.config, Arc::new(cached)), backend }
}

fn sources() -> Sources {
    Sources { schema: vec![("schema.graphql".to_owned(), SCHEMA.to_owned())], ..Sources::default() }
}

impl Bench {
    async fn ask(&self, text: &str) -> Response {
        self.ask_as(text, "a").await
    }

    async fn ask_as(&self, text: &str, tenant: &'static str) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert("x-tenant", HeaderValue::from_static(tenant));
        let request = Request { query: text.to_owned(), headers: Some(headers), ..Request::default() };
        self.gateway.execute(request).await
    }

    /// Whether the same bytes are answered twice.
    async fn keeps(&self, text: &str) -> bool {
        same(&self.ask(text).await, &self.ask(text).await)
    }
}

fn same(a: &Response, b: &Response) -> bool {
    a.body.as_ptr() == b.body.as_ptr()
}

#[tokio::test(start_paused = true)]
async fn what_is_made_of_kept_answers_is_kept() {
    let bench = bench(&[("cache-control", "max-age=60")]);
    assert!(bench.keeps("{ n other }").await);
    assert!(!same(&bench.ask("{ n }").await, &bench.ask("{ n other }").await));
    assert_eq!(bench.backend.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn what_has_a_part_that_is_not_kept_is_made_anew() {
    let bench = bench(&[("cache-control", "max-age=60")]);
    assert!(!bench.keeps("{ n never }").await);
    assert!(!bench.keeps("{ wrong }").await, "errors are not kept");
}

#[tokio::test(start_paused = true)]
async fn it_is_kept_as_long_as_all_its_parts_are_fresh() {
    let bench = bench(&[("cache-control", "max-age=60")]);
    let first = bench.ask("{ n }").await;
    time::advance(Duration::from_secs(30)).await;
    let both = bench.ask("{ n other }").await;
    time::advance(Duration::from_secs(29)).await;
    assert!(same(&first, &bench.ask("{ n }").await) && same(&both, &bench.ask("{ n other }").await));
    time::advance(Duration::from_secs(2)).await;
    assert_eq!(bench.ask("{ n }").await.body, r#"{"data":{"n":3}}"#);
    assert_eq!(bench.ask("{ n other }").await.body, r#"{"data":{"n":3,"other":2}}"#);
}

#[tokio::test(start_paused = true)]
async fn it_is_older_each_time() {
    let bench = bench(&[("cache-control", "max-age=60")]);
    let max_age_s = async || bench.ask("{ n }").await.caching.map(|caching| caching.max_age_s);
    assert_eq!(max_age_s().await, Some(60));
    time::advance(Duration::from_millis(10_500)).await;
    assert_eq!(max_age_s().await, Some(49));
    time::advance(Duration::from_millis(49_000)).await;
    assert_eq!(max_age_s().await, None);
}

#[tokio::test(start_paused = true)]
async fn nobody_gets_anybody_elses() {
    let bench = bench(&[("cache-control", "public, max-age=60")]);
    let (ada, bob) = (bench.ask_as("{ mine }", "a").await, bench.ask_as("{ mine }", "b").await);
    assert_ne!(ada.body, bob.body);
    assert!(same(&ada, &bench.ask_as("{ mine }", "a").await));
    assert!(same(&bob, &bench.ask_as("{ mine }", "b").await));
    // What does not depend on the header is everybody's.
    assert!(same(&bench.ask_as("{ other }", "a").await, &bench.ask_as("{ other }", "b").await));
}

#[tokio::test(start_paused = true)]
async fn a_purge_and_a_write_end_it() {
    let bench = bench(&[("cache-control", "max-age=60")]);
    let (n, other) = (bench.ask("{ n }").await, bench.ask("{ other }").await);
    bench.ask("mutation { change }").await;
    assert!(!same(&n, &bench.ask("{ n }").await));
    assert!(same(&other, &bench.ask("{ other }").await), "of another URL");
    bench.gateway.upstream().purge(None);
    assert_eq!(bench.ask("{ other }").await.body, r#"{"data":{"other":5}}"#);
}

#[tokio::test(start_paused = true)]
async fn a_newer_answer_in_the_place_of_a_part_ends_it() {
    let bench = bench(&[("cache-control", "max-age=60, stale-while-revalidate=60"), ("etag", "\"a\"")]);
    let first = bench.ask("{ n }").await;
    time::advance(Duration::from_secs(61)).await;
    *bench.backend.status.lock().unwrap() = 304;
    // Stale, and asked for again behind the scenes.
    let stale = bench.ask("{ n }").await;
    assert_eq!(first.body, stale.body);
    assert!(!same(&first, &stale));
    assert_eq!(stale.caching, None);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(bench.keeps("{ n }").await);
    assert_eq!(bench.ask("{ n }").await.caching.map(|caching| caching.max_age_s), Some(60));
}

#[tokio::test(start_paused = true)]
async fn what_varies_by_the_trace_is_nobody_elses() {
    let bench = bench(&[("cache-control", "max-age=60"), ("vary", "traceparent")]);
    assert!(!bench.keeps("{ n }").await);
}

#[tokio::test(start_paused = true)]
async fn a_reload_ends_all() {
    let bench = bench(&[("cache-control", "max-age=60")]);
    let first = bench.ask("{ n }").await;
    bench.gateway.reload(load_sources(&sources()).unwrap().graph);
    assert!(!same(&first, &bench.ask("{ n }").await));
}
