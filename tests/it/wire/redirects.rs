//! `redirects`: answers by default; with `same_origin` followed a little way, and never elsewhere.

use std::sync::{Arc, OnceLock};

use serde_json::json;

use super::{VALUE, ask, gateway, header, value};
use crate::support::recorder::{self, Recorder, Reply, response};

fn moved(status: u16, location: &str) -> Reply {
    Reply::Keep(response(status, &format!("location: {location}\r\n"), "moved"))
}

fn lines(requests: &[String]) -> Vec<&str> {
    requests.iter().map(|request| request.split(" HTTP/").next().unwrap()).collect()
}

fn following(backend: &Recorder) -> ficus::Gateway {
    gateway(&format!(
        "base_url: http://ann:hush@{}/api\nredirects: same_origin\nheaders: [{{ name: x-key, value: k }}]\n",
        backend.address
    ))
}

#[tokio::test]
async fn a_redirect_is_an_answer_unless_the_source_follows() {
    let backend = Recorder::start(|_| moved(302, "/elsewhere")).await;
    let gateway = gateway(&format!("base_url: http://{}\n", backend.address));
    let answer = ask(&gateway, "{ value }").await;
    assert_eq!(answer["errors"][0]["extensions"]["http"], json!({"status": 302}));
    assert_eq!(lines(&backend.requests()), ["GET /value"]);
}

#[tokio::test]
async fn at_the_same_origin_all_that_was_sent_goes_along() {
    let backend = Recorder::start(|request| match request.split(' ').nth(1).unwrap() {
        "/api/value" => moved(301, "next?a=1#top"),
        "/api/next?a=1" => moved(307, "/last"),
        _ => recorder::json(VALUE),
    })
    .await;
    assert_eq!(ask(&following(&backend), "{ value }").await, value());
    let requests = backend.requests();
    assert_eq!(lines(&requests), ["GET /api/value", "GET /api/next?a=1", "GET /last"]);
    for request in &requests {
        assert_eq!(header(request, "authorization"), Some("Basic YW5uOmh1c2g="));
        assert_eq!(header(request, "x-key"), Some("k"));
    }
}

#[tokio::test]
async fn a_write_is_repeated_or_becomes_a_read() {
    let rows = [
        (303, "GET /next", ""),
        (302, "GET /next", ""),
        (301, "GET /next", ""),
        (307, "POST /next", r#"{"to":"x"}"#),
        (308, "POST /next", r#"{"to":"x"}"#),
    ];
    for (status, line, body) in rows {
        let backend = Recorder::start(move |request| match request.starts_with("POST /api/") {
            true => moved(status, "/next"),
            false => recorder::json(VALUE),
        })
        .await;
        let answer = ask(&following(&backend), "mutation { set(to: \"x\") }").await;
        assert_eq!(answer, json!({"data": {"set": "v"}}), "{status}");
        let requests = backend.requests();
        assert_eq!(lines(&requests), ["POST /api/value", line]);
        assert_eq!(requests[1].split_once("\r\n\r\n").unwrap().1, body, "{status}");
        assert_eq!(header(&requests[1], "content-type").is_some(), !body.is_empty(), "{status}");
    }
}

#[tokio::test]
async fn nothing_goes_to_another_origin_and_a_loop_ends() {
    let other = Recorder::start(|_| recorder::json(VALUE)).await;
    let port = other.address.port();
    let rows = [
        (format!("http://127.0.0.1:{port}/value"), 1),
        (format!("//127.0.0.1:{port}/"), 1),
        (format!("http://localhost:{port}/"), 1),
        ("http://169.254.169.254/latest/meta-data".to_owned(), 1),
        ("https://{self}/".to_owned(), 1),
        ("http://{self}@127.0.0.1:1/".to_owned(), 1),
        ("file:///etc/passwd".to_owned(), 1),
        ("not a URL: \\".to_owned(), 2),
        ("value".to_owned(), 4),
        ("http://{self}/api/value".to_owned(), 4),
    ];
    for (location, expected) in rows {
        let address = Arc::new(OnceLock::<String>::new());
        let (named, known) = (location.clone(), Arc::clone(&address));
        let backend = Recorder::start(move |request| match request.contains(" /api/value ") {
            true => moved(302, &named.replace("{self}", known.get().unwrap())),
            false => Reply::Keep(response(500, "", "")),
        })
        .await;
        address.set(backend.address.to_string()).unwrap();
        let answer = ask(&following(&backend), "{ value }").await;
        assert_eq!(answer["data"], json!({"value": null}), "{location}");
        assert!(!answer.to_string().contains("127.0.0.1"), "{answer}");
        assert_eq!(backend.requests().len(), expected, "{location}: {:?}", lines(&backend.requests()));
    }
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn what_a_temporary_redirect_led_to_is_not_kept() {
    for (status, calls) in [(302, 4), (301, 2)] {
        let fresh = response(200, "content-type: application/json\r\ncache-control: max-age=60\r\n", VALUE);
        let backend = Recorder::start(move |request| match request.contains(" /api/value ") {
            true => moved(status, "/fresh"),
            false => Reply::Keep(fresh.clone()),
        })
        .await;
        let gateway = following(&backend);
        for _ in 0..2 {
            assert_eq!(ask(&gateway, "{ value }").await, value(), "{status}");
        }
        assert_eq!(backend.requests().len(), calls, "{status}");
    }
}
