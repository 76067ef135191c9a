//! `auth.oauth2_client_credentials`: one token for all, renewed in time and after a refusal, and seen by nobody.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::json;

use super::{SCHEMA, VALUE, ask, ask_often, error, gateway, gateway_of, header, value};
use crate::support::recorder::{self, Recorder, Reply, response};

/// A token endpoint whose tokens are `secret-1`, `secret-2`, …
async fn endpoint() -> Recorder {
    let granted = AtomicUsize::new(0);
    Recorder::start(move |_| {
        let number = granted.fetch_add(1, Ordering::SeqCst) + 1;
        recorder::json(&format!(
            r#"{{"access_token":"secret-{number}","token_type":"Bearer","expires_in":3600}}"#
        ))
    })
    .await
}

fn connector(backend: &Recorder, endpoint: &Recorder, more: &str) -> String {
    format!(
        "base_url: http://{}\nretry: {{ attempts: 1 }}\nauth:\n  oauth2_client_credentials:\n    token_url: http://{}/token\n    client_id: fi cus\n    client_secret: hush+hush\n    scopes: [orders:read, orders:write]\n{more}",
        backend.address, endpoint.address
    )
}

#[tokio::test]
async fn one_token_serves_all_requests() {
    let (backend, endpoint) = (Recorder::start(|_| recorder::json(VALUE)).await, endpoint().await);
    let gateway = Arc::new(gateway(&connector(&backend, &endpoint, "")));
    assert!(ask_often(&gateway, 20).await.iter().all(|answer| *answer == value()));
    let requests = backend.requests();
    assert_eq!(requests.len(), 20);
    assert!(requests.iter().all(|request| header(request, "authorization") == Some("Bearer secret-1")));

    let asked = endpoint.requests();
    assert_eq!(asked.len(), 1);
    assert!(asked[0].starts_with("POST /token HTTP/1.1\r\n"), "{}", asked[0]);
    // `fi+cus:hush%2Bhush`, each encoded as in a form.
    assert_eq!(header(&asked[0], "authorization"), Some("Basic ZmklMjBjdXM6aHVzaCUyQmh1c2g="));
    assert_eq!(header(&asked[0], "content-type"), Some("application/x-www-form-urlencoded"));
    let body = asked[0].split_once("\r\n\r\n").unwrap().1;
    assert_eq!(body, "grant_type=client_credentials&scope=orders%3Aread%20orders%3Awrite");
}

#[tokio::test]
async fn id_and_secret_can_stand_in_the_form() {
    let (backend, endpoint) = (Recorder::start(|_| recorder::json(VALUE)).await, endpoint().await);
    let more = "    audience: https://orders\n    client_auth: post\n";
    let gateway = gateway(&connector(&backend, &endpoint, more));
    assert_eq!(ask(&gateway, "{ value }").await, value());
    let asked = endpoint.requests();
    assert_eq!(header(&asked[0], "authorization"), None);
    let body = asked[0].split_once("\r\n\r\n").unwrap().1;
    let expected = "grant_type=client_credentials&scope=orders%3Aread%20orders%3Awrite&audience=https%3A%2F%2Forders\
                    &client_id=fi%20cus&client_secret=hush%2Bhush";
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_refused_token_is_renewed_and_the_request_sent_once_more() {
    let backend = Recorder::start(|request| match header(request, "authorization") {
        Some("Bearer secret-2") => recorder::json(VALUE),
        _ => Reply::Keep(response(401, "", "")),
    })
    .await;
    let endpoint = endpoint().await;
    let gateway = gateway(&connector(&backend, &endpoint, ""));
    let answer = ask(&gateway, "mutation { set(to: \"x\") }").await;
    assert_eq!(answer, json!({"data": {"set": "v"}}));
    let bodies: Vec<_> =
        backend.take().iter().map(|request| request.split_once("\r\n\r\n").unwrap().1.to_owned()).collect();
    assert_eq!(bodies, [r#"{"to":"x"}"#, r#"{"to":"x"}"#]);
    assert_eq!(ask(&gateway, "{ value }").await, value());
    assert_eq!((backend.requests().len(), endpoint.requests().len()), (1, 2));
}

#[tokio::test]
async fn a_backend_that_refuses_every_token_does_not_storm_the_endpoint() {
    let (backend, endpoint) =
        (Recorder::start(|_| Reply::Keep(response(401, "", "no"))).await, endpoint().await);
    let gateway = gateway(&connector(&backend, &endpoint, ""));
    for calls in [2, 1, 1] {
        let answer = ask(&gateway, "{ value }").await;
        assert_eq!(answer["errors"][0]["extensions"]["http"], json!({"status": 401}));
        assert_eq!(backend.take().len(), calls);
    }
    assert_eq!(endpoint.requests().len(), 2);
}

#[tokio::test]
async fn an_endpoint_that_fails_is_a_typed_error_and_nothing_is_sent_without_a_token() {
    let refusal = r#"{"error":"invalid_client","error_description":"hush+hush is wrong"}"#;
    let rows = [
        (Reply::Keep(response(401, "", refusal)), "CONNECTOR_FETCH", "it refused"),
        (Reply::Keep(response(503, "", "hush")), "CONNECTOR_FETCH", "it failed"),
        (Reply::Keep(response(302, "location: /hush\r\n", "")), "CONNECTOR_FETCH", "it refused"),
        (Reply::Keep(response(200, "", "<hush>")), "CONNECTOR_RESPONSE_INVALID", "its answer cannot be read"),
        (
            Reply::Close(Vec::new()),
            "HTTP_CLIENT_ERROR",
            "the connection broke off before the answer was complete",
        ),
        (Reply::Silent(Vec::new()), "GATEWAY_TIMEOUT", "no complete answer within 50ms"),
        (
            Reply::Endless(response(200, "", "")[..12].to_vec(), vec![b' '; 4096]),
            "HTTP_CLIENT_ERROR",
            "the answer is not valid HTTP, or its headers are too large",
        ),
    ];
    for (reply, code, words) in rows {
        let backend = Recorder::start(|_| recorder::json(VALUE)).await;
        let endpoint = Recorder::start(move |_| reply.clone()).await;
        let more = if code == "GATEWAY_TIMEOUT" { "timeout: 50ms\n" } else { "" };
        let gateway = gateway(&connector(&backend, &endpoint, more));
        let answer = ask(&gateway, "{ value }").await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{answer}");
        if code == "GATEWAY_TIMEOUT" {
            assert!(error(&answer).ends_with(words), "{answer}");
        } else {
            let message =
                format!("Connector error: the token endpoint of this source gave no token: {words}");
            assert_eq!(error(&answer), message);
        }
        let text = answer.to_string();
        assert!(!text.contains("hush") && !text.contains(&endpoint.address.to_string()), "{text}");
        assert!(backend.requests().is_empty(), "{code}");
    }
}

#[tokio::test]
async fn what_is_kept_outlives_a_token_and_belongs_to_one_identity() {
    let fresh =
        response(200, "content-type: application/json\r\ncache-control: public, max-age=60\r\n", VALUE);
    let backend = Recorder::start(move |request| match header(request, "authorization") {
        Some("Bearer secret-1") if request.contains("of=gone") => Reply::Keep(response(401, "", "")),
        _ => Reply::Keep(fresh.clone()),
    })
    .await;
    let endpoint = endpoint().await;
    let schema = r#"
        type Query {
          value(of: String): String @connect(source: "api", http: {GET: "/value", queryParams: "of: $args.of"}, selection: "$.value")
          other(of: String): String @connect(source: "other", http: {GET: "/value", queryParams: "of: $args.of"}, selection: "$.value")
        }
    "#;
    let own = connector(&backend, &endpoint, "");
    let other = own.replace("fi cus", "another");
    let gateway = gateway_of(schema, &[("connectors/api.yaml", &own), ("connectors/other.yaml", &other)]);
    let mut calls = Vec::new();
    for query in ["{ value }", "{ value }", "{ value(of: \"gone\") }", "{ value }", "{ other }", "{ other }"]
    {
        let answer = ask(&gateway, query).await;
        assert!(answer.get("errors").is_none(), "{answer}");
        calls.push(backend.take().len());
    }
    // The third is refused once and renews the token; the fifth is asked by another client, who must not get the first's.
    assert_eq!(calls, [1, 0, 2, 0, 1, 0]);
    assert_eq!(endpoint.requests().len(), 3);
}

#[tokio::test]
async fn no_token_is_shown_even_where_a_backend_repeats_it() {
    let backend = Recorder::start(|request| {
        let token = header(request, "authorization").unwrap();
        let body = format!(r#"{{"value":"{token}","url":"/x?token={}"}}"#, token.split_once(' ').unwrap().1);
        Reply::Keep(response(200, "content-type: application/json\r\n", &body))
    })
    .await;
    let endpoint = endpoint().await;
    let connector = connector(&backend, &endpoint, "");
    let schema = SCHEMA.replace("$.value", "$.url");
    let gateway =
        gateway_of(&schema, &[("connectors/api.yaml", &connector), ("ficus.yaml", "debugger: true\n")]);
    let mut headers = http::HeaderMap::new();
    headers.insert("apollo-connectors-debugging", http::HeaderValue::from_static("true"));
    let request = ficus::execute::Request {
        query: "{ value }".to_owned(),
        headers: Some(headers),
        ..Default::default()
    };
    let body = gateway.execute(request).await.body;
    let answer: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let shown = answer["extensions"]["apolloConnectorsDebugging"].to_string();
    assert!(shown.contains("token=***") && shown.contains("Bearer ***"), "{shown}");
    assert!(!shown.contains("secret-") && !shown.contains("hush"), "{shown}");
}
