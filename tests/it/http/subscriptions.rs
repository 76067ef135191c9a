//! Subscriptions over every transport, on a real socket: what each is told of the same events, how a client goes on behind the last one
//! that it heard, and that nothing is left of those who go.

use std::time::Duration;

use serde_json::json;

use super::{
    reading::Stream,
    server::Server,
    websocket::{ask, connect, hear, say},
};

const TICKED: &str = r#"subscription { ticked(clock: "a") { number } }"#;

/// Sends a POST of a subscription, and waits for its head.
async fn open(server: &Server, headers: &str) -> Stream {
    let body = json!({ "query": TICKED }).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    Stream::open(server.address, &request).await
}

fn told(number: u32, event: &str) -> String {
    json!({"data": {"ticked": {"number": number}}, "extensions": {"eventId": event}}).to_string()
}

#[tokio::test]
async fn every_transport_tells_of_the_same_event() {
    let server = Server::start(|_| {}).await;
    let mut client = connect(server.address, &[]).await;
    ask(&mut client, "1", TICKED).await;
    let mut events = open(&server, "accept: text/event-stream\r\n").await;
    let mut parts = open(&server, "accept: multipart/mixed;subscriptionSpec=1.0, application/json\r\n").await;
    assert!(
        parts.heard.contains("content-type: multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0\r\n")
    );
    server.subscribed(3).await;
    for number in [1, 2] {
        let id = server.tick("a", number).await;
        server.tick("another", 7).await;
        let told = told(number, &id);
        let next = hear(&mut client).await;
        assert_eq!((next["type"].as_str(), next["payload"].to_string()), (Some("next"), told.clone()));
        events.hears(&format!("event: next\nid: {id}\ndata: {told}\n\n")).await;
        parts
            .hears(&format!("\r\ncontent-type: application/json\r\n\r\n{{\"payload\":{told}}}\r\n--graphql"))
            .await;
    }
    say(&mut client, json!({"type": "complete", "id": "1"})).await;
    drop((events, parts));
    server.subscribed(0).await;
}

#[tokio::test]
async fn a_client_goes_on_behind_the_last_event_that_it_heard() {
    let server = Server::start(|_| {}).await;
    let mut events = open(&server, "accept: text/event-stream\r\n").await;
    let first = server.tick("a", 1).await;
    events.hears(&told(1, &first)).await;
    drop(events);
    server.subscribed(0).await;
    let second = server.tick("a", 2).await;
    let last = format!("accept: text/event-stream\r\nlast-event-id: {first}\r\n");
    let mut events = open(&server, &last).await;
    events.hears(&told(2, &second)).await;
    assert!(!events.heard.contains(&first));

    let mut client = connect(server.address, &[]).await;
    let payload = json!({"query": TICKED, "extensions": {"lastEventId": first}});
    say(&mut client, json!({"type": "subscribe", "id": "1", "payload": payload})).await;
    assert_eq!(hear(&mut client).await["payload"].to_string(), told(2, &second));
}

#[tokio::test]
async fn heartbeats_stand_where_nothing_happens() {
    let server = Server::start(|config| config.websocket.ping = Duration::from_millis(10)).await;
    let mut events = open(&server, "accept: text/event-stream\r\n").await;
    events.hears("3\r\n:\n\n\r\n3\r\n:\n\n\r\n3\r\n:\n\n\r\n").await;
    let mut parts = open(&server, "accept: multipart/mixed;subscriptionSpec=1.0\r\n").await;
    parts.hears("\r\ncontent-type: application/json\r\n\r\n{}\r\n--graphql").await;
}

#[tokio::test]
async fn who_cannot_read_a_stream_is_told_so() {
    let server = Server::start(|_| {}).await;
    for accept in [
        "",
        "accept: application/json\r\n",
        "accept: multipart/mixed;deferSpec=20220824, application/json\r\n",
    ] {
        let refused = open(&server, &format!("{accept}connection: close\r\n")).await.rest().await;
        assert!(refused.starts_with("HTTP/1.1 406") && refused.contains("NOT_ACCEPTABLE"), "{refused}");
    }
    server.subscribed(0).await;
}

#[tokio::test]
async fn when_the_process_ends_every_stream_says_so_in_its_own_words() {
    let mut server = Server::start(|config| config.drain = Duration::from_secs(2)).await;
    let events = open(&server, "accept: text/event-stream\r\n").await;
    let parts = open(&server, "accept: multipart/mixed;subscriptionSpec=1.0\r\n").await;
    server.stop();
    let events = events.rest().await;
    // The response is whole, and the subscription is not complete: a client opens it again.
    assert!(events.ends_with("0\r\n\r\n") && !events.contains("event: complete"), "{events}");
    let parts = parts.rest().await;
    assert!(
        parts.contains(r#"{"payload":null,"errors":[{"#) && parts.ends_with("--graphql--\r\n\r\n0\r\n\r\n"),
        "{parts}"
    );
    server.ended().await;
}

#[tokio::test]
async fn streams_count_among_those_who_stay() {
    let server = Server::start(|config| config.websocket.per_address_max = 1).await;
    let events = open(&server, "accept: text/event-stream\r\n").await;
    let refused = open(&server, "accept: text/event-stream\r\nconnection: close\r\n").await.rest().await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    drop(events);
    server.subscribed(0).await;
}
