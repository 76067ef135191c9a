//! Load on a gateway at a steady rate, whatever it answers and however long that takes: a request is due when the clock says
//! so, and its time is taken from then on.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    task::JoinSet,
    time::{Instant, interval},
};

use super::http::Message;

/// Less than any server waits for another request.
const IDLE: Duration = Duration::from_secs(30);

/// One request and what came of it.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// When it was due.
    pub(crate) due: Instant,
    pub(crate) took: Duration,
    /// When it had left; none where there was no connection for it.
    pub(crate) sent: Option<Instant>,
    /// The response; none where the connection failed.
    pub(crate) answer: Option<Value>,
}

impl Sample {
    /// `errors[0].extensions.code`; empty where there are no errors.
    pub(crate) fn code(&self) -> &str {
        let answer = self.answer.as_ref();
        answer.and_then(|answer| answer["errors"][0]["extensions"]["code"].as_str()).unwrap_or_default()
    }

    /// Whether it has all its data, and no error.
    pub(crate) fn is_whole(&self) -> bool {
        self.answer
            .as_ref()
            .is_some_and(|answer| answer.get("errors").is_none() && answer["data"].is_object())
    }
}

/// The time within which so many of a hundred were answered.
pub(crate) fn percentile(samples: &[Sample], percent: f64) -> Duration {
    let mut took: Vec<Duration> = samples.iter().map(|sample| sample.took).collect();
    took.sort_unstable();
    let rank = (took.len() as f64 * percent / 100.0).ceil() as usize;
    took.get(rank.clamp(1, took.len().max(1)) - 1).copied().unwrap_or_default()
}

/// A client that keeps its connections.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    idle: Arc<Mutex<Vec<(Instant, TcpStream)>>>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Client {
        Client { address, idle: Arc::default() }
    }

    /// Connections that wait for another request.
    pub(crate) fn idle(&self) -> usize {
        self.idle.lock().unwrap().len()
    }

    /// Sends an operation with `$n`, a number; none where the connection failed.
    pub(crate) async fn ask(&self, query: &str, n: usize) -> Option<Value> {
        self.exchange(query, n, &mut None).await
    }

    async fn exchange(&self, query: &str, n: usize, sent: &mut Option<Instant>) -> Option<Value> {
        let body = json!({ "query": query, "variables": { "n": n.to_string() } }).to_string();
        let known = self.kept();
        let mut stream = match known {
            Some(stream) => stream,
            None => TcpStream::connect(self.address).await.ok()?,
        };
        let _ = stream.set_nodelay(true);
        stream.write_all(&Message::operation(&body).bytes()).await.ok()?;
        *sent = Some(Instant::now());
        let answer = Message::read(&mut stream).await.ok()??;
        if answer.header("connection") != Some("close") {
            self.idle.lock().unwrap().push((Instant::now(), stream));
        }
        serde_json::from_slice(&answer.body).ok()
    }

    /// A connection that has not been idle for so long that its other end may be about to close it.
    fn kept(&self) -> Option<TcpStream> {
        let mut idle = self.idle.lock().unwrap();
        idle.retain(|(since, _)| since.elapsed() < IDLE);
        idle.pop().map(|(_, stream)| stream)
    }

    /// Sends the operation so many times a second for so long; the numbers go up from `from`.
    pub(crate) async fn steady(
        &self,
        query: &'static str,
        per_second: u32,
        duration: Duration,
        from: usize,
    ) -> Vec<Sample> {
        let mut clock = interval(Duration::from_secs(1) / per_second);
        let mut under_way = JoinSet::new();
        let count = (f64::from(per_second) * duration.as_secs_f64()) as usize;
        for n in from..from + count {
            let due = clock.tick().await;
            let client = self.clone();
            under_way.spawn(async move {
                let mut sent = None;
                let answer = client.exchange(query, n, &mut sent).await;
                Sample { due, took: due.elapsed(), sent, answer }
            });
        }
        under_way.join_all().await
    }
}
