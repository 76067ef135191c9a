//! A response that is read as it comes.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::client::soon;

/// A connection with one request on it, and what came of it so far.
pub(super) struct Stream {
    stream: TcpStream,
    pub(super) heard: String,
}

impl Stream {
    /// Sends a request, and waits for the head of its response.
    pub(super) async fn open(address: SocketAddr, request: &str) -> Stream {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut stream = Stream { stream, heard: String::new() };
        stream.hears("\r\n\r\n").await;
        stream
    }

    /// Reads until this was said, in whatever chunks.
    pub(super) async fn hears(&mut self, text: &str) {
        soon(text, async {
            while !self.heard.contains(text) && !without_chunks(&self.heard).contains(text) {
                assert!(self.more().await, "an end before {text:?}: {}", self.heard);
            }
        })
        .await;
    }

    async fn more(&mut self) -> bool {
        let mut bytes = [0; 4096];
        let count = self.stream.read(&mut bytes).await.unwrap_or(0);
        self.heard.push_str(&String::from_utf8_lossy(&bytes[..count]));
        count > 0
    }

    /// All of it, to its end.
    pub(super) async fn rest(mut self) -> String {
        soon("the end", async { while self.more().await {} }).await;
        self.heard
    }
}

/// A body without the lengths of its chunks, which stand on lines of their own.
fn without_chunks(text: &str) -> String {
    let lines =
        text.split("\r\n").filter(|line| !(line.len() < 5 && line.bytes().all(|b| b.is_ascii_hexdigit())));
    lines.collect()
}
