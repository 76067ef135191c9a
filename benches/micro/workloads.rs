//! The workloads: each does one piece of work so many times, and looks at what came of it. What comes before the work is the same
//! however often it is done, so that the difference of two runs is the work alone.

use std::{hint::black_box, sync::Arc};

use anyhow::{Context as _, ensure};
use bumpalo::Bump;
use ficus::{
    Gateway,
    diagnostic::render,
    events::{Events, Hub},
    execute::Request,
    fetch::{CachedUpstream, Upstream},
    graph::{Loaded, Sources, load_sources},
    mapping::{Problems, Variables, ast::Grammar, evaluate, json, parse},
    operation::{Document, Rules, coerce},
    plan::plan,
    server,
};
use http::{HeaderMap, HeaderValue};
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};

use crate::stub::{self, Stub};

const SCHEMA: &str = include_str!("graph/blog.graphql");
const SEARCH: &str = include_str!("graph/search.graphql");
const CONSTANT: &str = "{hello}";
const TITLES: &str = "{posts{title}}";
const POSTS_WITH_USERS: &str = "{posts{id userId title user{id name email}}}";
const MAPPING: &str = "id
first: title->split(' ')->first
words: title->split(' ')->size
start: body->slice(0, 40)->trim
isLong: body->size->gt(150)
next: id->add(1)->mod(100)
kind: userId->match([1, 'first'], [2, 'second'], [@, 'other'])";

/// One piece of work.
pub struct Workload {
    /// As it is recorded.
    pub name: &'static str,
    /// How often it is done in one of the two runs; the other does it twice as often.
    pub count: usize,
    work: fn(usize) -> anyhow::Result<()>,
}

/// All of them, in the order of a request's way.
pub const ALL: [Workload; 9] = [
    Workload { name: "parse and validate a document", count: 200, work: parsing },
    Workload { name: "plan an operation", count: 200, work: planning },
    Workload { name: "coerce variables", count: 2_000, work: coercing },
    Workload { name: "map a hundred rows with methods", count: 20, work: mapping },
    Workload {
        name: "a constant field, its plan kept",
        count: 5_000,
        work: |count| gateway(CONSTANT, &off(), count),
    },
    Workload {
        name: "project a body and write it",
        count: 100,
        work: |count| gateway(TITLES, &off(), count),
    },
    Workload {
        name: "posts with their users, in a batch",
        count: 50,
        work: |count| gateway(POSTS_WITH_USERS, &off(), count),
    },
    Workload { name: "posts with their users, kept whole", count: 5_000, work: kept },
    Workload { name: "a constant field over HTTP/1.1", count: 2_000, work: over_http },
];

/// The workload of this name.
pub fn find(name: &str) -> anyhow::Result<&'static Workload> {
    ALL.iter()
        .find(|workload| workload.name == name)
        .with_context(|| format!("there is no workload {name:?}"))
}

impl Workload {
    /// Does it so many times.
    pub fn run(&self, count: usize) -> anyhow::Result<()> {
        (self.work)(count)
    }
}

/// `ficus.yaml` and the source's file.
struct Settings {
    gateway: &'static str,
    source: &'static str,
}

/// Nothing shared, nothing kept.
fn off() -> Settings {
    Settings { gateway: "share_operations: false\n", source: "cache: off\nshare_in_flight: false\n" }
}

fn load(settings: &Settings) -> anyhow::Result<Loaded> {
    let sources = Sources {
        schema: vec![("schema/blog.graphql".to_owned(), SCHEMA.to_owned())],
        connectors: vec![(
            "connectors/blog.yaml".to_owned(),
            format!("base_url: http://blog.test\n{}", settings.source),
        )],
        config: Some(("ficus.yaml".to_owned(), settings.gateway.to_owned())),
        ..Sources::default()
    };
    load_sources(&sources).map_err(|found| anyhow::anyhow!(render(&found, false)))
}

fn rules(loaded: &Loaded) -> Rules {
    Rules { limits: loaded.config.limits.clone(), introspection: false, suggestions: false }
}

fn search(loaded: &Loaded) -> anyhow::Result<Document> {
    Document::parse(SEARCH, &loaded.graph.schema, &rules(loaded))
        .map_err(|refusal| anyhow::anyhow!("refused: {refusal:?}"))
}

fn parsing(count: usize) -> anyhow::Result<()> {
    let loaded = load(&off())?;
    for _ in 0..count {
        black_box(search(&loaded)?);
    }
    Ok(())
}

fn planning(count: usize) -> anyhow::Result<()> {
    let loaded = load(&off())?;
    let document = search(&loaded)?;
    let operation = document.operation(None).ok().context("one operation")?;
    for _ in 0..count {
        let plan = plan(&loaded.graph, document.executable(), black_box(operation));
        ensure!(plan.steps.len() > 4, "too few steps");
        black_box(plan);
    }
    Ok(())
}

fn coercing(count: usize) -> anyhow::Result<()> {
    let loaded = load(&off())?;
    let document = search(&loaded)?;
    let operation = document.operation(None).ok().context("one operation")?;
    let sent = json!({
        "filter": {"words": ["graph", "rest"], "authors": [1, "2", 3], "from": {"id": 17}, "order": "OLDEST"},
        "withCompany": true
    });
    let Value::Object(sent) = sent else { return Ok(()) };
    for _ in 0..count {
        let variables = coerce(&loaded.graph.schema, document.executable(), operation, black_box(&sent));
        ensure!(variables.is_ok_and(|variables| variables.is_true("withCompany")), "a wrong value");
    }
    Ok(())
}

fn mapping(count: usize) -> anyhow::Result<()> {
    let mapping = parse(MAPPING, Grammar::V0_4).map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    let body = stub::posts();
    let mut arena = Bump::new();
    let mut out = Vec::new();
    for _ in 0..count {
        arena.reset();
        out.clear();
        let rows = json::read(black_box(&body), &arena).ok().context("a body")?;
        let mut problems = Problems::ignored();
        let mapped = evaluate(&mapping, rows, &Variables::default(), &arena, &mut problems);
        json::write(&mapped.context("no value")?, &mut out);
    }
    let text = String::from_utf8_lossy(&out);
    ensure!(text.contains(r#""words":6,"#) && text.contains(r#""kind":"second""#), "a wrong value: {text}");
    Ok(())
}

fn gateway(query: &'static str, settings: &Settings, count: usize) -> anyhow::Result<()> {
    through(query, settings, Arc::new(Stub::new()), count)
}

fn kept(count: usize) -> anyhow::Result<()> {
    let upstream = Arc::new(CachedUpstream::new(Arc::new(Stub::new()), 64 << 20));
    through(POSTS_WITH_USERS, &Settings { gateway: "{}\n", source: "cache: { ttl: 1h }\n" }, upstream, count)
}

fn runtime() -> anyhow::Result<Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// The way of a request without a socket.
fn through(
    query: &'static str,
    settings: &Settings,
    upstream: Arc<dyn Upstream>,
    count: usize,
) -> anyhow::Result<()> {
    let loaded = load(settings)?;
    let gateway = Gateway::new(loaded.graph, loaded.config, upstream);
    runtime()?.block_on(async {
        let first = gateway.execute(request(query)).await.body;
        ensure!(first.starts_with(b"{\"data\":{") && !first.ends_with(b"]}"), "errors: {first:?}");
        for _ in 0..count {
            let response = gateway.execute(request(query)).await;
            ensure!(response.body == first, "another answer");
        }
        Ok(())
    })
}

fn request(query: &str) -> Request {
    let mut headers = HeaderMap::with_capacity(4);
    headers.insert(http::header::HOST, HeaderValue::from_static("127.0.0.1:4000"));
    headers.insert("x-request-id", HeaderValue::from_static("0f8fad5b-d9cb-469f-a165-70867728950e"));
    Request { query: query.to_owned(), variables: Map::new(), headers: Some(headers), ..Request::default() }
}

/// The whole way, over a socket of this machine. The client's part is in it: some two thousand instructions.
fn over_http(count: usize) -> anyhow::Result<()> {
    let loaded = load(&off())?;
    let events =
        Events::new(Gateway::new(loaded.graph, loaded.config, Arc::new(Stub::new())), Hub::default());
    runtime()?.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(server::serve(listener, events, std::future::pending()));
        let mut client = TcpStream::connect(address).await?;
        let body = json!({ "query": CONSTANT }).to_string();
        let message = format!(
            "POST /graphql HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
             accept: application/graphql-response+json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut buffer = vec![0; 4096];
        for _ in 0..count {
            client.write_all(message.as_bytes()).await?;
            let mut read = 0;
            // The answer fits into one packet, and its body is its end.
            while !buffer.get(..read).context("a long answer")?.ends_with(br#"{"data":{"hello":"world"}}"#) {
                let more = client.read(buffer.get_mut(read..).context("a long answer")?).await?;
                ensure!(more > 0, "the connection was closed");
                read += more;
            }
            ensure!(buffer.starts_with(b"HTTP/1.1 200 OK\r\n"), "a wrong status");
        }
        serving.abort();
        Ok(())
    })
}
