//! The client's end of a WebSocket, as plain as it gets: thousands of them are nothing beside what they measure.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

/// They come from so many addresses of loopback, since each may have but so many.
const ADDRESSES: usize = 40;

pub(super) struct Socket {
    stream: TcpStream,
}

impl Socket {
    /// Opens one and introduces itself.
    pub(super) async fn open(gateway: SocketAddr, index: usize) -> Socket {
        let socket = TcpSocket::new_v4().unwrap();
        let own = Ipv4Addr::new(127, 0, 1, 1 + u8::try_from(index % ADDRESSES).unwrap());
        socket.bind((own, 0).into()).unwrap();
        let mut stream = socket.connect(gateway).await.unwrap();
        let handshake = format!(
            "GET /graphql HTTP/1.1\r\nhost: {gateway}\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: graphql-transport-ws\r\n\r\n"
        );
        stream.write_all(handshake.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        let mut socket = Socket { stream };
        socket.say(&json!({"type": "connection_init"})).await;
        socket
    }

    pub(super) async fn say(&mut self, message: &Value) {
        self.stream.write_all(&frame(0x81, message.to_string().as_bytes())).await.unwrap();
    }

    pub(super) async fn ask(&mut self, id: &str, query: &str) {
        self.say(&json!({"id": id, "type": "subscribe", "payload": {"query": query}})).await;
    }

    /// The next message; none once it is closed. Pings are answered.
    pub(super) async fn hear(&mut self) -> Option<Vec<u8>> {
        loop {
            let first = self.stream.read_u8().await.ok()?;
            let length = match self.stream.read_u8().await.unwrap() {
                126 => usize::from(self.stream.read_u16().await.unwrap()),
                short => usize::from(short),
            };
            let mut payload = vec![0; length];
            self.stream.read_exact(&mut payload).await.unwrap();
            match first {
                0x89 => self.stream.write_all(&frame(0x8a, &payload)).await.unwrap(),
                0x81 => return Some(payload),
                _ => return None,
            }
        }
    }

    /// Goes without a word, or with one.
    pub(super) async fn leave(mut self, is_polite: bool) {
        if is_polite {
            self.stream.write_all(&frame(0x88, &1000_u16.to_be_bytes())).await.unwrap();
            while self.hear().await.is_some() {}
        } else {
            self.stream.set_zero_linger().unwrap();
        }
    }
}

/// A client's frame, with a mask of zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).ok().filter(|length| *length < 126).expect("a short message");
    [&[first, 0x80 | length, 0, 0, 0, 0], payload].concat()
}
