//! `http.proxy`: the one that the connector file names, and none other.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

use super::{VALUE, ask, error, gateway, header, value};
use crate::support::{
    certificates::Authority,
    recorder::{Recorder, Reply, json, response},
};

/// A proxy that opens tunnels for who says `Basic YW5uOmh1c2g=`; gives what each was asked with.
async fn tunnels() -> (std::net::SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, asks) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let asked = asked.clone();
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await.unwrap());
                }
                let head = String::from_utf8(head).unwrap();
                let target = head.split(' ').nth(1).unwrap().to_owned();
                let is_known = header(&head, "proxy-authorization") == Some("Basic YW5uOmh1c2g=");
                asked.send(head).unwrap();
                if !is_known {
                    let _ = client.write_all(b"HTTP/1.1 407 X\r\ncontent-length: 0\r\n\r\n").await;
                    return;
                }
                let mut backend = TcpStream::connect(target).await.unwrap();
                client.write_all(b"HTTP/1.1 200 X\r\n\r\n").await.unwrap();
                let _ = copy_bidirectional(&mut client, &mut backend).await;
            });
        }
    });
    (address, asks)
}

#[tokio::test]
async fn without_tls_the_proxy_forwards() {
    let proxy = Recorder::start(|_| json(VALUE)).await;
    let gateway = gateway(&format!(
        "base_url: http://orders.invalid/api\nheaders: [{{ name: authorization, value: Bearer b }}]\nhttp: {{ proxy: \"http://ann:hu%73h@{}\" }}\n",
        proxy.address
    ));
    assert_eq!(ask(&gateway, "{ value }").await, value());
    let request = proxy.take().remove(0);
    assert!(request.starts_with("GET http://orders.invalid/api/value HTTP/1.1\r\n"), "{request}");
    assert_eq!(header(&request, "host"), Some("orders.invalid"));
    assert_eq!(header(&request, "proxy-authorization"), Some("Basic YW5uOmh1c2g="));
    assert_eq!(header(&request, "authorization"), Some("Bearer b"));
}

#[tokio::test]
async fn with_tls_the_proxy_sees_no_more_than_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let backend = Recorder::start_tls(authority.server("127.0.0.1", None, &[]), |_| json(VALUE)).await;
    let (proxy, mut asks) = tunnels().await;
    let with = |user: &str| {
        gateway(&format!(
            "base_url: https://{}/api\nheaders: [{{ name: x-key, value: k }}]\nhttp: {{ proxy: \"http://{user}{proxy}\" }}\ntls: {{ ca: {} }}\n",
            backend.address,
            ca.display()
        ))
    };
    assert_eq!(error(&ask(&with(""), "{ value }").await), "Connector error: cannot connect");
    assert!(backend.requests().is_empty());
    asks.recv().await.unwrap();

    assert_eq!(ask(&with("ann:hush@"), "{ value }").await, value());
    let asked = asks.recv().await.unwrap();
    assert!(asked.starts_with(&format!("CONNECT {} HTTP/1.1\r\n", backend.address)), "{asked}");
    assert_eq!(header(&asked, "x-key"), None);
    let request = backend.take().remove(0);
    assert!(request.starts_with("GET /api/value HTTP/1.1\r\n"), "{request}");
    assert_eq!(header(&request, "proxy-authorization"), None, "what is the proxy's stays with it");
}

#[tokio::test]
async fn a_proxy_that_fails_is_an_error_that_says_nothing_of_it() {
    let proxy = Recorder::start(|_| Reply::Close(response(502, "", "hush: proxy.internal"))).await;
    let gateway = gateway(&format!(
        "base_url: https://orders.invalid\nretry: {{ attempts: 1 }}\nhttp: {{ proxy: \"http://ann:hush@{}\" }}\n",
        proxy.address
    ));
    let answer = ask(&gateway, "{ value }").await;
    assert_eq!(error(&answer), "Connector error: cannot connect");
    assert!(!answer.to_string().contains("hush"), "{answer}");
}
