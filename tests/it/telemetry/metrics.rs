//! `/metrics` and the admin graph after a few operations over a real backend.

use std::collections::BTreeSet;

use ficus::{
    Gateway,
    admin::{self, Control},
    config::{Admin, Config, Redis},
    events::{Events, Hub},
    execute::Request,
    fetch,
};
use serde_json::{Value, json};

use super::backend::Backend;
use crate::{
    http::client::{Reply, request, send},
    support::{
        gateway::from_files,
        openmetrics::{self, Samples},
    },
};

/// A gateway over the backend, and the address of its admin listener.
async fn start(backend: &Backend, token: Option<&str>) -> (Gateway, std::net::SocketAddr) {
    start_as(backend, token, &Config::default()).await
}

async fn start_as(
    backend: &Backend,
    token: Option<&str>,
    config: &Config,
) -> (Gateway, std::net::SocketAddr) {
    let env = [("SHOP_KEY".to_owned(), "hush-hush".to_owned())];
    let upstream = fetch::upstream(config).unwrap();
    let gateway = from_files(&backend.files(""), &env, upstream).unwrap();
    let admin = Admin { listen: "127.0.0.1:0".parse().unwrap(), token: token.map(str::to_owned) };
    let listener = admin::bind(&admin).await.unwrap();
    let address = listener.local_addr().unwrap();
    let control = Control::new(Events::new(gateway.clone(), Hub::default()), std::sync::Arc::new(Vec::new));
    tokio::spawn(async move { admin::serve(listener, &admin, control, std::future::pending()).await });
    (gateway, address)
}

async fn run(gateway: &Gateway, query: &str) -> Value {
    let headers = Some(http::HeaderMap::new());
    let response = gateway.execute(Request { query: query.to_owned(), headers, ..Request::default() }).await;
    serde_json::from_slice(&response.body).unwrap()
}

async fn page(address: std::net::SocketAddr) -> (Reply, Samples) {
    let reply = send(address, request("GET", "/metrics"), "").await;
    let text = std::str::from_utf8(&reply.body).unwrap();
    let samples = openmetrics::parse(text).unwrap_or_else(|fault| panic!("{fault}\n\n{text}"));
    (reply, samples)
}

/// Something of everything: from the backend and from the cache, a failure, a retry, a refusal, a mutation.
async fn exercise(gateway: &Gateway) {
    assert_eq!(run(gateway, "{ kept { id name } }").await["data"]["kept"]["id"], "7");
    run(gateway, "{ kept { id } }").await;
    assert_eq!(run(gateway, "query Mine { flaky }").await["data"]["flaky"], "at last");
    let broken = run(gateway, "{ broken }").await;
    assert_eq!(broken["errors"][0]["extensions"]["code"], "CONNECTOR_FETCH");
    run(gateway, "{ nothing }").await;
    assert_eq!(run(gateway, "mutation { write }").await["data"]["write"], "done");
    run(gateway, "{ nameless }").await;
}

#[tokio::test]
async fn what_happened_is_counted() {
    let backend = Backend::start().await;
    let (gateway, admin) = start(&backend, None).await;
    exercise(&gateway).await;
    let (reply, samples) = page(admin).await;
    assert_eq!(reply.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let counted = [
        ("ficus_operations_total{outcome=\"ok\",type=\"query\"}", 4.0),
        ("ficus_operations_total{outcome=\"errors\",type=\"query\"}", 1.0),
        ("ficus_operations_total{outcome=\"refused\",type=\"unknown\"}", 1.0),
        ("ficus_operations_total{outcome=\"ok\",type=\"mutation\"}", 1.0),
        ("ficus_operation_duration_seconds_count{type=\"query\"}", 5.0),
        ("ficus_operations_running{}", 0.0),
        ("ficus_requests_shed_total{}", 0.0),
        ("ficus_errors_total{code=\"CONNECTOR_FETCH\"}", 1.0),
        ("ficus_errors_total{code=\"GRAPHQL_VALIDATION_FAILED\"}", 1.0),
        ("ficus_fetch_duration_seconds_count{source=\"shop\"}", 5.0),
        ("ficus_fetch_duration_seconds_count{source=\"(unnamed)\"}", 1.0),
        ("ficus_fetch_errors_total{code=\"CONNECTOR_FETCH\",source=\"shop\"}", 1.0),
        ("ficus_attempts_total{outcome=\"2xx\",source=\"shop\"}", 3.0),
        ("ficus_attempts_total{outcome=\"5xx\",source=\"shop\"}", 2.0),
        ("ficus_attempt_duration_seconds_count{source=\"shop\"}", 5.0),
        ("ficus_retries_total{source=\"shop\"}", 1.0),
        ("ficus_cache_fetches_total{result=\"hit\",source=\"shop\"}", 1.0),
        ("ficus_cache_fetches_total{result=\"miss\",source=\"shop\"}", 3.0),
        ("ficus_cache_stored_total{source=\"shop\"}", 1.0),
        ("ficus_source_in_flight{source=\"shop\"}", 0.0),
        ("ficus_source_in_flight_limit{source=\"shop\"}", 1024.0),
        ("ficus_circuit_breaker_state{source=\"shop\",state=\"closed\"}", 1.0),
        ("ficus_circuit_breaker_state{source=\"shop\",state=\"open\"}", 0.0),
        // `name` is not in the answer; the first operation of all is looked at.
        ("ficus_mapping_problems_total{connector=\"Query.kept[0]\"}", 1.0),
    ];
    for (name, expected) in counted {
        assert_eq!(samples.get(name), Some(&expected), "{name}");
    }
    assert!(samples["ficus_cache_bytes{}"] >= 0.0 && samples["process_resident_memory_bytes{}"] > 1e6);
    let text = String::from_utf8_lossy(&reply.body);
    assert!(!text.contains("hush") && !text.contains("Mine"), "nothing of a client or the environment");
}

#[tokio::test]
async fn counting_goes_on_through_a_reload() {
    let backend = Backend::start().await;
    let (gateway, admin) = start(&backend, None).await;
    run(&gateway, "{ kept { id } }").await;
    let env = [("SHOP_KEY".to_owned(), "hush-hush".to_owned())];
    let again = from_files(&backend.files(""), &env, fetch::upstream(&Config::default()).unwrap()).unwrap();
    let graph = std::sync::Arc::into_inner({
        let graph = again.graph();
        drop(again);
        graph
    });
    gateway.reload(graph.expect("nobody else has it"));
    run(&gateway, "{ kept { id } }").await;
    let (_, samples) = page(admin).await;
    assert_eq!(samples["ficus_fetch_duration_seconds_count{source=\"shop\"}"], 2.0);
}

#[tokio::test]
async fn the_page_needs_the_token_where_there_is_one() {
    let backend = Backend::start().await;
    let (_, admin) = start(&backend, Some("s3cret")).await;
    assert_eq!(send(admin, request("GET", "/metrics"), "").await.status, 401);
    let allowed = request("GET", "/metrics").header("authorization", "Bearer s3cret");
    assert_eq!(send(admin, allowed, "").await.status, 200);
    assert_eq!(send(admin, request("GET", "/health/live"), "").await.status, 200);
}

/// The families of the page, without the suffixes of their samples.
fn families(page: &str) -> BTreeSet<String> {
    page.lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter_map(|line| {
            let (name, kind) = line.split_once(' ')?;
            Some(match kind {
                "counter" => format!("{name}_total"),
                "info" => format!("{name}_info"),
                _ => name.to_owned(),
            })
        })
        .collect()
}

#[tokio::test]
async fn the_page_has_every_metric() {
    let backend = Backend::start().await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = Config { redis: Some(Redis::at(format!("redis://{nobody}"))), ..Config::default() };
    let (_, admin) = start_as(&backend, None, &config).await;
    let (reply, samples) = page(admin).await;
    assert_eq!(samples["ficus_redis_connected{}"], 0.0);
    let written = families(std::str::from_utf8(&reply.body).unwrap());
    let page_of_docs = include_str!("../../../docs/observing.md");
    let listed: BTreeSet<String> = page_of_docs
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split('`').next())
        .map(|name| name.split('{').next().unwrap_or(name).to_owned())
        .filter(|name| name.starts_with("ficus_") || name.starts_with("process_"))
        .collect();
    assert_eq!(written, listed);
}

#[tokio::test]
async fn the_admin_graph_shows_the_same() {
    let backend = Backend::start().await;
    let (gateway, admin) = start(&backend, None).await;
    exercise(&gateway).await;
    let query = "{ load { running shed operations { type outcomes { name count } taken { count } } errors { name count } }
        source(name: \"shop\") { waiting waitingMax breaker fetches { count } errors { name count }
            attemptOutcomes { name count } retries refused { name } shared cache { hits misses stored hitRatio } }
        connectors(withProblems: true) { coordinate source line problems lastProblems { mapping path message count } } }";
    let body = json!({ "query": query }).to_string();
    let post = request("POST", "/admin/graphql").header("content-type", "application/json");
    let data = send(admin, post, body).await.json()["data"].take();
    assert_eq!(
        data["load"]["operations"],
        json!([
            { "type": "query", "outcomes": [{ "name": "ok", "count": 4 }, { "name": "errors", "count": 1 }], "taken": { "count": 5 } },
            { "type": "mutation", "outcomes": [{ "name": "ok", "count": 1 }], "taken": { "count": 1 } },
            { "type": "unknown", "outcomes": [{ "name": "refused", "count": 1 }], "taken": { "count": 1 } },
        ])
    );
    assert_eq!(
        data["source"],
        json!({
            "waiting": 0, "waitingMax": 4096, "breaker": "CLOSED", "fetches": { "count": 5 },
            "errors": [{ "name": "CONNECTOR_FETCH", "count": 1 }],
            "attemptOutcomes": [{ "name": "2xx", "count": 3 }, { "name": "5xx", "count": 2 }],
            "retries": 1, "refused": [], "shared": 0,
            "cache": { "hits": 1, "misses": 3, "stored": 1, "hitRatio": 0.25 },
        })
    );
    assert_eq!(data["connectors"][0]["coordinate"], "Query.kept[0]");
    assert_eq!(data["connectors"][0]["line"], 3);
    assert_eq!(
        data["connectors"][0]["lastProblems"],
        json!([{ "mapping": "selection", "path": "name", "message": "Property .name not found in object", "count": 1 }])
    );
}
