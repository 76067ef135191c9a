//! `ficus demo` as a whole: everything starts, says where it is, answers over HTTP, and stops.

use std::{net::SocketAddr, time::Duration};

use ficus::{
    config::Admin,
    demo::{BackendOptions, Demo, DemoError, Options, SHOWCASE},
    events::{Heard, Started},
    execute::Request,
};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot};

use super::world::http_client;

fn anywhere() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn options() -> Options {
    Options {
        listen: Some(anywhere()),
        admin: Admin { listen: anywhere(), ..Admin::default() },
        backends: BackendOptions { first_port: 0, ..BackendOptions::default() },
    }
}

#[tokio::test]
async fn everything_starts_answers_and_stops() {
    let demo = Demo::start(options()).await.unwrap();
    let welcome = demo.welcome().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(demo.serve(async { drop(stopped.await) }));

    let url = |label: &str| {
        let line = welcome.lines().find(|line| line.trim_start().starts_with(label)).unwrap();
        line.split_whitespace().last().unwrap().to_owned()
    };
    let client = http_client();
    let body = json!({ "query": SHOWCASE, "variables": { "orders": 2 } }).to_string();
    let request = client.post(url("GraphQL")).header("content-type", "application/json").body(body);
    let answer = request.send().await.unwrap().bytes().await.unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(answer["data"]["orders"]["items"].as_array().unwrap().len(), 2, "{answer}");

    let page = client.get(url("explorer")).header("accept", "text/html").send().await.unwrap();
    assert!(page.headers()["content-type"].to_str().unwrap().starts_with("text/html"));
    assert_eq!(client.get(url("admin")).header("accept", "text/html").send().await.unwrap().status(), 200);
    for backend in ["monolith", "orders", "products", "reviews"] {
        assert!(url(backend).starts_with("http://127.0.0.1:"), "{welcome}");
    }
    for line in SHOWCASE.lines() {
        assert!(welcome.contains(line), "{line}");
    }

    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
    for label in ["GraphQL", "admin", "monolith", "reviews"] {
        assert!(client.get(url(label)).send().await.is_err(), "{label} still answers");
    }
}

/// The orders service signs what it tells, with the secret that was made for this demo, and the gateway takes it.
#[tokio::test]
async fn an_order_that_changes_is_an_event() {
    let mut options = options();
    options.backends.orders_go_on_every = Some(Duration::from_millis(20));
    let demo = Demo::start(options).await.unwrap();
    let mut orders = demo.events().hub().listen("orders", None).await.unwrap();
    let query = "subscription { orderChanged { id status total { currency } customer { name } } }";
    let request = Request { query: query.to_owned(), ..Request::default() };
    let Started::Stream(mut payloads) = demo.events().start(request).await else { panic!("a stream") };
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(demo.serve(async { drop(stopped.await) }));
    let mut told: Vec<Value> = Vec::new();
    for _ in 0..5 {
        let heard = tokio::time::timeout(Duration::from_secs(30), orders.next()).await;
        let Ok(Heard::Event(event)) = heard else { panic!("an event: {heard:?}") };
        told.push(serde_json::from_slice(&event.data).unwrap());
    }
    // The steps of an order, and the next order.
    let at = told.iter().position(|event| event["status"] == "PLACED").expect("a new order");
    let new = &told[at];
    assert!(new["id"].as_u64().is_some() && new["customerId"].as_u64().is_some(), "{told:?}");
    if let Some(next) = told.get(at + 1) {
        assert_eq!((&next["id"], &next["status"]), (&new["id"], &json!("PAID")));
    }
    // Who subscribes is told of it, with what the event does not say.
    let payload = tokio::time::timeout(Duration::from_secs(30), payloads.next()).await.unwrap().unwrap();
    let payload: Value = serde_json::from_slice(&payload.body).unwrap();
    let order = &payload["data"]["orderChanged"];
    assert_eq!(order["id"], told[0]["id"].to_string(), "{payload}");
    assert_eq!(order["total"]["currency"], "EUR", "{payload}");
    assert!(order["customer"]["name"].is_string(), "{payload}");
    drop(payloads);
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = TcpListener::bind(anywhere()).await.unwrap();
    let address = taken.local_addr().unwrap();
    let error = Demo::start(Options { listen: Some(address), ..options() }).await.err().unwrap();
    assert!(matches!(error, DemoError::Listen { .. }));
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}
