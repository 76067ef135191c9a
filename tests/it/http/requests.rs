//! Methods, paths, parameters and the statuses they end in.

use serde_json::json;

use super::{
    client::{get, post, request, send},
    server::Server,
};

const HELLO: &str = r#"{"query":"{hello}"}"#;

#[tokio::test]
async fn a_query_is_answered_over_post_and_get_alike() {
    let server = Server::start(|_| {}).await;
    let body = r#"{"query":"query A($n: String) {hello(name: $n)} query B {other: hello}","operationName":"A","variables":{"n":"a+b &ü"}}"#;
    let query_string = "query=query+A(%24n:+String)+%7Bhello(name:%20$n)%7D%20query%20B%20%7Bother:hello%7D\
                        &operationName=A&variables=%7B%22n%22:%22a%2Bb%20%26%C3%BC%22%7D";
    let posted = send(server.address, post(), body).await;
    let got = send(server.address, get(query_string), "").await;
    assert_eq!(posted.status, 200);
    assert_eq!(got.status, 200);
    assert_eq!(posted.json(), json!({"data": {"hello": "Hello, a+b &ü"}}));
    assert_eq!(posted.body, got.body);
}

#[tokio::test]
async fn responses_are_neither_stored_nor_sniffed() {
    let server = Server::start(|_| {}).await;
    for reply in [
        send(server.address, post(), HELLO).await,
        send(server.address, post(), "{").await,
        send(server.address, request("GET", "/health/live"), "").await,
        send(server.address, request("GET", "/nothing"), "").await,
    ] {
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert_eq!(reply.header("cache-control"), "no-store");
        assert_eq!(reply.header("server"), "");
    }
}

#[tokio::test]
async fn what_is_no_graphql_request_is_refused_with_the_right_status() {
    let server = Server::start(|_| {}).await;
    let typed = |content_type: &str| request("POST", "/graphql").header("content-type", content_type);
    let rows = [
        ("no content type", request("POST", "/graphql"), HELLO, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("text/plain", typed("text/plain"), HELLO, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (
            "a form",
            typed("application/x-www-form-urlencoded"),
            "query={hello}",
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        ("multipart", typed("multipart/form-data; boundary=x"), HELLO, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("application/graphql", typed("application/graphql"), "{hello}", 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("UTF-16", typed("application/json; charset=utf-16"), HELLO, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("two types", post().header("content-type", "text/plain"), HELLO, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (
            "twice the type",
            post().header("content-type", "application/json"),
            HELLO,
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            "two codings",
            post().header("content-encoding", "gzip, gzip"),
            HELLO,
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        ("no JSON", post(), "{ \"not a JSON", 400, "BAD_REQUEST"),
        ("no object", post(), "5", 400, "BAD_REQUEST"),
        ("nothing", post(), "", 400, "BAD_REQUEST"),
        ("no query", post(), r#"{"qeury":"{hello}"}"#, 400, "BAD_REQUEST"),
        ("wrong query", post(), r#"{"query":["{hello}"]}"#, 400, "BAD_REQUEST"),
        ("wrong variables", post(), r#"{"query":"{hello}","variables":[]}"#, 400, "BAD_REQUEST"),
        ("wrong name", post(), r#"{"query":"{hello}","operationName":1}"#, 400, "BAD_REQUEST"),
        ("wrong extensions", post(), r#"{"query":"{hello}","extensions":""}"#, 400, "BAD_REQUEST"),
        ("a batch", post(), r#"[{"query":"{hello}"}]"#, 400, "LIMIT_BATCH"),
        (
            "PATCH",
            request("PATCH", "/graphql").header("content-type", "application/json"),
            HELLO,
            405,
            "METHOD_NOT_ALLOWED",
        ),
        ("DELETE of no stream", request("DELETE", "/graphql"), "", 404, "NOT_FOUND"),
        ("an unknown method", request("QUERY", "/graphql"), HELLO, 405, "METHOD_NOT_ALLOWED"),
        ("no acceptable type", post().header("accept", "text/html"), HELLO, 406, "NOT_ACCEPTABLE"),
        (
            "another path",
            request("POST", "/other").header("content-type", "application/json"),
            HELLO,
            404,
            "NOT_FOUND",
        ),
        ("a slash more", post().uri("/graphql/"), HELLO, 404, "NOT_FOUND"),
        ("the root", request("GET", "/"), "", 404, "NOT_FOUND"),
        ("GET without query", get("variables={}"), "", 400, "BAD_REQUEST"),
        ("GET with two", get("query={hello}&query={hello}"), "", 400, "BAD_REQUEST"),
        ("GET with broken variables", get("query={hello}&variables={"), "", 400, "BAD_REQUEST"),
    ];
    for (what, request, body, status, code) in rows {
        let reply = send(server.address, request, body).await;
        assert_eq!(reply.status, status, "{what}");
        assert_eq!(reply.code(), code, "{what}");
        assert!(reply.header("content-type").ends_with("json; charset=utf-8"), "{what}");
        if status == 405 {
            assert_eq!(reply.header("allow"), "GET, POST, PUT, DELETE, OPTIONS", "{what}");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_not_utf8_is_refused() {
    let server = Server::start(|_| {}).await;
    let reply = send(server.address, post(), &b"{\"query\":\"{hello(name: \\\"\xff\\\")}\"}"[..]).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "BAD_REQUEST"));
}

#[tokio::test]
async fn a_mutation_is_run_by_post_only() {
    let mut server = Server::start(|_| {}).await;
    let refused = send(server.address, get("query=mutation%7Bchange%7D"), "").await;
    assert_eq!(refused.status, 405);
    assert_eq!(refused.header("allow"), "POST");
    assert_eq!(refused.code(), "METHOD_NOT_ALLOWED");
    server.backend.answer();
    let done = send(server.address, post(), r#"{"query":"mutation{change}"}"#).await;
    assert_eq!(done.json(), json!({"data": {"change": "done"}}));
    // The refused one never reached the backend.
    server.backend.asked().await;
    assert!(!server.backend.was_asked());
    server.stop();
    server.ended().await;
}

#[tokio::test]
async fn a_batch_is_answered_in_order_when_it_is_allowed() {
    let server = Server::start(|config| config.limits.batch_max = 2).await;
    let item = |name: &str| format!(r#"{{"query":"{{hello(name: \"{name}\")}}"}}"#);
    let reply = send(server.address, post(), format!("[{},{}]", item("a"), item("b"))).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json(), json!([{"data": {"hello": "Hello, a"}}, {"data": {"hello": "Hello, b"}}]));
    let reply = send(server.address, post(), format!("[{},{}]", item("a"), r#"{"query":"{"}"#)).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()[0], json!({"data": {"hello": "Hello, a"}}));
    assert!(reply.json()[1]["errors"].is_array());
    let reply = send(server.address, post(), format!("[{0},{0},{0}]", item("a"))).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "LIMIT_BATCH"));
}

#[tokio::test]
async fn limits_are_refused_with_400_in_every_media_type() {
    let server = Server::start(|config| config.limits.aliases_max = 2).await;
    let body = r#"{"query":"{a:hello b:hello c:hello}"}"#;
    for accept in ["application/json", "application/graphql-response+json"] {
        let reply = send(server.address, post().header("accept", accept), body).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "LIMIT_ALIASES"));
        assert!(reply.header("content-type").starts_with(accept));
    }
}

#[tokio::test]
async fn health_says_that_it_is_up() {
    let server = Server::start(|_| {}).await;
    for path in ["/health/live", "/health/ready"] {
        let reply = send(server.address, request("GET", path), "").await;
        assert_eq!((reply.status.as_u16(), reply.json()), (200, json!({"status": "up"})));
        let reply = send(server.address, request("HEAD", path), "").await;
        assert_eq!((reply.status.as_u16(), reply.body.len()), (200, 0));
        let reply = send(server.address, request("POST", path), "").await;
        assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, "GET, HEAD"));
    }
}
