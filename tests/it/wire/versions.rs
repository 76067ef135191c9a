//! `http.version`: what is spoken with and without TLS.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::Full;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::net::TcpListener;
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

use super::{VALUE, ask, error, gateway, value};
use crate::support::certificates::Authority;

type Seen = Arc<Mutex<Vec<(Version, String)>>>;

/// A server that speaks both versions, or only HTTP/2; gives each request's version and authority.
async fn serve(tls: Option<ServerConfig>, only_http2: bool) -> (SocketAddr, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let (noted, tls) = (Arc::clone(&seen), tls.map(|config| TlsAcceptor::from(Arc::new(config))));
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (noted, tls) = (Arc::clone(&noted), tls.clone());
            tokio::spawn(async move {
                let service = service_fn(move |request: Request<Incoming>| {
                    let host = request.headers().get("host").map(|host| host.to_str().unwrap().to_owned());
                    let authority = request.uri().authority().map(ToString::to_string);
                    noted.lock().unwrap().push((request.version(), authority.or(host).unwrap_or_default()));
                    async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(VALUE)))) }
                });
                let mut server = auto::Builder::new(TokioExecutor::new());
                if only_http2 {
                    server = server.http2_only();
                }
                let _ = match tls {
                    None => server.serve_connection(TokioIo::new(socket), service).await,
                    Some(tls) => match tls.accept(socket).await {
                        Ok(stream) => server.serve_connection(TokioIo::new(stream), service).await,
                        Err(_) => return,
                    },
                };
            });
        }
    });
    (address, seen)
}

#[tokio::test]
async fn the_version_is_what_was_negotiated_or_what_the_file_says() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let tls = |alpn: &[&str]| Some(authority.server("127.0.0.1", None, alpn));
    let both: &[&str] = &["h2", "http/1.1"];
    // What the backend is, the setting, and what arrives; none where nothing can.
    let rows = [
        (None, false, "auto", Some(Version::HTTP_11)),
        (None, false, "1", Some(Version::HTTP_11)),
        (None, true, "2", Some(Version::HTTP_2)),
        (tls(both), false, "auto", Some(Version::HTTP_2)),
        (tls(both), false, "1", Some(Version::HTTP_11)),
        (tls(both), false, "2", Some(Version::HTTP_2)),
        (tls(&["http/1.1"]), false, "auto", Some(Version::HTTP_11)),
        (tls(&["http/1.1"]), false, "2", None),
    ];
    for (tls, only_http2, version, expected) in rows {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (address, seen) = serve(tls, only_http2).await;
        let gateway = gateway(&format!(
            "base_url: {scheme}://{address}\nhttp: {{ version: {version}, pool_idle: 5s, connect_timeout: 2s }}\ntls: {{ ca: {} }}\n",
            ca.display()
        ));
        let answer = ask(&gateway, "{ value }").await;
        match expected {
            Some(_) => assert_eq!(answer, value(), "{scheme} {version}"),
            None => assert_eq!(error(&answer), "Connector error: cannot connect", "{scheme} {version}"),
        }
        let seen: Vec<_> = seen.lock().unwrap().clone();
        let expected: Vec<_> = expected.into_iter().map(|version| (version, address.to_string())).collect();
        assert_eq!(seen, expected, "{scheme} {version}");
    }
}
