//! Responses that clients, and caches before them, may keep and ask for again.

use super::{
    client::{Reply, get, post, send},
    server::Server,
};

const KEPT: &str = "query=%7Bkept%7D";

async fn ask(server: &Server, query_string: &str, headers: &[(&str, &str)]) -> Reply {
    let request =
        headers.iter().fold(get(query_string), |request, (name, value)| request.header(*name, *value));
    send(server.address, request, "").await
}

#[tokio::test]
async fn a_get_that_may_be_kept_says_so() {
    let server = Server::start(|_| {}).await;
    let reply = ask(&server, KEPT, &[]).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("cache-control"), "max-age=60, public");
    assert_eq!(reply.header("vary"), "accept, accept-encoding");
    let tag = reply.header("etag");
    assert!(tag.starts_with("W/\"") && tag.ends_with('"'), "{tag}");
    assert_eq!(ask(&server, KEPT, &[]).await.header("etag"), tag);
    let other = ask(&server, "query=%7Bkept(name:%22x%22)%7D", &[]).await;
    assert_ne!(other.header("etag"), tag);
}

#[tokio::test]
async fn who_has_it_already_is_told_so() {
    let server = Server::start(|_| {}).await;
    let first = ask(&server, KEPT, &[]).await;
    let tag = first.header("etag");
    for known in [tag, "*", &format!("\"other\", {tag}")] {
        let again = ask(&server, KEPT, &[("if-none-match", known)]).await;
        assert_eq!((again.status.as_u16(), again.body.len()), (304, 0), "{known}");
        for name in ["cache-control", "vary", "etag"] {
            assert_eq!(again.header(name), first.header(name), "{known}");
        }
        assert_eq!(again.header("content-type"), "");
        assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
    }
    let changed = ask(&server, KEPT, &[("if-none-match", "W/\"other\"")]).await;
    assert_eq!((changed.status.as_u16(), &changed.body), (200, &first.body));
}

#[tokio::test]
async fn a_tag_is_the_same_in_every_coding_and_not_in_every_media_type() {
    let server = Server::start(|_| {}).await;
    let query = format!("query=%7Bkept(name:%22{}%22)%7D", "abc%20".repeat(500));
    let plain = ask(&server, &query, &[]).await;
    let packed = ask(&server, &query, &[("accept-encoding", "gzip")]).await;
    assert_eq!((plain.header("content-encoding"), packed.header("content-encoding")), ("", "gzip"));
    assert_eq!(packed.header("etag"), plain.header("etag"));
    assert_eq!(packed.header("vary"), "accept, accept-encoding");
    assert_eq!(packed.header("cache-control"), "max-age=60, public");
    let known = [("accept-encoding", "gzip"), ("if-none-match", plain.header("etag"))];
    let again = ask(&server, &query, &known).await;
    assert_eq!((again.status.as_u16(), again.header("content-encoding")), (304, ""));
    let other = ask(&server, &query, &[("accept", "application/graphql-response+json")]).await;
    assert_ne!(other.header("etag"), plain.header("etag"));
}

#[tokio::test]
async fn without_compression_a_response_does_not_vary_by_it() {
    let server = Server::start(|config| config.compression = false).await;
    assert_eq!(ask(&server, KEPT, &[]).await.header("vary"), "accept");
}

#[tokio::test]
async fn what_is_one_clients_own_varies_by_what_makes_it_so() {
    let server = Server::start(|_| {}).await;
    server.backend.answer();
    let reply = ask(&server, "query=%7Bmine%7D", &[("authorization", "Bearer a")]).await;
    assert_eq!(reply.header("cache-control"), "max-age=60, private");
    assert_eq!(reply.header("vary"), "accept, accept-encoding, authorization");
}

#[tokio::test]
async fn a_post_is_kept_by_nobody_who_would_ask_again() {
    let server = Server::start(|_| {}).await;
    let tag = ask(&server, KEPT, &[]).await.header("etag").to_owned();
    let reply = send(server.address, post().header("if-none-match", tag), r#"{"query":"{kept}"}"#).await;
    assert_eq!(reply.status, 200);
    assert_eq!((reply.header("cache-control"), reply.header("etag")), ("max-age=60, public", ""));
}

#[tokio::test]
async fn everything_else_is_not_kept() {
    let server = Server::start(|config| config.limits.batch_max = 2).await;
    for query in ["query=%7Bhello%7D", "query=%7Bkept%20hello%7D", "query=%7Bnone%7D", "query=%7B"] {
        let reply = ask(&server, query, &[("if-none-match", "*")]).await;
        assert_ne!(reply.status, 304, "{query}");
        assert_eq!((reply.header("cache-control"), reply.header("etag")), ("no-store", ""), "{query}");
    }
    let batch = send(server.address, post(), r#"[{"query":"{kept}"},{"query":"{kept}"}]"#).await;
    assert_eq!((batch.status.as_u16(), batch.header("cache-control")), (200, "no-store"));
}

#[tokio::test]
async fn other_origins_are_told_apart_as_well() {
    let server = Server::start(|config| config.cors_origins = vec!["https://app.example".to_owned()]).await;
    let reply = ask(&server, KEPT, &[("origin", "https://app.example")]).await;
    let vary: Vec<_> = reply.headers.get_all("vary").iter().collect();
    assert_eq!(vary, ["accept, accept-encoding", "origin"]);
}
