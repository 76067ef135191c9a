//! What SIGTERM does: nothing new, everything in flight to its end, and not for ever.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    client::{post, read_to_end, send, send_http2},
    server::Server,
};

const SLOW: &str = r#"{"query":"{slow}"}"#;

fn slow_request() -> String {
    format!(
        "POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{SLOW}",
        SLOW.len()
    )
}

/// Waits until nobody listens any more.
async fn refused(address: std::net::SocketAddr) {
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_request_in_flight_is_answered_and_a_new_connection_is_not() {
    let mut server = Server::start(|_| {}).await;
    let in_flight = tokio::spawn(send(server.address, post(), SLOW));
    server.backend.asked().await;
    server.stop();
    refused(server.address).await;
    server.backend.answer();
    let reply = in_flight.await.unwrap();
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json(), serde_json::json!({"data": {"slow": "done"}}));
    assert_eq!(reply.header("connection"), "close");
    server.ended().await;
}

#[tokio::test]
async fn requests_in_flight_on_http2_are_answered() {
    let mut server = Server::start(|config| config.share_operations = false).await;
    let slow = || {
        let request = http::Request::builder()
            .method("POST")
            .uri("http://127.0.0.1/graphql")
            .header("content-type", "application/json");
        (request, SLOW.into())
    };
    let in_flight = tokio::spawn(send_http2(server.address, vec![slow(), slow()]));
    server.backend.asked().await;
    server.backend.asked().await;
    server.stop();
    refused(server.address).await;
    server.backend.answer();
    server.backend.answer();
    for reply in in_flight.await.unwrap() {
        assert_eq!(
            (reply.status.as_u16(), reply.json()),
            (200, serde_json::json!({"data": {"slow": "done"}}))
        );
    }
    server.ended().await;
}

#[tokio::test]
async fn a_request_whose_body_is_still_coming_is_answered() {
    let mut server = Server::start(|_| {}).await;
    let body = r#"{"query":"{hello}"}"#;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 19\r\nexpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut buffer = [0; 64];
    let bytes = stream.read(&mut buffer).await.unwrap();
    assert!(buffer[..bytes].starts_with(b"HTTP/1.1 100 "));
    server.stop();
    refused(server.address).await;
    stream.write_all(body.as_bytes()).await.unwrap();
    assert!(read_to_end(&mut stream).await.starts_with("HTTP/1.1 200 "));
    server.ended().await;
}

#[tokio::test]
async fn idle_connections_are_closed_and_late_requests_on_them_answered() {
    let mut server = Server::start(|_| {}).await;
    let request = b"GET /health/ready HTTP/1.1\r\nhost: a\r\n\r\n";
    let mut buffer = [0; 1024];
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    let mut late = TcpStream::connect(server.address).await.unwrap();
    for stream in [&mut idle, &mut late] {
        stream.write_all(request).await.unwrap();
        let bytes = stream.read(&mut buffer).await.unwrap();
        assert!(buffer[..bytes].starts_with(b"HTTP/1.1 200 "));
    }
    server.stop();
    // On its way when the signal came: it is answered, and it is told that this instance takes no more.
    late.write_all(request).await.unwrap();
    let answer = read_to_end(&mut late).await;
    assert!(answer.starts_with("HTTP/1.1 503 ") || answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(read_to_end(&mut idle).await, "");
    server.ended().await;
}

#[tokio::test]
async fn a_connection_that_waits_to_be_accepted_is_served() {
    let mut server = Server::start(|_| {}).await;
    let mut waiting = std::net::TcpStream::connect(server.address).unwrap();
    std::io::Write::write_all(&mut waiting, b"GET /health/live HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    // Nothing has run since: the server learns of the connection and of the signal at the same time.
    server.stop();
    waiting.set_nonblocking(true).unwrap();
    let mut waiting = TcpStream::from_std(waiting).unwrap();
    assert!(read_to_end(&mut waiting).await.starts_with("HTTP/1.1 200 "));
    server.ended().await;
}

#[tokio::test]
async fn a_draining_server_is_not_ready() {
    let mut server = Server::start(|_| {}).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let mut buffer = [0; 1024];
    stream.write_all(b"GET /health/ready HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let bytes = stream.read(&mut buffer).await.unwrap();
    assert!(buffer[..bytes].starts_with(b"HTTP/1.1 200 "));
    server.stop();
    refused(server.address).await;
    stream.write_all(b"GET /health/ready HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let answer = read_to_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    assert!(answer.ends_with(r#"{"status":"draining"}"#), "{answer}");
    server.ended().await;
}

#[tokio::test]
async fn what_does_not_end_is_cut_when_the_drain_is_over() {
    let mut server = Server::start(|config| config.drain = Duration::from_millis(50)).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(slow_request().as_bytes()).await.unwrap();
    server.backend.asked().await;
    server.stop();
    assert_eq!(read_to_end(&mut stream).await, "");
    server.ended().await;
}
