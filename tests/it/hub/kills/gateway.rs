//! The gateway itself is killed while its webhook is called: what was answered with 2xx is in its file of events, once.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use ficus::{
    config::{Config, EventStore, Events},
    events::{EventId, Heard, Hub},
};
use futures_util::future::join_all;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    time::{sleep, timeout},
};

use super::PATIENCE;
use crate::support::{http::Message, process::Ficus};

/// Deliveries on their way at once.
const SENDERS: usize = 4;
/// Before a kill, at most.
const TIME_MAX: Duration = Duration::from_millis(60);

/// What senders share: deliveries that were not answered, and the number of the next.
#[derive(Default)]
struct Sending {
    open: BTreeSet<usize>,
    next: usize,
    kept: usize,
    sent_again: usize,
}

fn files(store: &std::path::Path) -> Vec<(&'static str, String)> {
    let schema =
        "type Query { a: String @connect(source: \"shop\", http: {GET: \"/a\"}, selection: \"$.a\") }";
    let connectors = "base_url: http://127.0.0.1:9\nwebhooks:\n  updates:\n    verify: { scheme: none }\n    \
                      id: $request.headers.'webhook-id'->first\n    publish: { topic: orders, event: $.number }\n";
    let config = format!(
        "admin: {{ enabled: false }}\nevents: {{ store: {}, keep: 1000000, keep_bytes: 1GiB, memory: 1GiB, keep_for: 1d }}\n",
        store.display()
    );
    vec![
        ("schema/shop.graphql", schema.to_owned()),
        ("connectors/shop.yaml", connectors.to_owned()),
        ("ficus.yaml", config),
    ]
}

/// Sends a delivery; whether it was answered with 2xx.
async fn send(connection: &mut TcpStream, delivery: usize) -> bool {
    let body = format!("{{\"number\": {delivery}}}");
    let head = format!(
        "POST /webhooks/shop/updates HTTP/1.1\r\nhost: gateway\r\nwebhook-id: {delivery}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let message = Message { head: head.into_bytes(), body: body.into_bytes() };
    if connection.write_all(&message.bytes()).await.is_err() {
        return false;
    }
    match Message::read(connection).await {
        Ok(Some(answer)) => {
            assert!(answer.word(1).starts_with('2'), "{}", String::from_utf8_lossy(&answer.bytes()));
            true
        }
        _ => false,
    }
}

/// Sends what is open and then new deliveries, until the gateway is gone; or only what is open.
async fn sender(address: std::net::SocketAddr, sending: Arc<Mutex<Sending>>, only_open: bool) {
    let Ok(mut connection) = TcpStream::connect(address).await else { return };
    loop {
        let delivery = {
            let mut sending = sending.lock().unwrap();
            let again = sending.open.pop_first();
            if again.is_none() && only_open {
                return;
            }
            again.unwrap_or_else(|| {
                sending.next += 1;
                sending.next - 1
            })
        };
        let is_kept = send(&mut connection, delivery).await;
        let mut sending = sending.lock().unwrap();
        if is_kept {
            sending.kept += 1;
        } else {
            sending.open.insert(delivery);
            sending.sent_again += 1;
            return;
        }
    }
}

/// The numbers of all deliveries that are in the file, in its order.
async fn kept(store: &std::path::Path) -> Vec<usize> {
    let events = Events {
        store: EventStore::Disk(store.to_owned()),
        keep: usize::MAX,
        keep_bytes: usize::MAX,
        memory: usize::MAX,
        keep_for: Duration::from_secs(86_400),
        ..Events::default()
    };
    let hub = Hub::open(&Config { events, ..Config::default() }).unwrap();
    let mut listener = hub.listen("orders", Some(EventId { ms: 1, number: 0 })).await.unwrap();
    assert_eq!(listener.next().await, Heard::Gap);
    let mut kept = Vec::new();
    for _ in 0..hub.figures().events {
        let Heard::Event(event) = listener.next().await else { panic!("nothing is missing") };
        kept.push(std::str::from_utf8(&event.data).unwrap().parse().unwrap());
    }
    kept
}

/// So many kills, and what came of them.
pub(super) async fn run(kills: usize, seed: u64) -> String {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("events.redb");
    let mut random = StdRng::seed_from_u64(seed);
    let sending = Arc::new(Mutex::new(Sending::default()));
    let mut longest_start = Duration::ZERO;
    for kill in 0..=kills {
        let begun = Instant::now();
        let mut ficus = Ficus::start(&files(&store)).await;
        longest_start = longest_start.max(begun.elapsed());
        let is_last = kill == kills;
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| tokio::spawn(sender(ficus.address, Arc::clone(&sending), is_last)))
            .collect();
        if is_last {
            join_all(senders).await.into_iter().for_each(Result::unwrap);
            ficus.terminate();
            assert!(timeout(PATIENCE, ficus.exit()).await.unwrap().success());
        } else {
            sleep(TIME_MAX.mul_f64(random.random())).await;
            ficus.kill().await;
            join_all(senders).await.into_iter().for_each(Result::unwrap);
        }
    }
    let mut kept = kept(&store).await;
    let sending = sending.lock().unwrap();
    let found = kept.len();
    kept.sort_unstable();
    kept.dedup();
    let missing = (0..sending.next).filter(|delivery| kept.binary_search(delivery).is_err()).count();
    let report = format!(
        "deliveries {}, answered {}, sent again after a kill {}\nin the file {found}, missing {missing}, twice {}\n\
         longest start {} ms\n",
        sending.next,
        sending.kept,
        sending.sent_again,
        found - kept.len(),
        longest_start.as_millis()
    );
    assert!(sending.open.is_empty() && missing == 0 && found == kept.len(), "{report}");
    report
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_few_kills_of_the_gateway_lose_no_delivery() {
    run(4, 1).await;
}
