//! Logs as JSON: one line an event, whatever clients send.

use serde_json::Value;

use super::{backend::Backend, process::Process};
use crate::http::client::{post, request, send};

#[tokio::test]
async fn nothing_that_a_client_sends_breaks_a_line_or_shows_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let backend = Backend::start().await;
    let config = "telemetry: { log: json }";
    let process = Process::start(folder.path(), &backend, config, "info,ficus::access=debug").await;
    let megabyte = "x".repeat(1 << 20);
    let names = ["a\\r\\nb", "\\u001b[31mred", "\\\"},{\\\"level\\\":\\\"ERROR", "hush-hush", &*megabyte];
    for name in names {
        let body = format!(r#"{{"query":"{{kept{{id}}}}","operationName":"{name}"}}"#);
        let sent = post().header("x-request-id", "a\u{9}b").header("user-agent", "\"}hush-hush");
        assert_eq!(send(process.address, sent, body).await.status, 200);
    }
    let path = format!("/hush-hush/%0d%0a/{}", "y".repeat(5_000));
    assert_eq!(send(process.address, request("GET", &path), "").await.status, 404);
    // Its backend fails, and the URL of the failure has the secret in it.
    let failing =
        send(process.address, post().header("x-request-id", "abc"), r#"{"query":"{flaky broken}"}"#).await;
    assert_eq!(failing.status, 200);
    let log = process.end().await;

    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for line in &lines {
        assert!(
            line["timestamp"].is_string() && line["level"].is_string() && line["target"].is_string(),
            "{line}"
        );
    }
    assert!(!log.contains("hush") && !log.contains(['\u{1b}', '\r']), "{log}");
    assert!(log.lines().all(|line| line.len() < 4_000), "a long value is cut");
    let accesses: Vec<&Value> = lines.iter().filter(|line| line["target"] == "ficus::access").collect();
    assert_eq!(accesses.len(), 7, "{log}");
    assert_eq!(accesses[0]["operation"], "a\r\nb");
    assert!(accesses.iter().all(|line| line["request_id"].as_str().is_some_and(|id| !id.is_empty())));
    let failed = lines.iter().find(|line| line["message"] == "answered" && line["status"] == 500).unwrap();
    assert_eq!(
        (&failed["request_id"], &failed["source"], &failed["level"]),
        (&"abc".into(), &"shop".into(), &"WARN".into())
    );
}
