//! Messages that two parsers could read differently: refused, or at least never the beginning of a second request.

use super::{client::send_bytes, server::Server};

/// What an attacker hides behind the first request.
const HIDDEN: &str = "GET /health/live HTTP/1.1\r\nhost: hidden\r\n\r\n";

fn posted(headers: &str, body: &str) -> String {
    format!("POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n{headers}\r\n{body}")
}

#[tokio::test]
async fn ambiguous_messages_are_refused() {
    let server = Server::start(|_| {}).await;
    let chunk = "0\r\n\r\n";
    let rows = [
        ("two lengths", posted("content-length: 5\r\ncontent-length: 6\r\n", chunk)),
        ("a list of lengths", posted("content-length: 5, 6\r\n", chunk)),
        ("a signed length", posted("content-length: +5\r\n", chunk)),
        ("a negative length", posted("content-length: -5\r\n", chunk)),
        ("a hexadecimal length", posted("content-length: 0x5\r\n", chunk)),
        ("a huge length", posted("content-length: 99999999999999999999999\r\n", chunk)),
        ("chunked not last", posted("transfer-encoding: chunked, identity\r\n", chunk)),
        ("unknown transfer coding", posted("transfer-encoding: xchunked\r\n", chunk)),
        (
            "HTTP/1.0 with chunks",
            posted("transfer-encoding: chunked\r\n", chunk).replacen("HTTP/1.1", "HTTP/1.0", 1),
        ),
        ("a space before the colon", posted("transfer-encoding : chunked\r\n", chunk)),
        ("a folded header", posted("transfer-encoding:\r\n chunked\r\n", chunk)),
        ("a control character", posted("x: a\0b\r\n", chunk)),
        ("a carriage return in a value", posted("x: a\rb\r\n", chunk)),
        ("no colon", posted("content-length\r\n", chunk)),
        ("no version", "GET /health/live\r\nhost: a\r\n\r\n".to_owned()),
        ("HTTP/3.0", "GET /health/live HTTP/3.0\r\nhost: a\r\n\r\n".to_owned()),
    ];
    for (what, message) in rows {
        let answer = send_bytes(server.address, format!("{message}{HIDDEN}").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{what}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{what}: {answer}");
    }
}

#[tokio::test]
async fn a_message_with_chunks_and_a_length_is_the_connections_last() {
    let server = Server::start(|_| {}).await;
    for headers in [
        "content-length: 6\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 6\r\n",
        "transfer-encoding: chunked\r\n",
    ] {
        let body = format!("13\r\n{{\"query\":\"{{hello}}\"}}\r\n0\r\n\r\n{HIDDEN}");
        let answer = send_bytes(server.address, posted(headers, &body).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{headers}: {answer}");
        assert!(answer.contains("connection: close\r\n"), "{headers}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{headers}: {answer}");
    }
}

#[tokio::test]
async fn broken_chunks_are_refused_and_end_the_connection() {
    let server = Server::start(|_| {}).await;
    for body in [
        "zz\r\n{\"query\":\"{hello}\"}\r\n0\r\n\r\n",
        "fffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}extra\r\n0\r\n\r\n",
        "-2\r\n{}\r\n0\r\n\r\n",
    ] {
        let message = posted("transfer-encoding: chunked\r\n", &format!("{body}{HIDDEN}"));
        let answer = send_bytes(server.address, message.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{body}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{body}: {answer}");
    }
}

#[tokio::test]
async fn bytes_after_an_upgrade_that_is_not_offered_are_not_another_protocol() {
    let server = Server::start(|_| {}).await;
    let message = format!(
        "GET /health/live HTTP/1.1\r\nhost: a\r\nconnection: upgrade, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n{HIDDEN}"
    );
    let answer = send_bytes(server.address, message.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
}
