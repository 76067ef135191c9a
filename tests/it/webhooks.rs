//! Webhooks over HTTP: what is taken and what refused, with which answer, what is published of it, and what a flood or a replay
//! comes to.

mod order;

use std::{
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use ficus::{
    Gateway,
    connector::Source,
    events::{Events, Heard, Hub, Listener},
    execute::Request,
    fetch::{CachedUpstream, FetchError, Upstream, UpstreamRequest, UpstreamResponse},
    telemetry::WebhookRefusal,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
};

use crate::{
    redis::{kept, until},
    support::{
        gateway,
        redis::RedisServer,
        webhook::{self, now},
    },
};

/// What takes longer does not happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// 32 bytes of one kind, as base64.
const SECRET: &str = "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
const NEXT_SECRET: &str = "whsec_CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=";

const SCHEMA: &str = r#"
type Query {
  order(id: ID!): String
    @connect(source: "shop", http: {GET: "/orders/{$args.id}"}, selection: "$")
    @cached(ttl: "1h", tags: ["order:{$args.id}"])
}
"#;

const CONNECTORS: &str = r#"
base_url: http://shop.example
webhooks:
  updates:
    verify: { scheme: standard-webhooks, secrets: ["${SECRET}"] }
    max_body: 1KiB
    publish:
      - when: $.type->eq("order.updated")
        topic: "order/{$.data.id}"
        event: $.data
        invalidate: ["order:{$.data.id}"]
      - each: $.lines
        topic: lines
  github:
    verify: { scheme: github, secrets: [hush] }
    publish: { topic: "{$request.headers.'x-github-event'->first}" }
  slack:
    verify: { scheme: slack, secrets: [hush] }
    publish: { topic: slack }
  meta:
    verify: { scheme: meta, secrets: [hush], verify_token: token }
    publish: { topic: meta }
  open:
    verify: { scheme: none }
    publish: { topic: open }
"#;

/// A backend whose answers are numbered, and kept for an hour.
#[derive(Default)]
struct Numbered(AtomicUsize);

impl Upstream for Numbered {
    fn send<'a>(
        &'a self,
        _: &'a Arc<Source>,
        _: Arc<UpstreamRequest>,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>> {
        Box::pin(async {
            let number = self.0.fetch_add(1, Ordering::SeqCst) + 1;
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Ok(UpstreamResponse::new(StatusCode::OK, headers, format!("\"{number}\"").into()))
        })
    }
}

fn files() -> Vec<(String, String)> {
    let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    vec![file("schema/a.graphql", SCHEMA), file("connectors/shop.yaml", CONNECTORS)]
}

fn env(secret: &str) -> Vec<(String, String)> {
    vec![("SECRET".to_owned(), secret.to_owned())]
}

/// A gateway that listens.
struct Stand {
    events: Events,
    address: SocketAddr,
    client: reqwest::Client,
}

impl Stand {
    async fn start() -> Stand {
        Stand::over(Arc::new(CachedUpstream::new(Arc::new(Numbered::default()), 1 << 20))).await
    }

    async fn over(upstream: Arc<dyn Upstream>) -> Stand {
        let gateway: Gateway = gateway::from_files(&files(), &env(SECRET), upstream).unwrap();
        let events = Events::new(gateway, Hub::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(ficus::server::serve(listener, events.clone(), std::future::pending()));
        rustls::crypto::ring::default_provider().install_default().ok();
        Stand { events, address, client: reqwest::Client::new() }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Sends a delivery with these headers; gives status and body.
    async fn send(&self, path: &str, headers: &[(&str, String)], body: &str) -> (u16, String) {
        let mut request = self.client.post(self.url(path)).body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Sends what `SECRET` signed.
    async fn deliver(&self, id: &str, body: &str) -> (u16, String) {
        self.send("/webhooks/shop/updates", &signed(id, now(), body), body).await
    }

    async fn listen(&self, topic: &str) -> Listener {
        self.events.hub().listen(topic, None).await.unwrap()
    }

    async fn order(&self) -> String {
        let request = Request { query: "{ order(id: 7) }".to_owned(), ..Request::default() };
        String::from_utf8(self.events.gateway().execute(request).await.body.to_vec()).unwrap()
    }
}

/// The headers of Standard Webhooks.
fn signed(id: &str, timestamp: u64, body: &str) -> Vec<(&'static str, String)> {
    webhook::standard(SECRET, id, timestamp, body)
}

fn github(delivery: &str, event: &str, body: &str) -> Vec<(&'static str, String)> {
    let named = [("x-github-delivery", delivery.to_owned()), ("x-github-event", event.to_owned())];
    webhook::hub("hush", body).into_iter().chain(named).collect()
}

/// What is heard within a few seconds.
async fn heard(listener: &mut Listener) -> String {
    let next = tokio::time::timeout(PATIENCE, listener.next()).await;
    let Ok(Heard::Event(event)) = next else { panic!("an event: {next:?}") };
    String::from_utf8(event.data.to_vec()).unwrap()
}

const RECEIVED: (u16, &str) = (200, r#"{"received":true}"#);

fn told((status, body): &(u16, String)) -> (u16, &str) {
    (*status, body)
}

#[tokio::test]
async fn a_delivery_is_published_whatever_it_says_it_is() {
    let stand = Stand::start().await;
    let mut order = stand.listen("order/a%2F7").await;
    let mut lines = stand.listen("lines").await;
    let content_types =
        ["", "application/json; charset=utf-8", "application/cloudevents+json", "text/plain", "x"];
    for (number, content_type) in content_types.into_iter().enumerate() {
        let body = format!(
            r#"{{"type": "order.updated", "data": {{"id": "a/7", "n": {number}}}, "lines": [{{"l": {number}}}, "two"]}}"#
        );
        let mut headers = signed(&format!("msg_{number}"), now(), &body);
        if !content_type.is_empty() {
            headers.push(("content-type", content_type.to_owned()));
        }
        let answer = stand.send("/webhooks/shop/updates", &headers, &body).await;
        assert_eq!(told(&answer), RECEIVED, "{content_type}");
        assert_eq!(heard(&mut order).await, format!(r#"{{"id":"a/7","n":{number}}}"#));
        assert_eq!(heard(&mut lines).await, format!(r#"{{"l":{number}}}"#));
        assert_eq!(heard(&mut lines).await, r#""two""#);
    }
    // One that no entry is about.
    assert_eq!(told(&stand.deliver("other", r#"{"type": "order.seen"}"#).await), RECEIVED);
    // The next one is next: nothing came of it.
    stand.deliver("last", r#"{"lines": "one"}"#).await;
    assert_eq!(heard(&mut lines).await, r#""one""#);
    let graph = stand.events.gateway().graph();
    let meter = graph.sources[0].webhook("updates").unwrap().meter();
    assert_eq!((meter.accepted.read(), meter.ignored.read(), meter.events.read()), (6, 1, 16));
}

#[tokio::test]
async fn what_is_wrong_is_refused_in_a_few_words() {
    let stand = Stand::start().await;
    let body = r#"{"type": "order.updated", "data": {"id": 7}}"#;
    let updates = "/webhooks/shop/updates";
    let with = |name: &'static str, value: &str| {
        let mut headers = signed("msg_1", now(), body);
        headers.retain(|(known, _)| *known != name);
        headers.push((name, value.to_owned()));
        headers
    };
    let signature = (401, r#"{"error":"The signature does not hold."}"#);
    let nowhere = (404, r#"{"error":"There is no webhook at this path."}"#);
    let unusable = (422, r#"{"error":"The delivery cannot be used."}"#);
    let no_json = (422, r#"{"error":"The delivery is not JSON."}"#);
    let large = format!(r#"{{"a": "{}"}}"#, "a".repeat(1024));
    for (case, path, headers, body, expected) in [
        ("unsigned", updates, vec![], body, signature),
        ("changed", updates, signed("msg_1", now(), body), "{}", signature),
        ("old", updates, signed("msg_1", now() - 310, body), body, signature),
        ("of the future", updates, signed("msg_1", now() + 310, body), body, signature),
        ("with another id", updates, with("webhook-id", "msg_2"), body, signature),
        ("another version", updates, with("webhook-signature", "v9,AAAA"), body, signature),
        ("for another scheme", updates, github("1", "push", body), body, signature),
        ("another source", "/webhooks/other/updates", signed("msg_1", now(), body), body, nowhere),
        ("another webhook", "/webhooks/shop/other", signed("msg_1", now(), body), body, nowhere),
        ("no webhook", "/webhooks/shop", signed("msg_1", now(), body), body, nowhere),
        ("more path", "/webhooks/shop/updates/", signed("msg_1", now(), body), body, nowhere),
        ("encoded path", "/webhooks/shop/%75pdates", signed("msg_1", now(), body), body, nowhere),
        (
            "large",
            updates,
            signed("msg_1", now(), &large),
            &large,
            (413, r#"{"error":"The delivery is too large."}"#),
        ),
        ("no JSON", updates, signed("msg_1", now(), "{"), "{", no_json),
        ("nothing", updates, signed("msg_1", now(), ""), "", no_json),
        (
            "no id for the topic",
            updates,
            signed("msg_1", now(), r#"{"type": "order.updated", "data": {}}"#),
            r#"{"type": "order.updated", "data": {}}"#,
            unusable,
        ),
        (
            "a list for the topic",
            updates,
            signed("msg_1", now(), r#"{"type": "order.updated", "data": {"id": [7]}, "lines": [1]}"#),
            r#"{"type": "order.updated", "data": {"id": [7]}, "lines": [1]}"#,
            unusable,
        ),
        (
            "a form",
            "/webhooks/shop/github",
            [
                github("1", "push", "payload=%7B%7D"),
                vec![("content-type", "application/x-www-form-urlencoded".to_owned())],
            ]
            .concat(),
            "payload=%7B%7D",
            (415, r#"{"error":"Send the delivery as JSON."}"#),
        ),
        (
            "compressed",
            updates,
            with("content-encoding", "gzip"),
            body,
            (415, r#"{"error":"Send the delivery uncompressed."}"#),
        ),
    ] {
        let mut lines = stand.listen("lines").await;
        let mut order = stand.listen("order/7").await;
        assert_eq!(told(&stand.send(path, &headers, body).await), expected, "{case}");
        // Had it published anything, that would be heard before this.
        assert_eq!(stand.deliver(&format!("after {case}"), r#"{"lines": "after"}"#).await.0, 200);
        assert_eq!(heard(&mut lines).await, r#""after""#, "{case}");
        let silent = tokio::time::timeout(Duration::ZERO, order.next()).await.is_err();
        assert!(silent, "{case}");
    }
    let counted = |reason| {
        let graph = stand.events.gateway().graph();
        graph.sources[0].webhook("updates").unwrap().meter().refused.of(reason)
    };
    assert_eq!(counted(WebhookRefusal::Signature), 5);
    assert_eq!(counted(WebhookRefusal::Timestamp), 2);
    assert_eq!(counted(WebhookRefusal::Mapping), 2);
    for method in [Method::GET, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let response = stand.client.request(method, stand.url(updates)).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["allow"]),
            (405, &HeaderValue::from_static("POST"))
        );
    }
}

/// A thousand copies of one delivery; also under a thousand ids, where the signature does not cover them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_of_a_delivery_are_one_event() {
    let stand = Arc::new(Stand::start().await);
    let body = r#"{"lines": "copied"}"#;
    let copies: [(&str, &str, &'static str); 2] =
        [("lines", "/webhooks/shop/updates", "standard"), ("push", "/webhooks/shop/github", "github")];
    for (topic, path, scheme) in copies {
        let mut listener = stand.listen(topic).await;
        let standard = signed("msg_copied", now(), body);
        let mut deliveries = tokio::task::JoinSet::new();
        for copy in 0..1_000 {
            let headers = match scheme {
                "standard" => standard.clone(),
                _ => github(&format!("copy-{copy}"), "push", body),
            };
            let (stand, path) = (Arc::clone(&stand), path.to_owned());
            deliveries.spawn(async move {
                // Some may be turned away for now, as any sender may be, and come again.
                loop {
                    let (status, _) = stand.send(&path, &headers, body).await;
                    if status != 503 {
                        return status;
                    }
                }
            });
        }
        let statuses = deliveries.join_all().await;
        assert!(statuses.iter().all(|status| *status == 200), "{scheme}: {statuses:?}");
        heard(&mut listener).await;
        let silent = tokio::time::timeout(Duration::ZERO, listener.next()).await.is_err();
        assert!(silent, "{scheme}: a second event");
    }
    // The same body under a new id is another delivery where the id is signed.
    let mut listener = stand.listen("lines").await;
    stand.deliver("msg_other", body).await;
    heard(&mut listener).await;
    let graph = stand.events.gateway().graph();
    let counted = |name: &str| {
        let meter = graph.sources[0].webhook(name).unwrap().meter();
        (meter.accepted.read(), meter.duplicates.read())
    };
    assert_eq!((counted("updates"), counted("github")), ((2, 999), (1, 999)));
}

#[tokio::test]
async fn senders_that_ask_first_are_answered() {
    let stand = Stand::start().await;
    let get = async |query: &str| {
        let response =
            stand.client.get(stand.url(&format!("/webhooks/shop/meta?{query}"))).send().await.unwrap();
        let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
        (response.status().as_u16(), content_type, response.text().await.unwrap())
    };
    let (status, content_type, challenge) =
        get("hub.mode=subscribe&hub.challenge=1158&hub.verify_token=token").await;
    assert_eq!((status, &*content_type, &*challenge), (200, "text/plain; charset=utf-8", "1158"));
    let (status, _, refused) = get("hub.mode=subscribe&hub.challenge=1158&hub.verify_token=tokem").await;
    assert_eq!((status, &*refused), (401, r#"{"error":"The signature does not hold."}"#));

    let body = r#"{"type": "url_verification", "challenge": "3eZbrw1aB"}"#;
    let slack = |secret: &str| webhook::slack(secret, now(), body);
    let answer = stand.send("/webhooks/shop/slack", &slack("hush"), body).await;
    assert_eq!(told(&answer), (200, "3eZbrw1aB"));
    // Who cannot sign is told nothing, not even what it said itself.
    assert_eq!(stand.send("/webhooks/shop/slack", &slack("other"), body).await.0, 401);
}

#[tokio::test]
async fn an_event_ends_what_is_kept_of_what_it_is_about() {
    let stand = Stand::start().await;
    assert_eq!(stand.order().await, r#"{"data":{"order":"1"}}"#);
    assert_eq!(stand.order().await, r#"{"data":{"order":"1"}}"#);
    stand.deliver("msg_1", r#"{"type": "order.updated", "data": {"id": 8}}"#).await;
    assert_eq!(stand.order().await, r#"{"data":{"order":"1"}}"#, "it is about another order");
    let mut order = stand.listen("order/7").await;
    stand.deliver("msg_2", r#"{"type": "order.updated", "data": {"id": 7}}"#).await;
    heard(&mut order).await;
    assert_eq!(stand.order().await, r#"{"data":{"order":"2"}}"#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_one_instance_takes_ends_what_another_one_keeps() {
    let server = RedisServer::start();
    // So does whoever waits shorter for it than a busy machine takes.
    let redis = ficus::config::Redis { timeout: PATIENCE, ..ficus::config::Redis::at(server.url()) };
    let backend = Arc::new(Numbered::default());
    let instance = async || {
        let cache =
            CachedUpstream::with_second_level(backend.clone() as Arc<dyn Upstream>, 1 << 20, &redis).unwrap();
        cache.connected().await;
        Stand::over(Arc::new(cache)).await
    };
    let (taking, keeping) = (instance().await, instance().await);
    assert_eq!(keeping.order().await, r#"{"data":{"order":"1"}}"#);
    assert_eq!(keeping.order().await, r#"{"data":{"order":"1"}}"#);
    until(async || kept(&server).await.len() == 1).await;
    let before = kept(&server).await;
    taking.deliver("msg_1", r#"{"type": "order.updated", "data": {"id": 7}}"#).await;
    assert_eq!(
        taking.order().await,
        r#"{"data":{"order":"2"}}"#,
        "the purge is in Redis before the sender is answered"
    );
    // Until it stands there, whoever does not find it asks the backend once more.
    until(async || {
        let now = kept(&server).await;
        now.len() == 1 && now != before
    })
    .await;
    let hears = async {
        while keeping.order().await != r#"{"data":{"order":"2"}}"# {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, hears).await.expect("the other instance hears of it");
}

#[tokio::test]
async fn a_secret_that_was_taken_out_signs_no_more() {
    let stand = Stand::start().await;
    let both = CONNECTORS.replace("\"${SECRET}\"", &format!("\"{NEXT_SECRET}\", \"${{SECRET}}\""));
    let with = |text: String| {
        let mut files = files();
        files[1].1 = text;
        gateway::graph(&files, &env(SECRET)).unwrap()
    };
    let body = r#"{"lines": 1}"#;
    stand.events.gateway().reload(with(both));
    assert_eq!(stand.deliver("msg_1", body).await.0, 200);
    stand.events.gateway().reload(with(CONNECTORS.replace("${SECRET}", NEXT_SECRET)));
    assert_eq!(stand.deliver("msg_2", body).await.0, 401);
    let graph = stand.events.gateway().graph();
    let meter = graph.sources[0].webhook("updates").unwrap().meter();
    let counted = (meter.accepted.read(), meter.refused.of(WebhookRefusal::Signature));
    assert_eq!(counted, (1, 1), "a reload goes on counting");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stuck_senders_take_no_place_from_queries() {
    let stand = Stand::start().await;
    let mut stuck = Vec::new();
    let overloaded = async {
        loop {
            let mut sender = TcpStream::connect(stand.address).await.unwrap();
            let head = "POST /webhooks/shop/open HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{";
            sender.write_all(head.as_bytes()).await.unwrap();
            stuck.push(sender);
            let answer = stand.client.post(stand.url("/webhooks/shop/open")).body("{}").send().await.unwrap();
            if answer.status() != 200 {
                return answer;
            }
        }
    };
    let answer = tokio::time::timeout(Duration::from_secs(60), overloaded).await.expect("places are bounded");
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (503, &HeaderValue::from_static("5"))
    );
    assert_eq!(answer.text().await.unwrap(), r#"{"error":"There are too many deliveries; send it again."}"#);
    let query = stand.client.post(stand.url("/graphql")).header("content-type", "application/json");
    let answer = query.body(r#"{"query": "{ __typename }"}"#).send().await.unwrap();
    assert_eq!(answer.text().await.unwrap(), r#"{"data":{"__typename":"Query"}}"#);
    // Who goes away leaves its place.
    drop(stuck);
    let taken = async {
        while stand.client.post(stand.url("/webhooks/shop/open")).body("{}").send().await.unwrap().status()
            != 200
        {}
    };
    tokio::time::timeout(PATIENCE, taken).await.expect("places come free");
}
