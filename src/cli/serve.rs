//! `ficus serve`: loads the graph, listens, and goes on until it is told to stop.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context;
use clap::Args;
use tokio::{net::TcpListener, sync::watch};

use super::{
    Outcome, logs,
    shared::{Files, answer, show},
    signals,
};
use crate::{
    Gateway,
    admin::{self, Control},
    config::Config,
    fetch::HttpUpstream,
    graph::{Graph, Paths, load},
    server,
};

const EXAMPLES: &str = "\
Examples:
  ficus serve
  ficus serve --listen 0.0.0.0:8080 --config production.yaml
  RUST_LOG=ficus=debug ficus serve
  kill -HUP <pid>                     loads the files again; a graph with faults is refused and the old one goes on

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
        let paths = self.files.paths();
        let loaded = match load(&paths) {
            Ok(loaded) => loaded,
            Err(diagnostics) => {
                show(&diagnostics);
                return Ok(Outcome::Faults);
            }
        };
        show(&loaded.warnings);
        let listen = self.listen.unwrap_or(loaded.config.listen);
        let config = Config { listen, ..loaded.config };
        logs::start(config.log);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(serve(loaded.graph, config, paths))?;
        Ok(Outcome::Fine)
    }
}

async fn serve(graph: Graph, config: Config, paths: Paths) -> anyhow::Result<()> {
    let listen = config.listen;
    let path = config.path.clone();
    let gateway = Gateway::new(graph, config, Arc::new(HttpUpstream::new()?));
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let admin_listener = match &gateway.config().admin {
        Some(admin) => {
            Some(admin::bind(admin).await.context("set `admin.listen`, or `admin.enabled: false`")?)
        }
        None => None,
    };
    answer(&format!("GraphQL at http://{}{path}\n", listener.local_addr()?))?;
    if let Some(listener) = &admin_listener {
        answer(&format!("Admin graph at http://{}/\n", listener.local_addr()?))?;
    }
    let (stop, stopped) = watch::channel(false);
    let reload = signals::on_hangup(gateway.clone(), paths.clone())?;
    let shutdown = signals::on_stop(stop)?;
    let steering = async {
        let (Some(listener), Some(config)) = (admin_listener, &gateway.config().admin) else { return Ok(()) };
        let reloaded = gateway.clone();
        let reload = Arc::new(move || signals::reload(&reloaded, &paths));
        let control = Control::new(gateway.clone(), reload);
        admin::serve(listener, config, control, signals::told(stopped.clone())).await
    };
    let serving = server::serve(listener, gateway.clone(), signals::told(stopped.clone()));
    let served = tokio::try_join!(serving, steering);
    reload.abort();
    shutdown.abort();
    served.map(|_| ()).context("a listener is broken")
}
