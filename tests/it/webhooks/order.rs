//! Purge, publish, answer: in that order, whatever else is under way, and in every instance. The backend answers when it is told
//! to, so each interleaving is made and none is waited for.

use std::{collections::VecDeque, sync::Mutex};

use ficus::{
    config::{Config, EventStore, Redis},
    events::{Payloads, Refused, Started, Taken},
};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::sync::{mpsc, oneshot};

use super::*;

const SCHEMA: &str = r#"
type Query {
  order(id: ID!): Order
    @connect(source: "shop", http: {GET: "/orders/{$args.id}"}, selection: "id status", entity: true)
    @cached(ttl: "1h", tags: ["order:{$args.id}"])
}
type Order { id: ID! status: String }
type Subscription {
  orderChanged(id: ID!): Order @subscribe(topic: "order/{$args.id}", selection: "id", authorize: NONE)
}
"#;

const CONNECTORS: &str = r#"
base_url: http://shop.example
webhooks:
  updates:
    verify: { scheme: none }
    publish: { topic: "order/{$.id}", invalidate: ["order:{$.id}"] }
  many:
    verify: { scheme: none }
    publish:
      - each: $.tags
        invalidate: ["{$}"]
      - topic: "order/{$.id}"
"#;

fn files() -> Vec<(String, String)> {
    [("schema/a.graphql", SCHEMA), ("connectors/shop.yaml", CONNECTORS)]
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .to_vec()
}

/// A backend whose requests wait until the test answers them.
struct Held(mpsc::UnboundedSender<oneshot::Sender<&'static str>>);

/// Where the test finds the requests, in the order in which they came.
struct Requests(mpsc::UnboundedReceiver<oneshot::Sender<&'static str>>);

impl Held {
    fn new() -> (Arc<Held>, Requests) {
        let (to, from) = mpsc::unbounded_channel();
        (Arc::new(Held(to)), Requests(from))
    }
}

impl Upstream for Held {
    fn send<'a>(
        &'a self,
        _: &'a Arc<Source>,
        _: Arc<UpstreamRequest>,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>> {
        Box::pin(async {
            let (answer, answered) = oneshot::channel();
            self.0.send(answer).unwrap();
            let status = answered.await.unwrap();
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            let body = format!(r#"{{"id": "7", "status": "{status}"}}"#);
            Ok(UpstreamResponse::new(StatusCode::OK, headers, body.into()))
        })
    }
}

impl Requests {
    async fn next(&mut self) -> oneshot::Sender<&'static str> {
        within(self.0.recv()).await.unwrap()
    }

    /// Whether nobody asks. What could ask has run: time goes on only when nothing else can.
    async fn is_empty(&mut self) -> bool {
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.0.try_recv().is_err()
    }
}

async fn within<T>(wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), wait).await.expect("within half a minute")
}

fn events(upstream: Arc<dyn Upstream>, hub: Hub) -> Events {
    Events::new(gateway::from_files(&files(), &[], upstream).unwrap(), hub)
}

async fn deliver(events: &Events, webhook: &str, body: &str) -> Result<Taken, Refused> {
    let intake = events.webhook("shop", webhook).unwrap();
    intake.take(&HeaderMap::new(), body.as_bytes(), SystemTime::now()).await
}

/// A query in a task of its own; what it comes to is the order's status.
fn order(events: &Events) -> tokio::task::JoinHandle<String> {
    let events = events.clone();
    tokio::spawn(async move {
        let query = "{ order(id: 7) { status } }".to_owned();
        let response = events.gateway().execute(Request { query, ..Request::default() }).await;
        status(&response.body, "order")
    })
}

fn status(body: &[u8], field: &str) -> String {
    let answer: serde_json::Value = serde_json::from_slice(body).unwrap();
    answer["data"][field]["status"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

async fn subscribe(events: &Events, after: Option<String>) -> Payloads {
    let mut request =
        Request { query: "subscription { orderChanged(id: 7) { status } }".to_owned(), ..Request::default() };
    request.extensions.extend(after.map(|id| ("lastEventId".to_owned(), id.into())));
    match events.start(request).await {
        Started::Stream(payloads) => payloads,
        Started::Once(response) => panic!("{:?}", response.body),
    }
}

#[tokio::test(start_paused = true)]
async fn a_query_under_way_when_the_webhook_comes_is_joined_by_nobody_and_keeps_nothing() {
    let (held, mut requests) = Held::new();
    let events = events(Arc::new(CachedUpstream::new(held, 1 << 20)), Hub::default());
    let before = order(&events);
    let asked_before = requests.next().await;
    assert_eq!(deliver(&events, "updates", r#"{"id": 7}"#).await.unwrap(), Taken::Kept);
    // Whoever asks from now on asks anew.
    let after = order(&events);
    let asked_after = requests.next().await;
    asked_after.send("new").unwrap();
    assert_eq!(after.await.unwrap(), "new");
    // And what was true before comes in last.
    asked_before.send("old").unwrap();
    assert_eq!(before.await.unwrap(), "old", "it asked before");
    assert_eq!(order(&events).await.unwrap(), "new", "and it was not kept");
    assert!(requests.is_empty().await);
}

#[tokio::test(start_paused = true)]
async fn what_an_event_is_completed_with_and_what_its_subscriber_asks_then_are_fresh() {
    let (held, mut requests) = Held::new();
    let events = events(Arc::new(CachedUpstream::new(held, 1 << 20)), Hub::default());
    let mut heard = subscribe(&events, None).await;
    let kept = order(&events);
    requests.next().await.send("old").unwrap();
    assert_eq!(kept.await.unwrap(), "old");
    deliver(&events, "updates", r#"{"id": 7}"#).await.unwrap();
    let asked_by_first = requests.next().await;
    let first = order(&events);
    assert!(requests.is_empty().await, "a query after the purge shares what the event asks for");
    deliver(&events, "updates", r#"{"id": 7}"#).await.unwrap();
    let second = order(&events);
    let asked_by_second = requests.next().await;
    asked_by_first.send("new").unwrap();
    assert_eq!(first.await.unwrap(), "new");
    assert_eq!(status(&within(heard.next()).await.unwrap().body, "orderChanged"), "new");
    assert!(requests.is_empty().await, "the second event waits for what was asked after its purge");
    asked_by_second.send("newest").unwrap();
    assert_eq!(second.await.unwrap(), "newest");
    assert_eq!(status(&within(heard.next()).await.unwrap().body, "orderChanged"), "newest");
    assert_eq!(order(&events).await.unwrap(), "newest", "the subscriber's next query");
    assert!(requests.is_empty().await);
}

/// Instances that share events and nothing else: their caches cannot hear of one another's purges but by the events.
struct Apart {
    _redis: RedisServer,
    config: Config,
}

impl Apart {
    fn start() -> Self {
        let redis = RedisServer::start();
        let mut config = Config { redis: Some(Redis::at(redis.url())), ..Config::default() };
        config.events.store = EventStore::Redis;
        Apart { _redis: redis, config }
    }

    fn instance(&self, upstream: Arc<dyn Upstream>) -> Events {
        events(Arc::new(CachedUpstream::new(upstream, 1 << 20)), Hub::open(&self.config).unwrap())
    }
}

/// A backend that gives the statuses in turn, and the last one for ever.
struct Turns(Mutex<VecDeque<&'static str>>);

impl Upstream for Turns {
    fn send<'a>(
        &'a self,
        _: &'a Arc<Source>,
        _: Arc<UpstreamRequest>,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>> {
        let mut turns = self.0.lock().unwrap();
        let status = if turns.len() > 1 { turns.pop_front() } else { turns.front().copied() };
        let body = format!(r#"{{"id": "7", "status": "{}"}}"#, status.unwrap());
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        std::future::ready(Ok(UpstreamResponse::new(StatusCode::OK, headers, body.into()))).boxed()
    }
}

fn turns(statuses: &[&'static str]) -> Arc<Turns> {
    Arc::new(Turns(Mutex::new(statuses.iter().copied().collect())))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_hears_an_event_before_its_purge_has_purged() {
    let apart = Apart::start();
    let (taking, hearing) =
        (apart.instance(turns(&["of another instance"])), apart.instance(turns(&["old", "new"])));
    let mut heard = subscribe(&hearing, None).await;
    assert_eq!(order(&hearing).await.unwrap(), "old");
    assert_eq!(order(&hearing).await.unwrap(), "old", "it is kept");
    deliver(&taking, "updates", r#"{"id": 8}"#).await.unwrap();
    deliver(&taking, "updates", r#"{"id": 7}"#).await.unwrap();
    let told = within(heard.next()).await.unwrap();
    assert_eq!(status(&told.body, "orderChanged"), "new");
    assert_eq!(order(&hearing).await.unwrap(), "new");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_back_to_another_instance_finds_it_purged_too() {
    let apart = Apart::start();
    let (taking, hearing) =
        (apart.instance(turns(&["first"])), apart.instance(turns(&["old", "new", "newest"])));
    let mut left = subscribe(&taking, None).await;
    deliver(&taking, "updates", r#"{"id": 7}"#).await.unwrap();
    let first = within(left.next()).await.unwrap().event.unwrap();
    drop(left);
    assert_eq!(order(&hearing).await.unwrap(), "old");
    deliver(&taking, "updates", r#"{"id": 7}"#).await.unwrap();
    let mut heard = subscribe(&hearing, Some(first.to_string())).await;
    assert_eq!(status(&within(heard.next()).await.unwrap().body, "orderChanged"), "new");
    deliver(&taking, "updates", r#"{"id": 7}"#).await.unwrap();
    assert_eq!(status(&within(heard.next()).await.unwrap().body, "orderChanged"), "newest");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_of_many_tags_is_heard_as_one_of_everything() {
    let apart = Apart::start();
    let (taking, hearing) = (apart.instance(turns(&["first"])), apart.instance(turns(&["old", "new"])));
    let mut heard = subscribe(&hearing, None).await;
    assert_eq!(order(&hearing).await.unwrap(), "old");
    let tags: Vec<String> = (0..500).map(|number| format!("tag {number}")).collect();
    let body = serde_json::json!({"id": 7, "tags": tags}).to_string();
    deliver(&taking, "many", &body).await.unwrap();
    assert_eq!(status(&within(heard.next()).await.unwrap().body, "orderChanged"), "new");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_published_that_could_not_be_purged_everywhere() {
    let (cache_of_all, apart) = (RedisServer::start(), Apart::start());
    let settings = Redis::at(cache_of_all.url());
    let cache = CachedUpstream::with_second_level(turns(&["old", "new"]), 1 << 20, &settings).unwrap();
    cache.connected().await;
    let events = events(Arc::new(cache), Hub::open(&apart.config).unwrap());
    let mut heard = subscribe(&events, None).await;
    assert_eq!(order(&events).await.unwrap(), "old");
    cache_of_all.freeze();
    let refused = deliver(&events, "updates", r#"{"id": 7}"#).await;
    assert!(matches!(refused, Err(Refused::NotPurged)), "{refused:?}");
    assert_eq!(order(&events).await.unwrap(), "new", "here it is purged all the same");
    assert!(heard.next().now_or_never().is_none());
    cache_of_all.thaw();
    // Its sender sends it again until it is taken.
    let taken = async {
        while deliver(&events, "updates", r#"{"id": 7}"#).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    within(taken).await;
    assert_eq!(status(&within(heard.next()).await.unwrap().body, "orderChanged"), "new");
}
