//! A hub somewhere, and hands to hold it by: what the behaviours are written with.

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use ficus::{
    config::{Config, EventStore, Redis},
    events::{Delivery, EventId, Events, Heard, Hub, Listener, NewEvent, Payloads, Published, Started},
    execute::Request,
    server::Webhooks,
};
use futures_util::StreamExt as _;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::support::{gateway, redis::RedisServer, upstream::MockUpstream, webhook};

/// Where events are kept, and how; each hub that is opened here is another life of the process, or another instance.
pub(super) struct Bench {
    pub(super) config: Config,
    folder: Option<tempfile::TempDir>,
    pub(super) server: Option<RedisServer>,
}

impl Bench {
    fn with(store: EventStore) -> Self {
        let events = ficus::config::Events { store, ..ficus::config::Events::default() };
        Bench { config: Config { events, ..Config::default() }, folder: None, server: None }
    }

    pub(super) fn memory() -> Self {
        Bench::with(EventStore::Memory)
    }

    pub(super) fn disk() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = EventStore::Disk(folder.path().join("events.redb"));
        Bench { folder: Some(folder), ..Bench::with(store) }
    }

    pub(super) fn redis() -> Self {
        let server = RedisServer::start();
        let mut bench = Bench::with(EventStore::Redis);
        bench.config.redis = Some(Redis::at(server.url()));
        bench.server = Some(server);
        bench
    }

    pub(super) fn folder(&self) -> &std::path::Path {
        self.folder.as_ref().unwrap().path()
    }

    /// Changes how events are kept.
    pub(super) fn keeping(mut self, change: impl FnOnce(&mut ficus::config::Events)) -> Self {
        change(&mut self.config.events);
        self
    }

    pub(super) fn hub(&self) -> Hub {
        Hub::open(&self.config).unwrap()
    }

    /// Ends what is kept: the next hub finds nothing.
    pub(super) fn forget(&self) {
        if let EventStore::Disk(path) = &self.config.events.store {
            std::fs::remove_file(path).unwrap();
        }
        if let Some(server) = &self.server {
            let mut connection = ::redis::Client::open(server.url()).unwrap().get_connection().unwrap();
            ::redis::cmd("FLUSHALL").exec(&mut connection).unwrap();
        }
    }

    pub(super) fn is_redis(&self) -> bool {
        self.server.is_some()
    }
}

/// A gateway whose webhook publishes its body on the topic `changes`, to which `changed` listens.
pub(super) fn events(hub: Hub) -> Events {
    let schema = r#"
        type Query { ready: Boolean @connect(selection: "$(true)") }
        type Subscription { changed: Int @subscribe(topic: "changes", authorize: NONE, selection: "$.n") }
    "#;
    let connectors = "base_url: http://orders\nwebhooks:\n  updates:\n    verify: { scheme: none }\n    id: $.n\n    \
                      publish: { topic: changes }\n";
    let files = [("schema/a.graphql", schema), ("connectors/orders.yaml", connectors)]
        .map(|(name, text)| (name.to_owned(), text.to_owned()));
    Events::new(gateway::from_files(&files, &[], Arc::new(MockUpstream::new())).unwrap(), hub)
}

/// Sends a delivery to it; gives the status.
pub(super) async fn deliver(events: &Events, number: usize) -> u16 {
    let body = Bytes::from(format!("{{\"n\": {number}}}"));
    let request = http::Request::post("/webhooks/orders/updates").body(body).unwrap();
    within(webhook::send(&Webhooks::default(), events, request)).await.status
}

/// Subscribes to it.
pub(super) async fn subscribe(events: &Events, after: Option<&str>) -> Payloads {
    let mut request = Request { query: "subscription { changed }".to_owned(), ..Request::default() };
    request.extensions.extend(after.map(|id| ("lastEventId".to_owned(), id.into())));
    match within(events.start(request)).await {
        Started::Stream(payloads) => payloads,
        Started::Once(response) => panic!("{:?}", response.body),
    }
}

/// The next answer, with the id of its event apart.
pub(super) async fn told(payloads: &mut Payloads) -> (String, Option<String>) {
    let payload = within(payloads.next()).await.expect("it goes on");
    let body = String::from_utf8(payload.body.to_vec()).unwrap();
    let id = payload.event.map(|id| id.to_string());
    (id.as_ref().map_or(body.clone(), |id| body.replace(id, "…")), id)
}

pub(super) fn event(topic: &str, data: impl ToString) -> NewEvent {
    NewEvent { topic: topic.into(), data: Bytes::from(data.to_string()) }
}

/// A delivery without a name.
pub(super) fn nameless(topic: &str, data: impl ToString) -> Delivery {
    Delivery { events: vec![event(topic, data)], ..Delivery::default() }
}

pub(super) fn named(names: &[&str], topic: &str, data: impl ToString) -> Delivery {
    let names = names.iter().map(|name| name.as_bytes().into()).collect();
    Delivery { names, ..nameless(topic, data) }
}

/// Publishes one event, and gives its id.
pub(super) async fn publish(hub: &Hub, topic: &str, data: impl ToString) -> EventId {
    let Published::Kept(ids) = within(hub.publish(nameless(topic, data))).await.unwrap() else {
        panic!("it has no name")
    };
    assert_eq!(ids.len(), 1);
    ids[0]
}

pub(super) async fn listen(hub: &Hub, topic: &str, after: Option<EventId>) -> Listener {
    within(hub.listen(topic, after)).await.unwrap()
}

/// The data of the next event.
pub(super) async fn hear(listener: &mut Listener) -> String {
    match within(listener.next()).await {
        Heard::Event(event) => String::from_utf8(event.data.to_vec()).unwrap(),
        Heard::Gap => "gap".to_owned(),
    }
}

/// The data of the next events, or `gap`.
pub(super) async fn hear_many(listener: &mut Listener, count: usize) -> Vec<String> {
    let mut heard = Vec::new();
    for _ in 0..count {
        heard.push(hear(listener).await);
    }
    heard
}

pub(super) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), work).await.expect("it comes to an end")
}

/// Tries until it holds: for what other processes do in their own time.
pub(super) async fn until<F: Future<Output = bool>>(mut holds: impl FnMut() -> F) {
    within(async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// A way to a port of loopback that can be closed.
pub(super) struct Door {
    is_open: watch::Sender<bool>,
    /// Connections that go through it.
    through: watch::Sender<usize>,
}

impl Door {
    /// Ends all connections, and takes no others.
    pub(super) async fn close(&self) {
        self.is_open.send_replace(false);
        within(self.through.subscribe().wait_for(|through| *through == 0)).await.unwrap();
    }

    pub(super) fn open(&self) {
        self.is_open.send_replace(true);
    }
}

/// The port to go in by, and the door.
pub(super) async fn door(to: u16) -> (u16, Door) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (is_open, through) = (watch::Sender::new(true), watch::Sender::new(0));
    let (watched, counted) = (is_open.subscribe(), through.clone());
    tokio::spawn(async move {
        while let Ok((mut inside, _)) = listener.accept().await {
            let (mut watched, counted) = (watched.clone(), counted.clone());
            counted.send_modify(|through| *through += 1);
            tokio::spawn(async move {
                if *watched.borrow_and_update() {
                    let mut outside = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut inside, &mut outside) => {}
                        _ = watched.wait_for(|is_open| !is_open) => {}
                    }
                }
                drop(inside);
                counted.send_modify(|through| *through -= 1);
            });
        }
    });
    (port, Door { is_open, through })
}
