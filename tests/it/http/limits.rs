//! How much, how slowly, how many.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    client::{post, read_to_end, send, send_bytes},
    server::Server,
};

#[tokio::test]
async fn a_large_body_is_refused_before_it_is_sent() {
    let server = Server::start(|config| config.limits.body_bytes_max = 1000).await;
    // Only announced: the answer comes without a byte of it.
    let announced = "POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 1001\r\nexpect: 100-continue\r\n\r\n";
    let answer = send_bytes(server.address, announced.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("PAYLOAD_TOO_LARGE"), "{answer}");
    let fits = format!(r#"{{"query":"{{hello}}{}"}}"#, " ".repeat(1000 - 19));
    assert_eq!(fits.len(), 1000);
    assert_eq!(send(server.address, post(), fits.clone()).await.status, 200);
    assert_eq!(send(server.address, post(), format!("{fits} ")).await.status, 413);
}

#[tokio::test]
async fn a_large_body_of_unknown_length_is_cut_at_the_limit() {
    let server = Server::start(|config| config.limits.body_bytes_max = 1000).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..3 {
        stream.write_all(format!("190\r\n{}\r\n", " ".repeat(400)).as_bytes()).await.unwrap();
    }
    let answer = read_to_end(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn a_slow_body_is_given_up() {
    let server = Server::start(|config| config.limits.body_read = Duration::from_millis(50)).await;
    let start = "POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 19\r\n\r\n{\"query\"";
    let answer = send_bytes(server.address, start.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("REQUEST_TIMEOUT"), "{answer}");
}

#[tokio::test]
async fn slow_headers_are_given_up() {
    let server = Server::start(|config| config.limits.header_read = Duration::from_millis(50)).await;
    for start in [
        "",
        "P",
        "POST /graphql HTTP/1.1\r\nhost: a\r\n",
        "PRI * HTTP/2.0\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let answer = send_bytes(server.address, start.as_bytes()).await;
        assert!(!answer.contains("HTTP/1.1 200"), "{start:?}: {answer}");
    }
}

#[tokio::test]
async fn headers_that_trickle_are_given_up_too() {
    let server = Server::start(|config| config.limits.header_read = Duration::from_millis(100)).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /health/live HTTP/1.1\r\n").await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let trickle = async {
        let mut every = tokio::time::interval(Duration::from_millis(10));
        loop {
            every.tick().await;
            if writer.write_all(b"a: b\r\n").await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let mut rest = Vec::new();
    tokio::select! {
        _ = reader.read_to_end(&mut rest) => {}
        () = trickle => {}
    }
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
}

#[tokio::test]
async fn a_second_request_has_its_own_time_for_headers() {
    let server = Server::start(|config| config.limits.header_read = Duration::from_millis(100)).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = b"GET /health/live HTTP/1.1\r\nhost: a\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut buffer = [0; 1024];
    let bytes = stream.read(&mut buffer).await.unwrap();
    assert!(buffer[..bytes].starts_with(b"HTTP/1.1 200 "));
    stream.write_all(request).await.unwrap();
    let bytes = stream.read(&mut buffer).await.unwrap();
    assert!(buffer[..bytes].starts_with(b"HTTP/1.1 200 "));
    // Headers begun and not ended: closed.
    stream.write_all(b"GET /health").await.unwrap();
    assert_eq!(read_to_end(&mut stream).await, "");
}

#[tokio::test]
async fn too_many_or_too_large_headers_are_refused() {
    let server = Server::start(|_| {}).await;
    let many = format!("GET /health/live HTTP/1.1\r\nhost: a\r\n{}\r\n", "a: b\r\n".repeat(200));
    assert!(send_bytes(server.address, many.as_bytes()).await.starts_with("HTTP/1.1 431 "));
    let large = format!("GET /health/live HTTP/1.1\r\nhost: a\r\na: {}\r\n\r\n", "b".repeat(100_000));
    assert!(!send_bytes(server.address, large.as_bytes()).await.contains("HTTP/1.1 200 "));
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_and_a_free_place_is_taken_again() {
    let server = Server::start(|config| config.limits.connections_max = 2).await;
    let request = b"GET /health/live HTTP/1.1\r\nhost: a\r\n\r\n";
    let mut buffer = [0; 1024];
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(request).await.unwrap();
        assert!(stream.read(&mut buffer).await.unwrap() > 0);
        held.push(stream);
    }
    let mut third = TcpStream::connect(server.address).await.unwrap();
    let _ = third.write_all(request).await;
    assert_eq!(read_to_end(&mut third).await, "");
    // The server closes its end when it sees ours close; then there is a place.
    let mut leaving = held.pop().unwrap();
    leaving.shutdown().await.unwrap();
    assert_eq!(read_to_end(&mut leaving).await, "");
    let closing = "GET /health/live HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let answer = loop {
        // Its end reaches us a moment before its place is free.
        let answer = send_bytes(server.address, closing.as_bytes()).await;
        if !answer.is_empty() {
            break answer;
        }
    };
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
