//! The admin graph as its clients meet it, without a socket.

use std::{
    collections::HashMap,
    sync::{
        Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, http::Request, response::Response};
use futures_util::{SinkExt, StreamExt};
use http::StatusCode;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest},
};
use tower::ServiceExt;

use super::{guard::Guard, *};
use crate::{
    config::{self, Config},
    connector::Source,
    diagnostic::{self, Diagnostic, Place},
    events::Hub,
    fetch::{FetchError, SourceState, Upstream, UpstreamRequest, UpstreamResponse},
    graph::Graph,
    mapping::{ast::Grammar, template::parse_base_url},
};

/// Knows how much is in flight, and is never asked for more.
struct Idle;

impl Upstream for Idle {
    fn send<'a>(
        &'a self,
        _: &'a std::sync::Arc<Source>,
        _: Arc<UpstreamRequest>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>> {
        Box::pin(async { Err(FetchError::new(crate::error::Code::HttpClientError, "not there")) })
    }

    fn state(&self, source: &Source) -> SourceState {
        let in_flight = (source.name == "orders").then_some(3);
        SourceState { in_flight, ..SourceState::default() }
    }
}

fn source(name: &str, url: &str) -> Arc<Source> {
    Arc::new(Source {
        base_url: Some(parse_base_url(url, Grammar::V0_4).expect("a URL")),
        ..Source::named(name)
    })
}

fn graph(sdl: &str) -> Graph {
    Graph {
        schema: apollo_compiler::Schema::parse_and_validate(sdl, "schema.graphql").expect("a schema"),
        implementers: Default::default(),
        connectors: Vec::new(),
        sources: vec![
            source("accounts", "https://ana:secret@accounts.example:8443/v1?key=secret"),
            source("orders", "http://127.0.0.1:4102/{$env.TENANT}"),
        ],
        by_field: HashMap::new(),
        by_type: HashMap::new(),
        subscribes: HashMap::new(),
        cache_hints: Default::default(),
        env: HashMap::new(),
        secrets: Default::default(),
    }
}

/// An admin listener over a gateway whose reload finds what `reload` says.
fn admin(
    token: Option<&str>,
    reload: impl Fn(&Gateway) -> Vec<Diagnostic> + Send + Sync + 'static,
) -> Router {
    let gateway = Gateway::new(graph("type Query { a: Int }"), Config::default(), Arc::new(Idle));
    let reloaded = gateway.clone();
    let control = Control::new(Events::new(gateway, Hub::default()), Arc::new(move || reload(&reloaded)));
    listener::router(control, Guard { loopback: true, token: token.map(str::to_owned) })
}

fn unchanged(_: &Gateway) -> Vec<Diagnostic> {
    Vec::new()
}

fn post() -> http::request::Builder {
    Request::post("/admin/graphql")
        .header("host", "127.0.0.1:4001")
        .header("content-type", "application/json")
}

async fn send(router: &Router, request: http::request::Builder, body: impl Into<Body>) -> Response {
    router.clone().oneshot(request.body(body.into()).expect("a request")).await.expect("a response")
}

async fn json_of(response: Response) -> Value {
    let body = response.into_body().collect().await.expect("a body").to_bytes();
    serde_json::from_slice(&body).expect("JSON")
}

async fn query(router: &Router, document: &str) -> Value {
    let response = send(router, post(), json!({ "query": document }).to_string()).await;
    assert_eq!(response.status(), StatusCode::OK);
    json_of(response).await
}

#[tokio::test]
async fn sources_are_shown_without_secrets() {
    let router = admin(None, unchanged);
    let answer =
        query(&router, "{ sources { name url inFlight } source(name: \"orders\") { inFlightMax } }").await;
    assert_eq!(
        answer,
        json!({"data": {
            "sources": [
                {"name": "accounts", "url": "https://accounts.example:8443", "inFlight": null},
                {"name": "orders", "url": "http://127.0.0.1:4102", "inFlight": 3},
            ],
            "source": {"inFlightMax": 1024},
        }})
    );
}

#[tokio::test]
async fn the_graph_and_the_process_are_shown() {
    let answer =
        query(&admin(None, unchanged), "{ graph { types sources sdl } process { version listen path } }")
            .await;
    assert_eq!(answer["data"]["graph"]["types"], 1);
    assert_eq!(answer["data"]["graph"]["sources"], 2);
    assert!(answer["data"]["graph"]["sdl"].as_str().expect("text").contains("type Query"), "{answer}");
    assert_eq!(
        answer["data"]["process"],
        json!({"version": env!("CARGO_PKG_VERSION"), "listen": "127.0.0.1:4000", "path": "/graphql"})
    );
}

#[tokio::test]
async fn a_reload_serves_the_new_graph() {
    let router = admin(None, |gateway| {
        gateway.reload(graph("type Query { a: Int b: B } type B { c: Int }"));
        Vec::new()
    });
    let answer =
        query(&router, "mutation { reload { reloaded diagnostics { code } graph { types } } }").await;
    assert_eq!(
        answer,
        json!({"data": {"reload": {"reloaded": true, "diagnostics": [], "graph": {"types": 2}}}})
    );
}

#[tokio::test]
async fn a_reload_with_faults_says_them_all_and_keeps_the_old_graph() {
    let router = admin(None, |_| {
        let place = Place::whole("schema/a.graphql");
        vec![
            Diagnostic::new(diagnostic::Code::NoSchema, place.clone(), "nothing to serve").help("write one"),
            Diagnostic::new(diagnostic::Code::UnusedConnectorFile, place, "unused"),
        ]
    });
    let document =
        "mutation { reload { reloaded diagnostics { severity message help file } graph { types } } }";
    assert_eq!(
        query(&router, document).await["data"]["reload"],
        json!({
            "reloaded": false,
            "diagnostics": [
                {"severity": "ERROR", "message": "nothing to serve", "help": "write one", "file": "schema/a.graphql"},
                {"severity": "WARNING", "message": "unused", "help": null, "file": "schema/a.graphql"},
            ],
            "graph": {"types": 1},
        })
    );
}

#[tokio::test]
async fn reloads_do_not_overlap() {
    static RUNNING: Mutex<usize> = Mutex::new(0);
    static CHANGED: Condvar = Condvar::new();
    let overlapped = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&overlapped);
    let router = admin(None, move |_| {
        let mut running = RUNNING.lock().expect("no panic");
        *running += 1;
        CHANGED.notify_all();
        // Gives the other one every chance to begin as well.
        let alone = |running: &mut usize| *running < 2;
        running = CHANGED.wait_timeout_while(running, Duration::from_millis(100), alone).expect("no panic").0;
        seen.fetch_or(*running > 1, Ordering::SeqCst);
        *running -= 1;
        Vec::new()
    });
    let document = "mutation { reload { reloaded } }";
    futures_util::future::join(query(&router, document), query(&router, document)).await;
    assert!(!overlapped.load(Ordering::SeqCst));
}

#[tokio::test]
async fn what_a_web_page_could_send_is_refused() {
    let router = admin(None, |_| panic!("must not be reached"));
    let body = json!({"query": "mutation { reload { reloaded } }"}).to_string();
    let here = ("host", "127.0.0.1:4001");
    let cases: [(http::request::Builder, StatusCode, &str); 5] = [
        (
            Request::get("/admin/graphql?query=mutation%7Breload%7Breloaded%7D%7D").header(here.0, here.1),
            StatusCode::METHOD_NOT_ALLOWED,
            "METHOD_NOT_ALLOWED",
        ),
        (
            Request::post("/admin/graphql").header(here.0, here.1).header("content-type", "text/plain"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (post().header("origin", "http://evil.example"), StatusCode::FORBIDDEN, "CSRF_REFUSED"),
        (post().header("sec-fetch-site", "same-site"), StatusCode::FORBIDDEN, "CSRF_REFUSED"),
        (
            Request::post("/admin/graphql")
                .header("host", "rebound.example")
                .header("content-type", "application/json"),
            StatusCode::FORBIDDEN,
            "CSRF_REFUSED",
        ),
    ];
    for (request, status, code) in cases {
        let response = send(&router, request, body.clone()).await;
        assert_eq!(response.status(), status);
        assert_eq!(json_of(response).await["errors"][0]["extensions"]["code"], code);
    }
}

#[tokio::test]
async fn the_token_is_asked_for() {
    let router = admin(Some("s3cret"), unchanged);
    let body = json!({"query": "{ process { version } }"}).to_string();
    let refused = send(&router, post(), body.clone()).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(refused.headers()["www-authenticate"], "Bearer");
    let wrong = send(&router, post().header("authorization", "Bearer s3cre7"), body.clone()).await;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    let known = send(&router, post().header("authorization", "Bearer s3cret"), body).await;
    assert_eq!(known.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_body_without_end_is_refused() {
    let router = admin(None, unchanged);
    let response = send(&router, post(), format!("{{\"query\": \"{}\"}}", "#".repeat(3 << 20))).await;
    assert!(response.status().is_client_error(), "{}", response.status());
}

#[tokio::test]
async fn deep_and_large_operations_are_refused() {
    let router = admin(None, unchanged);
    let many =
        format!("{{ {} }}", (0..3000).map(|i| format!("a{i}: process {{ version }}")).collect::<String>());
    let answer = query(&router, &many).await;
    assert_eq!(answer["errors"][0]["message"], "Query is too complex.");
}

#[tokio::test]
async fn the_page_and_health_stand_beside_the_graph() {
    let router = admin(Some("s3cret"), unchanged);
    let get = |path: &str| Request::get(path.to_owned()).header("host", "localhost:4001");
    let page = send(&router, get("/"), "").await;
    assert_eq!(page.status(), StatusCode::OK);
    let page = page.into_body().collect().await.expect("a body").to_bytes();
    let page = std::str::from_utf8(&page).expect("text");
    assert!(page.contains("data-endpoint=\"/admin/graphql\" data-subscriptions=\"yes\""), "{page}");
    for path in ["/health/live", "/health/ready", "/playground/index.js"] {
        assert_eq!(send(&router, get(path), "").await.status(), StatusCode::OK, "{path}");
    }
    assert_eq!(send(&router, get("/nothing"), "").await.status(), StatusCode::NOT_FOUND);
    let rebound = Request::get("/").header("host", "evil.example");
    assert_eq!(send(&router, rebound, "").await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test(start_paused = true)]
async fn figures_come_at_once_and_then_again() {
    let gateway = Gateway::new(graph("type Query { a: Int }"), Config::default(), Arc::new(Idle));
    let control = Arc::new(Control::new(Events::new(gateway, Hub::default()), Arc::new(Vec::new)));
    let schema = super::graph::schema(control);
    let document = "subscription { figures(everySeconds: 10) { callsPerSecond sources { name inFlight } } }";
    let mut figures = schema.execute_stream(document);
    let began = tokio::time::Instant::now();
    let first = figures.next().await.expect("figures").data.into_json().expect("JSON");
    let source = |name: &str, in_flight: Option<u32>| json!({"name": name, "inFlight": in_flight});
    let sources = [source("accounts", None), source("orders", Some(3))];
    assert_eq!(first["figures"], json!({"callsPerSecond": null, "sources": sources}));
    assert_eq!(began.elapsed(), Duration::ZERO);
    let second = figures.next().await.expect("figures").data.into_json().expect("JSON");
    assert_eq!(second["figures"]["callsPerSecond"], 0.0);
    assert_eq!(began.elapsed().as_secs(), 10);
    let mut wrong = schema.execute_stream("subscription { figures(everySeconds: 0) { calls } }");
    assert_eq!(wrong.next().await.expect("an answer").errors.len(), 1);
}

/// A WebSocket to an admin listener of its own, which ends with the test's runtime.
async fn socket(token: Option<&str>) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
    let config =
        config::Admin { listen: "127.0.0.1:0".parse().expect("an address"), token: token.map(str::to_owned) };
    let listener = bind(&config).await.expect("a listener");
    let address = listener.local_addr().expect("an address");
    let gateway = Gateway::new(graph("type Query { a: Int }"), Config::default(), Arc::new(Idle));
    let control = Control::new(Events::new(gateway, Hub::default()), Arc::new(Vec::new));
    tokio::spawn(async move { serve(listener, &config, control, std::future::pending()).await });
    let mut request = format!("ws://{address}/admin/graphql").into_client_request().expect("a request");
    request
        .headers_mut()
        .insert("sec-websocket-protocol", http::HeaderValue::from_static("graphql-transport-ws"));
    tokio_tungstenite::connect_async(request).await.expect("a handshake").0
}

async fn say(socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>, message: Value) {
    socket.send(Message::text(message.to_string())).await.expect("an open socket");
}

/// The next message; a close as its code.
async fn hear(socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>) -> Value {
    match socket.next().await {
        Some(Ok(Message::Text(text))) => serde_json::from_str(&text).expect("JSON"),
        Some(Ok(Message::Close(Some(frame)))) => json!(u16::from(frame.code)),
        None | Some(Err(_) | Ok(Message::Close(None))) => json!("gone"),
        Some(Ok(other)) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_socket_carries_queries_mutations_and_subscriptions() {
    let mut socket = socket(Some("s3cret")).await;
    say(&mut socket, json!({"type": "connection_init", "payload": {"authorization": "Bearer s3cret"}})).await;
    assert_eq!(hear(&mut socket).await["type"], "connection_ack");
    let mutation = "mutation { reload { reloaded } }";
    say(&mut socket, json!({"type": "subscribe", "id": "1", "payload": {"query": mutation}})).await;
    assert_eq!(
        hear(&mut socket).await,
        json!({"type": "next", "id": "1", "payload": {"data": {"reload": {"reloaded": true}}}})
    );
    assert_eq!(hear(&mut socket).await, json!({"type": "complete", "id": "1"}));
    let subscription = "subscription { figures(everySeconds: 60) { calls } }";
    say(&mut socket, json!({"type": "subscribe", "id": "2", "payload": {"query": subscription}})).await;
    assert_eq!(hear(&mut socket).await["payload"], json!({"data": {"figures": {"calls": 0}}}));
}

#[tokio::test]
async fn a_socket_without_the_token_is_closed() {
    let mut socket = socket(Some("s3cret")).await;
    say(&mut socket, json!({"type": "connection_init", "payload": {"authorization": "Bearer other"}})).await;
    assert_eq!(hear(&mut socket).await, 1002);
}

#[tokio::test(start_paused = true)]
async fn a_socket_that_does_not_introduce_itself_is_closed() {
    let mut socket = socket(None).await;
    assert_eq!(hear(&mut socket).await, "gone");
}

#[tokio::test]
async fn an_address_that_others_reach_needs_a_token() {
    let open = |token: Option<&str>| config::Admin {
        listen: "0.0.0.0:0".parse().expect("an address"),
        token: token.map(str::to_owned),
    };
    for token in [None, Some("")] {
        let refused = bind(&open(token)).await.expect_err("refused");
        assert!(matches!(refused, AdminError::TokenNeeded(_)), "{refused}");
    }
    let loopback = config::Admin { listen: "127.0.0.1:0".parse().expect("an address"), token: None };
    assert!(bind(&loopback).await.expect("a listener").local_addr().expect("an address").ip().is_loopback());
}

mod cache;
mod events;
