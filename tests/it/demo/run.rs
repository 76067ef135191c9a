//! `ficus demo` as a whole: everything starts, says where it is, answers over HTTP, and stops.

use std::net::SocketAddr;

use ficus::{
    config::Admin,
    demo::{BackendOptions, Demo, DemoError, Options, SHOWCASE},
};
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

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = TcpListener::bind(anywhere()).await.unwrap();
    let address = taken.local_addr().unwrap();
    let error = Demo::start(Options { listen: Some(address), ..options() }).await.err().unwrap();
    assert!(matches!(error, DemoError::Listen { .. }));
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}
