//! One keep-alive connection of a client that does as little as it can: HTTP/1.1, one request after another, bodies of a given
//! length or in chunks.

use anyhow::{Context as _, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A whole answer.
pub struct Answer<'a> {
    pub status: u16,
    pub body: &'a [u8],
}

pub struct Connection {
    socket: TcpStream,
    read: Vec<u8>,
    /// A body that came in chunks, put together.
    joined: Vec<u8>,
}

/// What the head of an answer says.
#[derive(Clone, Copy)]
struct Head {
    status: u16,
    /// Where the body begins.
    start: usize,
    /// How long it is; chunks if that is not said.
    length: Option<usize>,
}

impl Connection {
    pub async fn open(address: &str) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(address).await.with_context(|| format!("connect to {address}"))?;
        socket.set_nodelay(true)?;
        Ok(Connection { socket, read: Vec::with_capacity(16 << 10), joined: Vec::new() })
    }

    /// Sends a request and reads its answer.
    pub async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.read.clear();
        self.socket.write_all(request).await?;
        let mut head = None;
        loop {
            ensure!(self.socket.read_buf(&mut self.read).await? > 0, "the connection was closed");
            if head.is_none() {
                head = read_head(&self.read)?;
            }
            let Some(Head { status, start, length }) = head else { continue };
            match length {
                Some(length) if self.read.len() >= start + length => {
                    let body = self.read.get(start..start + length).unwrap_or_default();
                    return Ok(Answer { status, body });
                }
                Some(_) => {}
                None => {
                    // The end is looked for only where an end may be.
                    let chunks = self.read.get(start..).unwrap_or_default();
                    if chunks.ends_with(b"0\r\n\r\n") && join_chunks(chunks, &mut self.joined)? {
                        return Ok(Answer { status, body: &self.joined });
                    }
                }
            }
        }
    }
}

fn read_head(read: &[u8]) -> anyhow::Result<Option<Head>> {
    let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(read.get(..end).unwrap_or_default())?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status")?;
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map(|(_, length)| length.trim().parse::<usize>());
    Ok(Some(Head { status: status.parse()?, start: end + 4, length: length.transpose()? }))
}

/// Puts the body together; `false` if more is to come.
fn join_chunks(mut rest: &[u8], joined: &mut Vec<u8>) -> anyhow::Result<bool> {
    joined.clear();
    loop {
        let Some(line) = rest.windows(2).position(|bytes| bytes == b"\r\n") else { return Ok(false) };
        let size = std::str::from_utf8(rest.get(..line).unwrap_or_default())?;
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)?;
        if size == 0 {
            return Ok(true);
        }
        let Some(chunk) = rest.get(line + 2..line + 2 + size) else { return Ok(false) };
        joined.extend_from_slice(chunk);
        let Some(after) = rest.get(line + 4 + size..) else { return Ok(false) };
        rest = after;
    }
}
