//! HTTP/1.1 messages as bytes: read one whole, take its head apart. For backends and clients that must send exactly what a
//! test wants. Knows no chunks: whoever it talks to says how long a body is.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// A request or a response, read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// First line and headers, with the empty line that ends them.
    pub(crate) head: Vec<u8>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// A response with a body of JSON, and further header lines, each with its line end.
    pub(crate) fn response(status: u16, headers: &str, body: &str) -> Message {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\n{headers}content-length: {length}\r\n\r\n"
        );
        Message { head: head.into_bytes(), body: body.as_bytes().to_vec() }
    }

    /// A POST of a GraphQL request.
    pub(crate) fn operation(body: &str) -> Message {
        let head = format!(
            "POST /graphql HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        Message { head: head.into_bytes(), body: body.as_bytes().to_vec() }
    }

    /// Reads the next message; none where the other end closed the connection before its first byte.
    ///
    /// # Errors
    /// When the connection breaks, or ends in the middle.
    pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Message>> {
        let mut bytes = Vec::new();
        let mut chunk = [0; 16 << 10];
        loop {
            let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
            if let Some(head) = head {
                let mut message = Message { body: bytes.split_off(head), head: bytes };
                let length = message.content_length();
                let missing = length.saturating_sub(message.body.len());
                let read = message.body.len();
                message.body.resize(read + missing, 0);
                stream.read_exact(&mut message.body[read..]).await?;
                return Ok(Some(message));
            }
            match stream.read(&mut chunk).await? {
                0 if bytes.is_empty() => return Ok(None),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => bytes.extend_from_slice(&chunk[..count]),
            }
        }
    }

    /// The words of the first line: method, target, version, or version, status, reason.
    pub(crate) fn word(&self, index: usize) -> &str {
        self.text().lines().next().and_then(|line| line.split(' ').nth(index)).unwrap_or_default()
    }

    /// The first value of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.text().lines().filter_map(|line| line.split_once(':'));
        fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        [&self.head[..], &self.body].concat()
    }

    fn content_length(&self) -> usize {
        self.header("content-length").map_or(0, |length| length.parse().unwrap())
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.head).unwrap_or_default()
    }
}
