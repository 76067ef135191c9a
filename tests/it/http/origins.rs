//! What web pages may do: CSRF, CORS, rebound names, and the playground's own rules.

use super::{
    client::{get, post, request, send},
    server::Server,
};

const HELLO: &str = r#"{"query":"{hello}"}"#;

#[tokio::test]
async fn a_get_that_a_page_could_send_unasked_is_refused() {
    let server = Server::start(|_| {}).await;
    let plain = || request("GET", "/graphql?query=%7Bhello%7D");
    let reply = send(server.address, plain(), "").await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "CSRF_REFUSED"));
    for (name, value) in [("x-apollo-operation-name", ""), ("apollo-connectors-debugging", "true")] {
        let reply = send(server.address, plain().header(name, value), "").await;
        assert_eq!(reply.status, 400, "{name}");
    }
    for name in ["apollo-require-preflight", "x-apollo-operation-name", "graphql-require-preflight"] {
        assert_eq!(send(server.address, plain().header(name, "x"), "").await.status, 200, "{name}");
    }
}

#[tokio::test]
async fn without_csrf_protection_a_bare_get_is_answered() {
    let server = Server::start(|config| config.csrf = false).await;
    let reply = send(server.address, request("GET", "/graphql?query=%7Bhello%7D"), "").await;
    assert_eq!(reply.status, 200);
    let reply =
        send(server.address, request("POST", "/graphql").header("content-type", "text/plain"), HELLO).await;
    assert_eq!(reply.status, 415);
}

#[tokio::test]
async fn only_the_origins_of_the_configuration_may_read() {
    let app = "https://app.example";
    let server = Server::start(|config| config.cors_origins = vec![app.into()]).await;
    let reply = send(server.address, post().header("origin", app), HELLO).await;
    assert_eq!(reply.header("access-control-allow-origin"), app);
    assert_eq!(reply.header("access-control-allow-credentials"), "true");
    assert_eq!(reply.header("access-control-expose-headers"), "x-request-id");
    assert!(reply.headers.get_all("vary").iter().any(|value| value == "origin"));
    // A page must be able to read its errors, too.
    let reply = send(server.address, post().header("origin", app), "{").await;
    assert_eq!((reply.status.as_u16(), reply.header("access-control-allow-origin")), (400, app));
    for other in ["https://evil.example", "https://app.example.evil.example", "http://app.example", "null"] {
        let reply = send(server.address, post().header("origin", other), HELLO).await;
        assert_eq!(reply.header("access-control-allow-origin"), "", "{other}");
        assert!(reply.headers.get_all("vary").iter().any(|value| value == "origin"));
    }
}

#[tokio::test]
async fn a_preflight_is_answered_for_allowed_origins_only() {
    let app = "https://app.example";
    let server = Server::start(|config| config.cors_origins = vec![app.into()]).await;
    let preflight = |origin: &str, method: &str| {
        request("OPTIONS", "/graphql")
            .header("origin", origin)
            .header("access-control-request-method", method)
            .header("access-control-request-headers", "content-type,apollo-connectors-debugging")
    };
    let reply = send(server.address, preflight(app, "POST"), "").await;
    assert_eq!((reply.status.as_u16(), reply.body.len()), (204, 0));
    assert_eq!(reply.header("access-control-allow-origin"), app);
    assert_eq!(reply.header("access-control-allow-methods"), "GET, POST, PUT, DELETE");
    assert_eq!(reply.header("access-control-allow-headers"), "content-type,apollo-connectors-debugging");
    assert_eq!(reply.header("access-control-max-age"), "7200");
    for (origin, method) in [("https://evil.example", "POST"), (app, "PATCH")] {
        let reply = send(server.address, preflight(origin, method), "").await;
        assert_eq!(reply.status, 204);
        assert_eq!(reply.header("access-control-allow-methods"), "", "{origin} {method}");
        assert_eq!(reply.header("access-control-allow-headers"), "", "{origin} {method}");
    }
    let reply = send(server.address, request("OPTIONS", "/graphql"), "").await;
    assert_eq!((reply.status.as_u16(), reply.header("allow")), (204, "GET, POST, PUT, DELETE, OPTIONS"));
}

#[tokio::test]
async fn any_origin_is_allowed_without_credentials_only() {
    let server = Server::start(|config| config.cors_origins = vec!["*".into()]).await;
    let reply = send(server.address, post().header("origin", "https://anyone.example"), HELLO).await;
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    assert_eq!(reply.header("access-control-allow-credentials"), "");
}

#[tokio::test]
async fn no_origin_is_allowed_by_default() {
    let server = Server::start(|_| {}).await;
    let reply = send(server.address, post().header("origin", "https://app.example"), HELLO).await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn a_playground_on_loopback_answers_to_loopback_names_only() {
    let server = Server::start(|config| config.playground = true).await;
    let named = |host: &str| {
        http::Request::builder()
            .method("POST")
            .uri("/graphql")
            .header("host", host)
            .header("content-type", "application/json")
    };
    for host in ["localhost:4000", "127.0.0.1", "[::1]:4000", "shop.localhost"] {
        assert_eq!(send(server.address, named(host), HELLO).await.status, 200, "{host}");
    }
    for host in ["rebound.example", "localhost.rebound.example", "127.0.0.1.nip.example:4000"] {
        let reply = send(server.address, named(host), HELLO).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "CSRF_REFUSED"), "{host}");
    }
    let hardened = Server::start(|_| {}).await;
    assert_eq!(send(hardened.address, named("api.example"), HELLO).await.status, 200);
}

#[tokio::test]
async fn the_playground_loads_nothing_from_elsewhere() {
    let server = Server::start(|config| config.playground = true).await;
    let page = send(server.address, request("GET", "/"), "").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    let text = String::from_utf8_lossy(&page.body).into_owned();
    let mut files = 0;
    for file in text.split('"').filter_map(|part| part.strip_prefix("./")) {
        let reply = send(server.address, request("GET", &format!("/{file}")), "").await;
        assert_eq!(reply.status, 200, "{file}");
        files += 1;
    }
    assert!(files > 0, "{text}");
    assert_eq!(send(server.address, request("GET", "/playground/../Cargo.toml"), "").await.status, 404);
    assert_eq!(send(server.address, get("query={hello}"), "").await.status, 200);
}
