//! Clients that subscribe and leave, a hundred thousand times, while events come: over WebSockets, with `complete`, with a close and
//! by breaking off, and over event streams. Nothing of them stays: no subscriber, group or topic, no task, descriptor or memory.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use super::{
    Extent,
    report::{Held, Report},
    socket::Socket,
};
use crate::{
    http::client::{request, send},
    support::{http::Message, openmetrics, process::Ficus},
};

/// Clients at once.
const AT_ONCE: usize = 16;
/// Subscriptions of one socket, one after another; some overlap.
const OF_SOCKET: usize = 50;
/// One client of so many comes over event streams.
const STREAMS: usize = 10;
/// Topics that are subscribed to; events come to some of them.
const CLOCKS: usize = 200;
/// How long any wait may take before the test says what is missing.
const PATIENCE: Duration = Duration::from_secs(60);

const SCHEMA: &str = r#"
type Query { hello: String! @connect(selection: "$('world')") }
type Tick { number: Int! }
type Subscription {
  ticked(clock: Int!): Tick @subscribe(topic: "clock/{$args.clock}", selection: "number", authorize: NONE)
}
"#;

const CLOCK: &str =
    "webhooks: { ticks: { verify: { scheme: none }, publish: { topic: \"clock/{$.clock}\" } } }\n";

const CONFIG: &str = "admin: { listen: 127.0.0.1:0 }\nevents: { keep_for: 1s }\n";

fn subscription(number: usize) -> String {
    format!("subscription {{ ticked(clock: {}) {{ number }} }}", number % CLOCKS)
}

/// A socket that subscribes and completes again and again, but for its last one: every fourth stays until it hears of that. Gives how
/// many answers it heard.
async fn over_a_socket(address: SocketAddr, client: usize) -> usize {
    let mut socket = Socket::open(address, client).await;
    for number in 0..OF_SOCKET {
        socket.ask(&number.to_string(), &subscription(client + number)).await;
        if let Some(before) = number.checked_sub(client % 3).filter(|before| *before < OF_SOCKET - 1) {
            socket.say(&json!({"type": "complete", "id": before.to_string()})).await;
        }
    }
    // What was said before is read before this is answered.
    socket.ask("last", "{ hello }").await;
    let stays = client.is_multiple_of(4);
    let (mut heard, mut is_served) = (0, false);
    let answered = async {
        while let Some(message) = socket.hear().await {
            let message: Value = serde_json::from_slice(&message).unwrap();
            if message["type"] == "next" {
                let is_answer = message["id"] == "last";
                is_served |= is_answer;
                heard += usize::from(!is_answer);
            }
            if is_served && (heard > 0 || !stays) {
                return true;
            }
        }
        false
    };
    let is_answered = tokio::time::timeout(PATIENCE, answered).await;
    assert_eq!(is_answered, Ok(true), "the socket serves to the end");
    socket.leave(client.is_multiple_of(2)).await;
    heard
}

/// As many event streams, each opened and left.
async fn over_streams(address: SocketAddr, client: usize) -> usize {
    for number in 0..OF_SOCKET {
        let body = json!({"query": subscription(client + number)}).to_string();
        let request = format!(
            "POST /graphql HTTP/1.1\r\nhost: a\r\naccept: text/event-stream\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&head));
        stream.set_zero_linger().unwrap();
    }
    0
}

/// Events on all topics, one after another, until it is told to stop. Gives how many were taken.
async fn tick(address: SocketAddr, stop: Arc<AtomicUsize>) -> usize {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut number = 0;
    while stop.load(Relaxed) == 0 {
        let body = json!({"clock": number % CLOCKS, "number": number}).to_string();
        let head = format!(
            "POST /webhooks/clock/ticks HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let message = Message { head: head.into_bytes(), body: body.into_bytes() };
        stream.write_all(&message.bytes()).await.unwrap();
        let answer = Message::read(&mut stream).await.unwrap().expect("an answer");
        assert_eq!(answer.word(1), "200");
        number += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    number
}

/// So many subscriptions, from their first to the last that is left. Gives how many answers were heard.
async fn churn(address: SocketAddr, subscriptions: usize) -> usize {
    let mut clients = JoinSet::new();
    let mut heard = 0;
    for client in 0..subscriptions / OF_SOCKET {
        if clients.len() >= AT_ONCE {
            heard += clients.join_next().await.unwrap().unwrap();
        }
        if client % STREAMS == STREAMS - 1 {
            clients.spawn(over_streams(address, client));
        } else {
            clients.spawn(over_a_socket(address, client));
        }
    }
    heard + clients.join_all().await.into_iter().sum::<usize>()
}

/// What the process says that it holds.
async fn figures(admin: SocketAddr) -> BTreeMap<&'static str, f64> {
    let reply = send(admin, request("GET", "/metrics").header("connection", "close"), "").await;
    let samples = openmetrics::parse(std::str::from_utf8(&reply.body).unwrap()).unwrap();
    let sum =
        |name: &str| samples.iter().filter(|(sample, _)| sample.starts_with(name)).map(|(_, n)| n).sum();
    [
        "ficus_tasks{",
        "ficus_subscribers{",
        "ficus_subscription_groups{",
        "ficus_subscription_queued{",
        "ficus_topics{",
    ]
    .into_iter()
    .map(|name| (name.trim_end_matches('{'), sum(name)))
    .collect()
}

async fn soak(extent: Extent, subscriptions: usize) {
    let mut report = Report::new("subscribers", extent);
    let files = [
        ("ficus.yaml", CONFIG.to_owned()),
        ("schema/schema.graphql", SCHEMA.to_owned()),
        ("connectors/clock.yaml", CLOCK.to_owned()),
    ];
    let (ficus, admin) = Ficus::start_with_admin(&files).await;
    let mut held = Held::of(&ficus);
    let before = figures(admin).await;
    let stop = Arc::new(AtomicUsize::new(0));
    let ticking = tokio::spawn(tick(ficus.address, Arc::clone(&stop)));
    // What a process takes once it has been busy is not a leak.
    let warm = subscriptions / 5;
    churn(ficus.address, warm).await;
    held.warmed(&ficus);
    let heard = churn(ficus.address, subscriptions - warm).await;
    stop.store(1, Relaxed);
    let ticked = ticking.await.unwrap();
    report.note("subscriptions", subscriptions);
    report.note("events, and answers that were heard", format!("{ticked}, {heard}"));
    report.line("events were heard in between", heard > 0, heard);
    let settled = async {
        loop {
            let now = figures(admin).await;
            let is_back = now.iter().all(|(name, count)| *count <= before[name]);
            if is_back {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let _ = tokio::time::timeout(PATIENCE, settled).await;
    for (name, count) in figures(admin).await {
        let most = before[name];
        report.line(
            &format!("{name} is back at what it was"),
            count <= most,
            format!("{count} now, {most} before"),
        );
    }
    held.settled(&ficus, PATIENCE, &mut report).await;
    report.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscribers_that_come_and_go_leave_nothing() {
    soak(Extent::SLICE, 3_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: tests/soak/run.sh subscribers"]
async fn subscribers_in_full() {
    soak(Extent::full(60), 100_000).await;
}
