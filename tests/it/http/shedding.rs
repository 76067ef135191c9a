//! Load beyond `shed.in_flight`: refused at once, and nothing else suffers.

use super::{
    client::{get, post, request, send},
    server::Server,
};

#[tokio::test]
async fn beyond_the_bound_a_request_is_refused_before_it_is_read() {
    let mut server = Server::start(|config| config.shed_in_flight_max = 1).await;
    let first = tokio::spawn(send(server.address, post(), r#"{"query":"{slow}"}"#));
    server.backend.asked().await;

    let refused = send(server.address, post(), r#"{"query":"{hello}"}"#).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (503, "OVERLOADED"));
    assert_eq!((refused.header("retry-after"), refused.header("cache-control")), ("1", "no-store"));
    let media = get("query=%7Bhello%7D").header("accept", "application/graphql-response+json");
    let refused = send(server.address, media, "").await;
    assert_eq!(refused.status, 503);
    assert!(refused.header("content-type").starts_with("application/graphql-response+json"));
    // Neither is even looked at: not GraphQL, and its body never comes.
    let unread = post().header("expect", "100-continue");
    assert_eq!(send(server.address, unread, "not JSON").await.status, 503);

    for path in ["/health/live", "/health/ready"] {
        assert_eq!(send(server.address, request("GET", path), "").await.status, 200, "{path}");
    }
    server.backend.answer();
    assert_eq!(first.await.unwrap().status, 200);
    assert_eq!(
        send(server.address, post(), r#"{"query":"{hello}"}"#).await.status,
        200,
        "there is room again"
    );
    assert_eq!(server.gateway.meter().shed.read(), 3);
    assert_eq!(server.gateway.meter().in_flight.read(), 0);
    server.stop();
    server.ended().await;
}
