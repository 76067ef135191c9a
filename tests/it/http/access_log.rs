//! The access log: one line a request, whatever the request holds.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use tracing_subscriber::fmt::MakeWriter;

use super::{
    client::{post, request, send},
    server::Server,
};

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The fields of each line.
    fn lines(&self) -> Vec<Value> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["fields"].clone())
            .collect()
    }
}

#[tokio::test]
async fn every_request_leaves_one_line_as_json() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_env_filter("off,ficus::access=debug")
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = Server::start(|_| {}).await;
    let forged = "x\\n{\\\"level\\\":\\\"ERROR\\\"}\\u001b[31m";
    let long = format!("{}é", "a".repeat(100_000));
    let rows = [
        (
            post().header("x-request-id", "abc-1"),
            r#"{"query":"query A{hello}","operationName":"A"}"#.to_owned(),
            200,
        ),
        (post(), format!(r#"{{"query":"{{hello}}","operationName":"{forged}"}}"#), 200),
        (post(), format!(r#"{{"query":"{{hello}}","operationName":"{long}"}}"#), 200),
        (request("GET", "/no%0apath"), String::new(), 404),
    ];
    for (request, body, status) in rows {
        assert_eq!(send(server.address, request, body).await.status, status);
    }
    let lines = log.lines();
    assert_eq!(lines.len(), 4, "{}", log.text());
    assert_eq!(lines[0]["request_id"], "abc-1");
    assert_eq!(lines[0]["method"], "POST");
    assert_eq!(lines[0]["client"], "127.0.0.1");
    assert_eq!(lines[0]["path"], "/graphql");
    assert_eq!(lines[0]["operation"], "A");
    assert_eq!(lines[0]["status"], 200);
    assert!(lines[0]["bytes"].as_u64().unwrap() > 10 && lines[0]["elapsed_us"].is_u64());
    assert_eq!(lines[1]["operation"], "x\n{\"level\":\"ERROR\"}\u{1b}[31m");
    assert_eq!(lines[2]["operation"], "a".repeat(120));
    assert_eq!((&lines[3]["path"], &lines[3]["status"]), (&"/no%0apath".into(), &404.into()));
}

#[tokio::test]
async fn what_a_client_sends_cannot_forge_a_line_for_people() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_env_filter("off,ficus::access=debug")
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = Server::start(|_| {}).await;
    let body = r#"{"query":"{hello}","operationName":"x\nERROR forged\u001b[31m"}"#;
    send(server.address, post(), body).await;
    let text = log.text();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[tokio::test]
async fn a_client_that_leaves_is_in_the_log_too() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_env_filter("off,ficus::access=debug")
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let server = Server::start(|_| {}).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let body = r#"{"query":"{slow}"}"#;
    let head = format!(
        "POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    server.backend.asked().await;
    drop(stream);
    server.backend.gave_up().await;
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{}", log.text());
    assert_eq!(lines[0]["status"], 499);
}
