//! `ficus serve`: loads the graph, listens, and goes on until it is told to stop.

use std::net::SocketAddr;

use anyhow::Context;
use clap::Args;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use super::{
    Outcome, dev,
    shared::{Files, answer, show},
    signals,
    telemetry::Telemetry,
    watch::Watch,
};
use crate::{
    admin::{self, Control},
    config::Config,
    events::{Events, Hub},
    execute::Gateway,
    fetch,
    graph::{Graph, Loaded, Paths},
    server,
    telemetry::{ACCESS_TARGET, PROBLEMS_TARGET},
};

const EXAMPLES: &str = "\
Examples:
  ficus serve
  ficus serve --listen 0.0.0.0:8080 --config production.yaml
  RUST_LOG=ficus=debug ficus serve
  kill -HUP <pid>                     loads the files again; a graph with faults is refused and the old one goes on
                                      (ficus.yaml is read at the start only)

SIGTERM and Ctrl-C end it: new connections are refused, requests in flight may go on for `drain`.

Exit status: 0 stopped, 1 the files have faults, 2 the command line is wrong, 3 it could not start or run.";

/// Serve the graph
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Serve {
    #[command(flatten)]
    files: Files,
    /// Address and port to listen on; port 0 takes any free one [default: `listen` of ficus.yaml, else 127.0.0.1:4000]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

impl Serve {
    pub(super) fn run(self) -> anyhow::Result<Outcome> {
        let Some(loaded) = self.files.load() else { return Ok(Outcome::Faults) };
        let paths = self.files.paths();
        let serving = Serving { loaded, listen: self.listen, paths, reloads: Reloads::WhenAsked };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(serving.run())?;
        Ok(Outcome::Fine)
    }
}

/// When the files are loaded again, beside SIGHUP and the admin graph.
pub(super) enum Reloads {
    /// Never.
    WhenAsked,
    /// Whenever one of them changes; somebody sits before it and reads what came of it, and of each request.
    OfChanges(Watch),
}

/// A graph that is about to be served.
pub(super) struct Serving {
    pub(super) loaded: Loaded,
    /// Other than the configuration says.
    pub(super) listen: Option<SocketAddr>,
    pub(super) paths: Paths,
    pub(super) reloads: Reloads,
}

impl Serving {
    /// Serves until it is told to stop.
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let Serving { loaded: Loaded { graph, config, warnings }, listen, paths, reloads } = self;
        show(&warnings);
        let listen = listen.unwrap_or(config.listen);
        let config = Config { listen, ..config };
        let mut verbose = Vec::new();
        if config.debugger {
            // Somebody works on mappings, and wants to know their problems.
            verbose.push(PROBLEMS_TARGET);
        }
        if matches!(reloads, Reloads::OfChanges(_)) {
            verbose.push(ACCESS_TARGET);
        }
        let telemetry = Telemetry::start(&config.telemetry, &verbose, &graph)?;
        let served = serve(graph, config, paths, telemetry.on_reload(), reloads).await;
        telemetry.end().await;
        served
    }
}

async fn serve(
    graph: Graph,
    config: Config,
    paths: Paths,
    on_reload: impl Fn(&Graph) + Send + Sync + 'static,
    reloads: Reloads,
) -> anyhow::Result<()> {
    let listen = config.listen;
    let path = config.path.clone();
    let admin = match config.admin.clone() {
        Some(admin) => {
            let listener = admin::bind(&admin).await;
            Some((listener.context("set `admin.listen`, or `admin.enabled: false`")?, admin))
        }
        None => None,
    };
    let upstream = fetch::upstream(&config)?;
    let hub = Hub::open(&config)?;
    let events = Events::new(Gateway::new(graph, config, upstream), hub.clone());
    let gateway = events.gateway().clone();
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    answer(&format!("GraphQL at http://{}{path}\n", listener.local_addr()?))?;
    if let Some((listener, _)) = &admin {
        answer(&format!("Admin graph at http://{}/\n", listener.local_addr()?))?;
    }
    let report: signals::Report =
        if matches!(reloads, Reloads::OfChanges(_)) { dev::report } else { signals::log };
    let reload = signals::reload(gateway.clone(), paths, on_reload, report);
    let (stop, stopped) = watch::channel(false);
    let mut tasks = vec![signals::on_hangup(reload.clone())?, signals::on_stop(stop)?];
    if let Reloads::OfChanges(watch) = reloads {
        tasks.push(tokio::spawn(dev::follow(watch, reload.clone())));
    }
    let control = Control::new(events.clone(), reload);
    let admin = async {
        let Some((listener, admin)) = admin else { return Ok(()) };
        admin::serve(listener, &admin, control, signals::told(stopped.clone())).await
    };
    let clients = server::serve(listener, events, signals::told(stopped.clone()));
    let served = tokio::try_join!(clients, admin);
    tasks.iter().for_each(JoinHandle::abort);
    hub.close().await;
    served.map(drop).context("a listener is broken")
}
