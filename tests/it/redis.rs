//! The cache's second level against a real Redis: what instances share, what purges reach, what stays in the process, and what a
//! server that is slow, gone or forgetful costs.

mod rows;

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use ficus::{
    config::{Redis, RedisTls},
    connector::Source,
    fetch::{CachedUpstream, FetchError, OwnHeaders, Upstream, UpstreamRequest, UpstreamResponse},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tokio::sync::Semaphore;

use crate::support::redis::RedisServer;

/// Counts what it is asked, and answers with the count.
struct Backend {
    headers: Mutex<Vec<(&'static str, &'static str)>>,
    asked: AtomicUsize,
    /// How many more reads may be answered.
    reads: Semaphore,
}

impl Upstream for Backend {
    fn send<'a>(
        &'a self,
        _: &'a Arc<Source>,
        request: Arc<UpstreamRequest>,
    ) -> Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>> {
        Box::pin(async move {
            let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
            if request.method == Method::GET {
                self.reads.acquire().await.unwrap().forget();
            }
            let mut headers = HeaderMap::new();
            for (name, value) in &*self.headers.lock().unwrap() {
                headers.append(*name, HeaderValue::from_static(value));
            }
            let body = format!("{} {number}", request.method);
            Ok(UpstreamResponse::new(StatusCode::OK, headers, body.into()))
        })
    }
}

/// One backend behind several instances of the gateway's cache, which meet in one Redis.
struct Bench {
    server: RedisServer,
    /// How instances reach it.
    redis: Redis,
    backend: Arc<Backend>,
    source: Arc<Source>,
}

impl Bench {
    fn new(headers: &[(&'static str, &'static str)]) -> Self {
        Bench::over(RedisServer::start(), headers)
    }

    fn over(server: RedisServer, headers: &[(&'static str, &'static str)]) -> Self {
        let backend = Backend {
            headers: Mutex::new(headers.to_vec()),
            asked: AtomicUsize::new(0),
            reads: Semaphore::new(1_000),
        };
        let (redis, source) = (Redis::at(server.url()), Arc::new(Source::named("shop")));
        Bench { server, redis, backend: Arc::new(backend), source }
    }

    fn asked(&self) -> usize {
        self.backend.asked.load(Ordering::SeqCst)
    }

    /// An instance that knows nothing yet but the way to Redis.
    fn unconnected(&self) -> Instance {
        let backend = Arc::clone(&self.backend) as Arc<dyn Upstream>;
        let cache = CachedUpstream::with_second_level(backend, 1 << 20, &self.redis).unwrap();
        Instance { cache: Arc::new(cache), source: Arc::clone(&self.source) }
    }

    async fn instance(&self) -> Instance {
        let instance = self.unconnected();
        within(instance.cache.connected()).await;
        instance
    }

    async fn two(&self) -> (Instance, Instance) {
        (self.instance().await, self.instance().await)
    }

    async fn until_kept(&self, count: usize) {
        until_kept(&self.server, count).await;
    }

    /// Waits until something else is kept than was before: what an instance has answered, it writes down behind the answer.
    async fn until_other_than(&self, before: &BTreeMap<Vec<u8>, Vec<u8>>) {
        until(async || kept(&self.server).await != *before).await;
    }
}

#[derive(Clone)]
struct Instance {
    cache: Arc<CachedUpstream>,
    source: Arc<Source>,
}

impl Instance {
    async fn send(&self, request: UpstreamRequest) -> String {
        let response = self.cache.send(&self.source, request.into()).await.unwrap();
        String::from_utf8(response.body.to_vec()).unwrap()
    }

    async fn get(&self) -> String {
        self.send(get(&[])).await
    }

    async fn write(&self) -> String {
        self.send(UpstreamRequest { method: Method::PUT, ..get(&[]) }).await
    }
}

const FRESH: &[(&str, &str)] = &[("cache-control", "max-age=600"), ("x-colour", "blue")];

fn get(headers: &[(&'static str, &'static str)]) -> UpstreamRequest {
    let pair = |(name, value): &(&'static str, &'static str)| {
        (HeaderName::from_static(name), HeaderValue::from_static(value))
    };
    UpstreamRequest {
        headers: headers.iter().map(pair).collect(),
        ..UpstreamRequest::new(Method::GET, "http://shop/things?page=1")
    }
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("it comes to an end")
}

/// Tries until it holds: for what other processes do in their own time.
pub(crate) async fn until(mut holds: impl AsyncFnMut() -> bool) {
    within(async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

/// What is in Redis, as its own command line would show it.
async fn commands(server: &RedisServer) -> ::redis::aio::MultiplexedConnection {
    let client = ::redis::Client::open(server.url()).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// The entries that are kept, by their keys.
pub(crate) async fn kept(server: &RedisServer) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut connection = commands(server).await;
    let keys: Vec<Vec<u8>> =
        ::redis::cmd("KEYS").arg("*:entry:*").query_async(&mut connection).await.unwrap();
    let mut entries = BTreeMap::new();
    for key in keys {
        let entry: Option<Vec<u8>> =
            ::redis::cmd("DUMP").arg(&key).query_async(&mut connection).await.unwrap();
        entries.extend(entry.map(|entry| (key, entry)));
    }
    entries
}

/// Waits until so many entries are kept.
async fn until_kept(server: &RedisServer, count: usize) {
    until(async || kept(server).await.len() == count).await;
}

#[tokio::test]
async fn what_one_instance_fetched_another_uses() {
    let mut bench = Bench::new(FRESH);
    let (first, second) = bench.two().await;
    assert_eq!(first.get().await, "GET 1");
    bench.until_kept(1).await;
    let found = second.cache.send(&second.source, get(&[]).into()).await.unwrap();
    assert_eq!(
        (&found.body[..], found.status, &found.headers["x-colour"]),
        (&b"GET 1"[..], StatusCode::OK, &HeaderValue::from_static("blue"))
    );
    assert!(found.age.is_some());
    assert_eq!(bench.asked(), 1);
    // From then on it needs nobody.
    bench.server.kill();
    assert_eq!(second.get().await, "GET 1");
}

#[tokio::test]
async fn another_request_finds_nothing_of_it() {
    let bench = Bench::new(FRESH);
    let (first, second) = bench.two().await;
    assert_eq!(first.send(get(&[("x-tenant", "a")])).await, "GET 1");
    bench.until_kept(1).await;
    assert_eq!(second.send(get(&[("x-tenant", "b")])).await, "GET 2");
    assert_eq!(
        second.send(UpstreamRequest { url: "http://shop/things?page=2".into(), ..get(&[]) }).await,
        "GET 3"
    );
    assert_eq!(second.send(get(&[("x-tenant", "a")])).await, "GET 1");
}

/// `Vary` names a header that the gateway itself adds, so it is no part of the key.
#[tokio::test]
async fn what_vary_tells_apart_stays_apart() {
    let bench = Bench::new(&[("cache-control", "max-age=600"), ("vary", "x-request-id")]);
    let (first, second) = bench.two().await;
    let with = |id: &'static str| {
        let own = (HeaderName::from_static("x-request-id"), HeaderValue::from_static(id));
        UpstreamRequest { own_headers: OwnHeaders(vec![own]), ..get(&[]) }
    };
    assert_eq!(first.send(with("1")).await, "GET 1");
    bench.until_kept(1).await;
    assert_eq!(second.send(with("2")).await, "GET 2");
    assert_eq!(bench.instance().await.send(with("3")).await, "GET 3");
}

#[tokio::test]
async fn what_is_one_clients_stays_in_the_process() {
    let mut bench = Bench::new(FRESH);
    let of_anna = || UpstreamRequest { is_of_client: true, ..get(&[("x-user", "anna")]) };
    let (first, second) = bench.two().await;
    assert_eq!(first.send(of_anna()).await, "GET 1");
    assert_eq!(first.send(of_anna()).await, "GET 1");
    assert_eq!(second.send(of_anna()).await, "GET 2");
    // It may leave where that is wanted; then equal headers reach it, and no others.
    bench.redis.private = true;
    let (first, second) = bench.two().await;
    assert_eq!(first.send(of_anna()).await, "GET 3");
    bench.until_kept(1).await;
    assert_eq!(second.send(of_anna()).await, "GET 3");
    let of_ben = UpstreamRequest { is_of_client: true, ..get(&[("x-user", "ben")]) };
    assert_eq!(second.send(of_ben).await, "GET 4");
}

#[tokio::test]
async fn nothing_of_a_request_can_be_read_in_redis() {
    let mut bench = Bench::new(&[("cache-control", "max-age=600, public"), ("vary", "authorization")]);
    bench.redis.private = true;
    let instance = bench.instance().await;
    instance.send(get(&[("authorization", "Bearer s3cr3t")])).await;
    instance.write().await;
    bench.until_kept(1).await;
    let mut connection = commands(&bench.server).await;
    let keys: Vec<Vec<u8>> = ::redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
    let mut all = Vec::new();
    for key in &keys {
        let dumped: Vec<u8> = ::redis::cmd("DUMP").arg(key).query_async(&mut connection).await.unwrap();
        all.extend_from_slice(key);
        all.extend_from_slice(&dumped);
    }
    let holds = |text: &str| all.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(holds("GET 1"), "the body is there");
    assert!(!holds("s3cr3t") && !holds("things") && !holds("page=1"));
}

#[tokio::test]
async fn a_change_through_one_instance_ends_what_the_others_keep() {
    let bench = Bench::new(FRESH);
    let (first, second) = bench.two().await;
    assert_eq!(first.get().await, "GET 1");
    bench.until_kept(1).await;
    assert_eq!(second.get().await, "GET 1");
    assert_eq!(first.write().await, "PUT 2");
    let before = kept(&bench.server).await;
    // Whoever looks into Redis does not find it from that moment on; who has a copy hears of it.
    assert_eq!(bench.instance().await.get().await, "GET 3");
    bench.until_other_than(&before).await;
    until(|| async { second.get().await == "GET 3" }).await;
}

#[tokio::test]
async fn purges_of_a_source_and_of_all_reach_everybody() {
    let bench = Bench::new(FRESH);
    let (first, second) = bench.two().await;
    for (everything, old, new) in [(false, "GET 1", "GET 2"), (true, "GET 2", "GET 3")] {
        assert_eq!(first.get().await, old);
        bench.until_kept(1).await;
        assert_eq!(second.get().await, old);
        let before = kept(&bench.server).await;
        first.cache.purge((!everything).then_some(&*bench.source));
        until(|| async { second.get().await == new }).await;
        bench.until_other_than(&before).await;
        assert_eq!(first.get().await, new);
    }
    assert_eq!(bench.asked(), 3);
}

/// The fetch begins before the change and ends after it, in another instance: what it brings may be from before.
#[tokio::test]
async fn a_fetch_that_a_purge_overtakes_is_not_kept() {
    let bench = Bench::new(FRESH);
    let (first, second) = bench.two().await;
    bench.backend.reads.forget_permits(1_000);
    let slow = tokio::spawn(async move { first.get().await });
    until(|| async { bench.asked() == 1 }).await;
    assert_eq!(second.write().await, "PUT 2");
    bench.backend.reads.add_permits(1_000);
    assert_eq!(slow.await.unwrap(), "GET 1");
    // The second look comes when the first one's answer is kept, and long after the overtaken one would have been.
    assert_eq!(bench.instance().await.get().await, "GET 3");
    bench.until_kept(1).await;
    assert_eq!(bench.instance().await.get().await, "GET 3");
}

#[tokio::test]
async fn a_server_that_hangs_costs_the_timeout_once() {
    let mut bench = Bench::new(FRESH);
    bench.redis.timeout = Duration::from_millis(200);
    let instance = bench.instance().await;
    bench.server.freeze();
    let begun = Instant::now();
    assert_eq!(instance.get().await, "GET 1");
    assert!(begun.elapsed() < Duration::from_millis(1_000), "{:?}", begun.elapsed());
    // It is left alone now, and a purge waits for nobody.
    let begun = Instant::now();
    assert_eq!(instance.write().await, "PUT 2");
    assert_eq!(instance.get().await, "GET 3");
    assert!(begun.elapsed() < Duration::from_millis(150), "{:?}", begun.elapsed());
    bench.server.thaw();
    within(instance.cache.connected()).await;
}

/// What was purged while Redis was away is purged there as soon as it is back.
#[tokio::test]
async fn a_purge_outlives_an_outage() {
    let bench = Bench::new(FRESH);
    let instance = bench.instance().await;
    assert_eq!(instance.get().await, "GET 1");
    bench.until_kept(1).await;
    bench.server.freeze();
    // It notices with the first look-up that gets no answer.
    assert_eq!(instance.send(UpstreamRequest { url: "http://shop/other".into(), ..get(&[]) }).await, "GET 2");
    assert_eq!(instance.write().await, "PUT 3");
    bench.server.thaw();
    within(instance.cache.connected()).await;
    assert_eq!(bench.instance().await.get().await, "GET 4");
}

#[tokio::test]
async fn a_server_that_dies_and_comes_back_empty_is_used_again() {
    let mut bench = Bench::new(FRESH);
    let (first, second) = bench.two().await;
    assert_eq!(first.get().await, "GET 1");
    bench.server.kill();
    until(|| async { !first.cache.is_connected() && !second.cache.is_connected() }).await;
    assert_eq!(first.get().await, "GET 1");
    assert_eq!(second.get().await, "GET 2");
    bench.server.restart();
    within(first.cache.connected()).await;
    within(second.cache.connected()).await;
    // Purges may have been missed, so that nothing from before is used.
    assert_eq!(first.get().await, "GET 3");
    bench.until_kept(1).await;
    assert_eq!(second.get().await, "GET 3");
}

#[tokio::test]
async fn without_a_server_it_is_a_cache_of_its_own() {
    let mut bench = Bench::new(FRESH);
    bench.server.kill();
    let instance = bench.unconnected();
    assert_eq!(instance.get().await, "GET 1");
    assert_eq!(instance.get().await, "GET 1");
    assert_eq!(instance.write().await, "PUT 2");
    assert_eq!(instance.get().await, "GET 3");
    assert!(!instance.cache.is_connected());
}

#[tokio::test]
async fn how_the_connection_is_doing_is_told() {
    let mut bench = Bench::new(FRESH);
    let begun = std::time::SystemTime::now();
    let instance = bench.instance().await;
    let state = || instance.cache.shared().unwrap();
    let at_first = state();
    assert!(at_first.is_connected && at_first.failures == 0 && at_first.since >= begun, "{at_first:?}");
    bench.server.kill();
    until(|| async { !state().is_connected }).await;
    let lost = state();
    assert!(lost.failures > 0 && lost.since >= at_first.since, "{lost:?}");
    // Each attempt that fails counts; since when there is none stays.
    until(|| async { state().failures > lost.failures }).await;
    assert_eq!(state().since, lost.since);
    bench.server.restart();
    until(|| async { state().is_connected }).await;
    assert!(state().since >= lost.since);
}

/// A server that evicts keys may lose those that count purges: what they spoke of is not used any more.
#[tokio::test]
async fn nothing_is_used_whose_purges_were_forgotten() {
    let bench = Bench::new(FRESH);
    let mut expected = 1;
    for lost in ["{ficus}:now", "{ficus}:purged"] {
        let instance = bench.instance().await;
        assert_eq!(instance.get().await, format!("GET {expected}"));
        bench.until_kept(1).await;
        let removed: usize =
            ::redis::cmd("DEL").arg(lost).query_async(&mut commands(&bench.server).await).await.unwrap();
        assert_eq!(removed, 1);
        expected += 1;
        assert_eq!(bench.instance().await.get().await, format!("GET {expected}"));
        bench.until_kept(1).await;
    }
}

#[tokio::test]
async fn what_nobody_understands_is_no_entry() {
    let bench = Bench::new(FRESH);
    assert_eq!(bench.instance().await.get().await, "GET 1");
    bench.until_kept(1).await;
    let mut connection = commands(&bench.server).await;
    let keys: Vec<Vec<u8>> =
        ::redis::cmd("KEYS").arg("*:entry:*").query_async(&mut connection).await.unwrap();
    let mut set = ::redis::cmd("HSET");
    let () = set
        .arg(&keys[0])
        .arg("response")
        .arg(&b"\xffsomething else"[..])
        .query_async(&mut connection)
        .await
        .unwrap();
    assert_eq!(bench.instance().await.get().await, "GET 2");
}

#[tokio::test]
async fn a_password_is_used_and_not_shown() {
    let mut bench = Bench::over(RedisServer::start_with(&["--requirepass", "p4ss"]), FRESH);
    bench.redis = Redis::at(format!("redis://:p4ss@127.0.0.1:{}", bench.server.port));
    assert!(!format!("{:?}", bench.redis).contains("p4ss"));
    let instance = bench.instance().await;
    assert!(!format!("{:?}", instance.cache.is_connected()).contains("p4ss"));
    assert_eq!(instance.get().await, "GET 1");
}

#[tokio::test]
async fn tls_with_an_authority_and_a_certificate_of_our_own() {
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    // Whose subject is its issuer's counts as signed by itself.
    authority.distinguished_name.push(rcgen::DnType::CommonName, "authority");
    let authority_certificate = authority.self_signed(&key).unwrap();
    let issuer = rcgen::Issuer::new(authority, key);
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let ca = write("ca.pem", authority_certificate.pem());
    let [server_files, client_files] = ["server", "client"].map(|name| {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate =
            rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        let certificate = certificate.signed_by(&key, &issuer).unwrap();
        (write(&format!("{name}.pem"), certificate.pem()), write(&format!("{name}.key"), key.serialize_pem()))
    });
    let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let server = RedisServer::start_with(&[
        "--port",
        "0",
        "--tls-port",
        "PORT",
        "--tls-cert-file",
        &path(&server_files.0),
        "--tls-key-file",
        &path(&server_files.1),
        "--tls-ca-cert-file",
        &path(&ca),
        "--tls-auth-clients",
        "yes",
    ]);
    let tls = RedisTls { ca: Some(ca), identity: Some(client_files) };
    let mut bench = Bench::over(server, FRESH);
    bench.redis = Redis { tls: Some(tls), ..Redis::at(format!("rediss://127.0.0.1:{}", bench.server.port)) };
    assert_eq!(bench.instance().await.get().await, "GET 1");
    // What one keeps in the background, another finds.
    until(|| async {
        let asked = bench.asked();
        bench.instance().await.get().await;
        bench.asked() == asked
    })
    .await;
}
