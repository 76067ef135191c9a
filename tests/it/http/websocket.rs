//! WebSockets on a real socket: the handshake and who is let in, frames that no good client sends, and how connections end. What the
//! messages mean is tested beside `server::websocket`, with the clock stopped.

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

use super::{
    client::{send_bytes, soon},
    server::Server,
};

const HANDSHAKE: &str = "GET /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
                         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A connection after its handshake, byte by byte.
struct Raw(TcpStream);

impl Raw {
    async fn open(address: SocketAddr, more: &str) -> (Raw, String) {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(format!("{HANDSHAKE}{more}\r\n").as_bytes()).await.expect("sent");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(soon("the answer to a handshake", stream.read_u8()).await.expect("an answer"));
        }
        (Raw(stream), String::from_utf8(head).expect("text"))
    }

    async fn speaking(address: SocketAddr) -> Raw {
        let (raw, head) = Raw::open(address, "sec-websocket-protocol: graphql-transport-ws\r\n").await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        raw
    }

    /// Sends a frame as it stands, with a mask of zeros.
    async fn frame(&mut self, first: u8, payload: &[u8]) {
        self.0.write_all(&frame(first, payload)).await.expect("sent");
    }

    /// The next frame.
    async fn hear(&mut self) -> (u8, Vec<u8>) {
        let first = soon("a frame", self.0.read_u8()).await.expect("a frame");
        let length = match self.0.read_u8().await.expect("a length") {
            126 => usize::from(self.0.read_u16().await.expect("a length")),
            127 => usize::try_from(self.0.read_u64().await.expect("a length")).expect("a length"),
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).await.expect("a payload");
        (first, payload)
    }

    async fn closed(&mut self) -> u16 {
        let (first, payload) = self.hear().await;
        assert_eq!(first, 0x88, "{}", String::from_utf8_lossy(&payload));
        u16::from_be_bytes([payload[0], payload[1]])
    }
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match payload.len() {
        short @ 0..126 => out.push(0x80 | short as u8),
        middle @ 126..65_536 => {
            out.push(0xfe);
            out.extend((middle as u16).to_be_bytes());
        }
        long => {
            out.push(0xff);
            out.extend((long as u64).to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out.extend(payload);
    out
}

pub(super) type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(super) async fn connect(address: SocketAddr, headers: &[(&'static str, &str)]) -> Client {
    let mut request = format!("ws://{address}/graphql").into_client_request().expect("a request");
    let headers = headers.iter().chain(&[("sec-websocket-protocol", "graphql-transport-ws")]);
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().expect("a value"));
    }
    let (mut client, _) = connect_async(request).await.expect("a WebSocket");
    say(&mut client, json!({"type": "connection_init"})).await;
    assert_eq!(hear(&mut client).await, json!({"type": "connection_ack"}));
    client
}

pub(super) async fn say(client: &mut Client, message: Value) {
    client.send(Message::text(message.to_string())).await.expect("sent");
}

pub(super) async fn hear(client: &mut Client) -> Value {
    let message = soon("a message", client.next()).await.expect("a message").expect("a message");
    serde_json::from_str(message.to_text().expect("text")).expect("JSON")
}

pub(super) async fn ask(client: &mut Client, id: &str, query: &str) {
    say(client, json!({"id": id, "type": "subscribe", "payload": {"query": query}})).await;
}

#[tokio::test]
async fn queries_and_mutations_go_over_a_socket_too() {
    let server = Server::start(|_| {}).await;
    let mut client = connect(server.address, &[]).await;
    ask(&mut client, "1", "{ hello }").await;
    let next = json!({"id": "1", "type": "next", "payload": {"data": {"hello": "Hello, world"}}});
    assert_eq!(hear(&mut client).await, next);
    assert_eq!(hear(&mut client).await, json!({"id": "1", "type": "complete"}));
    ask(&mut client, "1", "mutation { change }").await;
    server.backend.asked().await;
    server.backend.answer();
    assert_eq!(hear(&mut client).await["payload"]["data"]["change"], "done");
    assert_eq!(hear(&mut client).await["type"], "complete");
    // The limits of requests are those of messages.
    for (query, code) in [("{", "GRAPHQL_PARSE_FAILED"), ("{ nothing }", "GRAPHQL_VALIDATION_FAILED")] {
        ask(&mut client, "1", query).await;
        let error = hear(&mut client).await;
        assert_eq!(
            (&error["type"], &error["payload"][0]["extensions"]["code"]),
            (&json!("error"), &json!(code))
        );
    }
    ask(&mut client, "1", &format!("{{{}}}", "a:hello ".repeat(5001))).await;
    let error = hear(&mut client).await;
    assert_eq!(error["payload"][0]["extensions"]["code"], "LIMIT_TOKENS", "{error}");
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_its_queries() {
    let server = Server::start(|_| {}).await;
    let mut client = connect(server.address, &[]).await;
    ask(&mut client, "1", "{ slow }").await;
    server.backend.asked().await;
    drop(client);
    server.backend.gave_up().await;
}

#[tokio::test]
async fn handshakes() {
    let server = Server::start(|config| config.cors_origins = vec!["https://app.example".to_owned()]).await;
    let (_, head) =
        Raw::open(server.address, "sec-websocket-protocol: graphql-ws, graphql-transport-ws\r\n").await;
    let head = head.to_lowercase();
    for line in [
        "http/1.1 101 switching protocols\r\n",
        "connection: upgrade\r\n",
        "upgrade: websocket\r\n",
        "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n",
        "sec-websocket-protocol: graphql-transport-ws\r\n",
    ] {
        assert!(head.contains(line), "{head}");
    }
    assert!(!head.contains("sec-websocket-extensions"), "compression is nobody's: {head}");
    for (more, status) in [
        ("origin: http://127.0.0.1\r\ncookie: a=b\r\n", 101),
        ("origin: https://app.example\r\ncookie: a=b\r\n", 101),
        ("origin: https://evil.example\r\ncookie: a=b\r\n", 403),
        ("origin: https://evil.example\r\n", 403),
        ("origin: null\r\n", 403),
        ("cookie: a=b\r\n", 403),
        ("content-length: 5\r\n", 400),
        ("transfer-encoding: chunked\r\n", 400),
    ] {
        let (_, head) = Raw::open(server.address, more).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{more}{head}");
    }
    for (wrong, right) in [
        ("sec-websocket-version: 8", "sec-websocket-version: 13"),
        ("sec-websocket-key: short", "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="),
        ("connection: close", "connection: Upgrade"),
    ] {
        let handshake = HANDSHAKE.replace(right, wrong);
        let reply = send_bytes(server.address, format!("{handshake}\r\n").as_bytes()).await;
        assert!(reply.starts_with("HTTP/1.1 400"), "{wrong}: {reply}");
    }
}

#[tokio::test]
async fn another_subprotocol_is_told_so() {
    let server = Server::start(|_| {}).await;
    for offered in
        ["", "sec-websocket-protocol: graphql-ws\r\n", "sec-websocket-protocol: GraphQL-Transport-WS\r\n"]
    {
        let (mut raw, head) = Raw::open(server.address, offered).await;
        assert!(head.starts_with("HTTP/1.1 101") && !head.contains("sec-websocket-protocol"), "{head}");
        assert_eq!(raw.closed().await, 4406, "{offered}");
    }
}

#[tokio::test]
async fn frames_that_no_good_client_sends() {
    let server = Server::start(|config| config.limits.body_bytes_max = 65_536).await;
    let close = |code: u16| frame(0x88, &code.to_be_bytes());
    let rows: [(&str, Vec<u8>, u16); 15] = [
        ("a reserved bit", frame(0xc1, b"{}"), 1002),
        ("another reserved bit", frame(0xa1, b"{}"), 1002),
        ("an opcode for data that does not exist", frame(0x83, b"{}"), 1002),
        ("an opcode for control that does not exist", frame(0x8b, b""), 1002),
        ("no mask", vec![0x81, 2, b'{', b'}'], 1002),
        ("a ping in fragments", frame(0x09, b""), 1002),
        ("a long ping", frame(0x89, &[0; 126]), 1002),
        ("a fragment of nothing", frame(0x80, b"{}"), 1002),
        ("a message in a message", [frame(0x01, b"{"), frame(0x81, b"{}")].concat(), 1002),
        ("a close frame with half a code", frame(0x88, b"a"), 1002),
        ("a close code that is never sent", close(1006), 1002),
        ("no UTF-8", frame(0x81, &[0xc3, 0x28]), 1007),
        ("binary data", frame(0x82, b"{}"), 4400),
        ("64 KiB and one", frame(0x81, &[b' '; 65_537]), 1009),
        ("no message", frame(0x81, b"{}"), 4400),
    ];
    for (what, bytes, code) in rows {
        let mut raw = Raw::speaking(server.address).await;
        raw.0.write_all(&bytes).await.expect("sent");
        assert_eq!(raw.closed().await, code, "{what}");
    }
    let mut raw = Raw::speaking(server.address).await;
    raw.0.write_all(&close(1000)).await.expect("sent");
    assert_eq!(raw.closed().await, 1000);
    assert_eq!(soon("the end", raw.0.read(&mut [0])).await.expect("an end"), 0);
}

#[tokio::test]
async fn fragments_with_a_ping_between_them_are_one_message() {
    let server = Server::start(|_| {}).await;
    let mut raw = Raw::speaking(server.address).await;
    raw.frame(0x01, br#"{"type":"connec"#).await;
    raw.frame(0x89, b"still there?").await;
    raw.frame(0x00, br#"tion_in"#).await;
    raw.frame(0x80, br#"it"}"#).await;
    assert_eq!(raw.hear().await, (0x8a, b"still there?".to_vec()));
    assert_eq!(raw.hear().await, (0x81, br#"{"type":"connection_ack"}"#.to_vec()));
}

#[tokio::test]
async fn bytes_behind_the_handshake_are_frames_and_no_request() {
    let server = Server::start(|_| {}).await;
    let mut stream = TcpStream::connect(server.address).await.expect("a connection");
    let mut bytes = format!("{HANDSHAKE}sec-websocket-protocol: graphql-transport-ws\r\n\r\n").into_bytes();
    bytes.extend(b"GET /health/live HTTP/1.1\r\nhost: a\r\n\r\n");
    stream.write_all(&bytes).await.expect("sent");
    let all = super::client::read_to_end(&mut stream).await;
    assert_eq!((all.matches("HTTP/1.1").count(), all.contains("status")), (1, false), "{all}");
}

#[tokio::test]
async fn ten_thousand_messages_at_once_are_answered_in_order() {
    let server = Server::start(|_| {}).await;
    let mut raw = Raw::speaking(server.address).await;
    let (mut read, mut write) = raw.0.split();
    let pings = frame(0x81, br#"{"type":"ping"}"#).repeat(10_000);
    let pong = [&[0x81, 15], &br#"{"type":"pong"}"#[..]].concat();
    let all = async {
        let mut heard = vec![0; pong.len() * 10_000];
        read.read_exact(&mut heard).await.expect("every answer");
        assert!(heard.chunks(pong.len()).all(|chunk| chunk == pong));
    };
    let (sent, ()) = soon("all pongs", async { tokio::join!(write.write_all(&pings), all) }).await;
    sent.expect("sent");
}

#[tokio::test]
async fn places_are_counted_by_address_and_are_free_again() {
    let server = Server::start(|config| config.websocket.per_address_max = 2).await;
    let first = connect(server.address, &[]).await;
    let _second = connect(server.address, &[]).await;
    let (_, head) = Raw::open(server.address, "sec-websocket-protocol: graphql-transport-ws\r\n").await;
    assert!(head.starts_with("HTTP/1.1 503") && head.contains("retry-after"), "{head}");
    drop(first);
    soon("a free place", async {
        loop {
            let (_, head) =
                Raw::open(server.address, "sec-websocket-protocol: graphql-transport-ws\r\n").await;
            if head.starts_with("HTTP/1.1 101") {
                break;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_socket_keeps_its_place_among_the_connections_and_outlives_their_clock() {
    let server = Server::start(|config| {
        config.limits.connections_max = 1;
        config.limits.header_read = Duration::from_millis(50);
        config.websocket.ping = Duration::from_millis(20);
    })
    .await;
    let mut raw = Raw::speaking(server.address).await;
    raw.frame(0x81, br#"{"type":"connection_init"}"#).await;
    assert_eq!(raw.hear().await.0, 0x81);
    assert_eq!(send_bytes(server.address, b"GET / HTTP/1.1\r\n\r\n").await, "", "there is no second place");
    // Ten pings take four times as long as a request's headers may.
    for _ in 0..10 {
        assert_eq!(raw.hear().await, (0x89, vec![]));
        raw.frame(0x8a, b"").await;
    }
}

#[tokio::test]
async fn when_the_process_ends_a_query_is_answered_and_then_the_client_is_sent_to_another() {
    let mut server = Server::start(|config| config.drain = Duration::from_secs(2)).await;
    let mut client = connect(server.address, &[]).await;
    ask(&mut client, "1", "{ slow }").await;
    server.backend.asked().await;
    server.stop();
    server.backend.answer();
    assert_eq!(hear(&mut client).await["payload"]["data"]["slow"], "done");
    assert_eq!(hear(&mut client).await["type"], "complete");
    let message = soon("a close frame", client.next()).await.expect("a message").expect("a message");
    let Message::Close(Some(frame)) = message else { panic!("{message:?}") };
    assert_eq!(u16::from(frame.code), 1001);
    soon("the end", client.close(None)).await.ok();
    server.ended().await;
}
