//! Which media type a response is written in, and what the status says in each (GraphQL over HTTP, section 6).

use super::{
    client::{post, send},
    server::Server,
};

const GRAPHQL: &str = "application/graphql-response+json";
const JSON: &str = "application/json";

#[tokio::test]
async fn the_clients_favourite_is_written() {
    let server = Server::start(|_| {}).await;
    let rows: [(&[&str], &str); 8] = [
        (&[], JSON),
        (&["*/*"], JSON),
        (&[JSON], JSON),
        (&[GRAPHQL], GRAPHQL),
        (&["application/graphql-response+json, application/json;q=0.9"], GRAPHQL),
        (&["application/graphql-response+json;q=0.8, application/json"], JSON),
        (&["text/html", "application/graphql-response+json"], GRAPHQL),
        (&["text/event-stream, application/*;q=0.1"], JSON),
    ];
    for (accept, expected) in rows {
        let request = accept.iter().fold(post(), |request, value| request.header("accept", *value));
        let reply = send(server.address, request, r#"{"query":"{__typename}"}"#).await;
        assert_eq!(reply.status, 200, "{accept:?}");
        assert_eq!(reply.header("content-type"), format!("{expected}; charset=utf-8"), "{accept:?}");
    }
}

#[tokio::test]
async fn a_request_error_has_the_status_of_its_media_type() {
    let server = Server::start(|_| {}).await;
    let rows = [
        (r#"{"query":"{"}"#, "GRAPHQL_PARSE_FAILED"),
        (r#"{"query":"{nothing}"}"#, "GRAPHQL_VALIDATION_FAILED"),
        (r#"{"query":"query Q($n: String!) {hello(name: $n)}"}"#, "BAD_USER_INPUT"),
        (r#"{"query":"query A{hello} query B{hello}"}"#, "OPERATION_RESOLUTION_FAILED"),
        (r#"{"query":"query A{hello}","operationName":"C"}"#, "OPERATION_RESOLUTION_FAILED"),
    ];
    for (body, code) in rows {
        for (accept, status) in [(JSON, 200), (GRAPHQL, 400)] {
            let reply = send(server.address, post().header("accept", accept), body).await;
            assert_eq!(reply.status, status, "{body} as {accept}");
            assert_eq!(reply.code(), code, "{body} as {accept}");
        }
    }
}

#[tokio::test]
async fn a_request_that_is_not_graphql_has_the_same_status_in_both() {
    let server = Server::start(|_| {}).await;
    for accept in [JSON, GRAPHQL] {
        let reply = send(server.address, post().header("accept", accept), "{").await;
        assert_eq!(reply.status, 400);
        assert_eq!(reply.header("content-type"), format!("{accept}; charset=utf-8"));
    }
}
