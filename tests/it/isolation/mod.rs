//! Nobody gets a byte of anybody else's data: callers at random, over connectors that are kept, shared, batched, retried and
//! hedged, with backends that say anything of their answers; purges, writes, reloads and callers who give up in between. A
//! slice of it runs here; `tests/isolation/run.sh` runs as much as one likes. The rest shows that the judge sees what there is to see.

mod backend;
mod judge;
mod operations;
mod world;

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use ficus::{
    Gateway,
    config::Redis,
    connector::Source,
    execute::Request,
    fetch::{
        CachedUpstream, FetchError, ResilientUpstream, RowCache, SourceState, Stored, Upstream,
        UpstreamRequest, UpstreamResponse,
    },
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

use self::{
    backend::{Backend, Mistake},
    judge::{ALL, Floors, Report},
    world::{User, files},
};
use crate::support::{gateway, redis::RedisServer};

const USERS: usize = 6;
/// Callers at the same time.
const AT_ONCE: usize = 24;
const SLICE: usize = 800;
/// Little enough that some of it has to go.
const CACHE_BYTES: u64 = 1 << 20;
/// How long a purge may take to the other instance.
const SOON: Duration = Duration::from_secs(1);

/// Sources that are purged by name, and what they give.
const PURGED_SOURCES: &[(&str, &[&str])] =
    &[("kept", &["kept", "stock"]), ("rows", &["size", "order"]), ("windowed", &["rank", "lot"])];

/// What a run is made of.
struct Plan {
    seed: u64,
    iterations: usize,
    /// How long a thousandth of a second is for the backends.
    tick: Duration,
    files: Vec<(String, String)>,
    backend: Backend,
    /// Where there is one, two instances share it.
    redis: Option<Redis>,
    /// Puts something before the way to the backends.
    spoil: fn(Arc<dyn Upstream>) -> Arc<dyn Upstream>,
}

impl Plan {
    fn new(seed: u64, iterations: usize) -> Plan {
        let tick = Duration::from_millis(1);
        let (backend, files) = (Backend::new(seed, tick), files(|_, text| text));
        Plan { seed, iterations, tick, files, backend, redis: None, spoil: |upstream| upstream }
    }

    /// With the real clock, which has to go faster.
    fn hurried(seed: u64, iterations: usize) -> Plan {
        let tick = Duration::from_micros(20);
        Plan { tick, backend: Backend::new(seed, tick), ..Plan::new(seed, iterations) }
    }
}

/// A run under way.
struct World {
    instances: Vec<Instance>,
    files: Vec<(String, String)>,
    backend: Arc<Backend>,
    users: Vec<User>,
    report: Mutex<Report>,
    left: AtomicUsize,
    tick: Duration,
}

/// One gateway of those that stand beside each other.
struct Instance {
    gateway: Gateway,
    floors: Arc<Floors>,
}

async fn run(plan: Plan) -> Report {
    let backend = Arc::new(plan.backend);
    let asked = Arc::new(AtomicUsize::new(0));
    let mut instances = Vec::new();
    for _ in 0..if plan.redis.is_some() { 2 } else { 1 } {
        let resilient = Arc::new(ResilientUpstream::new(Arc::clone(&backend) as Arc<dyn Upstream>));
        let cached = match &plan.redis {
            Some(redis) => CachedUpstream::with_second_level(resilient, CACHE_BYTES, redis).unwrap(),
            None => CachedUpstream::new(resilient, CACHE_BYTES),
        };
        cached.connected().await;
        let counted = Counted { inner: (plan.spoil)(Arc::new(cached)), asked: Arc::clone(&asked) };
        let gateway = gateway::from_files(&plan.files, &[], Arc::new(counted)).unwrap();
        instances.push(Instance { gateway, floors: Arc::default() });
    }
    let world = Arc::new(World {
        instances,
        files: plan.files,
        backend,
        users: (0..USERS).map(User::new).collect(),
        report: Mutex::default(),
        left: AtomicUsize::new(plan.iterations),
        tick: plan.tick,
    });
    let callers = (0..AT_ONCE).map(|caller| {
        let (world, seed) = (Arc::clone(&world), plan.seed.wrapping_mul(1_000).wrapping_add(caller as u64));
        tokio::spawn(async move { world.calls(StdRng::seed_from_u64(seed)).await })
    });
    for ended in futures_util::future::join_all(callers).await {
        ended.unwrap();
    }
    let mut report = std::mem::take(&mut *world.report.lock().unwrap());
    (report.asked, report.sent) = (asked.load(SeqCst), world.backend.sent());
    report
}

impl World {
    /// One caller after another at one of the places for callers.
    async fn calls(&self, mut chance: StdRng) {
        let one_less = |left: usize| left.checked_sub(1);
        while self.left.fetch_update(SeqCst, SeqCst, one_less).is_ok() {
            let user = self.users.choose(&mut chance).unwrap();
            let at = self.instances.choose(&mut chance).unwrap();
            match chance.random_range(0..1000) {
                0..10 => self.purge(at, &mut chance),
                10..13 => self.reload(at),
                13..60 => self.write(at, user, &mut chance).await,
                60..140 => self.give_up(at, user, &mut chance).await,
                _ => self.query(at, user, &mut chance).await,
            }
            if chance.random_bool(0.3) {
                tokio::time::sleep(self.tick * chance.random_range(0..40)).await;
            }
        }
    }

    async fn query(&self, at: &Instance, user: &User, chance: &mut StdRng) {
        self.ask(at, user, operations::query(user, chance)).await;
    }

    async fn ask(&self, at: &Instance, user: &User, request: Request) -> String {
        let known = at.floors.now();
        let query = request.query.clone();
        let response = at.gateway.execute(request).await;
        let body = String::from_utf8_lossy(&response.body).replace("%7E", "~");
        self.report().judge(user, &query, &known, &body);
        body
    }

    async fn give_up(&self, at: &Instance, user: &User, chance: &mut StdRng) {
        let patience = self.tick * chance.random_range(0..20);
        let gave_up = tokio::time::timeout(patience, self.query(at, user, chance)).await.is_err();
        self.report().given_up += usize::from(gave_up);
    }

    /// What was written is what everybody reads from then on.
    async fn write(&self, at: &Instance, user: &User, chance: &mut StdRng) {
        let (request, of) = operations::write(user, chance);
        let body = self.ask(at, user, request).await;
        let written = body.split(&format!(" {of}>")).next().and_then(|before| before.rsplit(' ').next());
        if let Some(Ok(generation)) = written.map(str::parse).filter(|_| !body.contains("\"errors\"")) {
            self.raise(at, &of, generation);
        }
        self.report().writes += 1;
    }

    /// Everything changes at the backends, and the cache is told so: of all, of one source, or of a tag.
    fn purge(&self, at: &Instance, chance: &mut StdRng) {
        let generation = self.backend.change();
        self.report().purges += 1;
        let kinds: &[&str] = match chance.random_range(0..4) {
            0 | 1 => {
                at.gateway.upstream().purge(None);
                self.raise(at, ALL, generation);
                return;
            }
            2 => {
                let graph = at.gateway.graph();
                let (name, kinds) = *PURGED_SOURCES.choose(chance).unwrap();
                at.gateway
                    .upstream()
                    .purge(graph.sources.iter().find(|source| *source.name == *name).map(Arc::as_ref));
                kinds
            }
            _ => {
                at.gateway.purge_tags(&["weights".to_owned()]);
                &["weight"]
            }
        };
        for kind in kinds {
            for id in operations::ITEMS {
                self.raise(at, &format!("{kind}/{id}"), generation);
            }
        }
    }

    /// What one instance knows at once the others know soon.
    fn raise(&self, at: &Instance, of: &str, generation: u64) {
        at.floors.raise(of, generation);
        for other in self.instances.iter().filter(|other| !Arc::ptr_eq(&other.floors, &at.floors)) {
            let (floors, of) = (Arc::clone(&other.floors), of.to_owned());
            tokio::spawn(async move {
                tokio::time::sleep(SOON).await;
                floors.raise(&of, generation);
            });
        }
    }

    fn reload(&self, at: &Instance) {
        at.gateway.reload(gateway::graph(&self.files, &[]).unwrap());
        self.report().reloads += 1;
    }

    fn report(&self) -> std::sync::MutexGuard<'_, Report> {
        self.report.lock().unwrap()
    }
}

/// Counts what the gateway asks for, kept or not.
struct Counted {
    inner: Arc<dyn Upstream>,
    asked: Arc<AtomicUsize>,
}

type Sent<'a> = Pin<Box<dyn Future<Output = Result<UpstreamResponse, FetchError>> + Send + 'a>>;

impl Upstream for Counted {
    fn send<'a>(&'a self, source: &'a Arc<Source>, request: Arc<UpstreamRequest>) -> Sent<'a> {
        self.asked.fetch_add(1, SeqCst);
        self.inner.send(source, request)
    }

    fn state(&self, source: &Source) -> SourceState {
        self.inner.state(source)
    }

    fn stored(&self) -> Option<Stored> {
        self.inner.stored()
    }

    fn purge(&self, source: Option<&Source>) {
        self.inner.purge(source);
    }

    fn purge_tags(&self, tags: &[String]) {
        self.inner.purge_tags(tags);
    }

    fn purged<'a>(&'a self) -> Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        self.inner.purged()
    }

    fn rows(&self) -> Option<&RowCache> {
        self.inner.rows()
    }

    fn epoch(&self) -> u64 {
        self.inner.epoch()
    }
}

// ---- what must hold ----------------------------------------------------------------------------------------------

#[track_caller]
fn holds(report: &Report) {
    let wrong = report.leaks.len() + report.outdated.len() + report.broken.len();
    assert_eq!(wrong, 0, "{report}");
    // A run in which nothing is kept, shared, purged or answered shows nothing.
    assert!(report.own > report.answers, "{report}");
    assert!(report.sent * 10 < report.asked * 9, "{report}");
    assert!(report.with_errors * 3 < report.answers, "{report}");
    assert!(report.writes > 10 && report.purges > 1 && report.given_up > 10, "{report}");
}

#[tokio::test(start_paused = true)]
async fn nobody_gets_a_byte_of_anybody_else() {
    holds(&run(Plan::new(1, SLICE)).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_on_two_threads_at_once() {
    holds(&run(Plan::hurried(2, SLICE)).await);
}

/// Everything is kept in Redis, what is somebody's own too.
fn shared(server: &RedisServer) -> Option<Redis> {
    Some(Redis { private: true, ..Redis::at(server.url()) })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_from_another_instance_over_redis() {
    let server = RedisServer::start();
    holds(&run(Plan { redis: shared(&server), ..Plan::hurried(7, SLICE) }).await);
}

/// As many iterations as one likes, by `tests/isolation/run.sh`: four of five with the clock stopped, and one of five on two threads. A
/// seed repeats what callers ask for, not the order in which they come to it: maps go by hashes that differ from run to run.
#[test]
#[ignore = "takes long: tests/isolation/run.sh"]
fn nobody_gets_a_byte_of_anybody_else_however_long_one_looks() {
    let number = |name: &str, default: u64| {
        std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
    };
    let (iterations, seed) = (number("FICUS_ITERATIONS", 100_000), number("FICUS_SEED", 1));
    let count = |parts: u64| usize::try_from(iterations * parts / 5).unwrap();
    let stopped =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let first = stopped.block_on(run(Plan::new(seed, count(4))));
    let threads = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = std::env::var_os("FICUS_REDIS").map(|_| RedisServer::start());
    let redis = server.as_ref().and_then(shared);
    let instances = if redis.is_some() { ", two instances over Redis" } else { "" };
    let second = threads.block_on(run(Plan { redis, ..Plan::hurried(seed, count(1)) }));
    let text = format!(
        "seed {seed}, {USERS} users, {AT_ONCE} at once\n\nclock stopped, {} iterations\n{first}\n\
         two threads{instances}, {} iterations\n{second}",
        count(4),
        count(1)
    );
    if let Some(path) = std::env::var_os("FICUS_REPORT") {
        std::fs::write(path, text).unwrap();
    }
    holds(&first);
    holds(&second);
}

// ---- what would be seen ------------------------------------------------------------------------------------------

/// A cache that goes by the URL alone.
struct ByUrl {
    inner: Arc<dyn Upstream>,
    kept: Mutex<HashMap<String, UpstreamResponse>>,
}

impl Upstream for ByUrl {
    fn send<'a>(&'a self, source: &'a Arc<Source>, request: Arc<UpstreamRequest>) -> Sent<'a> {
        Box::pin(async move {
            let url = request.url.clone();
            let known = self.kept.lock().unwrap().get(&url).cloned();
            if let Some(known) = known.filter(|_| request.method == http::Method::GET) {
                return Ok(known);
            }
            let answer = self.inner.send(source, request).await?;
            self.kept.lock().unwrap().insert(url, answer.clone());
            Ok(answer)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_cache_that_goes_by_the_url_alone_is_seen() {
    let spoil = |inner| Arc::new(ByUrl { inner, kept: Mutex::default() }) as Arc<dyn Upstream>;
    let report = run(Plan { spoil, ..Plan::new(3, 300) }).await;
    assert!(report.leaks.len() > 50 && report.outdated.len() > 10, "{report}");
}

/// A cache that is told of purges and does nothing about them; it has no rows.
struct Deaf(Arc<dyn Upstream>);

impl Upstream for Deaf {
    fn send<'a>(&'a self, source: &'a Arc<Source>, request: Arc<UpstreamRequest>) -> Sent<'a> {
        self.0.send(source, request)
    }

    fn purge(&self, _: Option<&Source>) {}
}

#[tokio::test(start_paused = true)]
async fn a_purge_that_ends_nothing_is_seen() {
    let report = run(Plan { spoil: |inner| Arc::new(Deaf(inner)), ..Plan::new(4, SLICE) }).await;
    assert!(report.leaks.is_empty() && !report.outdated.is_empty(), "{report}");
}

/// A cache, of rows too, that hears of all purges but those of tags.
struct DeafToTags(Arc<dyn Upstream>);

impl Upstream for DeafToTags {
    fn send<'a>(&'a self, source: &'a Arc<Source>, request: Arc<UpstreamRequest>) -> Sent<'a> {
        self.0.send(source, request)
    }

    fn purge(&self, source: Option<&Source>) {
        self.0.purge(source);
    }

    fn rows(&self) -> Option<&RowCache> {
        self.0.rows()
    }

    fn epoch(&self) -> u64 {
        self.0.epoch()
    }
}

#[tokio::test(start_paused = true)]
async fn rows_that_outlive_a_purge_of_their_tag_are_seen() {
    let report = run(Plan { spoil: |inner| Arc::new(DeafToTags(inner)), ..Plan::new(4, SLICE) }).await;
    assert!(report.leaks.is_empty(), "{report}");
    for kinds in [&["size/", "rank/", "weight/"][..], &["order/", "lot/", "review/"]] {
        let is_of = |found: &String| kinds.iter().any(|kind| found.starts_with(kind));
        assert!(report.outdated.iter().any(is_of), "{kinds:?}: {report}");
    }
}

#[tokio::test(start_paused = true)]
async fn rows_that_are_kept_for_somebody_else_are_seen() {
    // This source answers batches alone, so that nothing but rows is kept of it.
    let lies = |name: &str, text: String| match name {
        "rows" => format!("{text}cache: {{ ttl: 5s, ignore_headers: [authorization] }}\n"),
        _ => text,
    };
    let report = run(Plan { files: files(lies), ..Plan::new(8, SLICE) }).await;
    assert!(!report.leaks.is_empty() && report.leaks.iter().all(|leak| is_of_rows(leak)), "{report}");
}

#[tokio::test(start_paused = true)]
async fn rows_that_a_backend_makes_for_somebody_else_are_seen() {
    let plan = Plan::new(9, SLICE);
    let mistake = Mistake { one_of: 20, other: "~u1~", of: &["size", "rank", "order", "lot"] };
    let report = run(Plan { backend: Backend::new(9, plan.tick).mistaking(mistake), ..plan }).await;
    assert!(!report.leaks.is_empty() && report.leaks.iter().all(|leak| is_of_rows(leak)), "{report}");
}

/// Whether a finding is about a query that asks for rows which are kept one by one.
fn is_of_rows(found: &str) -> bool {
    ["size", "rank", "orders", "lots"].iter().any(|field| found.contains(field))
}

#[tokio::test(start_paused = true)]
async fn a_file_that_says_the_token_changes_nothing_is_seen() {
    // The backends call private answers public as often as not, and name no `Vary`; what the file says is believed.
    let lies = |name: &str, text: String| match name {
        "mine" => format!("{text}cache: {{ ttl: 5s, ignore_headers: [authorization] }}\n"),
        _ => text,
    };
    let report = run(Plan { files: files(lies), ..Plan::new(5, 300) }).await;
    assert!(!report.leaks.is_empty(), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_mistakes_one_caller_for_another_is_seen() {
    let plan = Plan::new(6, SLICE);
    let mistake = Mistake { one_of: 50, other: "~u1~", of: &[] };
    let report = run(Plan { backend: Backend::new(6, plan.tick).mistaking(mistake), ..plan }).await;
    assert!(!report.leaks.is_empty(), "{report}");
}
