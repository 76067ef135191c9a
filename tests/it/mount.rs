//! A Rust service that mounts the gateway: `examples/mount.rs` over a backend on a real socket.

#[allow(dead_code, reason = "the test serves the example's router itself")]
#[path = "../../examples/mount.rs"]
mod example;

use std::{net::SocketAddr, sync::Arc};

use async_graphql::{Executor, Request};
use axum::{
    Json, Router,
    extract::Path,
    http::{HeaderMap, StatusCode},
    routing::get,
};
use ficus::{
    Gateway,
    fetch::HttpUpstream,
    graph::{Sources, load_sources},
};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::net::TcpListener;

const SCHEMA: &str = r#"
type Query {
  user(id: ID!): User
    @connect(source: "users", http: { GET: "/users/{$args.id}" }, selection: "id name")
  me: User
    @connect(source: "users", http: { GET: "/me", headers: [{ name: "authorization", from: "authorization" }] }, selection: "id name")
  users: [User]
    @connect(source: "users", http: { GET: "/broken" }, selection: "id name")
}
type Mutation {
  rename(id: ID!, name: String!): User
    @connect(source: "users", http: { PATCH: "/users/{$args.id}", body: "name: $args.name" }, selection: "id name")
}
type User { id: ID! name: String }
"#;

async fn listen(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn gateway() -> Gateway {
    let backend = Router::new()
        .route(
            "/users/{id}",
            get(async |Path(id): Path<u32>| Json(json!({"id": id, "name": format!("user {id}")}))),
        )
        .route(
            "/me",
            get(async |headers: HeaderMap| {
                Json(json!({"id": 1, "name": headers["authorization"].to_str().unwrap()}))
            }),
        )
        .route("/broken", get(async || (StatusCode::BAD_GATEWAY, "no")));
    let base_url = format!("base_url: http://{}", listen(backend).await);
    let loaded = load_sources(&Sources {
        schema: vec![("schema/users.graphql".to_owned(), SCHEMA.to_owned())],
        connectors: vec![("connectors/users.yaml".to_owned(), base_url)],
        ..Sources::default()
    });
    let loaded =
        loaded.unwrap_or_else(|diagnostics| panic!("{}", ficus::diagnostic::render(&diagnostics, false)));
    Gateway::new(loaded.graph, loaded.config, Arc::new(HttpUpstream::new().unwrap()))
}

/// Posts to the example's `/graphql` as any client would.
async fn post(gateway: Gateway, headers: &[(&str, &str)], body: Value) -> Value {
    let address = listen(example::router(gateway)).await;
    let mut request =
        crate::http::client::request("POST", "/graphql").header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    crate::http::client::send(address, request, body.to_string()).await.json()
}

#[tokio::test]
async fn a_mounted_gateway_answers_with_variables_and_names() {
    let body = json!({
        "query": "query A { user(id: 1) { id } } query B($id: ID!) { found: user(id: $id) { name id } }",
        "operationName": "B",
        "variables": {"id": "7"},
    });
    let answer = post(gateway().await, &[], body).await;
    assert_eq!(answer, json!({"data": {"found": {"name": "user 7", "id": "7"}}}));
}

#[tokio::test]
async fn the_clients_headers_reach_the_backend() {
    let body = json!({"query": "{ me { name } }"});
    let answer = post(gateway().await, &[("authorization", "Bearer ana")], body).await;
    assert_eq!(answer, json!({"data": {"me": {"name": "Bearer ana"}}}));
}

#[tokio::test]
async fn without_the_clients_headers_a_connector_that_copies_one_says_so() {
    let response =
        Executor::execute(&gateway().await, Request::new("{ me { name } user(id: 1) { id } }")).await;
    let answer = serde_json::to_value(&response).unwrap();
    assert_eq!(answer["data"], json!({"me": null, "user": {"id": "1"}}));
    assert_eq!(answer["errors"][0]["path"], json!(["me"]));
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("headers"), "{message}");
}

#[tokio::test]
async fn field_errors_keep_their_path_and_extensions() {
    let answer = post(gateway().await, &[], json!({"query": "{ user(id: 1) { id } users { id } }"})).await;
    assert_eq!(answer["data"], json!({"user": {"id": "1"}, "users": null}));
    assert_eq!(answer["errors"][0]["path"], json!(["users"]));
    assert_eq!(answer["errors"][0]["extensions"]["code"], "CONNECTOR_FETCH");
    assert_eq!(answer["errors"][0]["extensions"]["http"]["status"], 502);
}

#[tokio::test]
async fn a_request_that_is_not_valid_is_refused_before_any_fetch() {
    let answer = post(gateway().await, &[], json!({"query": "{ user(id: 1) { id nothing } }"})).await;
    assert_eq!(answer["data"], Value::Null);
    assert_eq!(answer["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
    assert_eq!(answer["errors"][0]["locations"], json!([{"line": 1, "column": 20}]));
}

#[tokio::test]
async fn a_mutation_over_get_is_refused_where_the_host_says_it_is_one() {
    let request = Request::new("mutation { rename(id: 1, name: \"a\") { id } }").data(http::Method::GET);
    let response = Executor::execute(&gateway().await, request).await;
    let answer = serde_json::to_value(&response).unwrap();
    assert_eq!(answer["errors"][0]["extensions"]["code"], "METHOD_NOT_ALLOWED");
}

#[tokio::test]
async fn a_stream_is_one_response() {
    let gateway = gateway().await;
    let mut stream = gateway.execute_stream(Request::new("{ user(id: 2) { name } }"), None);
    let first = stream.next().await.unwrap();
    assert_eq!(first.data.into_json().unwrap(), json!({"user": {"name": "user 2"}}));
    assert!(stream.next().await.is_none());
}
