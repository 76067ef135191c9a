//! An HTTP client that sends exactly the headers it is told to, and one that sends exactly the bytes.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A response read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    /// A header that must be there at most once; empty when it is not there.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().map_or("", |value| value.to_str().expect("text"));
        assert!(values.next().is_none(), "{name} is there twice: {:?}", self.headers);
        value
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// `errors[0].extensions.code` of a response that has nothing but errors; empty when it has `data`.
    pub(crate) fn code(&self) -> String {
        let json = self.json();
        if json.get("data").is_some() {
            return String::new();
        }
        assert!(json["errors"][0]["message"].is_string(), "{json}");
        json["errors"][0]["extensions"]["code"].as_str().expect("a code").to_owned()
    }
}

/// A request to the endpoint, with no headers but `Host`.
pub(crate) fn request(method: &str, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path).header("host", "127.0.0.1")
}

/// A POST of a JSON body.
pub(crate) fn post() -> http::request::Builder {
    request("POST", "/graphql").header("content-type", "application/json")
}

/// A GET of the endpoint with a query string, by a client that no web page can be.
pub(crate) fn get(query_string: &str) -> http::request::Builder {
    request("GET", &format!("/graphql?{query_string}")).header("graphql-require-preflight", "1")
}

/// Sends a request on a connection of its own.
pub(crate) async fn send(
    address: SocketAddr,
    request: http::request::Builder,
    body: impl Into<Bytes>,
) -> Reply {
    let request = request.body(Full::new(body.into())).expect("a request");
    let stream = TcpStream::connect(address).await.expect("a connection");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("a connection");
    let connection = tokio::spawn(connection);
    let response = soon("a response", sender.send_request(request)).await.expect("a response");
    let reply = read(response).await;
    connection.abort();
    reply
}

/// Sends requests at once on one HTTP/2 connection, with prior knowledge.
pub(crate) async fn send_http2(
    address: SocketAddr,
    requests: Vec<(http::request::Builder, Bytes)>,
) -> Vec<Reply> {
    let stream = TcpStream::connect(address).await.expect("a connection");
    let (sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("a connection");
    let connection = tokio::spawn(connection);
    let replies = requests.into_iter().map(|(request, body)| {
        let mut sender = sender.clone();
        let request = request.body(Full::new(body)).expect("a request");
        async move { read(sender.send_request(request).await.expect("a response")).await }
    });
    let replies = futures_util::future::join_all(replies).await;
    connection.abort();
    replies
}

async fn read(response: http::Response<hyper::body::Incoming>) -> Reply {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("a whole body").to_bytes();
    Reply { status: parts.status, headers: parts.headers, body }
}

/// Sends bytes as they stand and reads until the server closes the connection.
pub(crate) async fn send_bytes(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(bytes).await.expect("sent");
    read_to_end(&mut stream).await
}

/// Everything until the server closes the connection; a reset counts as a close.
pub(crate) async fn read_to_end(stream: &mut TcpStream) -> String {
    soon("the end of the connection", read_all(stream)).await
}

/// What should happen at once; a test that waits longer fails instead of hanging.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let patience = Duration::from_secs(20);
    tokio::time::timeout(patience, future).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(bytes) => received.extend_from_slice(&buffer[..bytes]),
        }
    }
    String::from_utf8_lossy(&received).into_owned()
}
