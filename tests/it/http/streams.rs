//! Answers over server-sent events and as multipart responses, on a real socket: what is asked for how, and what is refused.

use serde_json::json;

use super::{
    client::{post, request, send, soon},
    reading::Stream,
    server::Server,
};

const HELLO: &str = r#"{"query":"{ hello }"}"#;

#[tokio::test]
async fn one_answer_in_the_form_that_the_client_reads() {
    let server = Server::start(|_| {}).await;
    let data = r#"{"data":{"hello":"Hello, world"}}"#;
    let events = format!("event: next\ndata: {data}\n\nevent: complete\ndata: \n\n");
    let part = format!(
        "\r\n--graphql\r\ncontent-type: application/json\r\n\r\n{{\"payload\":{data}}}\r\n--graphql--\r\n"
    );
    let multipart = "multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0";
    for (accept, content_type, body) in [
        ("text/event-stream", "text/event-stream; charset=utf-8", events.as_str()),
        ("application/json, text/event-stream", "application/json; charset=utf-8", data),
        (multipart, multipart, part.as_str()),
        (
            "multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0,application/json",
            "application/json; charset=utf-8",
            data,
        ),
    ] {
        let reply = send(server.address, post().header("accept", accept), HELLO).await;
        assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, content_type));
        assert_eq!(reply.header("cache-control"), "no-store");
        assert_eq!(String::from_utf8_lossy(&reply.body), body);
    }
}

#[tokio::test]
async fn faults_are_told_where_the_client_can_read_them() {
    let server = Server::start(|_| {}).await;
    let events = || post().header("accept", "text/event-stream");
    // What does not fit the schema is an event, as graphql-sse has it; limits and what is no request are statuses.
    let reply = send(server.address, events(), r#"{"query":"{ nothing }"}"#).await;
    assert_eq!(reply.status, 200);
    let body = String::from_utf8_lossy(&reply.body);
    assert!(
        body.starts_with("event: next\ndata: {\"errors\":[{")
            && body.ends_with("event: complete\ndata: \n\n"),
        "{body}"
    );
    let aliases: String = (0..31).map(|n| format!("a{n}: hello ")).collect();
    let reply =
        send(server.address, events(), json!({"query": format!("{{ {aliases} }}")}).to_string()).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "LIMIT_ROOT_FIELDS"));
    let reply = send(server.address, events(), "[").await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "LIMIT_BATCH"));
    let multipart = post().header("accept", "multipart/mixed;subscriptionSpec=1.0");
    let reply = send(server.address, multipart, r#"{"query":"{ nothing }"}"#).await;
    assert!(
        String::from_utf8_lossy(&reply.body).contains(r#"{"payload":null,"errors":[{"#),
        "{:?}",
        reply.body
    );
    let unknown = post().header("accept", "multipart/mixed;deferSpec=20220824");
    assert_eq!(send(server.address, unknown, HELLO).await.status, 406);
}

#[tokio::test]
async fn an_event_source_is_let_in_by_where_its_page_is_from() {
    let server = Server::start(|config| config.cors_origins = vec!["https://app.example".to_owned()]).await;
    let get = || request("GET", "/graphql?query=%7Bhello%7D").header("accept", "text/event-stream");
    for (headers, status) in [
        (vec![], 200),
        (vec![("sec-fetch-site", "same-origin"), ("cookie", "a=b")], 200),
        (vec![("origin", "https://app.example"), ("cookie", "a=b"), ("sec-fetch-site", "cross-site")], 200),
        (vec![("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")], 403),
        (vec![("origin", "null")], 403),
        (vec![("cookie", "a=b")], 403),
        (vec![("sec-fetch-site", "cross-site")], 403),
    ] {
        let mut get = get();
        for (name, value) in &headers {
            get = get.header(*name, *value);
        }
        let reply = send(server.address, get, "").await;
        assert_eq!(reply.status, status, "{headers:?}");
    }
    // A mutation goes over no GET, whatever is accepted.
    let change = request("GET", "/graphql?query=mutation%7Bchange%7D").header("accept", "text/event-stream");
    assert_eq!(send(server.address, change, "").await.status, 405);
    assert!(!server.backend.was_asked());
}

#[tokio::test]
async fn a_shared_stream_from_its_reservation_to_its_end() {
    let server = Server::start(|_| {}).await;
    let reserved = send(server.address, request("PUT", "/graphql"), "").await;
    assert_eq!(
        (reserved.status.as_u16(), reserved.header("content-type")),
        (201, "text/plain; charset=utf-8")
    );
    let token = String::from_utf8(reserved.body.to_vec()).expect("text");
    assert_eq!(token.len(), 32);
    let with_token =
        |builder: http::request::Builder| builder.header("x-graphql-event-stream-token", token.as_str());
    let operation =
        |id: &str, query: &str| json!({"query": query, "extensions": {"operationId": id}}).to_string();

    let early = send(server.address, with_token(post()), operation("1", "{ hello }")).await;
    assert_eq!((early.status.as_u16(), early.code().as_str()), (404, "NOT_FOUND"), "nobody listens yet");

    let mut stream = open(server.address, &token).await;
    let again = with_token(request("GET", "/graphql")).header("accept", "text/event-stream");
    let again = send(server.address, again, "").await;
    assert_eq!((again.status.as_u16(), again.code().as_str()), (409, "STREAM_IN_USE"));

    assert_eq!(send(server.address, with_token(post()), operation("1", "{ hello }")).await.status, 202);
    stream.hears("event: next\ndata: {\"id\":\"1\",\"payload\":{\"data\":{\"hello\":\"Hello, world\"}}}\n\nevent: complete\ndata: {\"id\":\"1\"}\n\n").await;
    assert_eq!(
        send(server.address, with_token(post()), operation("1", "{ slow }")).await.status,
        202,
        "the id is free"
    );
    server.backend.asked().await;
    let twice = send(server.address, with_token(post()), operation("1", "{ hello }")).await;
    assert_eq!((twice.status.as_u16(), twice.code().as_str()), (409, "STREAM_IN_USE"));
    let nameless = send(server.address, with_token(post()), HELLO).await;
    assert_eq!((nameless.status.as_u16(), nameless.code().as_str()), (400, "BAD_REQUEST"));
    let end = with_token(request("DELETE", "/graphql?operationId=1"));
    assert_eq!(send(server.address, end, "").await.status, 200);
    server.backend.gave_up().await;

    assert_eq!(send(server.address, with_token(post()), operation("2", "{ slow }")).await.status, 202);
    server.backend.asked().await;
    drop(stream);
    server.backend.gave_up().await;
    soon("the end of the stream", async {
        while send(server.address, with_token(post()), operation("3", "{ hello }")).await.status != 404 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_that_names_nothing_names_nothing() {
    let server = Server::start(|_| {}).await;
    for asked in [
        request("DELETE", "/graphql?operationId=1").header("x-graphql-event-stream-token", "guess"),
        request("GET", "/graphql")
            .header("accept", "text/event-stream")
            .header("x-graphql-event-stream-token", "guess"),
        request("GET", "/graphql?token=guess").header("accept", "text/event-stream"),
        post().header("x-graphql-event-stream-token", "guess"),
    ] {
        let reply = send(server.address, asked, HELLO).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (404, "NOT_FOUND"));
    }
    // `token` in the URL may be anybody's.
    let own = post().uri("/graphql?token=mine");
    assert_eq!(send(server.address, own, HELLO).await.status, 200);
}

#[tokio::test]
async fn reservations_are_places_too() {
    let server = Server::start(|config| config.websocket.per_address_max = 2).await;
    for status in [201, 201, 503] {
        assert_eq!(send(server.address, request("PUT", "/graphql"), "").await.status, status);
    }
    let foreign = request("PUT", "/graphql").header("origin", "https://evil.example");
    assert_eq!(send(server.address, foreign, "").await.status, 403);
}

#[tokio::test]
async fn when_the_process_ends_an_open_stream_ends_whole() {
    let mut server = Server::start(|config| config.drain = std::time::Duration::from_secs(2)).await;
    let reserved = send(server.address, request("PUT", "/graphql"), "").await;
    let stream = open(server.address, &String::from_utf8_lossy(&reserved.body)).await;
    server.stop();
    // The last chunk, of no bytes: the stream was not cut.
    assert!(stream.rest().await.ends_with("0\r\n\r\n"));
    server.ended().await;
}

/// Opens a shared stream.
async fn open(address: std::net::SocketAddr, token: &str) -> Stream {
    let request = format!(
        "GET /graphql?token={token} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/event-stream\r\n\r\n"
    );
    let mut stream = Stream::open(address, &request).await;
    stream.hears(":\n\n").await;
    assert!(
        stream.heard.starts_with("HTTP/1.1 200") && stream.heard.contains("content-type: text/event-stream")
    );
    stream
}
