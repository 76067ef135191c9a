//! Thousands of WebSockets that wait: what each takes of the gateway's memory, how long one event takes to reach them all, and what
//! those that stop reading do to the others. They come from several addresses of loopback, as the caps for each want it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc,
    task::JoinSet,
};

use super::{Extent, report::Report, socket::Socket};
use crate::support::{http::Message, load, process::Ficus};

/// How long any wait may take before the test says what is missing.
const PATIENCE: Duration = Duration::from_secs(120);

/// Of one socket: what the gateway process may hold for it while it waits.
const SOCKET_BYTES_MAX: u64 = 12 << 10;

const SCHEMA: &str = r#"
type Query { hello: String! @connect(selection: "$('world')") }
type Tick { number: Int! note: String }
type Subscription {
  ticked: Tick @subscribe(topic: "ticks", selection: "number note", authorize: NONE)
  flooded: Tick @subscribe(topic: "flood", selection: "number note", authorize: NONE)
}
"#;

const CLOCK: &str = "
webhooks:
  ticks: { verify: { scheme: none }, publish: { topic: ticks } }
  flood: { verify: { scheme: none }, publish: { topic: flood } }
";

/// What the system holds of a connection that nobody reads is some megabytes; events of this size, so many of them, are more.
const NOTE_BYTES: usize = 2_000;
const FLOOD: usize = 2_000;

/// What a socket heard, and when.
struct Tick {
    number: usize,
    at: Instant,
}

async fn connect(gateway: SocketAddr, index: usize, is_flooded: bool) -> Socket {
    let mut socket = Socket::open(gateway, index).await;
    socket.ask("1", "subscription { ticked { number note } }").await;
    if is_flooded {
        socket.ask("2", "subscription { flooded { number note } }").await;
    }
    socket
}

/// Events for those alone who read no more, until nothing of them fits anywhere.
async fn flood(gateway: SocketAddr, events: usize) {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    let body = json!({"number": 1, "note": "x".repeat(NOTE_BYTES)}).to_string();
    let head = format!(
        "POST /webhooks/clock/flood HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let message = Message { head: head.into_bytes(), body: body.into_bytes() };
    for _ in 0..events {
        stream.write_all(&message.bytes()).await.unwrap();
        let answer = Message::read(&mut stream).await.unwrap().expect("an answer");
        assert_eq!(answer.word(1), "200");
    }
}

/// Reads what a socket is told until it is closed.
async fn listen(
    mut socket: Socket,
    index: usize,
    deaf_below: Arc<AtomicUsize>,
    deaf: Arc<AtomicUsize>,
    ticks: mpsc::UnboundedSender<Tick>,
) {
    loop {
        if index < deaf_below.load(Relaxed) {
            // Reads no more, and holds the socket open.
            deaf.fetch_add(1, Relaxed);
            return std::future::pending().await;
        }
        let Some(message) = socket.hear().await else { return };
        let at = Instant::now();
        let message: serde_json::Value = serde_json::from_slice(&message).unwrap();
        if let Some(number) = message["payload"]["data"]["ticked"]["number"].as_u64() {
            let _ = ticks.send(Tick { number: usize::try_from(number).unwrap(), at });
        }
    }
}

struct Soak {
    ficus: Ficus,
    client: load::Client,
    /// Sockets with a number below this one stop reading at their next event.
    deaf_below: Arc<AtomicUsize>,
    sockets: JoinSet<()>,
    ticks: mpsc::UnboundedReceiver<Tick>,
    ticked: usize,
}

impl Soak {
    async fn publish(&mut self, note: &str) -> Instant {
        self.ticked += 1;
        let mut stream = TcpStream::connect(self.ficus.address).await.unwrap();
        let body = json!({"number": self.ticked, "note": note}).to_string();
        let began = Instant::now();
        let request = format!(
            "POST /webhooks/clock/ticks HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 2"), "{answer}");
        began
    }

    /// How long one event took to reach so many, sorted.
    async fn reaches(&mut self, sockets: usize, note: &str) -> Vec<Duration> {
        let began = self.publish(note).await;
        let mut took = Vec::with_capacity(sockets);
        let all = async {
            while took.len() < sockets {
                let tick = self.ticks.recv().await.unwrap();
                if tick.number == self.ticked {
                    took.push(tick.at - began);
                }
            }
        };
        let _ = tokio::time::timeout(PATIENCE, all).await;
        took.sort_unstable();
        took
    }
}

fn p99(took: &[Duration]) -> Duration {
    took.get((took.len() * 99).div_ceil(100).max(1) - 1).copied().unwrap_or_default()
}

async fn soak(extent: Extent, sockets: usize, deaf: usize, rounds: usize) {
    let files = [
        ("ficus.yaml", "admin: { enabled: false }\nevents: { keep: 100 }\n".to_owned()),
        ("schema/schema.graphql", SCHEMA.to_owned()),
        ("connectors/clock.yaml", CLOCK.to_owned()),
    ];
    let ficus = Ficus::start(&files).await;
    let client = load::Client::new(ficus.address);
    let (address, descriptors, before) = (ficus.address, ficus.descriptors(), ficus.memory());
    let (told, ticks) = mpsc::unbounded_channel();
    let stopped = Arc::<AtomicUsize>::default();
    let mut soak =
        Soak { ficus, client, deaf_below: Arc::default(), sockets: JoinSet::new(), ticks, ticked: 0 };
    let mut report = Report::new("sockets", extent);
    for index in 0..sockets {
        let stream = connect(address, index, index < deaf).await;
        let (deaf_below, deaf) = (Arc::clone(&soak.deaf_below), Arc::clone(&stopped));
        soak.sockets.spawn(listen(stream, index, deaf_below, deaf, told.clone()));
    }
    // Nothing tells when a subscription has begun: the first event is repeated until all hear it.
    let mut reached = 0;
    for _ in 0..20 {
        reached = soak.reaches(sockets, "").await.len();
        if reached == sockets {
            break;
        }
    }
    report.line("every socket subscribes", reached == sockets, format!("{reached} of {sockets}"));
    let bytes = soak.ficus.memory().saturating_sub(before) * 1024 / sockets as u64;
    report.timed(
        "memory for a socket that waits is under 12 KiB",
        bytes < SOCKET_BYTES_MAX,
        format!("{bytes} bytes"),
    );

    let note = "x".repeat(NOTE_BYTES);
    let mut calm = Vec::new();
    for _ in 0..rounds {
        let took = soak.reaches(sockets, &note).await;
        if took.len() < sockets {
            report.line("an event reaches every socket", false, format!("{} of {sockets}", took.len()));
        }
        calm.push(p99(&took));
    }
    calm.sort_unstable();
    report.line(
        "every event reaches every socket",
        calm.len() == rounds,
        format!("{rounds} events, {sockets} sockets"),
    );
    let calm = calm[rounds / 2];
    report.note("p99 from the webhook to the socket, median of the events", format!("{calm:.1?}"));

    let full = soak.ficus.memory();
    soak.deaf_below.store(deaf, Relaxed);
    // Those hear one more at most.
    soak.publish(&note).await;
    let all_stopped = async {
        while stopped.load(Relaxed) < deaf {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let all_stopped = tokio::time::timeout(PATIENCE, all_stopped).await.is_ok();
    report.line("some stop reading", all_stopped, format!("{} of {deaf}", stopped.load(Relaxed)));
    flood(address, if extent.timed { FLOOD } else { 50 }).await;
    let mut during = Vec::new();
    let mut lost = 0;
    for _ in 0..rounds {
        let took = soak.reaches(sockets - deaf, &note).await;
        lost += (sockets - deaf).saturating_sub(took.len());
        during.push(p99(&took));
    }
    during.sort_unstable();
    report.line(
        "with some that do not read, nobody else misses an event",
        lost == 0,
        format!("{lost} missed"),
    );
    report.slower("and their p99 is within 10 %", 1.1, calm, during[rounds / 2]);
    let grown = soak.ficus.memory().saturating_sub(full);
    report.timed(
        "memory is bounded: 64 KiB for each that does not read",
        grown <= 64 * deaf as u64,
        format!("{grown} KiB more"),
    );
    let asked = soak.client.steady("{ hello }", 10, Duration::from_secs(1), 0).await;
    report.whole("queries are answered beside them", &asked);

    soak.sockets.shutdown().await;
    soak.client = load::Client::new(address);
    let closed = async {
        while soak.ficus.descriptors() > descriptors + 10 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let closed = tokio::time::timeout(PATIENCE, closed).await.is_ok();
    let found = format!("{} now, {descriptors} before", soak.ficus.descriptors());
    report.line("their descriptors are closed with them", closed, found);
    report.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_that_wait_hear_every_event() {
    soak(Extent::SLICE, 200, 5, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "wants 10,000 sockets: tests/soak/run.sh sockets"]
async fn sockets_in_full() {
    soak(Extent::full(60), 10_000, 100, 20).await;
}
