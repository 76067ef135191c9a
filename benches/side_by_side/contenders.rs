//! Who is measured, and how each is started. What comes from elsewhere is found by `run.sh`, which says in the environment how to start
//! it, or why it is not there.

use std::env;

use crate::{
    process::Start,
    workloads::{Setting, Workload},
};

/// The backend's addresses: one service each, to whoever calls them. The files of the contenders name them too.
pub const UPSTREAMS: [&str; 5] =
    ["127.0.0.1:4280", "127.0.0.1:4281", "127.0.0.1:4282", "127.0.0.1:4283", "127.0.0.1:4284"];

/// Who all others are compared with.
pub const BASELINE: &str = "hand-written";

/// What contenders are started with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// This binary, which plays several of them.
    pub this: String,
    /// The `ficus` binary.
    pub ficus: String,
    /// The folder of the benchmark in the repository.
    pub folder: String,
}

/// One of those that are measured.
#[derive(Clone, Copy)]
pub struct Contender {
    /// As `--contenders` and the tables have it.
    pub name: &'static str,
    pub address: &'static str,
    /// Where it answers GraphQL.
    pub path: &'static str,
    /// How it is started for a workload, or why it is not.
    pub start: fn(&Setup, &Contender, &Workload) -> Result<Start, String>,
}

/// All of them; the baseline comes first.
pub fn all() -> Vec<Contender> {
    let contender = |name, address, start| Contender { name, address, path: "/graphql", start };
    vec![
        contender(BASELINE, "127.0.0.1:4290", handwritten),
        contender("Ficus", "127.0.0.1:4291", ficus),
        contender("async-graphql", "127.0.0.1:4292", code_first),
        contender("Tailcall", "127.0.0.1:4293", tailcall),
        contender("Apollo Server", "127.0.0.1:4294", apollo_server),
        contender("Hive Gateway", "127.0.0.1:4295", hive),
        Contender { path: "/", ..contender("Apollo Router", "127.0.0.1:4296", router) },
    ]
}

/// Which settings a contender has no configuration of its own for, so that measuring it would say nothing new.
fn only_apart(workload: &Workload) -> Result<(), String> {
    match workload.setting {
        Setting::Apart => Ok(()),
        Setting::Sharing => Err("shares nothing in flight as it is set up here".into()),
        Setting::Caching => Err("keeps nothing as it is set up here".into()),
    }
}

fn this(setup: &Setup, part: &str, contender: &Contender) -> Start {
    let mut arguments = vec![part.to_owned(), contender.address.to_owned()];
    arguments.extend(UPSTREAMS.map(str::to_owned));
    Start { program: setup.this.clone(), arguments, ..Start::default() }
}

fn handwritten(setup: &Setup, contender: &Contender, _: &Workload) -> Result<Start, String> {
    Ok(this(setup, "handwritten", contender))
}

fn code_first(setup: &Setup, contender: &Contender, workload: &Workload) -> Result<Start, String> {
    only_apart(workload)?;
    Ok(this(setup, "code-first", contender))
}

fn ficus(setup: &Setup, contender: &Contender, workload: &Workload) -> Result<Start, String> {
    let connectors = if workload.setting == Setting::Caching { "caching/connectors" } else { "connectors" };
    Ok(serve(setup, contender.address, &format!("{}/graph", setup.folder), connectors))
}

/// `ficus serve` on a folder with `schema/`, connectors and `ficus.yaml`.
pub fn serve(setup: &Setup, address: &str, graph: &str, connectors: &str) -> Start {
    let arguments = [
        "serve",
        "--listen",
        address,
        "--schema",
        &format!("{graph}/schema"),
        "--connectors",
        &format!("{graph}/{connectors}"),
        "--config",
        &format!("{graph}/ficus.yaml"),
    ];
    Start {
        program: setup.ficus.clone(),
        arguments: arguments.map(str::to_owned).into(),
        environment: vec![("RUST_LOG".into(), "warn".into())],
        ..Start::default()
    }
}

/// A program that `run.sh` found: its command line, or `-` and why there is none.
fn found(variable: &str) -> Result<Start, String> {
    let found = env::var(variable).map_err(|_| format!("{variable} is not set; run.sh sets it"))?;
    if let Some(reason) = found.strip_prefix("- ") {
        return Err(reason.to_owned());
    }
    let mut words = found.split_whitespace().map(str::to_owned);
    let program = words.next().ok_or_else(|| format!("{variable} is empty"))?;
    Ok(Start { program, arguments: words.collect(), ..Start::default() })
}

fn with(mut start: Start, arguments: &[&str], environment: &[(&str, &str)]) -> Start {
    start.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    start
        .environment
        .extend(environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    start
}

fn tailcall(setup: &Setup, _: &Contender, workload: &Workload) -> Result<Start, String> {
    if workload.name == "methods" {
        return Err("has no such mappings without scripts of one's own".into());
    }
    let file = match workload.setting {
        Setting::Apart => "apart",
        Setting::Sharing => "sharing",
        Setting::Caching => return Err("keeps nothing as it is set up here".into()),
    };
    let file = format!("{}/peers/tailcall/{file}.graphql", setup.folder);
    let quiet = [("TAILCALL_TRACKER", "false"), ("TAILCALL_LOG_LEVEL", "error"), ("TC_LOG_LEVEL", "error")];
    Ok(with(found("PEER_TAILCALL")?, &["start", &file], &quiet))
}

fn apollo_server(setup: &Setup, contender: &Contender, workload: &Workload) -> Result<Start, String> {
    only_apart(workload)?;
    let server = format!("{}/peers/apollo_server/server.mjs", setup.folder);
    let mut arguments = vec![&*server, contender.address];
    arguments.extend(UPSTREAMS);
    let quiet = [("NODE_ENV", "production"), ("APOLLO_TELEMETRY_DISABLED", "1")];
    Ok(with(found("PEER_APOLLO_SERVER")?, &arguments, &quiet))
}

fn hive(setup: &Setup, contender: &Contender, workload: &Workload) -> Result<Start, String> {
    only_apart(workload)?;
    if workload.name == "methods" {
        return Err("has no such mappings without resolvers of one's own".into());
    }
    let (host, port) = contender.address.split_once(':').unwrap_or_default();
    let binary = format!("{}/peers/node_modules/@graphql-hive/gateway/dist/bin.js", setup.folder);
    let arguments = [
        &*binary,
        "supergraph",
        "supergraph.graphql",
        "-c",
        "gateway.config.mjs",
        "--host",
        host,
        "--port",
        port,
    ];
    let quiet = [("NODE_ENV", "production"), ("DISABLE_OPENTELEMETRY", "1"), ("LOG_LEVEL", "error")];
    let start = with(found("PEER_HIVE")?, &arguments, &quiet);
    Ok(Start { folder: Some(format!("{}/peers/hive", setup.folder)), ..start })
}

fn router(setup: &Setup, _: &Contender, workload: &Workload) -> Result<Start, String> {
    only_apart(workload)?;
    let folder = format!("{}/peers/router", setup.folder);
    let (supergraph, config) = (format!("{folder}/supergraph.graphql"), format!("{folder}/router.yaml"));
    let arguments = ["--supergraph", &supergraph, "--config", &config, "--log", "error"];
    Ok(with(found("PEER_ROUTER")?, &arguments, &[("APOLLO_TELEMETRY_DISABLED", "1")]))
}
