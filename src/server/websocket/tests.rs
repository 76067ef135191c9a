//! A socket against a client of another make, over a pipe, with the clock stopped and with operations that a test scripts.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _, stream};
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    sync::mpsc,
    task::JoinHandle,
    time::Instant,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};

use super::socket::{Settings, Socket};
use crate::{
    config::Config,
    events::{Payload, Started},
    execute::{Request, Response, ResponseKind},
    server::staying::{Start, Staying},
};

/// Operations by their documents: `once` is answered, `refused` is refused, anything else is a subscription that a test feeds.
#[derive(Clone, Default)]
struct Script(Arc<Mutex<Scripted>>);

#[derive(Default)]
struct Scripted {
    asked: Vec<Request>,
    feeds: HashMap<String, mpsc::UnboundedSender<Payload>>,
}

impl Script {
    fn start(&self) -> Start {
        let script = self.clone();
        Arc::new(move |request| {
            let started = script.begin(request);
            Box::pin(async move {
                match started {
                    Some(started) => started,
                    None => std::future::pending().await,
                }
            })
        })
    }

    fn begin(&self, request: Request) -> Option<Started> {
        let mut scripted = self.0.lock().unwrap();
        let query = request.query.clone();
        scripted.asked.push(request);
        let once = |body: &'static str, kind| {
            let body = Bytes::from_static(body.as_bytes());
            Some(Started::Once(Response { body, kind, caching: None, packed: None, errors: 0 }))
        };
        match query.as_str() {
            "once" => once(r#"{"data":{"a":1}}"#, ResponseKind::Executed),
            "refused" => once(r#"{"errors":[{"message":"no"}]}"#, ResponseKind::RequestError),
            "preparing" => None,
            _ => {
                let (feed, fed) = mpsc::unbounded_channel();
                scripted.feeds.insert(query, feed);
                let payloads = stream::unfold(fed, |mut fed| async { Some((fed.recv().await?, fed)) });
                Some(Started::Stream(Box::pin(payloads)))
            }
        }
    }

    fn feed(&self, query: &str, body: &str) {
        let payload = Payload { body: Bytes::copy_from_slice(body.as_bytes()), event: None };
        self.0.lock().unwrap().feeds[query].send(payload).expect("a subscription that is heard");
    }

    fn end(&self, query: &str) {
        self.0.lock().unwrap().feeds.remove(query);
    }

    /// Waits for a subscription to be dropped.
    async fn dropped(&self, query: &str) {
        let feed = self.0.lock().unwrap().feeds[query].clone();
        feed.closed().await;
    }

    fn asked(&self) -> Vec<Request> {
        self.0.lock().unwrap().asked.clone()
    }
}

struct World {
    script: Script,
    staying: Arc<Staying>,
    served: JoinHandle<()>,
}

fn serve(pipe_bytes: usize, change: impl FnOnce(&mut Config)) -> (World, DuplexStream) {
    let mut config = Config::default();
    change(&mut config);
    let (ours, theirs) = duplex(pipe_bytes);
    let script = Script::default();
    let staying = Staying::new(10, Duration::from_secs(8));
    let guest = staying.enter("10.0.0.1".parse().unwrap(), Duration::MAX).expect("a place");
    let mut headers = HeaderMap::new();
    headers.insert("x-from", HeaderValue::from_static("handshake"));
    let socket = Socket::new(ours, guest, script.start(), headers, Settings::new(&config));
    (World { script, staying, served: tokio::spawn(socket.serve()) }, theirs)
}

struct Client(WebSocketStream<DuplexStream>);

impl Client {
    async fn new(pipe: DuplexStream) -> Client {
        Client(WebSocketStream::from_raw_socket(pipe, Role::Client, None).await)
    }

    async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.expect("an open socket");
    }

    /// The next message; pings are answered on the way.
    async fn hear(&mut self) -> Value {
        loop {
            match self.0.next().await.expect("a message").expect("a message") {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The code that the socket is closed with; none when it just ends.
    async fn closed(&mut self) -> Option<u16> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                Some(Ok(Message::Ping(_))) => {}
                Some(Ok(other)) => panic!("{other:?}"),
                Some(Err(_)) | None => return None,
            }
        }
    }

    async fn subscribe(&mut self, id: &str, query: &str) {
        self.say(json!({"type": "subscribe", "id": id, "payload": {"query": query}})).await;
    }
}

async fn open(change: impl FnOnce(&mut Config)) -> (World, Client) {
    let (world, pipe) = serve(1 << 20, change);
    let mut client = Client::new(pipe).await;
    client.say(json!({"type": "connection_init", "payload": {"authorization": "me"}})).await;
    assert_eq!(client.hear().await, json!({"type": "connection_ack"}));
    (world, client)
}

#[tokio::test(start_paused = true)]
async fn a_subscription_and_a_query_on_one_socket() {
    let (world, mut client) = open(|_| {}).await;
    client.subscribe("s", "events").await;
    client.subscribe("q", "once").await;
    let next = json!({"id": "q", "type": "next", "payload": {"data": {"a": 1}}});
    assert_eq!(client.hear().await, next);
    assert_eq!(client.hear().await, json!({"id": "q", "type": "complete"}));
    world.script.feed("events", r#"{"data":{"e":1}}"#);
    let next = json!({"id": "s", "type": "next", "payload": {"data": {"e": 1}}});
    assert_eq!(client.hear().await, next);
    world.script.end("events");
    assert_eq!(client.hear().await, json!({"id": "s", "type": "complete"}));
    let asked = world.script.asked();
    let headers = asked[0].headers.as_ref().expect("headers");
    assert_eq!(
        (&headers["x-from"], &headers["authorization"]),
        (&"handshake".parse().unwrap(), &"me".parse().unwrap())
    );
    assert!(!asked[1].read_only);
}

#[tokio::test(start_paused = true)]
async fn a_refused_operation_ends_with_its_error_and_its_id_is_free() {
    let (_world, mut client) = open(|_| {}).await;
    for _ in 0..2 {
        client.subscribe("1", "refused").await;
        let error = json!({"id": "1", "type": "error", "payload": [{"message": "no"}]});
        assert_eq!(client.hear().await, error);
    }
    client.subscribe("1", "once").await;
    assert_eq!(client.hear().await["type"], "next", "no `complete` after `error`");
}

#[tokio::test(start_paused = true)]
async fn complete_ends_a_subscription_without_an_echo() {
    let (world, mut client) = open(|_| {}).await;
    client.subscribe("1", "events").await;
    client.subscribe("2", "once").await;
    client.hear().await;
    client.hear().await;
    client.say(json!({"type": "complete", "id": "1"})).await;
    world.script.dropped("events").await;
    client.subscribe("1", "once").await;
    assert_eq!(client.hear().await["type"], "next", "the id is free, and nothing was said of the first");
}

#[tokio::test(start_paused = true)]
async fn an_id_in_preparation_is_in_use() {
    let (_world, mut client) = open(|_| {}).await;
    client.subscribe("1", "preparing").await;
    client.subscribe("1", "once").await;
    assert_eq!(client.closed().await, Some(4409));
}

#[tokio::test(start_paused = true)]
async fn a_complete_before_the_result_keeps_it_back() {
    let (_world, mut client) = open(|_| {}).await;
    client.subscribe("1", "preparing").await;
    client.say(json!({"type": "complete", "id": "1"})).await;
    client.subscribe("2", "once").await;
    assert_eq!(client.hear().await["id"], "2");
}

#[tokio::test(start_paused = true)]
async fn the_codes_of_what_a_client_must_not_do() {
    let subscribe = json!({"type": "subscribe", "id": "1", "payload": {"query": "once"}});
    let init = json!({"type": "connection_init"});
    let cases = [
        (vec![json!({"type": "hello"})], 4400),
        (vec![subscribe.clone()], 4401),
        (vec![json!({"type": "connection_init", "payload": {"authorization": ["a"]}})], 4403),
        (vec![init.clone(), init.clone()], 4429),
    ];
    for (said, code) in cases {
        let (world, pipe) = serve(1 << 20, |_| {});
        let mut client = Client::new(pipe).await;
        let acknowledged = said.len() - 1;
        for message in said {
            client.say(message).await;
        }
        for _ in 0..acknowledged {
            assert_eq!(client.hear().await, json!({"type": "connection_ack"}));
        }
        assert_eq!(client.closed().await, Some(code));
        world.served.await.expect("an end");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_introduces_itself_is_sent_away() {
    let (_world, pipe) = serve(1 << 20, |_| {});
    let begun = Instant::now();
    let mut client = Client::new(pipe).await;
    client.say(json!({"type": "ping"})).await;
    assert_eq!(client.hear().await, json!({"type": "pong"}));
    assert_eq!(client.closed().await, Some(4408));
    assert_eq!(begun.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_quiet_client_is_asked_whether_it_is_there_and_stays() {
    let (world, mut client) = open(|_| {}).await;
    client.subscribe("1", "events").await;
    let begun = Instant::now();
    for count in 1..=10 {
        let message = client.0.next().await.unwrap().unwrap();
        assert!(message.is_ping(), "{message:?}");
        assert_eq!(begun.elapsed().as_secs(), count * 20);
    }
    world.script.feed("events", "{}");
    assert_eq!(client.hear().await["type"], "next");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_is_given_up() {
    let (world, mut pipe) =
        serve(1 << 20, |config| config.websocket.init_timeout = Duration::from_secs(3600));
    let begun = Instant::now();
    let mut heard = Vec::new();
    pipe.read_to_end(&mut heard).await.expect("an end");
    // Two pings and a close frame with 1001, which clients come back from.
    assert_eq!(heard[..8], [0x89, 0, 0x89, 0, 0x88, 26, 0x03, 0xe9], "{heard:?}");
    assert_eq!(begun.elapsed(), Duration::from_secs(62));
    world.served.await.expect("an end");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_is_cut_and_little_waits_for_it() {
    let (world, pipe) = serve(4 << 10, |_| {});
    let mut client = Client::new(pipe).await;
    client.say(json!({"type": "connection_init"})).await;
    client.hear().await;
    client.subscribe("1", "events").await;
    while world.script.asked().is_empty() {
        tokio::task::yield_now().await;
    }
    let begun = Instant::now();
    let body = format!(r#"{{"data":"{}"}}"#, "a".repeat(1000));
    let mut fed = 0;
    while !world.script.0.lock().unwrap().feeds["events"].is_closed() {
        world.script.feed("events", &body);
        fed += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    world.served.await.expect("an end");
    let seconds = begun.elapsed().as_secs();
    assert!((30..60).contains(&seconds) && fed > 100, "{seconds} s, {fed} payloads");
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_pings_waits_for_a_client_that_reads_none_of_the_answers() {
    let (world, mut pipe) = serve(4 << 10, |_| {});
    let ping = [0x89, 0x84, 0, 0, 0, 0, b'p', b'i', b'n', b'g'];
    let mut sent = 0;
    // Once what waits is full, the socket reads no more, and the pipe fills up.
    while tokio::time::timeout(Duration::from_secs(1), pipe.write_all(&ping)).await.is_ok() {
        sent += 1;
        assert!(sent < 10_000, "the flood was never stopped");
    }
    assert!(sent > 100);
    let mut heard = Vec::new();
    pipe.read_to_end(&mut heard).await.expect("an end");
    assert_eq!(heard[..6], [0x8a, 4, b'p', b'i', b'n', b'g']);
    world.served.await.expect("an end");
}

#[tokio::test(start_paused = true)]
async fn more_operations_than_allowed_are_refused_one_by_one() {
    let (world, mut client) = open(|config| config.websocket.per_socket_max = 3).await;
    for id in ["1", "2", "3", "4"] {
        client.subscribe(id, &format!("events {id}")).await;
    }
    let refused = client.hear().await;
    assert_eq!((&refused["id"], &refused["type"]), (&json!("4"), &json!("error")));
    assert_eq!(refused["payload"][0]["extensions"]["code"], "OVERLOADED");
    client.say(json!({"type": "complete", "id": "1"})).await;
    client.subscribe("4", "once").await;
    assert_eq!(client.hear().await["type"], "next");
    assert_eq!(world.script.asked().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn an_abrupt_end_drops_every_operation() {
    let (world, mut client) = open(|_| {}).await;
    client.subscribe("1", "events a").await;
    client.subscribe("2", "events b").await;
    client.subscribe("3", "once").await;
    client.hear().await;
    drop(client);
    world.script.dropped("events a").await;
    world.script.dropped("events b").await;
    world.served.await.expect("an end");
}

#[tokio::test(start_paused = true)]
async fn a_client_takes_its_leave() {
    let (world, mut client) = open(|_| {}).await;
    let begun = Instant::now();
    client.0.close(None).await.expect("sent");
    assert_eq!(client.closed().await, Some(1000));
    world.served.await.expect("an end");
    assert_eq!(begun.elapsed(), Duration::ZERO, "nobody waits for anything");
}

#[tokio::test(start_paused = true)]
async fn when_the_process_ends_subscriptions_are_asked_to_come_back_and_queries_are_answered() {
    let (world, mut client) = open(|_| {}).await;
    client.subscribe("1", "events").await;
    client.subscribe("2", "preparing").await;
    client.subscribe("3", "once").await;
    client.hear().await;
    client.hear().await;
    world.staying.drain();
    tokio::time::sleep(Duration::from_secs(9)).await;
    client.subscribe("4", "once").await;
    let refused = client.hear().await;
    assert_eq!(
        (&refused["id"], &refused["payload"][0]["extensions"]["code"]),
        (&json!("4"), &json!("OVERLOADED"))
    );
    // Nobody waits for the query any longer: the client gives it up, and has no reason to stay.
    client.say(json!({"type": "complete", "id": "2"})).await;
    assert_eq!(client.closed().await, Some(1001));
    world.served.await.expect("an end");
    world.staying.have_left().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_cut_ends_at_once() {
    let (world, mut client) = open(|_| {}).await;
    client.subscribe("2", "preparing").await;
    client.subscribe("3", "once").await;
    client.hear().await;
    world.staying.drain();
    world.staying.cut();
    world.served.await.expect("an end");
}
