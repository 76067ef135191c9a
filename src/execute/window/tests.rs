//! Keys of several operations in one window, before a backend that writes down what it is asked, with the clock stopped.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value as Json, json};
use tokio::{task::JoinHandle, time};

use crate::{
    connector::Source,
    error::Code,
    execute::{Gateway, Request, Response},
    fetch::{FetchError, Upstream, UpstreamRequest, UpstreamResponse},
    graph::{Sources, load_sources},
};

/// Answers a row for each id of the query.
#[derive(Default)]
struct Backend {
    /// `IDS of TENANT`
    asked: Mutex<Vec<String>>,
    fails: Mutex<bool>,
}

impl Upstream for Backend {
    fn send<'a>(
        &'a self,
        _: &'a Arc<Source>,
        request: Arc<UpstreamRequest>,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>> {
        let query = request.url.split_once('?').map_or("", |(_, query)| query);
        let ids: Vec<&str> = query.split('&').filter_map(|pair| pair.strip_prefix("id=")).collect();
        let tenant = request.headers.first().map_or("nobody", |(_, value)| value.to_str().unwrap());
        self.asked.lock().unwrap().push(format!("{} of {tenant}", ids.join(" ")));
        let rows: Vec<Json> =
            ids.iter().map(|id| json!({"id": id, "name": format!("{tenant}'s {id}")})).collect();
        let fails = *self.fails.lock().unwrap();
        Box::pin(async move {
            if fails {
                return Err(FetchError::new(Code::HttpClientError, "broke off"));
            }
            Ok(UpstreamResponse::new(StatusCode::OK, HeaderMap::new(), Json::from(rows).to_string().into()))
        })
    }
}

const SCHEMA: &str = r#"
type Query {
  users(ids: [ID!]!): [User] @connect(selection: "$args.ids->map({ id: @ })")
}
type Mutation {
  touch(id: ID!): User @connect(selection: "id: $args.id")
}
type User
  @connect(
    source: "users"
    http: {GET: "/users", queryParams: "id: $batch.id", headers: [{name: "x-tenant", from: "x-tenant"}]}
    batch: {maxSize: 3}
    selection: "id name"
  ) {
  id: ID!
  name: String
}
"#;

struct Bench {
    gateway: Gateway,
    backend: Arc<Backend>,
}

fn bench(window: &str, gateway: &str) -> Bench {
    let sources = Sources {
        schema: vec![("schema/schema.graphql".to_owned(), SCHEMA.to_owned())],
        connectors: vec![(
            "connectors/users.yaml".to_owned(),
            format!("base_url: http://api\nbatch_window: {window}\n"),
        )],
        config: Some(("ficus.yaml".to_owned(), gateway.to_owned())),
        ..Sources::default()
    };
    let loaded = load_sources(&sources).unwrap_or_else(|found| panic!("{found:?}"));
    let backend = Arc::new(Backend::default());
    Bench { gateway: Gateway::new(loaded.graph, loaded.config, backend.clone()), backend }
}

impl Bench {
    /// Begins a query for these users and lets it come as far as it can without time.
    async fn begin(&self, ids: &[&str], tenant: &'static str) -> JoinHandle<Response> {
        let task = self.run(query(ids, tenant));
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        task
    }

    fn run(&self, request: Request) -> JoinHandle<Response> {
        let gateway = self.gateway.clone();
        tokio::spawn(async move { gateway.execute(request).await })
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.backend.asked.lock().unwrap())
    }
}

fn query(ids: &[&str], tenant: &'static str) -> Request {
    let ids: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
    let headers =
        HeaderMap::from_iter([(http::HeaderName::from_static("x-tenant"), HeaderValue::from_static(tenant))]);
    Request {
        query: format!("{{ users(ids: [{}]) {{ id name }} }}", ids.join(", ")),
        headers: Some(headers),
        ..Request::default()
    }
}

async fn names(task: JoinHandle<Response>) -> Vec<String> {
    let response: Json = serde_json::from_slice(&task.await.unwrap().body).unwrap();
    assert!(response.get("errors").is_none(), "{response}");
    let users = response["data"]["users"].as_array().unwrap();
    users.iter().map(|user| user["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn keys_of_several_operations_are_asked_for_together() {
    let bench = bench("5ms", "");
    let begun = time::Instant::now();
    let (first, second) = (bench.begin(&["1", "2"], "a").await, bench.begin(&["2", "3"], "a").await);
    assert_eq!(names(first).await, ["a's 1", "a's 2"]);
    assert_eq!(names(second).await, ["a's 2", "a's 3"]);
    assert_eq!(bench.asked(), ["1 2 3 of a"]);
    assert_eq!(begun.elapsed().as_millis(), 5);
}

#[tokio::test(start_paused = true)]
async fn without_a_window_nobody_waits() {
    let bench = bench("0ms", "");
    let begun = time::Instant::now();
    let (first, second) = (bench.begin(&["1"], "a").await, bench.begin(&["2"], "a").await);
    names(first).await;
    names(second).await;
    assert_eq!(bench.asked(), ["1 of a", "2 of a"]);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_comes_after_the_window_has_one_of_its_own() {
    let bench = bench("5ms", "");
    names(bench.begin(&["1"], "a").await).await;
    names(bench.begin(&["2"], "a").await).await;
    assert_eq!(bench.asked(), ["1 of a", "2 of a"]);
}

#[tokio::test(start_paused = true)]
async fn callers_whose_headers_differ_never_meet() {
    let bench = bench("5ms", "");
    let (ada, bob) = (bench.begin(&["1", "2"], "ada").await, bench.begin(&["1", "3"], "bob").await);
    let again = bench.begin(&["4"], "ada").await;
    assert_eq!(names(ada).await, ["ada's 1", "ada's 2"]);
    assert_eq!(names(bob).await, ["bob's 1", "bob's 3"]);
    assert_eq!(names(again).await, ["ada's 4"]);
    assert_eq!(bench.asked(), ["1 2 4 of ada", "1 3 of bob"]);
}

#[tokio::test(start_paused = true)]
async fn batches_are_cut_as_always() {
    let bench = bench("5ms", "");
    let (first, second) = (bench.begin(&["1", "2"], "a").await, bench.begin(&["3", "4", "5"], "a").await);
    assert_eq!(names(second).await, ["a's 3", "a's 4", "a's 5"]);
    assert_eq!(names(first).await, ["a's 1", "a's 2"]);
    assert_eq!(bench.asked(), ["1 2 3 of a", "4 5 of a"]);
}

#[tokio::test(start_paused = true)]
async fn one_who_leaves_takes_nobody_along() {
    let bench = bench("5ms", "");
    let (first, second) = (bench.begin(&["1"], "a").await, bench.begin(&["2"], "a").await);
    first.abort();
    assert_eq!(names(second).await, ["a's 2"]);
    assert_eq!(bench.asked(), ["1 2 of a"]);
}

#[tokio::test(start_paused = true)]
async fn a_window_does_not_lengthen_a_deadline() {
    let bench = bench("1s", "deadline: 300ms");
    let begun = time::Instant::now();
    let response = bench.begin(&["1"], "a").await.await.unwrap();
    let response: Json = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(response["errors"][0]["extensions"]["code"], "GATEWAY_TIMEOUT", "{response}");
    assert_eq!(begun.elapsed().as_millis(), 300);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_that_of_all_who_were_in_it() {
    let bench = bench("5ms", "");
    *bench.backend.fails.lock().unwrap() = true;
    let (first, second) = (bench.begin(&["1"], "a").await, bench.begin(&["2"], "a").await);
    for task in [first, second] {
        let response: Json = serde_json::from_slice(&task.await.unwrap().body).unwrap();
        assert_eq!(response["errors"][0]["message"], "broke off", "{response}");
    }
    assert_eq!(bench.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_mutation_reads_does_not_wait() {
    let bench = bench("1s", "");
    let begun = time::Instant::now();
    let request = Request { query: "mutation { touch(id: 1) { name } }".to_owned(), ..query(&[], "a") };
    bench.run(request).await.unwrap();
    assert_eq!(bench.asked(), ["1 of a"]);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}
