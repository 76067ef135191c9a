//! Rows of batches in Redis: another instance asks only for those that nobody keeps, and a purge reaches every one of them,
//! whenever it comes. Through whole gateways, since whose row is whose is known there.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use ficus::{
    Gateway,
    config::Redis,
    connector::Source,
    execute::Request,
    fetch::{CachedUpstream, FetchError, Upstream, UpstreamRequest, UpstreamResponse},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{commands, until, until_kept, within};
use crate::support::{gateway, redis::RedisServer};

const SCHEMA: &str = r#"
type Query {
  orders(ids: [ID!]!): [Order!] @connect(selection: "$args.ids->map({ id: @ })")
}

type Mutation {
  change(id: ID!): Order
    @connect(source: "shop", http: { PUT: "/changed/{$args.id}" }, selection: "id")
    @invalidates(tags: ["order:{$args.id}"])
}

type Order
  @connect(
    source: "shop"
    http: { GET: "/orders", queryParams: "id: $batch.id" }
    batch: { maxSize: 10 }
    selection: "id text"
  )
  @cached(ttl: "1h", tags: ["order:{$.id}"]) {
  id: ID!
  text: String
}
"#;

/// Knows every order; all of them change with each write.
struct Shop {
    version: AtomicUsize,
    asked: Mutex<Vec<String>>,
    /// How many more reads may be answered.
    reads: Semaphore,
}

impl Upstream for Shop {
    fn send<'a>(
        &'a self,
        _: &'a Arc<Source>,
        request: Arc<UpstreamRequest>,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>> {
        Box::pin(async move {
            let (_, ids) = request.url.split_once('?').unwrap_or_default();
            let body = if request.method == Method::PUT {
                self.version.fetch_add(1, SeqCst);
                json!({ "id": 0 })
            } else {
                self.asked.lock().unwrap().push(ids.to_owned());
                let version = self.version.load(SeqCst);
                self.reads.acquire().await.unwrap().forget();
                let row = |id: &str| json!({ "id": id, "text": format!("{id} of {version}") });
                ids.split('&').filter_map(|pair| pair.strip_prefix("id=")).map(row).collect()
            };
            let mut headers = HeaderMap::new();
            headers.insert("content-type", HeaderValue::from_static("application/json"));
            Ok(UpstreamResponse::new(StatusCode::OK, headers, body.to_string().into()))
        })
    }
}

/// A shop behind several gateways that meet in one Redis.
struct Bench {
    server: RedisServer,
    redis: Redis,
    shop: Arc<Shop>,
    files: Vec<(String, String)>,
}

impl Bench {
    /// `settings` stand in the source's file.
    fn new(settings: &str) -> Self {
        let server = RedisServer::start();
        let files = [
            ("schema/schema.graphql", SCHEMA.to_owned()),
            ("connectors/shop.yaml", format!("base_url: http://shop\n{settings}")),
        ];
        Bench {
            redis: Redis::at(server.url()),
            server,
            shop: Arc::new(Shop {
                version: AtomicUsize::new(1),
                asked: Mutex::default(),
                reads: Semaphore::new(1_000),
            }),
            files: files.map(|(name, text)| (name.to_owned(), text)).to_vec(),
        }
    }

    async fn instance(&self) -> Gateway {
        let shop = Arc::clone(&self.shop) as Arc<dyn Upstream>;
        let cached = CachedUpstream::with_second_level(shop, 1 << 20, &self.redis).unwrap();
        within(cached.connected()).await;
        gateway::from_files(&self.files, &[], Arc::new(cached)).unwrap()
    }

    /// Which ids the shop was asked for, since the last look.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.shop.asked.lock().unwrap())
    }
}

/// What a client with this header gets.
async fn texts(gateway: &Gateway, user: &'static str, ids: &[u32]) -> Vec<String> {
    let mut headers = HeaderMap::new();
    headers.insert("x-user", HeaderValue::from_static(user));
    let query = format!("{{ orders(ids: {ids:?}) {{ text }} }}");
    let request = Request { query, headers: Some(headers), ..Request::default() };
    let response = within(gateway.execute(request)).await;
    let answer: Value = serde_json::from_slice(&response.body).unwrap();
    let orders = answer["data"]["orders"].as_array().unwrap_or_else(|| panic!("{answer}"));
    orders.iter().map(|order| order["text"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn change(gateway: &Gateway, id: u32) {
    let query = format!("mutation {{ change(id: {id}) {{ id }} }}");
    let response = within(gateway.execute(Request { query, ..Request::default() })).await;
    assert_eq!(&response.body[..], br#"{"data":{"change":{"id":"0"}}}"#);
}

/// How many scripts Redis has run.
async fn scripts(server: &RedisServer) -> u64 {
    let mut connection = commands(server).await;
    let told: String = ::redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await.unwrap();
    let calls = told.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
    calls.and_then(|calls| calls.split(',').next()).and_then(|calls| calls.parse().ok()).unwrap()
}

#[tokio::test]
async fn another_instance_asks_for_what_nobody_keeps() {
    for settings in ["", "batch_window: 1ms\n"] {
        let bench = Bench::new(settings);
        let (first, second) = (bench.instance().await, bench.instance().await);
        assert_eq!(texts(&first, "anna", &[1, 2]).await, ["1 of 1", "2 of 1"]);
        until_kept(&bench.server, 2).await;
        assert_eq!(bench.asked(), ["id=1&id=2"]);
        let before = scripts(&bench.server).await;
        assert_eq!(texts(&second, "ben", &[1, 3, 2, 4]).await, ["1 of 1", "3 of 1", "2 of 1", "4 of 1"]);
        assert_eq!(bench.asked(), ["id=3&id=4"]);
        until_kept(&bench.server, 4).await;
        // One look for all of them, and one write for what it lacked.
        assert_eq!(scripts(&bench.server).await - before, 2);
        // What it found it has from now on.
        assert_eq!(texts(&second, "ben", &[2, 1]).await, ["2 of 1", "1 of 1"]);
        assert_eq!(bench.asked(), [""; 0]);
        assert_eq!(scripts(&bench.server).await - before, 2);
    }
}

/// The batch is on its way when another instance purges one of its rows, which is as it was before.
#[tokio::test]
async fn a_purge_between_look_up_and_write_is_not_overwritten() {
    for settings in ["", "batch_window: 1ms\n"] {
        let bench = Bench::new(settings);
        let (first, second) = (bench.instance().await, bench.instance().await);
        bench.shop.reads.forget_permits(1_000);
        let slow = async { texts(&first, "anna", &[1, 2]).await };
        let overtaking = async {
            until(|| async { !bench.shop.asked.lock().unwrap().is_empty() }).await;
            change(&second, 2).await;
            bench.shop.reads.add_permits(1_000);
        };
        let (answer, ()) = tokio::join!(slow, overtaking);
        assert_eq!(answer, ["1 of 1", "2 of 1"]);
        // The other row has nothing to do with it.
        until_kept(&bench.server, 1).await;
        assert_eq!(bench.asked(), ["id=1&id=2"]);
        assert_eq!(texts(&bench.instance().await, "ben", &[1, 2]).await, ["1 of 1", "2 of 2"]);
        assert_eq!(bench.asked(), ["id=2"]);
        until_kept(&bench.server, 2).await;
        assert_eq!(texts(&bench.instance().await, "ben", &[1, 2]).await, ["1 of 1", "2 of 2"]);
        assert_eq!(bench.asked(), [""; 0]);
    }
}

/// The flight that somebody joins may be older than their own look: what it brings is bound by when it began.
#[tokio::test]
async fn who_joins_an_older_batch_does_not_keep_it_beyond_a_purge() {
    let bench = Bench::new("");
    let (first, second) = (bench.instance().await, bench.instance().await);
    bench.shop.reads.forget_permits(1_000);
    let one = async { texts(&first, "anna", &[1]).await };
    let other = async {
        until(|| async { bench.shop.asked.lock().unwrap().len() == 1 }).await;
        change(&second, 1).await;
        // Whether it joins depends on whether the purge has come to this instance; neither may keep what is old.
        let later = texts(&first, "ben", &[1]);
        let go_on = async { bench.shop.reads.add_permits(1_000) };
        tokio::join!(later, go_on).0
    };
    tokio::join!(one, other);
    let last = bench.instance().await;
    assert_eq!(texts(&last, "ben", &[1]).await, ["1 of 2"]);
    until_kept(&bench.server, 1).await;
    assert_eq!(texts(&bench.instance().await, "ben", &[1]).await, ["1 of 2"]);
}

#[tokio::test]
async fn a_mutation_through_one_instance_ends_the_rows_of_all() {
    let bench = Bench::new("");
    let (first, second) = (bench.instance().await, bench.instance().await);
    assert_eq!(texts(&first, "anna", &[1, 2]).await, ["1 of 1", "2 of 1"]);
    until_kept(&bench.server, 2).await;
    assert_eq!(texts(&second, "anna", &[1, 2]).await, ["1 of 1", "2 of 1"]);
    change(&first, 1).await;
    // Whoever looks into Redis does not find it from that moment on; who has a copy hears of it.
    assert_eq!(texts(&bench.instance().await, "anna", &[1, 2]).await, ["1 of 2", "2 of 1"]);
    until_kept(&bench.server, 2).await;
    until(|| async { texts(&second, "anna", &[1, 2]).await == ["1 of 2", "2 of 1"] }).await;
}

#[tokio::test]
async fn rows_that_are_one_clients_stay_in_the_process() {
    let mut bench = Bench::new("headers: [{ name: x-user, from: x-user }]\n");
    let (first, second) = (bench.instance().await, bench.instance().await);
    for instance in [&first, &second, &first, &second] {
        texts(instance, "anna", &[1]).await;
    }
    assert_eq!(bench.asked(), ["id=1"; 2]);
    // They may leave where that is wanted; then equal headers reach them, and no others.
    bench.redis.private = true;
    texts(&bench.instance().await, "anna", &[1]).await;
    until_kept(&bench.server, 1).await;
    let third = bench.instance().await;
    texts(&third, "anna", &[1]).await;
    assert_eq!(bench.asked(), ["id=1"]);
    texts(&third, "ben", &[1]).await;
    assert_eq!(bench.asked(), ["id=1"]);
}

#[tokio::test]
async fn without_a_server_rows_are_the_processs_own() {
    let mut bench = Bench::new("");
    let instance = bench.instance().await;
    texts(&instance, "anna", &[1]).await;
    bench.server.kill();
    assert_eq!(texts(&instance, "anna", &[1, 2]).await, ["1 of 1", "2 of 1"]);
    assert_eq!(bench.asked(), ["id=1", "id=2"]);
    assert_eq!(texts(&instance, "anna", &[2]).await, ["2 of 1"]);
    assert_eq!(bench.asked(), [""; 0]);
}
