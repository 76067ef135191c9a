//! Whose places and lines a request takes that came through a proxy: those of the client that a trusted proxy names, and of nobody
//! whom a client names itself.

use super::{
    client::{request, send},
    server::Server,
};

/// Reserves a stream, which takes a place; gives the status.
async fn reserve(server: &Server, headers: &[(&str, &str)]) -> u16 {
    let mut put = request("PUT", "/graphql");
    for (name, value) in headers {
        put = put.header(*name, *value);
    }
    send(server.address, put, "").await.status.as_u16()
}

async fn server(trusted: &[&str]) -> Server {
    Server::start(|config| {
        config.websocket.per_address_max = 1;
        config.trusted_proxies = trusted.iter().map(|network| network.parse().unwrap()).collect();
    })
    .await
}

#[tokio::test]
async fn clients_behind_a_trusted_proxy_have_places_of_their_own() {
    let server = server(&["127.0.0.0/8"]).await;
    for (headers, status) in [
        ([("x-forwarded-for", "192.0.2.1")], 201),
        ([("x-forwarded-for", "192.0.2.1")], 503),
        ([("x-forwarded-for", "192.0.2.2")], 201),
        ([("forwarded", "for=192.0.2.2;proto=https")], 503),
        ([("forwarded", "for=\"[2001:db8::1]:4711\"")], 201),
        // What it wrote itself stands before what the proxy wrote, and makes it nobody else.
        ([("x-forwarded-for", "192.0.2.3, 192.0.2.1")], 503),
        ([("x-forwarded-for", "192.0.2.4, 192.0.2.5")], 201),
        ([("x-forwarded-for", "192.0.2.4")], 201),
    ] {
        assert_eq!(reserve(&server, &headers).await, status, "{headers:?}");
    }
    // Two stories are none: this is the proxy itself.
    let two = [("x-forwarded-for", "192.0.2.7"), ("forwarded", "for=192.0.2.8")];
    assert_eq!([reserve(&server, &two).await, reserve(&server, &[]).await], [201, 503]);
}

#[tokio::test]
async fn who_is_not_trusted_names_nobody() {
    for trusted in [&[][..], &["10.0.0.0/8", "::1"]] {
        let server = server(trusted).await;
        assert_eq!(reserve(&server, &[("x-forwarded-for", "192.0.2.1")]).await, 201);
        assert_eq!(reserve(&server, &[("x-forwarded-for", "192.0.2.2")]).await, 503, "{trusted:?}");
        assert_eq!(reserve(&server, &[("forwarded", "for=192.0.2.3")]).await, 503, "{trusted:?}");
    }
}
