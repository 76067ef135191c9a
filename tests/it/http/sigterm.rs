//! The binary itself, and the signal that orchestrators send it.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::client::{post, send, soon};
use crate::support::process::Ficus;

const SCHEMA: &str = r#"
type Query {
  slow: String! @connect(source: "backend", http: { GET: "/slow" }, selection: "$")
}
"#;

/// The backend takes one request and holds it back.
async fn take(backend: &TcpListener) -> TcpStream {
    let (mut stream, _) = soon("a request to the backend", backend.accept()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).await.unwrap(), 1);
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"GET /slow HTTP/1.1\r\n"), "{}", String::from_utf8_lossy(&head));
    stream
}

#[tokio::test]
async fn sigterm_lets_requests_in_flight_end() {
    let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("base_url: http://{}\n", backend.local_addr().unwrap());
    let mut ficus = Ficus::start(&[
        ("schema/schema.graphql", SCHEMA.to_owned()),
        ("connectors/backend.yaml", url),
        ("ficus.yaml", "admin: { enabled: false }\n".to_owned()),
    ])
    .await;
    let address = ficus.address;
    let in_flight = tokio::spawn(send(address, post(), r#"{"query":"{slow}"}"#));
    let mut held = take(&backend).await;

    ficus.terminate();
    let refused = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    soon("new connections to be refused", refused).await;
    assert!(ficus.exited().is_none(), "it ended with a request in flight");

    held.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 6\r\n\r\n\"done\"")
        .await
        .unwrap();
    let reply = in_flight.await.unwrap();
    assert_eq!((reply.status.as_u16(), reply.json()), (200, serde_json::json!({"data": {"slow": "done"}})));
    let status = soon("the gateway's end", ficus.exit()).await;
    assert!(status.success(), "{status}");
}
