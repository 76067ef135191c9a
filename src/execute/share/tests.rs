//! Equal queries in flight at once, before a backend whose every answer waits for the test, with the clock stopped.

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
use serde_json::{Map, Value as Json, json};
use tokio::{sync::Semaphore, task::JoinHandle, time};

use crate::{
    config::Config,
    connector::Source,
    error::Code,
    execute::{Gateway, Request, Response},
    fetch::{FetchError, Upstream, UpstreamRequest, UpstreamResponse},
    graph::{Sources, load_sources},
};

/// Answers each request with how many came before it, once the test lets it.
struct Backend {
    asked: AtomicU64,
    given_up: Arc<AtomicU64>,
    answers: Semaphore,
    /// Whether the next answers are failures.
    fails: Mutex<bool>,
    purges: AtomicU64,
}

/// Counts requests that were dropped before their answer.
struct GivenUp(Option<Arc<AtomicU64>>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        if let Some(count) = &self.0 {
            count.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Upstream for Backend {
    fn send<'a>(
        &'a self,
        _: &'a Arc<Source>,
        _: Arc<UpstreamRequest>,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>> {
        let count = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
        Box::pin(async move {
            let mut given_up = GivenUp(Some(Arc::clone(&self.given_up)));
            self.answers.acquire().await.unwrap().forget();
            given_up.0 = None;
            if *self.fails.lock().unwrap() {
                return Err(FetchError::new(Code::HttpClientError, format!("failure {count}")));
            }
            Ok(UpstreamResponse::new(StatusCode::OK, HeaderMap::new(), count.to_string().into()))
        })
    }

    fn epoch(&self) -> u64 {
        self.purges.load(Ordering::SeqCst)
    }
}

const SCHEMA: &str = r#"
type Query {
  n(of: ID, filter: Filter, most: Int = 5): Int @connect(http: {GET: "http://api/n"}, selection: "$")
  mine: Int @connect(http: {GET: "http://api/n", headers: [{name: "x-tenant", from: "x-tenant"}]}, selection: "$")
  any: Int @connect(http: {GET: "http://api/n"}, selection: "$($request.headers->size->match([@, $]))")
  whose: Int @connect(http: {GET: "http://api/n", queryParams: "w: $context.who"}, selection: "$")
}
input Filter { a: Int b: Int }
type Mutation {
  change: Int @connect(http: {POST: "http://api/n"}, selection: "$")
}
"#;

struct Bench {
    gateway: Gateway,
    backend: Arc<Backend>,
}

fn bench(change: impl FnOnce(&mut Config)) -> Bench {
    let sources =
        Sources { schema: vec![("schema.graphql".to_owned(), SCHEMA.to_owned())], ..Sources::default() };
    let loaded = load_sources(&sources).unwrap_or_else(|found| panic!("{found:?}"));
    let mut config = loaded.config;
    change(&mut config);
    let backend = Arc::new(Backend {
        asked: AtomicU64::new(0),
        given_up: Arc::default(),
        answers: Semaphore::new(0),
        fails: Mutex::new(false),
        purges: AtomicU64::new(0),
    });
    Bench { gateway: Gateway::new(loaded.graph, config, backend.clone()), backend }
}

impl Bench {
    /// Begins a request and lets it come as far as it can.
    async fn begin(&self, request: Request) -> JoinHandle<Response> {
        let gateway = self.gateway.clone();
        let task = tokio::spawn(async move { gateway.execute(request).await });
        quiet().await;
        task
    }

    fn asked(&self) -> u64 {
        self.backend.asked.load(Ordering::SeqCst)
    }

    /// How many requests reach the backend for these, all under way at once.
    async fn asked_for(&self, requests: impl IntoIterator<Item = Request>) -> u64 {
        let before = self.asked();
        let mut tasks = Vec::new();
        for request in requests {
            tasks.push(self.begin(request).await);
        }
        let asked = self.asked() - before;
        self.backend.answers.add_permits(1000);
        for task in tasks {
            let response = json_of(&task.await.unwrap());
            assert!(response.get("errors").is_none(), "{response}");
        }
        quiet().await;
        let left = self.backend.answers.available_permits();
        self.backend.answers.forget_permits(left);
        asked
    }
}

/// Lets every task run until nothing is left to do without time.
async fn quiet() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

fn json_of(response: &Response) -> Json {
    serde_json::from_slice(&response.body).unwrap()
}

fn query(text: &str) -> Request {
    Request { query: text.to_owned(), headers: Some(HeaderMap::new()), ..Request::default() }
}

fn with_headers(text: &str, headers: &[(&'static str, &'static str)]) -> Request {
    let headers =
        headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    Request { headers: Some(headers.collect()), ..query(text) }
}

fn with_variables(text: &str, variables: Json) -> Request {
    let Json::Object(variables) = variables else { panic!("an object") };
    Request { variables, ..query(text) }
}

#[tokio::test(start_paused = true)]
async fn equal_queries_in_flight_share_one_execution() {
    let bench = bench(|_| ());
    assert_eq!(bench.asked_for([query("{ n }"), query("{ n }"), query("{ n }")]).await, 1);
    // What comes later is asked for again.
    assert_eq!(bench.asked_for([query("{ n }")]).await, 1);
    assert_eq!(bench.asked_for([query("{ n }"), query("{ m: n }")]).await, 2);
}

#[tokio::test(start_paused = true)]
async fn sharing_can_be_turned_off() {
    let bench = bench(|config| config.share_operations = false);
    assert_eq!(bench.asked_for([query("{ n }"), query("{ n }")]).await, 2);
}

#[tokio::test(start_paused = true)]
async fn variables_of_equal_meaning_are_equal() {
    let bench = bench(|_| ());
    let text =
        "query ($of: ID, $filter: Filter, $most: Int = 7) { n(of: $of, filter: $filter, most: $most) }";
    let with = |variables| with_variables(text, variables);
    let equal =
        [json!({"of": 7}), json!({"of": "7", "most": 7}), json!({"most": 7, "of": "7", "unknown": 1})];
    assert_eq!(bench.asked_for(equal.map(with)).await, 1);
    let equal = [json!({"filter": {"a": 1, "b": 2}}), json!({"filter": {"b": 2, "a": 1}})];
    assert_eq!(bench.asked_for(equal.map(with)).await, 1);
    let others = [
        json!({}),
        json!({"of": null}),
        json!({"of": "07"}),
        json!({"filter": {"a": 1}}),
        json!({"most": 8}),
    ];
    assert_eq!(bench.asked_for(others.map(with)).await, 5);
}

#[tokio::test(start_paused = true)]
async fn only_headers_that_the_plan_reads_tell_callers_apart() {
    let bench = bench(|_| ());
    let mine = |headers: &[(&'static str, &'static str)]| with_headers("{ mine }", headers);
    let equal =
        [mine(&[("x-tenant", "a"), ("x-request-id", "1")]), mine(&[("x-tenant", "a"), ("accept", "*/*")])];
    assert_eq!(bench.asked_for(equal).await, 1);
    let others = [mine(&[("x-tenant", "a")]), mine(&[("x-tenant", "b")]), mine(&[])];
    assert_eq!(bench.asked_for(others).await, 3);
    let twice =
        [mine(&[("x-tenant", "a"), ("x-tenant", "b")]), mine(&[("x-tenant", "b"), ("x-tenant", "a")])];
    assert_eq!(bench.asked_for(twice).await, 2);
    // `Connection` may take a header out of those that are passed on.
    let dropped = [mine(&[("x-tenant", "a")]), mine(&[("x-tenant", "a"), ("connection", "x-tenant")])];
    assert_eq!(bench.asked_for(dropped).await, 2);
    // A host application may have passed none.
    let absent = [query("{ n }"), Request { headers: None, ..query("{ n }") }];
    assert_eq!(bench.asked_for(absent).await, 2);
}

#[tokio::test(start_paused = true)]
async fn what_reads_any_header_is_not_shared() {
    let bench = bench(|_| ());
    assert_eq!(bench.asked_for([query("{ any }"), query("{ any }")]).await, 2);
}

#[tokio::test(start_paused = true)]
async fn the_context_tells_callers_apart() {
    let bench = bench(|_| ());
    let of = |who: &str| Request {
        context: Map::from_iter([("who".to_owned(), who.into())]),
        ..query("{ whose }")
    };
    assert_eq!(bench.asked_for([of("ada"), of("ada"), of("bob")]).await, 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_debugged_is_not_shared() {
    let bench = bench(|config| config.debugger = true);
    let debugged = || with_headers("{ n }", &[("apollo-connectors-debugging", "true")]);
    assert_eq!(bench.asked_for([debugged(), debugged(), query("{ n }"), query("{ n }")]).await, 3);
}

#[tokio::test(start_paused = true)]
async fn mutations_are_never_shared() {
    let bench = bench(|_| ());
    assert_eq!(bench.asked_for([query("mutation { change }"), query("mutation { change }")]).await, 2);
}

#[tokio::test(start_paused = true)]
async fn whoever_came_first_may_leave() {
    let bench = bench(|_| ());
    let first = bench.begin(query("{ n }")).await;
    let second = bench.begin(query("{ n }")).await;
    first.abort();
    quiet().await;
    assert_eq!(bench.backend.given_up.load(Ordering::SeqCst), 0);
    bench.backend.answers.add_permits(1);
    assert_eq!(second.await.unwrap().body, r#"{"data":{"n":1}}"#);
    assert_eq!(bench.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn when_all_have_left_the_execution_ends() {
    let bench = bench(|_| ());
    let (first, second) = (bench.begin(query("{ n }")).await, bench.begin(query("{ n }")).await);
    first.abort();
    second.abort();
    quiet().await;
    assert_eq!(bench.backend.given_up.load(Ordering::SeqCst), 1);
    assert_eq!(bench.asked_for([query("{ n }")]).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_the_backend_is_shared() {
    let bench = bench(|_| ());
    *bench.backend.fails.lock().unwrap() = true;
    let (first, second) = (bench.begin(query("{ n }")).await, bench.begin(query("{ n }")).await);
    bench.backend.answers.add_permits(1);
    let (first, second) = (json_of(&first.await.unwrap()), json_of(&second.await.unwrap()));
    assert_eq!(first["errors"][0]["message"], "failure 1");
    assert_eq!(first, second);
    assert_eq!(bench.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_the_first_is_not_that_of_the_others() {
    let bench = bench(|config| config.deadline = Duration::from_secs(10));
    let first = bench.begin(query("{ n }")).await;
    time::advance(Duration::from_secs(6)).await;
    let second = bench.begin(query("{ n }")).await;
    let third = bench.begin(query("{ n }")).await;
    time::advance(Duration::from_secs(4)).await;
    let late = json_of(&first.await.unwrap());
    assert_eq!(late["errors"][0]["extensions"]["code"], "GATEWAY_TIMEOUT");
    quiet().await;
    assert!(!second.is_finished() && !third.is_finished());
    bench.backend.answers.add_permits(2);
    assert_eq!(second.await.unwrap().body, r#"{"data":{"n":2}}"#);
    assert_eq!(third.await.unwrap().body, r#"{"data":{"n":2}}"#);
}

#[tokio::test(start_paused = true)]
async fn the_others_have_no_more_time_than_their_own() {
    let bench = bench(|config| config.deadline = Duration::from_secs(10));
    let _first = bench.begin(query("{ n }")).await;
    time::advance(Duration::from_secs(6)).await;
    let (begun, second) = (time::Instant::now(), bench.begin(query("{ n }")).await);
    // Time passes by itself while everything waits.
    let late = json_of(&second.await.unwrap());
    assert_eq!(late["errors"][0]["extensions"]["code"], "GATEWAY_TIMEOUT");
    assert_eq!(begun.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn what_began_before_a_change_is_not_joined_after_it() {
    let bench = bench(|_| ());
    let before = bench.begin(query("{ n }")).await;
    bench.backend.purges.fetch_add(1, Ordering::SeqCst);
    let purged = bench.begin(query("{ n }")).await;
    assert_eq!(bench.asked(), 2);
    let change = bench.begin(query("mutation { change }")).await;
    // Until the mutation has ended nobody can know that it took place.
    let during = bench.begin(query("{ n }")).await;
    assert_eq!(bench.asked(), 3);
    // The backend answers in the order it was asked: both queries, then the change.
    let late = bench.begin(query("{ late: n }")).await;
    bench.backend.answers.add_permits(3);
    for task in [before, purged, during, change] {
        task.await.unwrap();
    }
    assert!(!late.is_finished());
    let after = bench.begin(query("{ late: n }")).await;
    assert_eq!(bench.asked(), 5);
    bench.backend.answers.add_permits(2);
    assert_eq!(late.await.unwrap().body, r#"{"data":{"late":4}}"#);
    assert_eq!(after.await.unwrap().body, r#"{"data":{"late":5}}"#);
}
