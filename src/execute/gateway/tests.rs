//! What becomes of an operation whose client goes away, and that no fetch waits for a sibling.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::sync::{Notify, Semaphore};

use super::{Gateway, Request};
use crate::{
    connector::Source,
    fetch::{FetchError, Upstream, UpstreamRequest, UpstreamResponse},
    graph::{Sources, load_sources},
};

/// Answers `{"id": 1}` to each request as soon as there is a permit for its path; counts what was begun, answered and
/// dropped before its answer.
#[derive(Default)]
struct Gated {
    permits: Mutex<Vec<(String, Arc<Semaphore>)>>,
    begun: Mutex<Vec<String>>,
    ended: Mutex<Vec<String>>,
    changed: Notify,
}

/// Notes the end of a request, also when it is dropped.
struct Ending<'a>(&'a Gated, String);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.ended.lock().unwrap().push(std::mem::take(&mut self.1));
        self.0.changed.notify_waiters();
    }
}

impl Gated {
    fn gate(&self, path: &str) -> Arc<Semaphore> {
        let mut permits = self.permits.lock().unwrap();
        if let Some((_, gate)) = permits.iter().find(|(known, _)| known == path) {
            return gate.clone();
        }
        permits.push((path.to_owned(), Arc::new(Semaphore::new(0))));
        permits.last().unwrap().1.clone()
    }

    fn open(&self, path: &str) {
        self.gate(path).add_permits(1);
    }

    async fn wait_for(&self, list: &Mutex<Vec<String>>, path: &str) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if list.lock().unwrap().iter().any(|known| known == path) {
                return;
            }
            changed.await;
        }
    }
}

impl Upstream for Gated {
    fn send<'a>(
        &'a self,
        _: &'a std::sync::Arc<Source>,
        request: Arc<UpstreamRequest>,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>> {
        Box::pin(async move {
            let path = request.url.trim_start_matches("http://api").to_owned();
            let ending = Ending(self, format!("{path} cut off"));
            self.begun.lock().unwrap().push(path.clone());
            self.changed.notify_waiters();
            self.gate(&path).acquire().await.unwrap().forget();
            let mut ending = ending;
            ending.1 = path;
            let body = Bytes::from_static(br#"{"id": 1}"#);
            Ok(UpstreamResponse::new(StatusCode::OK, HeaderMap::new(), body))
        })
    }
}

const SCHEMA: &str = r#"
type Query {
  slow: Thing @connect(http: {GET: "http://api/slow"}, selection: "id")
  quick: Thing @connect(http: {GET: "http://api/quick"}, selection: "id")
  constant(of: String = "default"): String @connect(selection: "$args.of")
}
type Mutation {
  change: Thing @connect(http: {POST: "http://api/change"}, selection: "id")
}
type Thing {
  id: Int
  next: Thing @connect(http: {GET: "http://api/next/{$this.id}"}, selection: "id")
}
"#;

fn gateway() -> (Gateway, Arc<Gated>) {
    let sources =
        Sources { schema: vec![("schema.graphql".to_owned(), SCHEMA.to_owned())], ..Sources::default() };
    let loaded = load_sources(&sources).unwrap();
    let upstream = Arc::new(Gated::default());
    (Gateway::new(loaded.graph, loaded.config, upstream.clone()), upstream)
}

fn request(query: &str) -> Request {
    Request { query: query.to_owned(), ..Request::default() }
}

#[tokio::test]
async fn a_query_whose_client_went_away_is_cancelled() {
    let (gateway, upstream) = gateway();
    let task = tokio::spawn(async move { gateway.execute(request("{ slow { id } }")).await });
    upstream.wait_for(&upstream.begun, "/slow").await;
    task.abort();
    upstream.wait_for(&upstream.ended, "/slow cut off").await;
}

#[tokio::test]
async fn a_mutation_whose_client_went_away_goes_on_to_its_end() {
    let (gateway, upstream) = gateway();
    let task = tokio::spawn(async move {
        gateway.execute(request("mutation { change { id } second: change { id } }")).await
    });
    upstream.wait_for(&upstream.begun, "/change").await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    upstream.open("/change");
    upstream.open("/change");
    upstream.wait_for(&upstream.ended, "/change").await;
    assert!(!upstream.ended.lock().unwrap().contains(&"/change cut off".to_owned()));
}

#[tokio::test]
async fn a_slow_sibling_does_not_hold_back_the_next_fetch() {
    let (gateway, upstream) = gateway();
    let task =
        tokio::spawn(async move { gateway.execute(request("{ slow { id } quick { next { id } } }")).await });
    upstream.wait_for(&upstream.begun, "/slow").await;
    upstream.open("/quick");
    upstream.wait_for(&upstream.begun, "/next/1").await;
    assert!(upstream.ended.lock().unwrap().iter().all(|path| !path.starts_with("/slow")));
    upstream.open("/next/1");
    upstream.open("/slow");
    let body = task.await.unwrap().body;
    assert_eq!(body, r#"{"data":{"slow":{"id":1},"quick":{"next":{"id":1}}}}"#);
}

#[tokio::test]
async fn root_fields_of_a_mutation_run_one_after_another() {
    let (gateway, upstream) = gateway();
    let task = tokio::spawn(async move {
        gateway.execute(request("mutation { first: change { next { id } } second: change { id } }")).await
    });
    upstream.open("/change");
    upstream.wait_for(&upstream.begun, "/next/1").await;
    // All of the first root field comes before anything of the second.
    assert_eq!(upstream.begun.lock().unwrap().as_slice(), ["/change", "/next/1"]);
    upstream.open("/next/1");
    upstream.open("/change");
    assert_eq!(task.await.unwrap().body, r#"{"data":{"first":{"next":{"id":1}},"second":{"id":1}}}"#);
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_what_is_there_is_answered() {
    let (gateway, upstream) = gateway();
    upstream.open("/quick");
    let response = gateway.execute(request("{ slow { id } quick { id } }")).await;
    let body: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(body["data"], serde_json::json!({"slow": null, "quick": {"id": 1}}));
    assert_eq!(body["errors"][0]["path"], serde_json::json!(["slow"]));
    assert_eq!(body["errors"][0]["extensions"]["code"], "GATEWAY_TIMEOUT");
}

#[tokio::test]
async fn what_only_the_graph_decides_is_made_once() {
    let (gateway, _) = gateway();
    let run = async |query: &str, variables: serde_json::Value| {
        let variables = serde_json::from_value(variables).unwrap();
        gateway.execute(Request { variables, ..request(query) }).await.body
    };
    let none = serde_json::json!({});
    let first = run("{ constant }", none.clone()).await;
    assert_eq!(first, r#"{"data":{"constant":"default"}}"#);
    assert_eq!(run("{ constant }", none).await.as_ptr(), first.as_ptr());
    for of in ["a", "b", "a"] {
        let body = run("query($of: String) { constant(of: $of) }", serde_json::json!({ "of": of })).await;
        assert_eq!(body, format!(r#"{{"data":{{"constant":"{of}"}}}}"#));
    }
}

#[tokio::test]
async fn who_debugs_sees_the_calls_of_what_is_made_once_too() {
    let sources =
        Sources { schema: vec![("schema.graphql".to_owned(), SCHEMA.to_owned())], ..Sources::default() };
    let loaded = load_sources(&sources).unwrap();
    let config = crate::config::Config { debugger: true, ..loaded.config };
    let gateway = Gateway::new(loaded.graph, config, Arc::new(Gated::default()));
    let mut headers = HeaderMap::new();
    headers.insert(&super::DEBUGGING, http::HeaderValue::from_static("true"));
    for headers in [None, Some(headers), None] {
        let shows = headers.is_some();
        let response = gateway.execute(Request { headers, ..request("{ constant }") }).await;
        let body: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!(body["data"], serde_json::json!({"constant": "default"}));
        assert_eq!(body["extensions"].is_object(), shows, "{body}");
    }
}

#[tokio::test]
async fn operations_of_one_document_are_told_apart() {
    let (gateway, _) = gateway();
    let text = r#"query A { constant(of: "a") } query B { constant(of: "b") }"#;
    for name in ["A", "B", "B", "A"] {
        let operation_name = Some(name.to_owned());
        let body = gateway.execute(Request { operation_name, ..request(text) }).await.body;
        assert_eq!(body, format!(r#"{{"data":{{"constant":"{}"}}}}"#, name.to_lowercase()));
    }
    let unnamed = gateway.execute(request(text)).await;
    assert_eq!(unnamed.kind, super::ResponseKind::RequestError);
    assert_eq!(gateway.operations().iter().map(|known| known.count).sum::<u64>(), 4);
}
