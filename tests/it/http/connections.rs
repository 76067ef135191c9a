//! What lives longer than one request: kept-alive connections, HTTP/2, request ids, clients that leave.

use std::{collections::HashSet, sync::Arc};

use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::{
    client::{post, read_to_end, request, send, send_bytes, send_http2},
    server::Server,
};

const HELLO: &str = r#"{"query":"{hello}"}"#;

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Server::start(|_| {}).await;
    let first = format!(
        "POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{HELLO}",
        HELLO.len()
    );
    let last = "GET /nothing HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let answer = send_bytes(server.address, format!("{first}{first}{last}").as_bytes()).await;
    let statuses: Vec<_> =
        answer.match_indices("HTTP/1.1 ").map(|(at, _)| &answer[at + 9..at + 12]).collect();
    assert_eq!(statuses, ["200", "200", "404"]);
}

#[tokio::test]
async fn http2_with_prior_knowledge_carries_many_requests_at_once() {
    let server = Server::start(|_| {}).await;
    let requests = (0..50)
        .map(|_| {
            let request = http::Request::builder()
                .method("POST")
                .uri("http://127.0.0.1/graphql")
                .header("content-type", "application/json");
            (request, HELLO.into())
        })
        .collect();
    let replies = send_http2(server.address, requests).await;
    let over_http1 = send(server.address, post(), HELLO).await;
    assert_eq!(replies.len(), 50);
    for reply in replies {
        assert_eq!((reply.status.as_u16(), &reply.body), (200, &over_http1.body));
        assert_eq!(reply.header("connection"), "");
    }
}

#[tokio::test]
async fn every_response_has_a_request_id() {
    let server = Server::start(|_| {}).await;
    let mut made = HashSet::new();
    for request in [
        post(),
        post(),
        request("GET", "/nothing"),
        request("GET", "/health/live"),
        request("OPTIONS", "/graphql"),
    ] {
        let reply = send(server.address, request, HELLO).await;
        let id = reply.header("x-request-id").to_owned();
        assert!(id.len() == 32 && id.bytes().all(|digit| digit.is_ascii_hexdigit()), "{id}");
        assert!(made.insert(id));
    }
    let reply = send(server.address, post().header("x-request-id", "abc-123"), HELLO).await;
    assert_eq!(reply.header("x-request-id"), "abc-123");
    let reply = send(server.address, post().header("x-request-id", "a b\"c"), HELLO).await;
    assert_eq!(reply.header("x-request-id").len(), 32);
}

#[tokio::test]
async fn a_query_ends_when_its_client_leaves() {
    let server = Server::start(|_| {}).await;
    let body = r#"{"query":"{slow}"}"#;
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    server.backend.asked().await;
    drop(stream);
    server.backend.gave_up().await;
}

#[tokio::test]
async fn a_mutation_goes_on_when_its_client_leaves_and_a_stop_waits_for_it() {
    let mut server = Server::start(|_| {}).await;
    let body = r#"{"query":"mutation{first: change second: change}"}"#;
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    server.backend.asked().await;
    stream.shutdown().await.unwrap();
    // The server has seen it: it closes its own end.
    assert_eq!(read_to_end(&mut stream).await, "");
    server.stop();
    let backend = Arc::clone(&server.backend);
    backend.answer();
    // The second field is asked for after the first: the mutation is still running.
    backend.asked().await;
    assert!(!server.has_ended());
    backend.answer();
    server.ended().await;
    assert!(!backend.has_answers(), "the mutation was cut");
}
