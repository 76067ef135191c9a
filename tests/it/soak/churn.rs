//! Connections that come, ask and go, or break off in the middle, on both sides of the gateway: nothing of them stays.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, task::JoinSet};

use super::{
    Extent, answer, files,
    report::{Held, Report},
};
use crate::support::{
    faults::{Fault, FaultProxy},
    http::Message,
    load::Client,
    process::Ficus,
    stub::Stub,
};

const QUERY: &str = "query($n: String) { thing(n: $n) { id } }";
const AT_ONCE: usize = 16;

/// One client of many. They take turns at how they end.
async fn come_and_go(address: SocketAddr, n: usize) {
    if n.is_multiple_of(4) {
        // Asks and goes. A new client has a new connection.
        let _ = Client::new(address).ask(QUERY, n).await;
        return;
    }
    let Ok(mut stream) = TcpStream::connect(address).await else { return };
    // One document: what plans take of the memory is no leak.
    let body = json!({ "query": QUERY, "variables": { "n": n.to_string() } });
    let request = Message::operation(&body.to_string()).bytes();
    let part = match n % 4 {
        // Leaves in the middle of the body, in the middle of the head, or without waiting for the answer.
        1 => request.len() - 10,
        2 => 30,
        _ => request.len(),
    };
    let _ = stream.write_all(&request[..part]).await;
    let _ = stream.set_zero_linger();
}

async fn churn(address: SocketAddr, duration: Duration) -> usize {
    let end = Instant::now() + duration;
    let mut clients = JoinSet::new();
    let mut count = 0;
    while Instant::now() < end {
        clients.spawn(come_and_go(address, count));
        count += 1;
        if clients.len() >= AT_ONCE {
            clients.join_next().await;
        }
    }
    clients.join_all().await;
    count
}

async fn soak(extent: Extent) {
    let mut report = Report::new("churn", extent);
    let stub = Stub::start(answer).await;
    let proxy = FaultProxy::start(stub.address, 1).await;
    let rules = "circuit_breaker: { consecutive_failures: 10000, min_requests: 1000000, open_for: 1ms }\n";
    let mut files = files(&[("thing", &stub, rules)], "");
    for (_, text) in &mut files {
        *text = text.replace(&stub.address.to_string(), &proxy.address.to_string());
    }
    let ficus = Ficus::start(&files).await;
    let mut held = Held::of(&ficus);
    let faults = [Fault::Errors { ratio: 0.1, status: 502 }, Fault::Slice { bytes_max: 50 }];
    let breaking = [Fault::Reset { after: 80 }];
    // What a process takes once it has been busy is not a leak.
    let mut count = 0;
    for round in 0..5 {
        if round == 2 {
            held.warmed(&ficus);
        }
        proxy.set(&faults);
        count += churn(ficus.address, extent.trouble / 3).await;
        proxy.set(&breaking);
        count += churn(ficus.address, extent.trouble / 3).await;
    }
    proxy.set(&[]);
    report.note("connections", count);
    // After so many failures in a row the breaker may be open: for a millisecond, and until an attempt succeeds.
    let end = Instant::now() + Duration::from_secs(1);
    let (is_whole, whole) = loop {
        let whole = Client::new(ficus.address).ask(QUERY, 1).await.unwrap_or_default();
        let is_whole = whole["data"]["thing"]["id"] == "/1";
        if is_whole || Instant::now() > end {
            break (is_whole, whole);
        }
    };
    report.line("queries are answered again within a second", is_whole, whole);
    drop((stub, proxy));
    held.settled(&ficus, Duration::from_secs(60), &mut report).await;
    report.end();
}

#[tokio::test]
async fn connections_that_come_and_go_leave_nothing() {
    soak(Extent { trouble: Duration::from_millis(600), ..Extent::SLICE }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes: tests/soak/run.sh churn"]
async fn churn_in_full() {
    soak(Extent::full(60)).await;
}
