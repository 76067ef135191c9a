//! The binary itself, and the signal that orchestrators send it.

use std::process::Stdio;

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
};

use super::client::{post, send, soon};

const SCHEMA: &str = r#"
type Query {
  slow: String! @connect(source: "backend", http: { GET: "/slow" }, selection: "$")
}
"#;

/// `ficus serve` on a free port, and its address.
async fn serve(folder: &std::path::Path, backend: &TcpListener) -> (Child, std::net::SocketAddr) {
    std::fs::create_dir_all(folder.join("schema")).unwrap();
    std::fs::create_dir_all(folder.join("connectors")).unwrap();
    std::fs::write(folder.join("schema/schema.graphql"), SCHEMA).unwrap();
    let url = format!("base_url: http://{}\n", backend.local_addr().unwrap());
    std::fs::write(folder.join("connectors/backend.yaml"), url).unwrap();
    std::fs::write(folder.join("ficus.yaml"), "admin: { enabled: false }\n").unwrap();
    let mut ficus = Command::new(env!("CARGO_BIN_EXE_ficus"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = BufReader::new(ficus.stdout.take().unwrap()).lines();
    let line = soon("the gateway's address", said.next_line()).await.unwrap().expect("an address");
    let address = line.split("http://").nth(1).and_then(|url| url.split('/').next()).unwrap();
    (ficus, address.parse().unwrap())
}

fn terminate(ficus: &Child) {
    let kill = format!("kill -TERM {}", ficus.id().unwrap());
    assert!(std::process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
}

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
    let folder = tempfile::tempdir().unwrap();
    let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (mut ficus, address) = serve(folder.path(), &backend).await;
    let in_flight = tokio::spawn(send(address, post(), r#"{"query":"{slow}"}"#));
    let mut held = take(&backend).await;

    terminate(&ficus);
    let refused = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    soon("new connections to be refused", refused).await;
    assert!(ficus.try_wait().unwrap().is_none(), "it ended with a request in flight");

    held.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 6\r\n\r\n\"done\"")
        .await
        .unwrap();
    let reply = in_flight.await.unwrap();
    assert_eq!((reply.status.as_u16(), reply.json()), (200, serde_json::json!({"data": {"slow": "done"}})));
    let status = soon("the gateway's end", ficus.wait()).await.unwrap();
    assert!(status.success(), "{status}");
}
