//! The load: a number of keep-alive connections, each sending its next request when its last answer is there and is,
//! byte for byte, the expected one.

use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::LocalSet,
};

/// What a run showed from outside.
#[derive(Debug, Clone)]
pub struct Run {
    pub elapsed: Duration,
    /// Of every request, sorted.
    pub latencies: Vec<Duration>,
}

impl Run {
    pub fn requests_per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    pub fn percentile(&self, percent: usize) -> Duration {
        let last = self.latencies.len().saturating_sub(1);
        self.latencies.get(last * percent / 100).copied().unwrap_or_default()
    }
}

/// A POST of a GraphQL query, as bytes.
pub fn post(address: &str, query: &str) -> Vec<u8> {
    let body = serde_json::json!({ "query": query }).to_string();
    format!(
        "POST /graphql HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\naccept: application/graphql-response+json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A GET, as bytes.
pub fn get(address: &str, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n").into_bytes()
}

/// Sends `request` `count` times over `connections` connections.
pub async fn run(
    address: &str,
    request: &[u8],
    expected: &[u8],
    count: usize,
    connections: usize,
) -> anyhow::Result<Run> {
    let left = Rc::new(RefCell::new(count));
    let latencies = Rc::new(RefCell::new(Vec::with_capacity(count)));
    let (request, expected): (Rc<[u8]>, Rc<[u8]>) = (request.into(), expected.into());
    let mut sockets = Vec::with_capacity(connections);
    for _ in 0..connections {
        sockets.push(Connection::open(address).await?);
    }
    let started = Instant::now();
    let tasks = LocalSet::new();
    let mut running = Vec::with_capacity(connections);
    for mut connection in sockets {
        let (left, latencies) = (Rc::clone(&left), Rc::clone(&latencies));
        let (request, expected) = (Rc::clone(&request), Rc::clone(&expected));
        running.push(tasks.spawn_local(async move {
            while take_one(&left) {
                let sent = Instant::now();
                let body = connection.exchange(&request).await?;
                ensure!(body == &*expected, "an answer differs: {}", String::from_utf8_lossy(body));
                latencies.borrow_mut().push(sent.elapsed());
            }
            anyhow::Ok(())
        }));
    }
    tasks.await;
    for task in running {
        task.await??;
    }
    let mut latencies = latencies.take();
    latencies.sort_unstable();
    Ok(Run { elapsed: started.elapsed(), latencies })
}

fn take_one(left: &RefCell<usize>) -> bool {
    let mut left = left.borrow_mut();
    let one = *left > 0;
    *left = left.saturating_sub(1);
    one
}

/// One keep-alive connection.
pub struct Connection {
    socket: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    pub async fn open(address: &str) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(address).await.with_context(|| format!("connect to {address}"))?;
        socket.set_nodelay(true)?;
        Ok(Connection { socket, read: Vec::with_capacity(32 << 10) })
    }

    /// Sends a request and reads its answer; gives the body.
    pub async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<&[u8]> {
        self.read.clear();
        self.socket.write_all(request).await?;
        let mut whole = None;
        while whole.is_none_or(|(_, end)| self.read.len() < end) {
            ensure!(self.socket.read_buf(&mut self.read).await? > 0, "the connection was closed");
            if whole.is_none() {
                whole = frame(&self.read)?;
            }
        }
        whole.and_then(|(start, end)| self.read.get(start..end)).context("no body")
    }
}

/// Where the body of an answer begins and ends, once its head is there.
fn frame(read: &[u8]) -> anyhow::Result<Option<(usize, usize)>> {
    let Some(head_end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(read.get(..head_end).unwrap_or_default())?;
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if !status.starts_with("HTTP/1.1 200") {
        bail!("{status}: {}", String::from_utf8_lossy(read.get(head_end..).unwrap_or_default()));
    }
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .context("an answer without content-length")?;
    let start = head_end + 4;
    Ok(Some((start, start + length.1.trim().parse::<usize>()?)))
}
