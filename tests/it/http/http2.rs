//! Attacks that HTTP/2 makes cheap for the attacker: each ends with its connection, and other clients do not notice.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    client::{post, send, soon},
    server::Server,
};

const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const SETTINGS: u8 = 0x4;
const GOAWAY: u8 = 0x7;
const CONTINUATION: u8 = 0x9;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// `:method: GET`, `:scheme: http`, `:path: /` from HPACK's static table, and `:authority: a`.
const GET: &[u8] = &[0x82, 0x86, 0x84, 0x41, 0x01, b'a'];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Sends frames until the server has enough; gives what it answered.
async fn attack(address: SocketAddr, frames: impl Iterator<Item = Vec<u8>> + Send) -> Vec<u8> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let sending = async {
        let mut begin = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        begin.extend(frame(SETTINGS, 0, 0, &[]));
        let mut sent = writer.write_all(&begin).await;
        for frame in frames {
            if sent.is_err() {
                break;
            }
            sent = writer.write_all(&frame).await;
        }
    };
    let reading = async {
        let mut received = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(bytes @ 1..) = reader.read(&mut buffer).await {
            received.extend_from_slice(&buffer[..bytes]);
        }
        received
    };
    soon("the end of the connection", futures_util::future::join(sending, reading)).await.1
}

/// The error code of the GOAWAY frame among what the server sent.
fn goaway(mut received: &[u8]) -> Option<u32> {
    while let Some((head, rest)) = received.split_at_checked(9) {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let (payload, rest) = rest.split_at_checked(length)?;
        if head[3] == GOAWAY {
            return Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
        received = rest;
    }
    None
}

const ENHANCE_YOUR_CALM: u32 = 0xb;

#[tokio::test]
async fn streams_opened_only_to_be_reset_end_the_connection() {
    let server = Server::start(|_| {}).await;
    let frames = (0..50_000).map(|index| {
        let stream = 2 * index + 1;
        let mut both = frame(HEADERS, END_STREAM | END_HEADERS, stream, GET);
        both.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
        both
    });
    let received = attack(server.address, frames).await;
    assert_eq!(goaway(&received), Some(ENHANCE_YOUR_CALM));
    assert_eq!(send(server.address, post(), r#"{"query":"{hello}"}"#).await.status, 200);
}

#[tokio::test]
async fn headers_that_never_end_end_the_connection() {
    let server = Server::start(|_| {}).await;
    // A literal header of 100 bytes, again and again.
    let mut field = vec![0x00, 0x01, b'x', 100];
    field.extend([b'y'; 100]);
    let begin = std::iter::once(frame(HEADERS, END_STREAM, 1, GET));
    let flood = std::iter::repeat_with(move || frame(CONTINUATION, 0, 1, &field.repeat(100))).take(10_000);
    let received = attack(server.address, begin.chain(flood)).await;
    assert!(goaway(&received).is_some(), "{received:?}");
    assert_eq!(send(server.address, post(), r#"{"query":"{hello}"}"#).await.status, 200);
}
