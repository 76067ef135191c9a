//! Who is measured, and how each is started. What comes from elsewhere is found by `run.sh`, which says in the environment how to start
//! it, or why it is not there.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};

use crate::{
    process::Start,
    workloads::{Setting, Workload},
};

/// The backend's addresses: one service each, to whoever calls them. The files of the contenders name them too.
pub const UPSTREAMS: [&str; 5] =
    ["127.0.0.1:4280", "127.0.0.1:4281", "127.0.0.1:4282", "127.0.0.1:4283", "127.0.0.1:4284"];

/// What others need to serve the graph.
const PEERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/side_by_side/peers");

/// What contenders are started with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// What Ficus serves: a folder with `schema/`, `connectors/` and `ficus.yaml`.
    pub graph: PathBuf,
    /// The folder for figures, logs, and what is made for a run.
    pub out: PathBuf,
}

impl Setup {
    /// With the graph that all contenders serve.
    pub fn new(out: PathBuf) -> Self {
        Setup { graph: concat!(env!("CARGO_MANIFEST_DIR"), "/benches/side_by_side/graph").into(), out }
    }
}

type Starting = fn(&Setup, &Contender, &Workload) -> anyhow::Result<Start>;

/// One of those that are measured.
#[derive(Clone, Copy)]
pub struct Contender {
    /// As `--contenders` and the tables have it.
    pub name: &'static str,
    pub address: &'static str,
    /// Where it answers GraphQL.
    pub path: &'static str,
    /// How it is started for a workload; an error says why it is not.
    pub start: Starting,
}

/// Who all others are compared with.
pub const BASELINE: Contender = contender("hand-written", "127.0.0.1:4290", handwritten);
/// Who this is about.
pub const FICUS: Contender = contender("Ficus", "127.0.0.1:4291", ficus);

/// All of them.
pub const ALL: [Contender; 7] = [
    BASELINE,
    FICUS,
    contender("async-graphql", "127.0.0.1:4292", code_first),
    contender("Tailcall", "127.0.0.1:4293", tailcall),
    contender("Apollo Server", "127.0.0.1:4294", apollo_server),
    contender("Hive Gateway", "127.0.0.1:4295", hive),
    Contender { path: "/", ..contender("Apollo Router", "127.0.0.1:4296", router) },
];

const fn contender(name: &'static str, address: &'static str, start: Starting) -> Contender {
    Contender { name, address, path: "/graphql", start }
}

/// For contenders that have but one set-up, in which they share and keep nothing: in any other they would show nothing new.
fn only_apart(workload: &Workload) -> anyhow::Result<()> {
    match workload.setting {
        Setting::Apart => Ok(()),
        Setting::Sharing => bail!("shares nothing in flight as it is set up here"),
        Setting::Caching => bail!("keeps nothing as it is set up here"),
    }
}

/// A part that this program plays itself.
pub fn this(part: &str, addresses: &[&str]) -> anyhow::Result<Start> {
    Ok(Start::new(env::current_exe()?.display()).arguments(&[part]).arguments(addresses))
}

fn handwritten(_: &Setup, contender: &Contender, _: &Workload) -> anyhow::Result<Start> {
    Ok(this("handwritten", &[contender.address])?.arguments(&UPSTREAMS))
}

fn code_first(_: &Setup, contender: &Contender, workload: &Workload) -> anyhow::Result<Start> {
    only_apart(workload)?;
    Ok(this("code-first", &[contender.address])?.arguments(&UPSTREAMS))
}

/// `ficus serve`, as the same build has made it.
fn ficus(setup: &Setup, contender: &Contender, workload: &Workload) -> anyhow::Result<Start> {
    let mut connectors = setup.graph.join("connectors");
    if workload.setting == Setting::Caching {
        connectors = keeping(&connectors, setup.out.join("caching"))?;
    }
    let [schema, connectors, config] =
        [setup.graph.join("schema"), connectors, setup.graph.join("ficus.yaml")]
            .map(|path| path.display().to_string());
    let arguments = [
        "serve",
        "--listen",
        contender.address,
        "--schema",
        &schema,
        "--connectors",
        &connectors,
        "--config",
        &config,
    ];
    Ok(Start::new(env!("CARGO_BIN_EXE_ficus")).arguments(&arguments).environment(&[("RUST_LOG", "warn")]))
}

/// Writes the same connectors into another folder, where what the backend answers is kept, for each caller.
fn keeping(connectors: &Path, folder: PathBuf) -> io::Result<PathBuf> {
    fs::create_dir_all(&folder)?;
    for file in fs::read_dir(connectors)? {
        let file = file?;
        let connector = fs::read_to_string(file.path())?;
        fs::write(folder.join(file.file_name()), connector + "cache: { ttl: 1h }\n")?;
    }
    Ok(folder)
}

/// A program that `run.sh` found: its command line, or `-` and why there is none.
fn found(variable: &str) -> anyhow::Result<Start> {
    let found = env::var(variable).with_context(|| format!("{variable} is not set; run.sh sets it"))?;
    if let Some(reason) = found.strip_prefix("- ") {
        bail!("{reason}");
    }
    let mut words = found.split_whitespace();
    let program = words.next().with_context(|| format!("{variable} is empty"))?;
    Ok(Start::new(program).arguments(&words.collect::<Vec<_>>()))
}

fn tailcall(_: &Setup, _: &Contender, workload: &Workload) -> anyhow::Result<Start> {
    if workload.name == "methods" {
        bail!("has no such mappings without scripts of one's own");
    }
    let graph = match workload.setting {
        Setting::Sharing => "sharing",
        Setting::Apart | Setting::Caching => {
            only_apart(workload)?;
            "apart"
        }
    };
    let graph = format!("{PEERS}/tailcall/{graph}.graphql");
    let quiet = [("TAILCALL_TRACKER", "false"), ("TAILCALL_LOG_LEVEL", "error"), ("TC_LOG_LEVEL", "error")];
    Ok(found("PEER_TAILCALL")?.arguments(&["start", &graph]).environment(&quiet))
}

fn apollo_server(_: &Setup, contender: &Contender, workload: &Workload) -> anyhow::Result<Start> {
    only_apart(workload)?;
    let server = format!("{PEERS}/apollo_server/server.mjs");
    let quiet = [("NODE_ENV", "production"), ("APOLLO_TELEMETRY_DISABLED", "1")];
    let start = found("PEER_APOLLO_SERVER")?.arguments(&[&server, contender.address]).arguments(&UPSTREAMS);
    Ok(start.environment(&quiet))
}

fn hive(_: &Setup, contender: &Contender, workload: &Workload) -> anyhow::Result<Start> {
    only_apart(workload)?;
    if workload.name == "methods" {
        bail!("has no such mappings without resolvers of one's own");
    }
    let (host, port) = contender.address.split_once(':').unwrap_or_default();
    let gateway = format!("{PEERS}/node_modules/@graphql-hive/gateway/dist/bin.js");
    let serve = [&*gateway, "supergraph", "supergraph.graphql", "-c", "gateway.config.mjs"];
    let quiet = [("NODE_ENV", "production"), ("DISABLE_OPENTELEMETRY", "1"), ("LOG_LEVEL", "error")];
    let start = found("PEER_HIVE")?.arguments(&serve).arguments(&["--host", host, "--port", port]);
    Ok(Start { folder: Some(format!("{PEERS}/hive")), ..start.environment(&quiet) })
}

fn router(_: &Setup, _: &Contender, workload: &Workload) -> anyhow::Result<Start> {
    only_apart(workload)?;
    let (supergraph, config) =
        (format!("{PEERS}/router/supergraph.graphql"), format!("{PEERS}/router/router.yaml"));
    let arguments = ["--supergraph", &supergraph, "--config", &config, "--log", "error"];
    Ok(found("PEER_ROUTER")?.arguments(&arguments).environment(&[("APOLLO_TELEMETRY_DISABLED", "1")]))
}
